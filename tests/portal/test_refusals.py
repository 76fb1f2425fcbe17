"""Each way a login can fail has a page of its own, with one next step: the one that is open today (R14)."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.api.asgi import Answer
from tests.portal.rig import BANK, CONTRACT, ISSUED, LOGIN_PIN, OTHER_BANK, Rig
from tokenmgr.domain.generation import RevocationReason, StoreKind
from tokenmgr.domain.look import Look
from tokenmgr.domain.party import Role, Subscriber
from tokenmgr.ra.ports import Tries

DAY = timedelta(days=1)
BUTTON = re.compile(r'<a class="button" href="([^"]*)">([^<]*)</a>')


def told(answer: Answer) -> tuple[str, int, list[tuple[str, str]]]:
    """The code that is shown, the status, and every link that is a button."""
    (code,) = re.findall(r'class="code">[^<]*?([A-Z]\d{3})<', answer.text)
    return code, answer.status_code, BUTTON.findall(answer.text)


ACQUIRE = [(f"/{BANK}/acquire", "電子証明書取得")]
ROOT = [("/", "ログイン")]  # which leads to the bank, or to a choice of them
LOG_IN = [(f"/{BANK}/", "ログイン")]


def nobody(rig: Rig) -> Answer:
    return rig.visitor().get()


def one_of_no_subscriber(rig: Rig) -> Answer:
    """Of a number that we have given, and not the bytes."""
    one = rig.certificate(rig.enrol("tanaka"))
    return rig.visitor(dataclasses.replace(one, certificate=one.certificate[:-1] + b"\0")).get()


def another_banks(rig: Rig) -> Answer:
    return rig.visitor(rig.certificate(rig.enrol("tanaka", bank=OTHER_BANK))).get()


def expired(rig: Rig, days: int = 3, role: Role = Role.USER) -> Answer:
    one = rig.certificate(rig.enrol("tanaka", role))
    rig.now = one.not_after + days * DAY
    return rig.visitor(one).get()


def revoked(rig: Rig) -> Answer:
    one = rig.certificate(rig.enrol("tanaka"))
    rig.registry.revoke(one.serial, RevocationReason.KEY_COMPROMISE, rig.now)
    return rig.visitor(one).get()


def superseded(rig: Rig) -> Answer:
    who = rig.enrol("tanaka")
    old = rig.certificate(who)
    rig.certificate(who, rig.now, predecessor=old)
    return rig.visitor(old).get()


def held(rig: Rig) -> Answer:
    one = rig.certificate(rig.enrol("tanaka"))
    rig.registry.hold(one.serial, rig.now)
    return rig.visitor(one).get()


def unconfirmed(rig: Rig) -> Answer:
    who = rig.enrol("tanaka")
    old = rig.certificate(who)
    return rig.visitor(rig.certificate(who, rig.now, predecessor=old, confirmed=False)).get()


def never_confirmed(rig: Rig) -> Answer:
    return rig.visitor(rig.certificate(rig.enrol("tanaka"), rig.now, confirmed=False)).get()


def overtaken_by_time(rig: Rig) -> Answer:
    """The successor has expired too."""
    who = rig.enrol("tanaka")
    old = rig.certificate(who)
    rig.now = rig.certificate(who, rig.now, predecessor=old).not_after + DAY
    return rig.visitor(old).get()


def lost(rig: Rig) -> Answer:
    """Whoever has found it learns nothing of what was acquired since."""
    old = rig.certificate(who := rig.enrol("tanaka"))
    visitor = rig.visitor(old)
    visitor.log_in()
    rig.registry.revoke(old.serial, RevocationReason.KEY_COMPROMISE, rig.now)
    new = rig.certificate(who, rig.now)
    answer = visitor.get("main")
    assert f"{new.serial:x}" not in answer.text
    return answer


def locked(rig: Rig) -> Answer:
    visitor = rig.visitor(rig.certificate(rig.enrol("tanaka")))
    spend(rig, "tanaka", 5)
    return visitor.log_in(LOGIN_PIN)


def not_logged_in(rig: Rig) -> Answer:
    return rig.visitor(rig.certificate(rig.enrol("tanaka"))).get("main")


def renewed_meanwhile(rig: Rig) -> Answer:
    who = rig.enrol("tanaka")
    old = rig.certificate(who)
    visitor = rig.visitor(old)
    visitor.log_in()
    rig.certificate(who, rig.now, predecessor=old)
    return visitor.get("main")


def stale(rig: Rig) -> Answer:
    return rig.visitor(rig.certificate(rig.enrol("tanaka"))).post("login", origin="https://elsewhere.example")


def unreadable(rig: Rig) -> Answer:
    return rig.visitor()._asked("POST", f"/{BANK}/login", b"a=1&a=2", {"content-type": "text/plain"})


def missing(rig: Rig) -> Answer:
    return rig.visitor().get("elsewhere")


def no_bank(rig: Rig) -> Answer:
    return rig.visitor(bank="9999").get()


WAYS: list[tuple[Callable[[Rig], Answer], str, int, list[tuple[str, str]]]] = [
    (nobody, "E101", 403, ACQUIRE),
    (one_of_no_subscriber, "E102", 403, []),
    (another_banks, "E103", 403, []),
    (expired, "E104", 403, ACQUIRE),
    (revoked, "E105", 403, []),
    (superseded, "E106", 403, []),
    (held, "E107", 403, []),
    (unconfirmed, "E108", 403, []),
    (never_confirmed, "E120", 403, []),
    (overtaken_by_time, "E104", 403, ACQUIRE),
    (lost, "E105", 403, []),
    (locked, "E110", 403, []),
    (not_logged_in, "E111", 403, LOG_IN),
    (renewed_meanwhile, "E112", 403, []),
    (stale, "E113", 403, LOG_IN),
    (missing, "E114", 404, ROOT),
    (no_bank, "E114", 404, ROOT),
    (unreadable, "E118", 400, []),
]


def spend(rig: Rig, user: str, times: int) -> Tries:
    return [rig.registry.spend_try(BANK, CONTRACT, user, 5, False, rig.now) for _ in range(times)][-1]


@pytest.mark.parametrize(("way", "code", "status", "buttons"), WAYS, ids=lambda one: getattr(one, "__name__", ""))
def test_each_way_has_its_own_page_and_one_step(
    rig: Rig, way: Callable[[Rig], Answer], code: str, status: int, buttons: list[tuple[str, str]]
) -> None:
    answer = way(rig)
    assert told(answer) == (code, status, buttons)
    assert answer.text.count("<h1>") == 1
    assert "次の操作" in answer.text
    assert "ログアウト</button>" not in answer.text


@pytest.mark.parametrize(
    ("days", "role", "next_step"),
    [
        (90, Role.USER, "「電子証明書取得」から"),
        (91, Role.USER, "管理者に、電子証明書の再発行"),
        (91, Role.ADMINISTRATOR, "窓口で、電子証明書の再発行"),
    ],
)
def test_an_expired_one_is_led_to_what_its_bank_allows_that_day(
    rig: Rig, days: int, role: Role, next_step: str
) -> None:
    answer = expired(rig, days, role)
    assert next_step in answer.text
    assert bool(BUTTON.findall(answer.text)) is (days <= 90)


def test_after_a_reissue_a_new_one_may_be_acquired(rig: Rig) -> None:
    one = rig.certificate(who := rig.enrol("tanaka"))
    rig.administration.open_acquisition(who.id, rig.now + DAY, rig.now)
    rig.registry.revoke(one.serial, RevocationReason.CESSATION, rig.now)
    assert told(rig.visitor(one).get()) == ("E105", 403, ACQUIRE)


def test_who_has_expired_in_the_middle_of_a_renewal_goes_on_with_it(rig: Rig) -> None:
    one = rig.certificate(who := rig.enrol("tanaka"))
    rig.now = one.not_after + DAY
    rig.certificate(who, one.not_after - DAY, predecessor=one, confirmed=False)
    answer = rig.visitor(one).get()
    assert told(answer) == ("E104", 403, [])
    assert "更新の続き" in answer.text


def test_what_was_not_finished_names_only_a_certificate_that_there_is(rig: Rig) -> None:
    old = rig.certificate(who := rig.enrol("tanaka"))
    made = rig.certificate(who, rig.now, predecessor=old, confirmed=False)
    assert "更新の続き" in rig.visitor(made).get().text
    rig.now += 8 * DAY  # nothing confirms it any more
    assert "更新前の電子証明書でログインして" in rig.visitor(made).get().text
    rig.now = old.not_after + DAY
    assert told(rig.visitor(made).get()) == ("E120", 403, ACQUIRE)
    first = rig.certificate(rig.enrol("sato"), rig.now, confirmed=False)
    assert "取得の続き" in rig.visitor(first).get().text
    rig.now += 8 * DAY
    assert "再発行" in rig.visitor(first).get().text


def numbers(answer: Answer) -> list[str]:
    return re.findall(r"<dd>([0-9a-f]{30,40})</dd>", answer.text)


@pytest.mark.parametrize("way", [superseded, renewed_meanwhile])
def test_of_two_certificates_the_new_one_is_named_first_and_both_by_number_and_date(
    rig: Rig, way: Callable[[Rig], Answer]
) -> None:
    answer = way(rig)
    old, new = sorted(rig.administration.history(_who(rig).id), key=lambda one: one.not_before)
    assert numbers(answer) == [f"{new.serial:x}", f"{old.serial:x}"]
    assert "ブラウザをすべて閉じて" in answer.text


def _who(rig: Rig) -> Subscriber:
    return rig.administration.find(BANK, CONTRACT, "tanaka")


def test_the_old_one_is_told_so_although_it_is_revoked_by_now(rig: Rig) -> None:
    superseded(rig)
    old, new = sorted(rig.administration.history(_who(rig).id), key=lambda one: one.not_before)
    rig.visitor(new).log_in()
    assert told(rig.visitor(old).get())[0] == "E106"
    rig.registry.hold(new.serial, rig.now)
    assert told(rig.visitor(old).get())[0] == "E107"


def test_a_wrong_pin_stays_at_the_login_and_says_what_is_left(rig: Rig) -> None:
    visitor = rig.visitor(rig.certificate(rig.enrol("tanaka")))
    spend(rig, "tanaka", 3)
    answer = visitor.log_in("000000")
    assert answer.status_code == 403
    for said in ("あと 1 回", "専用USBの暗証番号（PIN）とは別", 'name="login_pin"'):
        assert said in answer.text
    assert told(visitor.log_in("000000"))[0] == "E110"


def test_an_empty_pin_is_a_slip_and_no_try(rig: Rig) -> None:
    visitor = rig.visitor(rig.certificate(rig.enrol("tanaka")))
    assert "入力されていません" in visitor.log_in("").text
    assert spend(rig, "tanaka", 1).spent == 1


def test_what_the_bank_calls_things_is_what_is_said(rig: Rig) -> None:
    words = {"acquire_button": "証明書の取得", "login_pin": "ログオンパスワード", "log_in": "ログオン"}
    rig.looks[BANK] = Look(words={"ja": words})
    assert "「証明書の取得」" in nobody(rig).text
    visitor = rig.visitor(rig.certificate(rig.enrol("tanaka")))
    assert "ログオンパスワードを入力" in visitor.get().text
    assert "ログオンパスワードが違います" in visitor.log_in("1").text
    assert "もう一度「ログオン」" in visitor.get("main").text
    assert "Login PIN" in visitor.get("?lang=en").text
    assert BUTTON.findall(expired_again(rig).text) == [(f"/{BANK}/acquire", "証明書の取得")]


def expired_again(rig: Rig) -> Answer:
    one = rig.certificate(rig.enrol("sato"), ISSUED, store=StoreKind.MEDIUM)
    rig.now = one.not_after + DAY
    return rig.visitor(one).get()
