"""How a bank looks (R16): what is no look is none from the start."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr.domain.look import LANGUAGES, LARGEST_LOGO, LONGEST_MAIL, MAILS, Look, contrast_with_white

PNG = b"\x89PNG\r\n\x1a\n"


def test_what_a_bank_does_not_say_is_as_usual() -> None:
    usual = Look()
    assert (usual.languages, usual.words, usual.mails, usual.logo) == (("ja",), {}, {}, b"")
    assert contrast_with_white(usual.colour) >= 4.5


@pytest.mark.parametrize(
    "said",
    [
        {"colour": "#7a1f1f"},
        {"logo": PNG},
        {"site": "https://ib.example:8443/1234"},
        {"sender": "ib@mihon.example", "sender_name": "みほん信用金庫"},
        {"languages": ("en", "ja")},
        {"words": {"ja": {"bank": "当行"}, "en": {"bank": "the bank"}}},
        {"mails": dict.fromkeys(MAILS, "件名\n本文\t。\n")},
    ],
)
def test_what_a_bank_may_say(said: dict[str, object]) -> None:
    look = Look(**said)  # type: ignore[arg-type]  # as they are written above
    assert {name: getattr(look, name) for name in said} == said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("colour", "#0B4F8A"),
        ("colour", "red"),
        ("colour", "#0b4f8a;background:url(x)"),
        ("colour", "#ffff00"),
        ("logo", b"GIF89a"),
        ("logo", PNG + bytes(LARGEST_LOGO)),
        ("site", "http://ib.example"),
        ("site", "https://ib.example/?login=1"),
        ("site", 'https://ib.example/"onclick="x'),
        ("program_page", "javascript:alert(1)"),
        ("sender", "mihon"),
        ("sender", "みほん@mihon.example"),
        ("sender", "a@b.example\r\nBcc: c@d.example"),
        ("sender_name", " みほん"),
        ("sender_name", "みほん\nBcc: c@d.example"),
        ("languages", ()),
        ("languages", ("ja", "ja")),
        ("languages", ("fr",)),
        ("words", {"fr": {}}),
        ("words", {"ja": {"bnk": "当行"}}),
        ("words", {"ja": {"bank": ""}}),
        ("words", {"ja": {"bank": "当\n行"}}),
        ("words", {"ja": {"bank": "x" * 121}}),
        ("mails", {"due": "x"}),
        ("mails", {"due.fr": "x"}),
        ("mails", {"due.ja": " \n"}),
        ("mails", {"due.ja": "x\x1b[31m"}),
        ("mails", {"due.ja": "x" * (LONGEST_MAIL + 1)}),
    ],
)
def test_what_is_no_look_is_refused_by_its_name(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"^{name}$"):
        Look(**{name: value})  # type: ignore[arg-type]  # wrong on purpose


@given(st.text(), st.sampled_from(["site", "program_page", "sender", "sender_name", "colour"]))
def test_no_text_brings_markup_or_a_line_of_its_own(text: str, name: str) -> None:
    try:
        Look(**{name: text})  # type: ignore[arg-type]  # a text
    except ValueError:
        return
    assert not set(text) & set("\r\n\0")
    assert name == "sender_name" or not set(text) & set("<>\"' ;\\")


def test_every_mail_has_a_text_in_each_language() -> None:
    assert {name.partition(".")[2] for name in MAILS} == set(LANGUAGES)
