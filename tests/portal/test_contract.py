"""An administrator's pages: every ID of its contract, what it does for its users, and that nobody else does any."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests.api.asgi import Answer
from tests.portal.rig import BANK, CONTRACT, HASHES, ISSUED, OTHER_BANK, Rig, Visitor
from tokenmgr import portal
from tokenmgr.domain.generation import Generation, RevocationReason, State, StoreKind
from tokenmgr.domain.member import Told
from tokenmgr.domain.party import Role, Subscriber
from tokenmgr.domain.reissue import Cause
from tokenmgr.messages import Texts
from tokenmgr.portal.contract import Deed
from tokenmgr.sql.administration import Change
from tokenmgr.sql.parties import Contract, Enrolment
from tokenmgr.sql.schema import audit

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


class Office:
    """An administrator who is logged in, and a user of its contract."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.own = rig.enrol("kanri", Role.ADMINISTRATOR, email="kanri@example.jp")
        self.held = rig.certificate(self.own)
        self.user = rig.enrol("tanaka", email="tanaka@example.jp")
        self.certificate = rig.certificate(self.user, store=StoreKind.MEDIUM)
        self.browser = self.logged_in(self.held)

    def logged_in(self, one: Generation, bank: str = BANK) -> Visitor:
        visitor = self.rig.visitor(one, bank)
        assert visitor.followed(visitor.log_in()).status_code == 200
        return visitor

    def form(self, deed: str, user: str = "tanaka", browser: Visitor | None = None) -> dict[str, str]:
        """Of the page that says what will happen."""
        page = (browser or self.browser).get(f"contract/{user}/{deed}")
        found = re.search(r'name="once" value="([^"]+)"', page.text)
        assert found, page.text
        return {"once": found[1]} | ({"cause": "lost"} if deed == "reissue" else {})

    def do(self, deed: str, user: str = "tanaka") -> Answer:
        return self.browser.followed(self.browser.post(f"contract/{user}/{deed}", self.form(deed, user)))

    def told(self, user: str = "tanaka") -> tuple[Told, ...]:
        bank = self.rig.administration.bank(BANK)
        found = self.rig.administration.member(bank, CONTRACT, user, self.rig.now)
        assert found is not None
        return found.told(bank.policy, self.rig.now)

    def lock(self, user: str = "tanaka") -> None:
        for _ in range(5):
            self.rig.registry.spend_try(BANK, CONTRACT, user, 5, False, self.rig.now)

    def trail(self) -> list[tuple[str, str, str, str]]:
        told = select(audit.c.action, audit.c.actor_kind, audit.c.actor, audit.c.origin, audit.c.whom)
        rows = self.rig.database.read(told.order_by(audit.c.number))
        return [tuple(row[:4]) for row in rows if row[4] == self.user.name]


@pytest.fixture
def office(rig: Rig) -> Office:
    return Office(rig)


def refused(answer: Answer, code: str, status: int) -> bool:
    return answer.status_code == status and re.search(rf'<p class="code">[^<]*{code}</p>', answer.text) is not None


# --- what is seen -----------------------------------------------------------------------------------------------------


def test_an_administrator_sees_every_id_of_its_contract_and_what_is_pressing_first(office: Office) -> None:
    rig = office.rig
    expired = rig.certificate(rig.enrol("kato"), days=99)
    rig.certificate(rig.enrol("abe"), days=110)
    rig.enrol("new")
    rig.certificate(rig.enrol("far", bank=OTHER_BANK))
    page = office.browser.get("contract").text
    ids = re.findall(r'scope="row"><a href="/1234/contract/([\w-]+)"', page)
    assert ids == ["new", "kato", "abe", "kanri", "tanaka"]
    assert "5件（ログインできない方 2件、期限が近いなど確認が必要な方 1件）" in page
    for text in ("電子証明書なし", "期限切れ", "有効（更新できます）", "あと10日", "専用USB", "パソコン", "（ご本人）"):
        assert text in page
    assert f"{expired.serial:x}" in page
    assert "2026年07月09日 12時00分00秒" in page  # Japan's


def test_two_thousand_ids_are_forty_pages(office: Office) -> None:
    rig = office.rig
    rig.administration.enrol_all(
        Enrolment(BANK, CONTRACT, f"u{number:04}", Role.USER, "", *HASHES) for number in range(1998)
    )
    page = office.browser.get("contract").text
    assert "1 / 40 ページ" in page
    assert len(re.findall('scope="row"', page)) == 50
    assert 'rel="next" href="?find=&amp;page=2"' in page
    last = office.browser.get("contract?find=&page=40").text
    assert last.index("kanri") < last.index("tanaka")
    assert 'rel="next"' not in last
    assert "該当するIDはありません" in office.browser.get("contract?page=41").text
    found = office.browser.get("contract?find=U019").text
    assert len(re.findall('scope="row"', found)) == 10


