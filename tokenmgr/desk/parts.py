"""What pages are made of: a page with its heading and its row of buttons, texts, cards, rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from tokenmgr.desk import style
from tokenmgr.desk.style import GAP

WIDEST = 760  # pixels of a column that is read


class Page(QWidget):
    """One thing to read, and one thing to do. Made anew whenever it is shown: it holds nothing that would be lost."""

    name = ""  # of its picture in the documents

    def __init__(self, heading: str, lead: str = "") -> None:
        super().__init__()
        self.heading = text(heading, "heading")
        self._primary: QPushButton | None = None
        self.setAccessibleName(heading)
        inner = QWidget()
        inner.setMaximumWidth(WIDEST)
        self.body = QVBoxLayout(inner)
        self.body.setContentsMargins(GAP * 2, GAP * 2, GAP * 2, GAP)
        self.body.setSpacing(GAP)
        self.body.addWidget(self.heading)
        if lead:
            self.body.addWidget(text(lead))
        centred = QWidget()
        row = QHBoxLayout(centred)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(inner, 8)
        row.addStretch(1)
        self.sheet = QScrollArea()
        self.sheet.setWidgetResizable(True)
        self.sheet.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.sheet.setWidget(centred)
        self._buttons = QHBoxLayout()
        self._buttons.setContentsMargins(GAP * 2, GAP, GAP * 2, GAP)
        self._buttons.addStretch(1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.sheet, 1)
        whole.addLayout(self._buttons)

    def add(self, widget: QWidget) -> QWidget:
        self.body.addWidget(widget)
        return widget

    def finish(self) -> None:
        """What was added stays at the top."""
        self.body.addStretch(1)

    def button(self, label: str, then: Callable[[], object], primary: bool = False) -> QPushButton:
        """The one that matters is the last, at the right, and Enter presses it."""
        made = button(label, then, "primary" if primary else "")
        made.setDefault(primary)
        self._primary = made if primary else self._primary
        self._buttons.addWidget(made)
        return made

    def first_focus(self) -> QWidget | None:
        """Where the keyboard is when the page comes."""
        return self._primary  # not whichever is default: Qt has that move with the focus

    def leave(self) -> None:
        """It is not shown any more: what it has in hand goes."""


def text(words: str, role: str = "") -> QLabel:
    """Wrapped, and to be selected: a number is to be copied, an error to be read out."""
    made = QLabel(words)
    made.setTextFormat(Qt.TextFormat.PlainText)  # a name from a certificate is no markup
    made.setWordWrap(True)
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if role:
        style.mark(made, role)
    return made


def button(label: str, then: Callable[[], object], role: str = "") -> QPushButton:
    made = QPushButton(label)
    made.setAutoDefault(True)
    made.clicked.connect(lambda: then())
    if role:
        style.mark(made, role)
    return made


def card(*widgets: QWidget) -> QFrame:
    made = QFrame()
    style.mark(made, "card")
    inside = QVBoxLayout(made)
    inside.setContentsMargins(GAP + 4, GAP, GAP + 4, GAP)
    inside.setSpacing(GAP // 2)
    for one in widgets:
        inside.addWidget(one)
    return made


def rows(pairs: Iterable[tuple[str, str]]) -> QWidget:
    """Names and values in two columns, as a person reads them and a screen reader says them."""
    made = QWidget()
    grid = QGridLayout(made)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(GAP * 2)
    grid.setColumnStretch(1, 1)
    for number, (name, value) in enumerate(pairs):
        shown = text(value)
        shown.setAccessibleName(f"{name} {value}")
        grid.addWidget(text(name, "quiet"), number, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(shown, number, 1)
    return made


def beside(*widgets: QWidget) -> QWidget:
    """In one row, from the left."""
    made = QWidget()
    row = QHBoxLayout(made)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(GAP)
    for one in widgets:
        row.addWidget(one)
    row.addStretch(1)
    return made
