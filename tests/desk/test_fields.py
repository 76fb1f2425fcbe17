"""What is typed into a field of PINs: nobody sees it, and it goes nowhere but to whoever asked."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import cast

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QGuiApplication, QKeySequence
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from tests.desk.gallery import nothing
from tests.desk.gallery_values import medium
from tokenmgr import catalogue
from tokenmgr.desk.fields import SecretField
from tokenmgr.desk.pages.applicant import ApplicantPage
from tokenmgr.desk.pages.new_pin import NewPinPage
from tokenmgr.desk.pages.pin import NewPassphrasePage, PinPage
from tokenmgr.desk.parts import Page
from tokenmgr.desk.person import AskNewPassphrase, AskPin
from tokenmgr.desk.window import Window
from tokenmgr.wiring import words

WORDS = dict.fromkeys(("heading", "lead", "old", "new", "again"), "")
PAGES: dict[str, Callable[[], Page]] = {
    "pin": lambda: PinPage(AskPin("1", medium(), catalogue.shipped().family("softhsm")), nothing, nothing),
    "new_pin": lambda: NewPinPage(WORDS, {}, nothing, nothing),
    "new_passphrase": lambda: NewPassphrasePage(AskNewPassphrase("file:x", 12), nothing, nothing),
    "applicant": lambda: ApplicantPage("", "", nothing, nothing),
}

GOINGS: list[Callable[[Window], object]] = [lambda window: window.show_page(Page("")), Window.close]


@pytest.fixture
def field(qtbot: QtBot) -> SecretField:
    made = SecretField("PIN")
    qtbot.addWidget(made)
    made.show()
    return made


@pytest.mark.parametrize("page", PAGES)
def test_it_is_empty_once_its_page_goes_and_once_its_window_is_closed(page: str, qtbot: QtBot) -> None:
    words.speak("ja")
    window = Window()
    qtbot.addWidget(window)
    for goes in GOINGS:
        shown = PAGES[page]()
        window.show_page(shown)
        window.show()
        fields = cast(list[SecretField], shown.findChildren(SecretField))
        assert fields
        for one in fields:
            QTest.keyClicks(one, "1234")
        goes(window)
        assert [one.text() for one in fields] == [""] * len(fields)


def test_an_input_method_is_told_what_it_must_not_learn(field: SecretField) -> None:
    hints, hint = field.inputMethodHints(), Qt.InputMethodHint
    for one in hint.ImhHiddenText, hint.ImhSensitiveData, hint.ImhNoPredictiveText, hint.ImhNoAutoUppercase:
        assert hints & one


def test_it_is_not_copied_nor_undone_to(field: SecretField) -> None:
    board = QGuiApplication.clipboard()
    board.setText("before")
    QTest.keyClicks(field, "1234")
    field.selectAll()
    for keys in QKeySequence.StandardKey.Copy, QKeySequence.StandardKey.Cut:
        QTest.keySequence(field, QKeySequence(keys))
    assert board.text() == "before"
    for empty in field.clear, field.backspace:
        field.setText("")
        QTest.keyClicks(field, "1")
        empty()
        for keys in QKeySequence.StandardKey.Undo, QKeySequence.StandardKey.Redo:
            QTest.keySequence(field, QKeySequence(keys))
            assert field.text() == ""


def test_it_is_not_dragged_nor_dropped(field: SecretField) -> None:
    assert not field.acceptDrops()
    assert not field.dragEnabled()


def test_a_reader_of_screens_is_told_of_dots(field: SecretField) -> None:
    QTest.keyClicks(field, "1234")
    found = QAccessible.queryAccessibleInterface(field)
    assert found.state().passwordEdit
    assert "1" not in found.text(QAccessible.Text.Value)
    assert "1" not in found.textInterface().text(0, 4)


NO_CORE = """
import resource
from PySide6.QtWidgets import QApplication
from tokenmgr.desk.fields import SecretField
application = QApplication([])
field = SecretField("PIN")
assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
"""


def test_no_core_file_has_it() -> None:
    """From the moment that there is a field, whoever asks."""
    subprocess.run(
        [sys.executable, "-c", NO_CORE], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, check=True
    )
