"""What a notice says (R3): all of its facts, what its reader can do and nobody else, and nothing that is not so."""

from __future__ import annotations

import dataclasses
import html
import itertools
import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.notices import matters
from tests.notices.matters import ENDS, LOOK, MEDIA, NOW, PROGRAM, SITE, bank, matter
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.look import LANGUAGES, MAILS, Look, Reminder
from tokenmgr.domain.notice import Kind
from tokenmgr.domain.party import Role
from tokenmgr.errors import MailNotSet, TextUnfit
from tokenmgr.notices import texts
from tokenmgr.notices.subject import Matter
from tokenmgr.notices.texts import Mistake, mistakes, usual, write

EVERY = {
    f"{kind.value}, {'to holder' if to_holder else 'to administrator'}": [
        matter(
            kind,
            is_to_holder=to_holder,
            role=role,
            store=store,
            bank=bank(grace_days=grace),
            look=dataclasses.replace(LOOK, languages=(language,)),
        )
        for role, store, grace, language in itertools.product(Role, (*StoreKind, None), (0, 80), LANGUAGES)
    ]
    for kind, to_holder in itertools.product(Kind, (True, False))
}


class Reader(HTMLParser):
    """What a person reads, and where each link leads."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[tuple[str, str]] = []
        self.tags: set[str] = set()
        self._href = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._href = dict(attributes).get("href") or "" if tag == "a" else ""

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._href:
            self.links.append((self._href, data))
            self._href = ""


def seen(found: Matter) -> Reader:
    reader = Reader()
    reader.feed(write(found).html)
    return reader


def plain(text: str) -> str:
    """Without what only one of the two has: marks, numbers of steps, line breaks."""
    return re.sub(r"[\s■]|^\d+\. |(?<=\w): ", "", text, flags=re.M)


# --- every kind, reader, role, store and language ---


@pytest.mark.parametrize("every", EVERY.values(), ids=EVERY)
def test_every_notice_has_its_facts_and_no_placeholder_left(every: list[Matter]) -> None:
    for found in every:
        letter = write(found)
        (language,) = found.look.languages
        ends = "2026年12月22日 08時59分59秒" if language == "ja" else "2026-12-22 08:59:59 JST"
        for fact in (
            f"{matters.SERIAL:x}",
            "C-1",
            "株式会社みほん",
            "tanaka",
            ends,
            SITE,
            PROGRAM,
            MEDIA,
            "0120-000-000",
        ):
            assert fact in letter.text, fact
            assert html.escape(fact) in letter.html, fact
        assert not re.search(r"[{}]|None", letter.subject + letter.text + letter.html)
        assert (letter.sender, letter.sender_name, letter.to) == ("ib@mihon.example", "みほん信用金庫", found.address)
        assert letter.text.replace("\n", "").isprintable()


@pytest.mark.parametrize("every", EVERY.values(), ids=EVERY)
def test_both_bodies_say_the_same(every: list[Matter]) -> None:
    for found in every:
        letter, reader = write(found), seen(found)
        said = plain("".join(reader.words))
        for line in letter.text.splitlines():
            assert plain(line).replace(":", "") in said.replace(":", ""), line


@pytest.mark.parametrize("every", EVERY.values(), ids=EVERY)
def test_no_notice_asks_for_a_pin_or_loads_anything_and_a_link_shows_where_it_leads(every: list[Matter]) -> None:
    for found in every:
        reader = seen(found)
        assert all(address == shown for address, shown in reader.links)
        assert {address for address, _ in reader.links} <= {SITE, PROGRAM, MEDIA}
        assert not reader.tags & {"img", "script", "form", "input", "link", "iframe", "style"}


@pytest.mark.parametrize("every", EVERY.values(), ids=EVERY)
def test_what_is_said_of_a_store_is_so(every: list[Matter]) -> None:
    """R7: nobody whose certificate is on a PC is told to plug in a medium."""
    for found in every:
        only = dataclasses.replace(found, bank=bank(media_offered=found.store is StoreKind.MEDIUM, pc_allowed=True))
        said = re.sub(r".*(暗証番号|The PIN of).*", "", write(only).text)
        if found.store is not StoreKind.MEDIUM:
            assert not re.search(r"専用USB|USB medium", said)


# --- who does what ---


def steps(found: Matter) -> list[str]:
    return re.findall(r"^\d+\. (.+)$", write(found).text, re.M)


def test_the_holder_is_told_how_to_renew_and_the_title_is_the_procedures() -> None:
    letter = write(matter())
    assert "電子証明書の更新をお願いします" in letter.subject
    assert steps(matter()) == [
        "いまの電子証明書が入っている専用USBを、パソコンに挿します。",
        f"{SITE} を開き、いまの電子証明書でログインします。",
        "「重要なお知らせ」の「電子証明書の更新をお願いします」を開き、「電子証明書の更新はこちら」を押します。",
        "保存先（専用USBまたはパソコン）を選び、画面の案内に従って進みます。",
        "最後の画面で、新しい電子証明書の有効期限を確かめます。",
    ]


@pytest.mark.parametrize(
    ("reminder", "button"),
    [
        (Reminder.NOTICES, "電子証明書の更新はこちら"),
        (Reminder.BUTTONS, "今すぐ更新する"),
        (Reminder.CHECKBOX, "証明書更新"),
    ],
)
def test_the_button_is_the_one_of_the_banks_pages(reminder: Reminder, button: str) -> None:
    assert f"「{button}」" in write(matter(look=dataclasses.replace(LOOK, reminder=reminder))).text


def test_a_button_has_the_banks_own_name() -> None:
    words = {"ja": {"renew_now": "すぐ更新", "contract": "利用者番号", "bank": "当行"}}
    found = matter(look=dataclasses.replace(LOOK, reminder=Reminder.BUTTONS, words=words))
    assert "「すぐ更新」" in write(found).text
    assert "利用者番号: C-1" in write(found).text
    assert "すぐに当行までご連絡ください" in write(matter(Kind.RENEWED, look=found.look)).text


@pytest.mark.parametrize(
    ("kind", "to_holder", "role", "grace", "said"),
    [
        (Kind.DUE, False, Role.USER, 0, "管理者の画面で tanaka の再発行（初期化）"),
        (Kind.DUE, False, Role.ADMINISTRATOR, 0, "当金庫へ書面で再発行（初期化）"),
        (Kind.DUE, False, Role.USER, 80, "2027年03月12日 08時59分59秒までは tanaka ご本人"),
        (Kind.EXPIRED, True, Role.USER, 0, "貴社の管理者に、再発行（初期化）"),
        (Kind.EXPIRED, True, Role.ADMINISTRATOR, 0, "当金庫へ、書面で再発行（初期化）"),
        (Kind.EXPIRED, True, Role.USER, 80, "「電子証明書取得」を押します"),
        (Kind.EXPIRED, True, Role.USER, 80, "取得の期限: 2027年03月12日 08時59分59秒"),
        (Kind.EXPIRED, False, Role.USER, 0, "管理者の画面で、tanaka の再発行（初期化）"),
        (Kind.EXPIRED, False, Role.ADMINISTRATOR, 0, "当金庫へ、書面で再発行（初期化）"),
        (Kind.EXPIRED, False, Role.USER, 80, "tanaka に、取得の期限までに"),
        (Kind.RENEWED, True, Role.USER, 0, "新しい電子証明書でログインすると、古い電子証明書は使えなくなります"),
    ],
)
def test_who_re_issues_and_acquires_is_as_the_rules_have_it(
    kind: Kind, to_holder: bool, role: Role, grace: int, said: str
) -> None:
    """R9 and R10."""
    found = matter(kind, is_to_holder=to_holder, role=role, bank=bank(grace_days=grace))
    assert said in write(found).text


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ({}, "専用USBまたはパソコン"),
        ({"pc_allowed": False}, "新しい電子証明書は専用USBに保存します"),
        ({"media_offered": False}, "操作しているパソコンに保存されます"),
    ],
)
def test_where_the_new_one_may_be_kept_is_as_the_bank_has_it(policy: dict[str, object], said: str) -> None:
    assert said in write(matter(bank=bank(**policy), store=StoreKind.PC)).text


def test_without_a_site_its_service_is_named() -> None:
    found = matter(look=dataclasses.replace(LOOK, site="", program_page=""))
    assert "法人IBを開き、いまの電子証明書でログインします" in write(found).text
    assert "ログインするページ" not in write(found).text


@pytest.mark.parametrize(
    ("queued", "left"),
    [
        (ENDS - timedelta(days=30), "30日（2026年11月22日現在）"),
        (ENDS - timedelta(hours=1), "本日まで（2026年12月22日現在）"),
    ],
)
def test_the_days_left_are_as_of_a_day_that_is_named(queued: object, left: str) -> None:
    assert f"残り日数: {left}" in write(matter(queued_at=queued)).text


def test_the_same_notice_is_the_same_letter_whenever_it_is_written() -> None:
    assert write(matter()) == write(matter(now=NOW + timedelta(days=3)))


def test_two_languages_are_one_below_the_other() -> None:
    letter = write(matter(look=dataclasses.replace(LOOK, languages=("en", "ja"))))
    assert letter.subject.index("Please renew") < letter.subject.index("電子証明書の更新")
    assert letter.text.index("How to renew") < letter.text.index("更新の手順")
    assert [one.group(1) for one in re.finditer('<td lang="(..)"', letter.html)] == ["en", "ja"]
    assert letter.languages == ("en", "ja")


def test_without_a_sender_nothing_is_written() -> None:
    with pytest.raises(MailNotSet):
        write(matter(look=Look()))


def test_reports_go_where_the_settings_say_or_to_the_bank() -> None:
    assert write(matter(), "bounces@mihon.example").return_path == "bounces@mihon.example"
    assert write(matter()).return_path == "ib@mihon.example"


@given(st.text(min_size=1, max_size=40))
def test_no_name_is_markup_or_a_placeholder(name: str) -> None:
    found = matter(contract_name=name + "<b>{facts}</b>")
    assert "<b>" not in write(found).html
    assert "{facts}" in write(found).text


@pytest.mark.parametrize("to_holder", [True, False])
def test_before_a_renewal_opens_nobody_is_sent_to_it(to_holder: bool) -> None:
    """R2: to the second, whenever the mail itself goes out."""
    opens = ENDS - timedelta(days=20)
    for at, is_said in ((opens - timedelta(microseconds=1), True), (opens, False)):
        for language, said in (
            ("ja", "更新は2026年12月02日 08時59分59秒からできます"),
            ("en", "The renewal opens on 2026-12-02 08:59:59"),
        ):
            look = dataclasses.replace(LOOK, languages=(language,))
            found = matter(bank=bank(renewal_days=20), queued_at=at, is_to_holder=to_holder, look=look, now=ENDS)
            assert (f"1. {said}" in write(found).text) == is_said


# --- a bank's own texts ---

OWN = "【みほん】{user_id} 様へのお知らせ\n本文です。\n{facts}\n# 手順\n{steps}\n終わりに\n"


def test_a_banks_own_text_takes_the_place_of_ours() -> None:
    letter = write(matter(look=dataclasses.replace(LOOK, mails={"due.ja": OWN})))
    assert letter.subject == "【みほん】tanaka 様へのお知らせ"
    assert letter.text.startswith("本文です。\n\n契約者ID（利用者番号）: C-1")
    assert letter.text.endswith("終わりに\n")
    assert not mistakes(OWN)


@pytest.mark.parametrize("name", sorted(MAILS))
def test_our_own_texts_are_fit_and_all_there_are(name: str) -> None:
    assert not mistakes(usual(name))
    assert {path.name for path in (Path(texts.__file__).parent / "texts").iterdir()} == {f"{one}.txt" for one in MAILS}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [Mistake(1, "text_subject"), Mistake(2, "text_body")]),
        ("x" * 121 + "\nb", [Mistake(1, "text_subject")]),
        ("s\nb\n{expirs}", [Mistake(3, "text_unknown", "expirs")]),
        ("s\n{user_id} {facts}", [Mistake(2, "text_block", "facts")]),
        ("{steps}\nb", [Mistake(1, "text_block", "steps")]),
        ("s\n{user_id!r}\n{user_id.x}\n{0}\n{{user_id}}\n}", [Mistake(n, "text_brace") for n in range(2, 7)]),
        ("s\nb\x1b[31m", [Mistake(2, "text_unprintable")]),
        ("s\n{a} {b} {", [Mistake(2, "text_unknown", "a"), Mistake(2, "text_unknown", "b"), Mistake(2, "text_brace")]),
    ],
)
def test_every_mistake_of_a_text_is_named_with_its_line(text: str, found: list[Mistake]) -> None:
    assert mistakes(text) == found


@given(st.text(st.characters(blacklist_categories=["C", "Z"]) | st.sampled_from(" \n{}"), max_size=200))
def test_a_text_without_mistakes_can_be_written_and_one_with_them_does_no_harm(text: str) -> None:
    own = "s\n" + text + "."
    found = matter(look=dataclasses.replace(LOOK, mails={"due.ja": own}))
    if mistakes(own):
        with pytest.raises(TextUnfit):
            write(found)
        return
    letter = write(found)
    assert letter.text
    assert not re.search(
        r"<(?!/?(p|h1|h2|table|tr|td|th|ol|li|br|a|html|head|body|meta|title|span|!DOCTYPE)\b)", letter.html
    )
