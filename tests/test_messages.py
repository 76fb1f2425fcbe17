"""Every code, finding and word has its text in both languages, with the same facts in it (R15)."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr import errors, messages
from tokenmgr.domain.generation import RevocationReason
from tokenmgr.domain.medium import PinState
from tokenmgr.domain.policy import Reason, Way
from tokenmgr.domain.rehearsal import APART
from tokenmgr.domain.reissue import Cause
from tokenmgr.domain.status import Next, Place, Why
from tokenmgr.messages import Texts

JA, EN = Texts("ja"), Texts("en")
HOUSE = Path(messages.__file__).parent.parent


def leaves(entries: Mapping[str, Any], path: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in entries.items():
        found |= leaves(value, f"{path}{name}|") if isinstance(value, dict) else {f"{path}{name}": value}
    return found


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def error_classes(root: type[errors.TokenmgrError] = errors.TokenmgrError) -> list[type[errors.TokenmgrError]]:
    return [root, *(leaf for one in root.__subclasses__() for leaf in error_classes(one))]


CODED = {one.code: one for one in error_classes() if "code" in vars(one)}


@pytest.mark.parametrize("texts", [JA, EN], ids=["ja", "en"])
def test_areas_that_are_read_apart_are_what_the_file_has(texts: Texts) -> None:
    whole = tomllib.loads((Path(messages.__file__).parent / f"{texts.language}.toml").read_text(encoding="utf-8"))
    assert {area: texts._entries[area] for area in texts._entries} == whole


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
    mismatches = re.findall(
        r'^ {8}"([a-z-]+)": ', (HOUSE / "renewal" / "acceptance.py").read_text(encoding="utf-8"), re.M
    )
    assert len(mismatches) == 9
    assert all(texts._word(name) != name for name in mismatches for texts in (JA, EN))
    for state in PinState:
        assert EN(f"pin.{state.value}")
        assert EN._word(state.value)


def test_every_text_that_the_command_line_asks_for_is_there_and_none_is_left_over() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in HOUSE.rglob("*.py"))
    said = set(re.findall(r"\w+", source))
    areas = ("help", "shown", "verify", "media", "format", "pins", "doctor", "doctor_next", "labels", "words", "check")
    for area in (*areas, "drivers", "testbed"):
        for name in EN._entries[area]:
            spoken = re.sub("_(pc|nss|file|tpm)$", "", name) if area == "pins" else name
            assert spoken in said or re.search(rf"\b{spoken}\b", source), f"{area}.{name} is used by nobody"
    for key in re.findall(r'(?:\bt|_texts|texts)\(\s*f?"([a-z_]+\.[a-z_]+)"', source):
        assert EN.has(key), key


@pytest.mark.parametrize("texts", [JA, EN], ids=["ja", "en"])
def test_what_was_cut_short_is_never_said_to_have_changed_nothing(texts: Texts) -> None:
    error = errors.MediumTroubled(call="C_SetPIN", answer="CKR_DEVICE_ERROR", serial="1")
    certain = texts.error(error)["kept"]
    error.uncertain = True
    assert texts.error(error)["kept"] == texts("words.kept_uncertain", serial="1") != certain
    error.unfinished = True  # a journal knows what a medium does not
    assert texts.error(error)["kept"] == texts("words.kept_unfinished") != certain


@pytest.mark.parametrize("reason", ["empty", "not printable", "the last working certificate"])
def test_reasons_are_said_in_words(reason: str) -> None:
    assert reason not in JA.error(errors.LabelWrong(reason=reason))["what"]


def test_braces_in_a_reason_from_outside_are_just_braces() -> None:
    assert "{GUID}" in JA.error(errors.LibraryUnusable(library="C:/{GUID}/x.dll", reason="no {x}"))["what"]


def test_a_word_of_ours_that_comes_from_outside_without_its_facts_is_just_a_word() -> None:
    """A CA says "too long", of which our own text wants to know how long that is."""
    assert "too long" in JA.error(errors.RequestMalformed(reason="too long"))["what"]


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
    of_any_store = {name for name in texts._entries["seen_next"] if not name.endswith("_tpm")}
    assert named == of_any_store


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
@pytest.mark.parametrize("code", [one for one in CODED if one[0] == "H"])
def test_what_is_shown_in_a_window_names_no_command(code: str, texts: Texts) -> None:
    assert not any("tokenmgr" in text for text in texts._entries["errors"][code].values())


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


# --- a store on the PC is spoken of as what it is (R7), and its commands name it (R15) ---

ON_PC = "nss:/x", "file:/x", "tpm:x"
MEDIUM_WORDS = re.compile("専用USB|[Mm]edi(um|a)")
TELLS_APART = (
    r"専用USBなど、別の保存先|専用USBは、抜いて|If it is a medium|such as a medium|専用USBの暗証番号|medium's PIN"
)
ABOUT_MEDIA_ONLY = {
    "M117": "none was named",
    "M118": "medium format",
    "M119": "a device on the USB",
    "M120": "a device on the USB",
    "M121": "a device on the USB",
    "M125": "a device on the USB",
    "M126": "a device on the USB",
    "M124": "no store on the PC has keys that the bank alone makes",
    "P109": "pin unblock",
    "C104": "import, which takes media only",
    "C105": "import, which takes media only",
    "C108": "csr, which takes media only",
}
WHOLE = ("steps", "doing", "findings", "renewing", "clean", "seen", "seen_next", "seen_why", "seen_place")
NAMES_MEDIA = {
    "renewing.on_pc": "says that it is none",
    "renewing.on_medium": "chosen by kind",
    "clean.not_replaced": "names options",
}


@pytest.mark.parametrize("texts", [JA, EN], ids=["ja", "en"])
@pytest.mark.parametrize("serial", ON_PC)
@pytest.mark.parametrize("code", [one for one in CODED if "serial" in CODED[one]._names() and one[0] in "MPKCDJSL"])
def test_no_error_of_a_store_on_the_pc_speaks_of_a_medium(code: str, serial: str, texts: Texts) -> None:
    if code in ABOUT_MEDIA_ONLY:
        return
    facts = {name: example(name) for name in CODED[code]._names()}
    said = texts.error(CODED[code](**facts | {"serial": serial}))
    for text in said.values():
        assert not MEDIUM_WORDS.search(re.sub(TELLS_APART, "", text).replace("tokenmgr medium", "")), text


@pytest.mark.parametrize("texts", [JA, EN], ids=["ja", "en"])
@pytest.mark.parametrize("reason", sorted({"not on this medium", "successor not on this medium", "nothing named"}))
def test_no_reason_for_keeping_something_speaks_of_a_medium(reason: str, texts: Texts) -> None:
    said = texts.error(errors.DeletionRefused(serial="file:/x", reason=reason))
    assert not MEDIUM_WORDS.search(" ".join(said.values()))


@pytest.mark.parametrize("texts", [JA, EN], ids=["ja", "en"])
@pytest.mark.parametrize("serial", ON_PC)
def test_no_step_of_an_operation_on_the_pc_speaks_of_a_medium(serial: str, texts: Texts) -> None:
    for area in WHOLE:
        for name in texts._entries[area]:
            if f"{area}.{name}" not in NAMES_MEDIA and not name.startswith("medium-"):
                said = texts(f"{area}.{name}", **all_facts(area, name, serial))
                assert not MEDIUM_WORDS.search(said.replace("--to-medium", "")), f"{area}.{name}: {said}"
    for name in ("ask", "ask_each"):
        assert not MEDIUM_WORDS.search(texts(f"pins.{name}", serial=serial))


def all_facts(area: str, name: str, serial: str) -> dict[str, object]:
    names = placeholders(JA._entries[area][name]) | all_placeholders(area)
    return {**dict.fromkeys(names, "a"), "serial": serial}


def all_placeholders(area: str) -> set[str]:
    return {one for text in JA._entries[area].values() for one in placeholders(text)} - {"store", "option"}


@pytest.mark.parametrize("texts", [JA, EN], ids=["ja", "en"])
def test_a_store_is_named_once_in_the_table_of_what_was_done(texts: Texts) -> None:
    for serial in ON_PC:
        kind = serial.partition(":")[0]
        said = texts(f"renewing.on_{kind}", serial=serial)
        assert said.startswith(serial)
        assert texts("labels.store") not in said


@pytest.mark.parametrize("texts", [JA, EN], ids=["ja", "en"])
def test_a_tpm_counts_tries_has_a_pin_and_the_bank_has_no_other_one(texts: Texts) -> None:
    serial = "tpm:x"
    wrong = texts.error(errors.PinWrong(serial=serial, state="not told"))
    assert any(word in wrong["next"] for word in ("ロック", "lock"))
    for error in (errors.PinLocked(serial=serial, unblock="lockout"), errors.PinLocked(serial="x", unblock="lockout")):
        assert "tpm2_dictionarylockout" in texts.error(error)["next"]
    assert "PIN" in texts("pins.ask", serial=serial)
    assert "PIN" not in texts("pins.ask", serial="nss:/x")
    missing = texts.error(errors.PcStoreMissing(serial=serial, place="a.so"))
    assert "pc make" not in missing["next"]
    assert not any(word in missing["next"] for word in ("ブラウザ", "browser"))
    assert "PIN" in texts.error(errors.PinMissing(who="tpm"))["what"]


COMMAND = re.compile(r"tokenmgr (?:resume|renew|acquire|clean|verify)\b(?!.{0,80}\{option\})")
WITHOUT_STORE = {
    "shown|resumed": "a heading of the demonstration",
    "login_step|other-browser": "another store is what it is about",
    "login_step|policy": "for the administrator, of whatever store has the old one",
    "login_step|plug": "nothing is here yet",
    "errors|U106|next": "Ctrl-C where no store is known; it names --pc",
    "errors|U116|next": "the help",
}


@pytest.mark.parametrize("texts", [JA, EN], ids=["ja", "en"])
def test_a_command_that_somebody_is_sent_to_names_the_store(texts: Texts) -> None:
    bare = {key for key, text in leaves(texts._entries).items() if COMMAND.search(text)}
    assert bare == set(WITHOUT_STORE)
    for code, error in CODED.items():
        if "option" not in error._names() and any(
            "{option}" in text for text in texts._entries["errors"][code].values()
        ):
            assert "serial" in error._names(), code


@pytest.mark.parametrize("texts", [JA, EN], ids=["ja", "en"])
def test_the_next_step_is_one_that_can_be_taken(texts: Texts) -> None:
    """R14. Of a full medium it is known what may go; of a generation that is over, not what is open today; and of a
    rehearsal that was cut short, that the next one has to wait."""
    full, over = errors.MediumFull(serial="1"), errors.CannotConfirm()
    assert "tokenmgr clean --medium 1" in texts.error(full)["next"]
    assert "tokenmgr status" in texts.error(over)["next"]
    assert timedelta(minutes=10) == APART
    waits = {"ja": "10分", "en": "ten minutes"}[texts.language]
    for at_desk in (False, True):
        assert waits in texts.error(errors.RehearsalTakenBack(serial="1"), at_desk)["next"]


@pytest.mark.parametrize("texts", [JA, EN], ids=["ja", "en"])
def test_where_no_store_is_known_a_command_is_whole_without(texts: Texts) -> None:
    said = texts.error(errors.AuthorityWaits(seconds=3))["next"]
    assert re.search(r"tokenmgr resume[`」]", said)
    assert "tokenmgr resume --pc file:/x" in texts.error(errors.AuthorityWaits(seconds=3, serial="file:/x"))["next"]


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1))
def test_a_shell_has_the_name_back_whatever_it_is(name: str) -> None:
    option = JA("seen_next.resume", serial=f"nss:{name}")
    assert shlex.split(option) == ["tokenmgr", "resume", "--pc", f"nss:{name}"]


@pytest.mark.parametrize("name", ["C:\\Users\\R&D\\x", "C:\\a b", "C:\\", "C:\\a^b"])
def test_windows_has_every_name_in_quotes(name: str) -> None:
    """Read as the C library reads a command line: backslashes before a quote are doubled."""
    option = Texts("ja", "windows")("seen_next.resume", serial=f"nss:{name}")
    quoted = option.removeprefix("tokenmgr resume --pc ")
    inner = quoted[1:-1]
    assert quoted[0] == quoted[-1] == '"'
    bare = inner.rstrip("\\")
    assert bare + inner[len(bare) :: 2] == f"nss:{name}"
