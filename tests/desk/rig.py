"""The window before a test: over a customer's home, in this process, and hands to press its buttons with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from tests.desk import picturing
from tokenmgr.customer.status import Row, Seen
from tokenmgr.desk import app, style
from tokenmgr.desk.actions import Action, Chosen
from tokenmgr.desk.app import Desk
from tokenmgr.desk.pages.done import DonePage
from tokenmgr.desk.pages.pin import PinPage
from tokenmgr.desk.pages.place import PlacePage
from tokenmgr.desk.parts import Page
from tokenmgr.domain.status import Place
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

    def choose(self, action: Action, store: str = "", origin: str = "") -> None:
        """As a button of home's does, once the CA has been asked: about what logs in, in the store of such a name."""
        self.bot.waitUntil(lambda: self._current(store) is not None, timeout=PATIENCE)
        found = self._current(store)
        assert found
        self.desk.flow.chosen(Chosen(action, *found, origin))

    def stores(self) -> Sequence[Seen]:
        """As they are told once the CA has been asked."""
        seen = self.desk.flow.seen
        return seen.looked.found.stores if seen and seen.looked and seen.is_asked else []

    def _current(self, store: str) -> tuple[Seen, Row] | None:
        rows = [(one, row) for one in self.stores() for row in one.rows if row.judged.place is Place.CURRENT]
        return next((one for one in rows if one[0].look.name.startswith(store)), None)

    def consent(self) -> None:
        """From home, staying where it is."""
        self.press("更新する")
        self.until(PlacePage)
        self.press("次へ")
        self.press("同意して更新する")

    def to_pin(self) -> PinPage:
        self.consent()
        return self.until(PinPage)

    def renew(self, pin: str) -> DonePage:
        self.to_pin()
        self.type_pin(pin)
        return self.until(DonePage)

    def key(self, key: Qt.Key) -> None:
        """To whatever has the keyboard."""
        target = QApplication.focusWidget()
        assert target, "nothing has the keyboard"
        QTest.keyClick(target, key)

    def tab_to(self, label: str) -> None:
        """By Tab alone, to the button of this name."""
        self.bot.waitUntil(lambda: label in self.buttons() and self.buttons()[label].isEnabled(), timeout=PATIENCE)
        for _ in range(40):
            if QApplication.focusWidget() is self.buttons()[label]:
                return
            self.key(Qt.Key.Key_Tab)
        raise AssertionError(f"Tab does not lead to {label}")

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
        shiboken6.delete(desk.flow)  # what is still on its way finds nobody
        picturing.away(desk.window)  # else whatever is dressed later goes through all of it again
    finally:
        libraries.settings.cache_clear()
        libraries.known.cache_clear()
