"""What is plugged in, what is on it, what is due, and the one button that matters. It follows what is seen: a change
is drawn anew, and neither the keyboard's focus nor the place on the page is lost."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QEvent, QTimer
from PySide6.QtWidgets import QApplication, QPushButton, QVBoxLayout, QWidget

from tokenmgr import clock
from tokenmgr.desk.actions import Action, Chosen
from tokenmgr.desk.pages.home_cards import Choose, Drawing
from tokenmgr.desk.pages.home_certificate import Countdown
from tokenmgr.desk.parts import Page
from tokenmgr.desk.seeing import Seen
from tokenmgr.desk.style import GAP
from tokenmgr.desk.words import named
from tokenmgr.wiring.words import t

SECOND = 1000  # milliseconds
SLOW = 5.0  # seconds after which a look is told to take long
LATER = 150  # milliseconds: while a button is being pressed or a menu is open nothing is drawn anew


class HomePage(Page):
    name = "home"

    def __init__(self, seen: Seen | None, choose: Choose, again: Callable[[], object] = lambda: None) -> None:
        """`again` has everything looked at anew: a certificate has just ended."""
        super().__init__(t("desk.home_heading"))
        self._choose, self._again = choose, again
        self._since = time.monotonic()
        self._seen = Seen()
        self._print: object = None
        self._placed = ""  # where the keyboard was put by the page itself, and may be put elsewhere by it
        self._shown = QWidget()
        self._countdowns: list[Countdown] = []
        self.add(self._shown)
        self.finish()
        self.button(named(Action.DIAGNOSE), lambda: choose(Chosen(Action.DIAGNOSE))).setObjectName("diagnose")
        self.button(named(Action.ACQUIRE), lambda: choose(Chosen(Action.ACQUIRE))).setObjectName("acquire")
        self._clock = QTimer(self)
        self._clock.timeout.connect(self._tick)
        self._clock.start(SECOND)
        self.tell(seen or Seen())

    def tell(self, seen: Seen) -> None:
        self._seen = seen
        if QApplication.mouseButtons() or QApplication.activePopupWidget():
            QTimer.singleShot(LATER, self, self._later)
            return
        drawing = Drawing(seen, self._choose, self._is_slow())
        if (shown := drawing.print()) != self._print:
            self._print = shown
            self._draw(drawing)

    def _later(self) -> None:
        self.tell(self._seen)

    def _is_slow(self) -> bool:
        return time.monotonic() - self._since > SLOW

    def _draw(self, drawing: Drawing) -> None:
        name, place = _name_of(self.focusWidget()), self.sheet.verticalScrollBar().value()
        fresh = QWidget()
        column = QVBoxLayout(fresh)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        for one in drawing.cards():
            column.addWidget(one)
        self.body.replaceWidget(self._shown, fresh)
        self._shown.setParent(None)
        self._shown.deleteLater()
        self._shown = fresh
        self._countdowns = fresh.findChildren(Countdown)
        if self.isVisible():
            self._settle(name, place)

    def _settle(self, name: str, place: int) -> None:
        """Back to where the keyboard was, and the eyes."""
        QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)  # or there is nowhere to scroll to yet
        again = self.findChild(QWidget, name) if name not in ("", self._placed) else None
        if again is None:
            again = self.first_focus()
        if again is not None:
            again.setFocus()
        bar = self.sheet.verticalScrollBar()
        bar.setValue(place)
        QTimer.singleShot(0, bar, lambda: bar.setValue(place))  # or it was not as long yet

    def first_focus(self) -> QWidget | None:
        default = [one for one in self._shown.findChildren(QPushButton) if one.isDefault()]
        others = self._shown.findChildren(QPushButton)
        found = next(iter([*default, *others]), self.findChild(QPushButton, "acquire"))
        self._placed = _name_of(found)
        return found

    def _tick(self) -> None:
        now = clock.now()
        ended = [one for one in self._countdowns if one.tell(now)]
        if ended:
            self._again()
        if self._seen.looked is None and not self._seen.error and self._is_slow():
            self.tell(self._seen)

    def leave(self) -> None:
        self._clock.stop()


def _name_of(one: QWidget | None) -> str:
    return one.objectName() if one else ""
