"""The window before a test: over a customer's home, in this process, and hands to press its buttons with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from tokenmgr.desk import app, style
from tokenmgr.desk.app import Desk
from tokenmgr.desk.pages.pin import PinPage
from tokenmgr.desk.parts import Page
from tokenmgr.wiring import libraries, words

P = TypeVar("P", bound=Page)
PATIENCE = 20_000  # milliseconds; a test ends long before, or has failed


class Hands:
    def __init__(self, desk: Desk, bot: QtBot) -> None:
        self.desk, self.bot = desk, bot

    @property
    def page(self) -> Page:
        assert self.desk.window.page
        return self.desk.window.page

    def until(self, kind: type[P], where: Callable[[P], bool] = lambda _: True) -> P:
        """A page of this kind is there."""
        self.bot.waitUntil(lambda: isinstance(self.page, kind) and where(self.page), timeout=PATIENCE)
        found = self.page
        assert isinstance(found, kind)
        return found

    def buttons(self) -> dict[str, QPushButton]:
        return {one.text(): one for one in self.desk.window.findChildren(QPushButton) if one.isVisible()}

    def press(self, label: str) -> None:
        self.bot.waitUntil(lambda: label in self.buttons() and self.buttons()[label].isEnabled(), timeout=PATIENCE)
        QTest.mouseClick(self.buttons()[label], Qt.MouseButton.LeftButton)

    def type_pin(self, pin: str) -> None:
        page = self.until(PinPage)
        QTest.keyClicks(page.field, pin)
        QTest.keyClick(page.field, Qt.Key.Key_Return)

    def words(self, within: QWidget | None = None) -> str:
        """Everything that can be read on the page."""
        shown = [one for one in (within or self.page).findChildren(QLabel) if one.isVisible()]
        return "\n".join(one.text() for one in shown)

    def fields(self) -> list[QLineEdit]:
        return [one for one in self.page.findChildren(QLineEdit) if one.isVisible()]

    def picture(self, path: Path) -> None:
        QApplication.processEvents()
        assert self.desk.window.grab().save(str(path))


@contextmanager
def at_desk(home: Path, bot: QtBot, monkeypatch: pytest.MonkeyPatch, language: str = "ja") -> Iterator[Hands]:
    """The window over this home: its settings, libraries and banks."""
    monkeypatch.setenv("TOKENMGR_HOME", str(home))
    libraries.settings.cache_clear()
    libraries.known.cache_clear()
    words.speak(language)
    running = QApplication.instance()
    assert isinstance(running, QApplication)
    style.dress(running)
    try:
        with app.opened() as desk:
            desk.window.show()
            yield Hands(desk, bot)
            desk.window.close()
    finally:
        libraries.settings.cache_clear()
        libraries.known.cache_clear()
