"""Every error that a customer can meet is a page: what happened, what was kept, one next step and its button (R14)."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from string import Formatter

import pytest
from pytestqt.qtbot import QtBot

from tests.desk import picturing
from tests.desk.situations import Situation, classes, made, situations
from tokenmgr import errors
from tokenmgr.desk import troubles
from tokenmgr.desk.actions import Action
from tokenmgr.desk.pages.trouble import TroublePage
from tokenmgr.desk.troubles import Again
from tokenmgr.messages import Texts
from tokenmgr.wiring import words

EVERY = list(situations())
COMMAND = re.compile(
    r"tokenmgr [a-z]|(?<![\w-])--[a-z]|apt-get|systemctl|tpm2_|chmod|pip install|settings\.toml の|CKR_"
)
BUTTON = re.compile(r"\{(desk(?:_next)?\.[a-z]+)\}")
BY_THE_CA = {"R102", "R104"}  # the way is a fact of these, and its words
ON_PC = ("nss:/x", "file:/x", "tpm:x")
PRESSED: list[object] = []


@pytest.fixture(params=["ja", "en"])
def language(request: pytest.FixtureRequest, japanese: None) -> str:
    words.speak(request.param)
    return str(request.param)


@pytest.fixture(autouse=True)
def japanese() -> None:
    words.speak("ja")


def page(error: errors.TokenmgrError) -> TroublePage:
    PRESSED.clear()
    home, again, act = (functools.partial(_press, what) for what in ("home", "again", "act"))
    return TroublePage(error, home, again, act)


def _press(*what: object) -> None:
    PRESSED.append(what)


def test_every_error_is_met_or_there_is_a_reason_why_it_never_is() -> None:
    codes = {one.code for one in classes()}
    assert codes == {one.error.code for one in EVERY} | {one for one in codes if not troubles.is_met(one)}
    for named in (code for code in troubles.NEVER if len(code) > 1):
        assert named in codes, f"{named} is an error no more"


@pytest.mark.parametrize("serial", ["as it is", *ON_PC])
def test_every_page_says_all_three_and_names_no_command(language: str, serial: str) -> None:
    for situation in EVERY:
        error = situation.error
        if "serial" in error.facts and not isinstance(error, errors.PcStoreError) and serial in ON_PC:
            error = type(error)(**error.facts | {"serial": serial})
        said = troubles.said(error)
        assert set(said) == {"what", "kept", "next"}
        for text in said.values():
            assert text.strip(), situation.name
            assert not re.search(r"[{}]", text), f"{situation.name}: {text}"
            assert not COMMAND.search(text), f"{situation.name}: {text}"


def test_what_was_cut_short_names_no_command_either(language: str) -> None:
    error = made(errors.LibraryHung)
    error.uncertain = True
    assert not COMMAND.search(troubles.said(error)["kept"])
    assert troubles.said(error)["kept"] == Texts(language)("words.kept_uncertain_desk")


def test_the_button_of_a_page_is_the_one_that_its_next_step_names(language: str, qtbot: QtBot) -> None:
    for situation in EVERY:
        error, shown = situation.error, page(situation.error)
        primary = shown.first_focus()
        assert primary is not None
        remedy = troubles.remedy(error)
        label = troubles.label(remedy) if remedy else words.t("desk.home")
        assert primary.text() == label, situation.name  # type: ignore[attr-defined]
        if remedy and error.code not in BY_THE_CA:
            assert label in troubles.said(error)["next"], situation.name
        picturing.away(shown)


@pytest.mark.parametrize("serial", ["", *ON_PC])
def test_no_next_step_names_a_button_that_goes_on_where_there_is_none(serial: str) -> None:
    """Of every text, whichever store it is about: what it tells to press is on the page, or at home."""
    japanese = Texts("ja")
    for situation in EVERY:
        facts = situation.error.facts | ({"serial": serial} if "serial" in situation.error.facts and serial else {})
        remedy = troubles.remedy(type(situation.error)(**facts))
        named = {troubles.label(one): one for one in (*Again, *Action) if _has(japanese, one)}
        next_step = troubles.said(type(situation.error)(**facts))["next"]
        told = {one for label, one in named.items() if f"「{label}」" in next_step}
        assert not {one for one in told if isinstance(one, Again)} - {remedy}, situation.name
        if isinstance(remedy, Again):
            assert told == {remedy}, situation.name


def _has(texts: Texts, remedy: Again | Action) -> bool:
    return texts.has(f"desk_next.{remedy.value}" if isinstance(remedy, Action) else f"desk.{remedy.value}")


def test_what_may_be_tried_again_has_a_button_that_does() -> None:
    without = {one.error.code for one in EVERY if one.error.retriable and troubles.remedy(one.error) is None}
    assert without == {"J118", "J142"}  # what went on is over; a rehearsal has failed


def test_a_button_does_what_it_says(qtbot: QtBot) -> None:
    for error, pressed in (
        (made(errors.MediumGone), [("again",)]),
        (made(errors.PinWrong), [("again",)]),
        (made(errors.PinToBeChanged), [("act", Action.PIN, "A1B2C3D4")]),
        (made(errors.AnotherIsPending), [("act", Action.RESUME, "")]),
        (made(errors.MediumFull), [("home",)]),
        (made(errors.CannotListen, address="a", reason="b"), [("act", Action.DIAGNOSE, "")]),
    ):
        shown = page(error)
        primary = shown.first_focus()
        assert primary is not None
        primary.click()  # type: ignore[attr-defined]
        assert pressed == PRESSED, error


def test_without_a_way_on_the_button_is_home(qtbot: QtBot) -> None:
    shown = TroublePage(made(errors.MediumGone), lambda: None)
    primary = shown.first_focus()
    assert primary is not None
    assert primary.text() == words.t("desk.home")  # type: ignore[attr-defined]


def test_a_page_says_what_helps_whoever_is_asked(language: str, qtbot: QtBot) -> None:
    page_ = TroublePage(made(errors.MediumTroubled), lambda: None, help_at=["みやび信用金庫  03-0000-0000"])
    shown = picturing.words(page_)
    assert any("M105" in text and "CKR_DEVICE_ERROR" in text for text in shown)
    assert any("03-0000-0000" in text for text in shown)


def test_what_a_window_never_meets_is_told_as_unexpected(language: str) -> None:
    strange = made(errors.CannotListen, address="a", reason="b")
    assert troubles.said(strange) == troubles.said(errors.TokenmgrError())


@pytest.mark.parametrize("serial", ON_PC)
def test_no_page_about_a_store_on_the_pc_speaks_of_a_medium(language: str, serial: str) -> None:
    for situation in EVERY:
        error = situation.error
        if "serial" not in error.facts or error.code in ABOUT_MEDIA or error.code[0] == "R":
            continue
        said = troubles.said(type(error)(**error.facts | {"serial": serial}))
        for text in said.values():
            spoken = re.sub(TELLS_APART, "", text)
            assert not re.search("専用USB|[Mm]edi(um|a)", spoken), f"{situation.name}: {text}"


TELLS_APART = r"専用USBなど、別の保存先|such as a medium|専用USBの暗証番号|medium's PIN"
ABOUT_MEDIA = {"M117", "M119", "M120", "M121", "M124", "M125", "M126", "P109"}


def test_buttons_in_texts_are_buttons_that_are_there() -> None:
    for texts in (Texts("ja"), Texts("en")):
        for code, entry in texts._entries["errors"].items():
            for text in entry.values():
                for name in BUTTON.findall(text):
                    assert texts.has(name), f"{code}: {name}"
                fields = {name for _, name, _, _ in Formatter().parse(text) if name and "." in name}
                own = {name for name in fields if name.startswith("word.")}  # a bank's: a page's, in no window
                assert fields - own == set(BUTTON.findall(text)), code
                assert all(texts.has(f"portal_{name}") or name == "word.bank_name" for name in own), code


def test_every_situation_has_a_name_of_its_own() -> None:
    assert len({one.name for one in EVERY}) == len(EVERY)
    assert all(isinstance(one, Situation) for one in EVERY)


def test_every_page_has_an_errors_words_from_the_one_place_that_names_no_command() -> None:
    house = Path(troubles.__file__).parent
    for path in house.rglob("*.py"):
        if path.name != "troubles.py":
            assert "texts().error(" not in path.read_text(encoding="utf-8"), f"{path}: troubles.said, please"


def test_no_other_text_of_the_window_names_a_command() -> None:
    for texts in (Texts("ja"), Texts("en")):
        for area in (one for one in texts._entries if one.startswith("desk")):
            for name, text in texts._entries[area].items():
                assert not COMMAND.search(text), f"{area}.{name}: {text}"