def test_users_and_strangers_see_none_of_it(office: Office) -> None:
    user, stranger = office.logged_in(office.certificate), office.rig.visitor(office.certificate)
    paths = ["contract", "contract/tanaka", *(f"contract/tanaka/{deed.value}" for deed in Deed)]
    for path in paths:
        assert refused(user.get(path), "E115", 403)
        assert refused(stranger.get(path), "E111", 403)
    assert "contract" not in user.get("main").text.replace("contract_page", "")
    assert "/1234/contract" in office.browser.get("main").text


def test_what_an_address_says_is_only_text(office: Office) -> None:
    page = office.browser.get("contract?find=%22%3E%3Cscript%3E&page=zero&done=reissue").text
    assert "<script>" not in page
    assert "再発行（初期化）しました" not in office.browser.get("contract/tanaka?done=reissue").text


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_state_has_its_words_and_its_next_step(office: Office, language: str) -> None:
    rig, texts = office.rig, Texts(language)
    rig.enrol("new")
    rig.certificate(rig.enrol("kato"), days=99)
    rig.certificate(rig.enrol("old"), days=5)  # past the days in which it acquires by itself
    rig.certificate(rig.enrol("abe"), rig.now - DAY, confirmed=False)
    office.lock()
    for user, word in (
        ("kato", "acquire"),
        ("old", "expired"),
        ("new", "none"),
        ("abe", "pending"),
        ("tanaka", "locked"),
    ):
        page = unescape(office.browser.get(f"contract/{user}?lang={language}").text)
        begins = texts._entries["contract_page"][f"advice_{word}"].partition("{")[0]
        assert page.count('class="panel warn"') == 1, user
        assert begins in page


# --- what is done -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cause", Cause)
def test_a_user_is_re_issued_and_the_page_says_until_when_to_acquire(office: Office, cause: Cause) -> None:
    page = office.browser.get("contract/tanaka/reissue").text
    assert "今日から80日" in page
    form = office.form("reissue") | {"cause": cause.value}
    told = office.browser.followed(office.browser.post("contract/tanaka/reissue", form)).text
    assert "tanaka の電子証明書を再発行（初期化）しました" in told
    assert "2026年09月28日 12時00分00秒までに「電子証明書取得」" in told
    found = office.rig.found(office.certificate)
    assert (found.state, found.reason) == (State.REVOKED, cause.reason)
    standing = office.rig.registry.standing(office.user.id)
    assert standing.open_until == office.rig.now + 80 * DAY
    by = ("subscriber", office.own.name, "203.0.113.9")
    assert office.trail()[-2:] == [("certificate.revoked", *by), ("subscriber.reissued", *by)]


def test_a_form_is_carried_out_once_however_often_it_is_sent(office: Office) -> None:
    """S6: both clicks are answered alike; much later, it takes back nothing that was acquired meanwhile."""
    form = office.form("reissue")
    answers = [office.browser.post("contract/tanaka/reissue", form) for _ in range(2)]
    assert {(one.status_code, one.headers["location"]) for one in answers} == {
        (303, "/1234/contract/tanaka?done=reissue")
    }
    office.rig.now += MINUTE
    new = office.rig.certificate(office.user, office.rig.now)
    office.rig.now += MINUTE
    assert office.browser.post("contract/tanaka/reissue", form).status_code == 303
    assert office.rig.found(new).state is State.ACTIVE
    assert [action for action, *_ in office.trail()].count("subscriber.reissued") == 1


def test_without_a_reason_nothing_is_done(office: Office) -> None:
    for cause in ("", "why not"):
        answer = office.browser.post("contract/tanaka/reissue", office.form("reissue") | {"cause": cause})
        assert answer.status_code == 400
        assert "理由を選んでください" in answer.text
    assert office.rig.found(office.certificate).state is State.ACTIVE


def test_a_user_is_put_on_hold_and_released(office: Office) -> None:
    user = office.logged_in(office.certificate)
    assert "一時停止しました" in office.do("hold").text
    assert office.told() == (Told.HELD,)
    assert user.get("main").status_code == 403
    form = office.form("release")
    office.rig.now += MINUTE
    assert "停止を解除しました" in office.browser.followed(office.browser.post("contract/tanaka/release", form)).text
    assert office.told() == (Told.VALID,)
    assert [action for action, *_ in office.trail()][-2:] == ["certificate.held", "certificate.released"]
    assert office.browser.post("contract/tanaka/release", form).status_code == 303
    assert office.told() == (Told.VALID,)


