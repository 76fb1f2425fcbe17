"""The keyboard on the screen: every character that a PIN may have, once; shuffled, the same ones."""

from __future__ import annotations

import string

import pytest
from PySide6.QtWidgets import QCheckBox, QPushButton
from pytestqt.qtbot import QtBot

from tokenmgr.desk.keypad import Keypad
from tokenmgr.wiring import words


def typed(keypad: Keypad) -> list[str]:
    """By pressing every key that types something."""
    found: list[str] = []
    keypad.pressed.connect(found.append)
    for one in keypad.findChildren(QPushButton):
        if one.property("role") == "key" and one.isVisibleTo(keypad):
            one.click()
    keypad.pressed.disconnect(found.append)
    return found


@pytest.mark.parametrize("digits_only", [False, True])
def test_every_character_is_there_once(qtbot: QtBot, digits_only: bool) -> None:
    words.speak("ja")
    keypad = Keypad(digits_only)
    qtbot.addWidget(keypad)
    expected = string.digits if digits_only else string.digits + string.ascii_lowercase + string.punctuation
    assert sorted(typed(keypad)) == sorted(expected)
    keypad.findChildren(QCheckBox)[0].setChecked(True)
    qtbot.wait(1)  # what was there before goes
    assert sorted(typed(keypad)) == sorted(expected)


def test_capital_letters(qtbot: QtBot) -> None:
    words.speak("ja")
    keypad = Keypad()
    qtbot.addWidget(keypad)
    next(one for one in keypad.findChildren(QPushButton) if one.text() == "大文字・小文字").click()
    qtbot.wait(1)
    assert {*string.ascii_uppercase} <= {*typed(keypad)}
