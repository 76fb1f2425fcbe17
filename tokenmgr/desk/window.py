"""The window: a bar with the way home and the language, and one page at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSettings, QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from tokenmgr.desk import style
from tokenmgr.desk.parts import Page, button, text
from tokenmgr.desk.style import GAP
from tokenmgr.wiring.words import language, t


class Window(QMainWindow):
    wants_home = Signal()
    wants_language = Signal(str)
    spoken = Signal()  # in another language
    hidden = Signal()  # not ended: the tray has it
    came = Signal()

    def __init__(self, memory: Path | None = None) -> None:
        """`memory`: a file that keeps where it was on the screen."""
        super().__init__()
        self.stays = False  # a closed window is hidden, and what was begun goes on
        self._memory = memory
        self.resize(QSize(900, 700))
        if memory and (before := _file(memory).value("geometry")) is not None:
            self.restoreGeometry(before)
        self.setMinimumSize(QSize(420, 420))
        self._pages = QStackedWidget()
        self._bar = QFrame()
        self.page: Page | None = None
        inner = QWidget()
        whole = QVBoxLayout(inner)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self._bar)
        whole.addWidget(self._pages, 1)
        style.mark(self._bar, "bar")
        self._line = QHBoxLayout(self._bar)
        self._line.setContentsMargins(GAP * 2, GAP // 2, GAP * 2, GAP // 2)
        self.setCentralWidget(inner)
        self._shortcut("Alt+Home", self.wants_home.emit)
        self.speak()

    def speak(self) -> None:
        """The bar in the language of now."""
        while item := self._line.takeAt(0):
            if widget := item.widget():
                widget.deleteLater()
        self.setWindowTitle(t("desk.title"))
        other = "en" if language() == "ja" else "ja"
        self._title = text(t("desk.title"), "large")
        self._title.setWordWrap(False)
        self._line.addWidget(self._title)
        self._line.addStretch(1)
        self.home_button = button(t("desk.home"), self.wants_home.emit, "link")
        self._line.addWidget(self.home_button)
        self._line.addWidget(button(t("desk.other_language"), lambda: self.wants_language.emit(other), "link"))
        self._fit()
        self.spoken.emit()

    def come(self) -> None:
        """Before everything else on the screen."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()
        self.came.emit()

    def remember(self) -> None:
        if self._memory:
            _file(self._memory).setValue("geometry", self.saveGeometry())

    def show_page(self, page: Page) -> None:
        before, self.page = self.page, page
        self._pages.addWidget(page)
        self._pages.setCurrentWidget(page)
        if before is not None:
            before.leave()
            self._pages.removeWidget(before)
            before.deleteLater()
        if focus := page.first_focus():
            focus.setFocus()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """The system's own bar has the title, too: where there is no room for both it goes before the buttons do."""
        every = (self._line.itemAt(place).widget() for place in range(self._line.count()))  # type: ignore[union-attr]
        wanted = sum(one.sizeHint().width() + self._line.spacing() for one in every if one)
        self._title.setVisible(wanted + GAP * 4 <= self.width())

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802  Qt's name
        """Never refused: a session that ends would wait for it."""
        self.remember()
        event.accept()
        if self.stays:
            self.hidden.emit()

    def _shortcut(self, keys: str, then: Callable[[], object]) -> None:
        QShortcut(QKeySequence(keys), self).activated.connect(then)


def _file(path: Path) -> QSettings:
    """A file on every system, and never the registry."""
    return QSettings(str(path), QSettings.Format.IniFormat)
