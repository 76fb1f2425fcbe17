"""The icon in the notification area: the way back to the window, and a word once a day for what is due."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QObject, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from tokenmgr.clock import japan_day, japan_time
from tokenmgr.customer.status import Row, Status
from tokenmgr.desk.seeing import Seen
from tokenmgr.desk.style import LIGHT
from tokenmgr.domain.status import Verdict
from tokenmgr.wiring.looked import left_in_words
from tokenmgr.wiring.words import language, t

ALWAYS = "always"
SIZE = 64  # pixels; systems make it smaller


class Tray(QObject):
    def __init__(self, home: Path, open_: Callable[[], object], leave: Callable[[], object]) -> None:
        super().__init__()
        self._told = Told(home / "desk-told.json")
        self.icon = QSystemTrayIcon(self)
        self.menu = QMenu()
        self._open = self.menu.addAction("", open_)
        self._leave = self.menu.addAction("", leave)
        self.icon.setContextMenu(self.menu)
        self.icon.activated.connect(lambda why: why != QSystemTrayIcon.ActivationReason.Context and open_())
        self.icon.messageClicked.connect(open_)
        self.is_pressing = False
        self._draw()
        self.speak()

    def show(self) -> None:
        self.icon.show()

    def speak(self) -> None:
        """In the language of now."""
        self._open.setText(t("desk_home.tray_open"))
        self._leave.setText(t("desk_home.tray_quit"))
        self.icon.setToolTip(t("desk_home.tray_due") if self.is_pressing else t("desk.title"))

    def tell(self, seen: Seen) -> None:
        """What is pressing is customer/due.py's word; a message waits until the CAs were asked."""
        if seen.looked is None:
            return
        found = seen.looked.pressing().found
        self.is_pressing = found.verdict.is_pressing
        self._draw()
        self.speak()
        rows = [row for store in found.stores for row in store.rows if row.judged.verdict.is_pressing]
        if seen.is_asked and (new := self._told.new([row for row in rows if row.number is not None], found.now)):
            is_due = all(row.judged.verdict is Verdict.DUE for row in new)
            title = t("desk_home.tray_due" if is_due else "desk_home.tray_hand")
            self.say(title, _ends(new, found))

    def tell_hidden(self) -> None:
        """Once: where the window went."""
        if self._told.first_time("hidden"):
            self.say(t("desk.title"), t("desk_home.tray_hides"))

    def say(self, title: str, words: str) -> None:
        self.icon.showMessage(title, words, self.icon.icon())

    def _draw(self) -> None:
        self.icon.setIcon(drawn(self.is_pressing))


def _ends(rows: list[Row], found: Status) -> str:
    """Of each; whoever sees this screen may read no name from it."""
    ends = sorted({row.item.facts.not_after for row in rows if row.item.facts})
    told = [(japan_time(end, language()), left_in_words(end, found.now)) for end in ends]
    return "\n".join(t("seen.note_until", until=until, left=left) for until, left in told)


class Told:
    """Of which certificates somebody was told today. What cannot be written is told again."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def new(self, rows: list[Row], now: datetime) -> list[Row]:
        day = japan_day(now)
        told = {name: at for name, at in self._read().items() if at in (day, ALWAYS)}
        found = [row for row in rows if f"{row.number:x}" not in told]
        if found:
            self._write({**told, **{f"{row.number:x}": day for row in found}})
        return found

    def _write(self, told: dict[str, str]) -> None:
        with suppress(OSError):
            self._path.write_text(json.dumps(told), encoding="utf-8")

    def first_time(self, what: str) -> bool:
        before = self._read()
        if what in before:
            return False
        self._write({**before, what: ALWAYS})
        return True

    def _read(self) -> dict[str, str]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def drawn(is_pressing: bool) -> QIcon:
    """A certificate with its seal; with a mark where something is due, so that it is not the colour alone."""
    made = QPixmap(SIZE, SIZE)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(LIGHT.accent), 4))
    painter.setBrush(QColor(LIGHT.surface))
    painter.drawRoundedRect(QRectF(6, 10, 52, 40), 6, 6)
    painter.drawLine(QPointF(16, 22), QPointF(46, 22))
    painter.drawLine(QPointF(16, 32), QPointF(34, 32))
    painter.setBrush(QColor(LIGHT.accent))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.drawEllipse(QPointF(46, 46), 10, 10)
    if is_pressing:
        _mark(painter)
    painter.end()
    return QIcon(made)


def _mark(painter: QPainter) -> None:
    painter.setBrush(QColor(LIGHT.bad))
    painter.drawEllipse(QPointF(46, 18), 17, 17)
    painter.setBrush(QColor(LIGHT.surface))
    painter.drawRoundedRect(QRectF(43.5, 6, 5, 14), 2, 2)
    painter.drawEllipse(QPointF(46, 26), 3, 3)