def test_a_locked_user_is_unlocked_and_no_later_lock_with_it(office: Office) -> None:
    office.lock()
    form = office.form("unlock")
    page = office.browser.followed(office.browser.post("contract/tanaka/unlock", form)).text
    assert "ロックを解除しました" in page
    assert office.told() == (Told.VALID,)
    assert office.trail()[-1] == ("subscriber.unlocked", "subscriber", office.own.name, "203.0.113.9")
    office.lock()
    assert office.browser.post("contract/tanaka/unlock", form).status_code == 303
    assert Told.LOCKED in office.told()


@pytest.mark.parametrize("deed", Deed)
@pytest.mark.parametrize("whom", ["kanri", "kanri2"])
def test_for_itself_and_its_like_an_administrator_does_nothing(office: Office, deed: Deed, whom: str) -> None:
    rig = office.rig
    other = rig.certificate(rig.enrol("kanri2", Role.ADMINISTRATOR))
    office.lock("kanri2")
    form = office.form("reissue")
    assert "書面により" in office.browser.get(f"contract/{whom}").text
    assert refused(office.browser.get(f"contract/{whom}/{deed.value}"), "E131", 403)
    assert refused(office.browser.post(f"contract/{whom}/{deed.value}", form), "E131", 403)
    assert {rig.found(one).state for one in (office.held, other)} == {State.ACTIVE}
    assert Told.LOCKED in office.told("kanri2")


def test_what_cannot_be_done_any_more_leads_back(office: Office) -> None:
    for deed in ("unlock", "release"):
        answer = office.browser.get(f"contract/tanaka/{deed}")
        assert (answer.status_code, answer.headers["location"]) == (303, "/1234/contract/tanaka")


@pytest.mark.parametrize("deed", ["reissue", "hold", "release"])
def test_a_page_that_is_not_true_any_more_does_nothing(office: Office, deed: str) -> None:
    rig = office.rig
    if deed == "release":
        office.do("hold")
    form = office.form(deed)
    rig.now += MINUTE
    if deed == "reissue":  # the user has acquired
        new = rig.certificate(office.user, rig.now, predecessor=office.certificate)
    elif deed == "hold":
        rig.registry.withdraw(office.user.id, RevocationReason.CESSATION, rig.now)
    else:  # found, and missed again
        rig.registry.release(office.certificate.serial)
        rig.registry.hold(office.certificate.serial, rig.now)
    before = office.told()
    assert refused(office.browser.post(f"contract/tanaka/{deed}", form), "E130", 403)
    assert office.told() == before
    assert deed != "reissue" or rig.found(new).state is State.ACTIVE


# --- whoever is none, or not any more ---------------------------------------------------------------------------------


def elsewhere(rig: Rig, whose: str) -> Subscriber:
    if whose == "other bank":
        return rig.enrol("suzuki", bank=OTHER_BANK)
    rig.administration.add_contract(Contract(BANK, "0099999", "株式会社ほか"))
    return rig.administration.enrol(Enrolment(BANK, "0099999", "suzuki", Role.USER, "", *HASHES))


@pytest.mark.parametrize("whose", ["other bank", "other contract"])
def test_of_another_contract_or_bank_there_is_nothing_to_see_or_to_do(office: Office, whose: str) -> None:
    rig = office.rig
    theirs = rig.certificate(elsewhere(rig, whose))
    form = office.form("reissue")
    for user in ("suzuki", "nobody", str(theirs.subscriber)):
        assert refused(office.browser.get(f"contract/{user}"), "E114", 404)
        for deed in Deed:
            assert refused(office.browser.get(f"contract/{user}/{deed.value}"), "E114", 404)
            assert refused(office.browser.post(f"contract/{user}/{deed.value}", form), "E114", 404)
    assert "suzuki" not in office.browser.get("contract").text
    office.browser.bank = OTHER_BANK
    assert refused(office.browser.get("contract"), "E103", 403)
    assert office.browser.post("contract/suzuki/reissue", form).status_code == 403
    assert rig.found(theirs).state is State.ACTIVE


def test_a_form_is_of_one_session_one_user_and_one_deed(office: Office) -> None:
    rig = office.rig
    second = rig.certificate(rig.enrol("kanri2", Role.ADMINISTRATOR))
    other = rig.certificate(rig.enrol("sato"))
    form = office.form("hold")
    browser = office.logged_in(second)
    browser.get("contract/tanaka/hold")
    forged = {**form, "once": form["once"][:-1] + ("0" if form["once"][-1] != "0" else "1")}
    sent = [
        (office.browser, "contract/sato/hold", form),
        (office.browser, "contract/tanaka/reissue", form | {"cause": "lost"}),
        (office.browser, "contract/tanaka/hold", forged),
        (office.browser, "contract/tanaka/hold", {}),
        (browser, "contract/tanaka/hold", form),
    ]
    for visitor, path, fields in sent:
        assert refused(visitor.post(path, fields), "E113", 403), path
    assert refused(office.browser.post("contract/tanaka/hold", form, origin="https://evil.example"), "E113", 403)
    office.browser.mark = "0" * 64
    assert refused(office.browser.post("contract/tanaka/hold", form), "E113", 403)
    assert {rig.found(one).state for one in (office.certificate, other)} == {State.ACTIVE}


