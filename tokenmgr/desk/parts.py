"""What pages are made of: a page with its heading and its row of buttons, texts, cards, rows.

None needs a mouse: Enter presses the button that matters, Escape the one that leads back, Tab goes through in the order
in which a page is read; and what a reader of screens says of each is its own text, or stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from PySide6.QtCore import QDeadlineTimer, QEvent, QObject, QSize, Qt
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QKeyEvent, QResizeEvent, QShowEvent, QTextLayout
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QApplication,
    QBoxLayout,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from tokenmgr.desk import style
from tokenmgr.desk.style import GAP

B = TypeVar("B", bound="QAbstractButton")
WIDEST = 760  # pixels of a column that is read
NARROW = 560  # of a window that has no room for margins, and for names beside their values
WIDEST_NAME = 0.45  # of a row, that a name may take
BALANCED = ("heading", "large")
ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
SCROLLS = {
    Qt.Key.Key_PageDown: QAbstractSlider.SliderAction.SliderPageStepAdd,
    Qt.Key.Key_PageUp: QAbstractSlider.SliderAction.SliderPageStepSub,
    Qt.Key.Key_Down: QAbstractSlider.SliderAction.SliderSingleStepAdd,
    Qt.Key.Key_Up: QAbstractSlider.SliderAction.SliderSingleStepSub,
}


class Page(QWidget):
    """One thing to read, and one thing to do. Made anew whenever it is shown: it holds nothing that would be lost."""

    name = ""  # of its picture in the documents

    def __init__(self, heading: str, lead: str = "") -> None:
        super().__init__()
        self.heading = text(heading, "heading")
        self.setAccessibleName(heading)
        inner = QWidget()
        inner.setMaximumWidth(WIDEST)
        self.body = QVBoxLayout(inner)
        self.body.setSpacing(GAP)
        self.body.addWidget(self.heading)
        if lead:
            self.body.addWidget(text(lead))
        centred = QWidget()
        row = QHBoxLayout(centred)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(inner, 1000)  # all of the width up to its widest
        row.addStretch(1)
        self.sheet = QScrollArea()
        self.sheet.setWidgetResizable(True)
        self.sheet.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.sheet.setWidget(centred)
        self._main: QPushButton | None = None  # not by isDefault: outside a dialog whatever has the keyboard is that
        self._way_back: QPushButton | None = None
        self._buttons = Beside(from_right=True)
        self._buttons.hide()
        style.mark(self._buttons, "feet")
        self._deaf = QDeadlineTimer(0)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self.sheet, 1)
        whole.addWidget(self._buttons)

    def add(self, widget: QWidget) -> QWidget:
        self.body.addWidget(widget)
        return widget

    def finish(self) -> None:
        """What was added stays at the top."""
        self.body.addStretch(1)

    def button(self, label: str, then: Callable[[], object], primary: bool = False) -> QPushButton:
        """The one that matters is the last, at the right, and Enter presses it; Escape presses the first other one."""
        made = button(label, lambda: None if self.is_deaf else then(), "primary" if primary else "")
        if primary:
            self._main = made
        elif self._way_back is None:
            self._way_back = made
        self._buttons.add(made)
        self._buttons.show()
        return made

    @property
    def is_deaf(self) -> bool:
        """For as long as a double click takes: its second half was meant for the page before, whose button stood where
        ours stands. A consent is given by a press of its own (R6)."""
        return not self._deaf.hasExpired()

    def first_focus(self) -> QWidget | None:
        """Where the keyboard is when the page comes. Where nothing matters more than the rest, no button has it: an
        Enter that was pressed once too often does nothing."""
        return self._main or self

    def leave(self) -> None:
        """It is not shown any more: what it has in hand goes."""

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        """What no part of the page wanted. A key that is held was pressed on the page before."""
        wanted = self._main if event.key() in ENTER else self._way_back if event.key() == Qt.Key.Key_Escape else None
        if wanted and self.isVisible() and not event.isAutoRepeat():
            wanted.click()
        elif event.key() in SCROLLS:
            self.sheet.verticalScrollBar().triggerAction(SCROLLS[Qt.Key(event.key())])
        else:
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt's name
        super().showEvent(event)
        if not event.spontaneous():  # not when the window only comes back
            self._deaf = QDeadlineTimer(QApplication.doubleClickInterval())
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, self.accessibleName()))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)
        margin = GAP if self.width() < NARROW else GAP * 2
        self.body.setContentsMargins(margin, margin, margin, GAP)
        self._buttons.margins(margin, GAP)


class Beside(QWidget):
    """In one row, or one below the other where that is too narrow; there the first is the last one of the row."""

    def __init__(self, *widgets: QWidget, from_right: bool = False) -> None:
        super().__init__()
        self._from_right = from_right
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(GAP)
        self._row.setAlignment(Qt.AlignmentFlag.AlignRight if from_right else Qt.AlignmentFlag.AlignLeft)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        for one in widgets:
            self.add(one)

    def add(self, widget: QWidget) -> None:
        self._row.addWidget(widget)
        self._turn()

    def margins(self, across: int, down: int) -> None:
        self._row.setContentsMargins(across, down, across, down)
        self._turn()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)
        self._turn()

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """As narrow as its widest: the rest goes below."""
        margins = self._row.contentsMargins()
        widest = max((one.sizeHint().width() for one in self._all()), default=0)
        return QSize(widest + margins.left() + margins.right(), super().minimumSizeHint().height())

    def _turn(self) -> None:
        every, margins = self._all(), self._row.contentsMargins()
        wanted = sum(one.sizeHint().width() for one in every) + GAP * (len(every) - 1)
        below = wanted + margins.left() + margins.right() > self.width()
        down = QBoxLayout.Direction.BottomToTop if self._from_right else QBoxLayout.Direction.TopToBottom
        self._row.setDirection(down if below else QBoxLayout.Direction.LeftToRight)
        side = Qt.AlignmentFlag.AlignRight if self._from_right else Qt.AlignmentFlag.AlignLeft
        self._row.setAlignment(Qt.AlignmentFlag(0) if below else side)

    def _all(self) -> list[QWidget]:
        found = (self._row.itemAt(place).widget() for place in range(self._row.count()))  # type: ignore[union-attr]
        return [one for one in found if one]


class Rows(QWidget):
    """Names and values in two columns, as a person reads them; one above the other where there is no room."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(GAP * 2)
        self._grid.setVerticalSpacing(GAP // 3)
        self._pairs = [(text(name, "quiet"), _value(name, value)) for name, value in pairs]
        self._is_narrow: bool | None = None
        self._lay(False)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)
        widest = max((_in_one_line(name) for name, _ in self._pairs), default=0)
        self._lay(self.window().width() < NARROW or widest > self.width() * WIDEST_NAME)

    def _lay(self, is_narrow: bool) -> None:
        if is_narrow is self._is_narrow:
            return
        self._is_narrow = is_narrow
        self._grid.setColumnStretch(1, 0 if is_narrow else 1)
        for number, (name, value) in enumerate(self._pairs):
            name.setContentsMargins(0, GAP // 2 if is_narrow and number else 0, 0, 0)
            name.setWordWrap(is_narrow)  # the column is as wide as its widest name
            above, beside = (number * 2, 0) if is_narrow else (number, 0), (number * 2 + 1, 0)
            self._grid.addWidget(name, *above, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(value, *(beside if is_narrow else (number, 1)))


def _in_one_line(label: QLabel) -> int:
    return label.fontMetrics().horizontalAdvance(label.text())


def _value(name: str, value: str) -> QLabel:
    made = text(value)
    made.setAccessibleName(f"{name} {value}")
    return made


class Balanced(QLabel):
    """As many lines as it takes, and these about as long as each other: a last line of one character is ugly, and in
    Japanese common."""

    _spare = 0  # pixels at the right that the lines are shorter by

    def heightForWidth(self, width: int) -> int:  # noqa: N802  Qt's name
        return super().heightForWidth(width + self._spare)

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt's name
        return super().minimumSizeHint() - QSize(self._spare, 0)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        super().resizeEvent(event)
        whole = self.width()
        high, shortest, longest = self.heightForWidth(whole), whole // 2, whole
        while shortest < longest:
            middle = (shortest + longest) // 2
            shortest, longest = (shortest, middle) if self.heightForWidth(middle) == high else (middle + 1, longest)
        self._spare = whole - longest if high > self.heightForWidth(whole * 2) else 0
        self.setContentsMargins(0, 0, self._spare, 0)


def text(words: str, role: str = "") -> QLabel:
    """Wrapped, and to be selected: a number is to be copied, an error to be read out."""
    made = Balanced(words) if role in BALANCED else QLabel(words)
    made.setTextFormat(Qt.TextFormat.PlainText)  # a name from a certificate is no markup
    made.setWordWrap(True)
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if role:
        style.mark(made, role)
    return made


class Button(QPushButton):
    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        """A key that is held was pressed for another page's button."""
        if not event.isAutoRepeat():
            super().keyPressEvent(event)


def button(label: str, then: Callable[[], object], role: str = "") -> QPushButton:
    made = Button(label)
    made.setAutoDefault(True)
    made.clicked.connect(lambda: then())
    if role:
        style.mark(made, role)
    return made


class Wrapper(QObject):
    """Qt wraps no label of what is pressed: here it goes on in the next line where there is no room."""

    def __init__(self, pressed: QAbstractButton) -> None:
        super().__init__(pressed)
        self._words = pressed.text()
        pressed.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt's name
        if event.type() is QEvent.Type.Resize and isinstance(watched, QAbstractButton):
            letters = watched.fontMetrics()
            around = watched.sizeHint().width() - letters.size(Qt.TextFlag.TextShowMnemonic, watched.text()).width()
            if (lines := "\n".join(self._lines(watched, watched.width() - around))) != watched.text():
                watched.setText(lines)
        return super().eventFilter(watched, event)

    def _lines(self, pressed: QAbstractButton, room: int) -> Iterator[str]:
        layout = QTextLayout(self._words, pressed.font())
        layout.beginLayout()
        while (line := layout.createLine()).isValid():
            line.setLineWidth(room)
            start, length = line.textStart(), line.textLength()
            yield self._words[start : start + length].rstrip()
        layout.endLayout()


def wrapped(pressed: B) -> B:
    """As wide as there is room; a reader of screens says it in one."""
    pressed.setAccessibleName(pressed.text())
    pressed.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    Wrapper(pressed)
    return pressed


def card(*widgets: QWidget, role: str = "card") -> QFrame:
    """`role` "step": the one thing to do next."""
    made = QFrame()
    style.mark(made, role)
    inside = QVBoxLayout(made)
    inside.setContentsMargins(GAP + 4, GAP, GAP + 4, GAP)
    inside.setSpacing(GAP // 2)
    for one in widgets:
        inside.addWidget(one)
    return made


def rows(pairs: Iterable[tuple[str, str]]) -> QWidget:
    return Rows(pairs)


def beside(*widgets: QWidget) -> QWidget:
    return Beside(*widgets)
