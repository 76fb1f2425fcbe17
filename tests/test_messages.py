"""Every code, finding and word has its text in both languages, with the same facts in it (R15)."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from tokenmgr import errors, messages
from tokenmgr.domain.generation import RevocationReason
from tokenmgr.domain.medium import PinState
from tokenmgr.domain.policy import Reason, Way
from tokenmgr.domain.reissue import Cause
from tokenmgr.domain.status import Next, Place, Why
from tokenmgr.messages import Texts

JA, EN = Texts("ja"), Texts("en")
HOUSE = Path(messages.__file__).parent.parent


def leaves(entries: dict[str, Any], path: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in entries.items():
        found |= leaves(value, f"{path}{name}|") if isinstance(value, dict) else {f"{path}{name}": value}
    return found


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def error_classes(root: type[errors.TokenmgrError] = errors.TokenmgrError) -> list[type[errors.TokenmgrError]]:
    return [root, *(leaf for one in root.__subclasses__() for leaf in error_classes(one))]


CODED = {one.code: one for one in error_classes() if "code" in vars(one)}


def test_both_languages_have_the_same_texts_with_the_same_facts() -> None:
    japanese, english = leaves(JA._entries), leaves(EN._entries)
    assert japanese.keys() == english.keys()
    for key, text in english.items():
        assert placeholders(text) == placeholders(japanese[key]), key


@pytest.mark.parametrize("texts", [JA, EN], ids=["ja", "en"])
@pytest.mark.parametrize("code", CODED)
def test_every_error_says_what_happened_what_was_kept_and_the_next_step(code: str, texts: Texts) -> None:
    error = CODED[code](**{name: example(name) for name in CODED[code]._names()})
    words = texts.error(error)
    assert set(words) == {"what", "kept", "next"}
    assert all(text.strip() and "{" not in text for text in words.values())


def example(name: str) -> object:
    """A value of the kind that the fact has."""
    if name in {"serials", "seen_serials", "places", "findings", "programs", "built_for", "allowed", "nearest", "up"}:
        return ("1", "2")
    words = {"rule": "length", "unblock": "nobody", "officer": "key"}
    return 20 if name in {"seconds", "status", "shortest", "longest", "line"} else words.get(name, "a")


def test_no_text_is_there_for_an_error_that_is_not() -> None:
    assert set(EN._entries["errors"]) == set(CODED)


def test_an_error_in_neither_tree_is_said_without_detail() -> None:
    assert "X000" in CODED
    assert EN.error(errors.TokenmgrError())["what"] == "An unexpected error in tokenmgr."


def test_every_finding_and_state_that_the_code_names_has_a_text() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in HOUSE.rglob("*.py"))
    named = set(re.findall(r'"((?:key|certificate|chain|pair|id|medium)-[a-z-]+)"', source))
    assert named == set(EN._entries["findings"])
    for state in PinState:
        assert EN(f"pin.{state.value}")
        assert EN._word(state.value)


def test_every_text_that_the_command_line_asks_for_is_there_and_none_is_left_over() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in HOUSE.rglob("*.py"))
    areas = ("help", "shown", "verify", "media", "format", "pins", "doctor", "doctor_next", "labels", "words", "check")
    for area in (*areas, "drivers", "testbed"):
        for name in EN._entries[area]:
            assert re.search(rf"\b{name}\b", source), f"{area}.{name} is used by nobody"
    for key in re.findall(r'(?:\bt|_texts|texts)\(\s*f?"([a-z_]+\.[a-z_]+)"', source):
        assert EN.has(key), key


@pytest.mark.parametrize("texts", [JA, EN], ids=["ja", "en"])
def test_what_was_cut_short_is_never_said_to_have_changed_nothing(texts: Texts) -> None:
    error = errors.MediumTroubled(call="C_SetPIN", answer="CKR_DEVICE_ERROR", serial="1")
    certain = texts.error(error)["kept"]
    error.uncertain = True
    assert texts.error(error)["kept"] == texts("words.kept_uncertain") != certain


@pytest.mark.parametrize("reason", ["empty", "not printable", "the last working certificate"])
def test_reasons_are_said_in_words(reason: str) -> None:
    assert reason not in JA.error(errors.LabelWrong(reason=reason))["what"]


def test_braces_in_a_reason_from_outside_are_just_braces() -> None:
    assert "{GUID}" in JA.error(errors.LibraryUnusable(library="C:/{GUID}/x.dll", reason="no {x}"))["what"]


@pytest.mark.parametrize("texts", [JA, EN], ids=["ja", "en"])
def test_every_reason_way_and_cause_is_said_in_words(texts: Texts) -> None:
    for word in (*Reason, *Way):
        assert word.value in texts._entries["facts"], word
    for reason in RevocationReason:
        assert texts(f"bank.reason_{reason.value}")
    for cause in Cause:
        assert texts(f"bank.cause_{cause.value}")
    said = texts.error(errors.NotPermittedNow(reason=Reason.ON_HOLD.value, way=Way.ASK_ADMINISTRATOR.value))
    assert not {"on-hold", "ask-administrator"} & set(" ".join(said.values()).split())


@pytest.mark.parametrize("texts", [JA, EN], ids=["ja", "en"])
def test_what_becomes_of_a_certificate_is_said_in_words(texts: Texts) -> None:
    for why in Why:
        assert texts(f"seen_why.{why.value}")
    for place in Place:
        assert texts(f"seen_place.{place.value}")
    named = {one.value for one in Next if one not in (Next.NOTHING, Next.WAY)}  # nothing, and the CA's own word
    assert named == set(texts._entries["seen_next"])


def test_where_no_bank_was_named_nothing_is_said_of_one() -> None:
    for texts in (JA, EN):
        error = errors.ProfileMissing(bank="1234", folder="banks.d")
        assert re.search(r"[(（]1234[)）]", texts.error(error)["what"])
        error = errors.ProfileMissing(bank=None, folder="banks.d")
        assert not re.search(r"[(（—]", texts.error(error)["what"])


def test_where_there_is_no_date_nothing_is_said_of_one() -> None:
    error = errors.NotPermittedNow(reason=Reason.ON_HOLD.value, way=Way.VISIT_BRANCH.value)
    for texts in (JA, EN):
        assert "—" not in texts.error(error)["what"]
        assert not re.search(r"[(（]", texts.error(error)["what"])


@pytest.mark.parametrize("texts", [JA, EN], ids=["ja", "en"])
def test_the_last_wrong_login_pin_is_said_to_have_locked_and_is_not_to_be_tried_again(texts: Texts) -> None:
    some, none = (texts.error(errors.ClaimNotAccepted(tries_left=left))["next"] for left in (4, 0))
    assert "4" in some
    assert "0" not in none
    assert any(word in none for word in ("ロックされました", "locked now"))


@pytest.mark.parametrize("texts", [JA, EN], ids=["ja", "en"])
@pytest.mark.parametrize("code", ["J107", "M104"])
def test_where_nothing_may_have_begun_nobody_is_sent_to_resume(texts: Texts, code: str) -> None:
    """The same errors are told by a look, before anything was begun, and in the middle."""
    error = CODED[code](**{name: example(name) for name in CODED[code]._names()})
    assert "tokenmgr resume" not in texts.error(error)["next"]
    assert not any(word in texts.error(error)["kept"] for word in ("元のまま", "stays", "What has been done"))


@pytest.mark.parametrize("texts", [JA, EN], ids=["ja", "en"])
def test_an_option_is_written_with_two_dashes(texts: Texts) -> None:
    assert " --login-pin-fd N" in re.sub("[（(]", " ", texts("bank.pin_unread", option="--login-pin-fd"))


def test_a_customers_certificate_has_one_japanese_name() -> None:
    for code in (one for one in CODED if re.match(r"R10\d|R11[01]|J", one)):
        for text in JA._entries["errors"][code].values():
            assert not re.search(r"(?<!電子)証明書", text), code


@pytest.mark.parametrize("reason", ["revoked", "on-hold"])
@pytest.mark.parametrize("texts", [JA, EN], ids=["ja", "en"])
def test_what_is_revoked_or_on_hold_is_not_said_to_be_as_it_was_nor_to_be_tomorrows(texts: Texts, reason: str) -> None:
    said = " ".join(texts.error(errors.NotPermittedNow(reason=reason, way="ask-administrator")).values())
    assert not any(word in said for word in ("今日", "today", "そのまま", "as it was"))