@pytest.mark.parametrize("what", ["revoked", "held", "renewed", "expired", "a user now", "logged out"])
def test_whoever_was_the_administrator_a_moment_ago_does_nothing(office: Office, what: str) -> None:
    rig, form = office.rig, office.form("reissue")
    if what == "revoked":
        rig.registry.revoke(office.held.serial, RevocationReason.CESSATION, rig.now)
    elif what == "held":
        rig.registry.hold(office.held.serial, rig.now)
    elif what == "renewed":
        rig.certificate(office.own, rig.now, predecessor=office.held)
    elif what == "expired":
        rig.now = office.held.not_after + timedelta(seconds=1)
    elif what == "a user now":
        rig.administration.change_subscriber(office.own.id, Change(role=Role.USER))
    else:
        office.browser.post("logout")
    assert office.browser.post("contract/tanaka/reissue", form).status_code == 403
    assert rig.found(office.certificate).state is State.ACTIVE


_ANYTHING = st.text(max_size=40) | st.sampled_from(["tanaka", "kanri", "nobody", "../kanri", "tanaka\0", "た"])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    user=_ANYTHING,
    deed=st.sampled_from([*(one.value for one in Deed), "", "delete"]) | st.text(max_size=9),
    fields=st.dictionaries(
        st.sampled_from(["once", "cause", "mark", "user", "deed"]), st.text(max_size=99), max_size=4
    ),
)
def test_no_form_that_is_not_ours_does_anything(office: Office, user: str, deed: str, fields: dict[str, str]) -> None:
    before = office.trail()
    path = "contract/" + "/".join(json.dumps(one)[1:-1].replace("#", "").replace("?", "") for one in (user, deed))
    assert office.browser.post(path, fields).status_code in (403, 404, 405)
    assert office.browser.get(path).status_code in (200, 303, 403, 404)
    assert office.trail() == before


# --- one's own --------------------------------------------------------------------------------------------------------


def test_everybody_sees_which_certificate_is_which(office: Office) -> None:
    """R12: the one in use, the one before, and what became of it; never the whole address."""
    rig = office.rig
    new = rig.certificate(office.user, rig.now, store=StoreKind.PC, predecessor=office.certificate)
    page = office.logged_in(new).get("certificate").text
    first, second = re.findall(r"<li.*?</li>", page.partition('class="given"')[2], re.DOTALL)[:2]
    assert "今の電子証明書です" in first
    assert "このログインで使用中" in first
    assert f"{new.serial:x}" in first
    assert "パソコン" in first
    assert "失効しました" in second
    assert "新しい電子証明書への切り替え" in second
    assert "専用USB" in second
    assert "このログインで使用中" not in second
    assert "t***@example.jp" in page
    assert "tanaka@" not in page
    assert "O=みほん信用金庫" in page
    assert refused(rig.visitor(new).get("certificate"), "E111", 403)


def test_what_never_was_given_is_not_shown(office: Office) -> None:
    rig = office.rig
    rig.certificate(office.user, rig.now, predecessor=office.certificate, confirmed=False)
    page = office.logged_in(office.certificate).get("certificate").text
    assert page.count("手続きの途中です") == 1
    assert "あと265日" in page
    assert rig.now == ISSUED + 100 * DAY


def test_every_text_of_these_pages_is_used_by_one() -> None:
    house = Path(portal.__file__).parent
    source = "\n".join(path.read_text("utf-8") for path in (*house.rglob("*.html"), *house.rglob("*.py")))
    families = "is|advice|fate|reason|do|what|ask|will|done|cause|on"
    for name in Texts("ja")._entries["contract_page"]:
        family, _, rest = name.partition("_")
        is_made = re.fullmatch(families, family) and f"contract_page.{family}_" in source and rest
        assert is_made or name in re.findall(r"\w+", source), name
    words = Texts("en")._entries["contract_page"]
    for told in Told:
        assert f"is_{told.value}" in words
    assert {f"cause_{cause.value}" for cause in Cause} <= set(words)
    assert {f"reason_{reason.value}" for reason in RevocationReason} <= set(words)
