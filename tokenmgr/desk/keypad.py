"""A keyboard on the screen, for PINs (R9): nothing that listens to the real one hears it. Shuffled where it is wanted,
so that where a finger goes does not tell either."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QCheckBox, QGridLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from tokenmgr.desk.parts import Beside, button, wrapped
from tokenmgr.wiring.words import t

DIGITS = "1234567890"
LETTERS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
MARKS = ("!\"#$%&'()*", "+,-./:;<=>", "?@[\\]^_`{|", "}~")  # all that ASCII has
WIDE = 10  # keys beside each other


class Keypad(QWidget):
    pressed = Signal(str)  # one character
    erased = Signal()

    def __init__(self, digits_only: bool = False) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self._lines = [DIGITS] if digits_only else [DIGITS, *LETTERS, *MARKS]
        self._is_capital, self._is_shuffled, self._columns = False, False, 0
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        self._grid = QGridLayout()
        self._grid.setSpacing(4)
        whole.addLayout(self._grid)
        self._keys = [[self._key() for _ in line] for line in self._lines]
        self._lay(WIDE)  # before what is below: Tab goes in the order in which they come
        below = [button(t("desk.keypad_capital"), self._capital)] if len(self._lines) > 1 else []
        whole.addWidget(Beside(*below, button(t("desk.keypad_erase"), self.erased.emit)))
        shuffle = wrapped(QCheckBox(t("desk.keypad_shuffle")))
        shuffle.toggled.connect(self._shuffle)
        whole.addWidget(shuffle)
        self._label()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        """Half as many beside each other where there is no room."""
        super().resizeEvent(event)
        widest = max(key.minimumSizeHint().width() for line in self._keys for key in line)
        self._lay(WIDE if (widest + self._grid.spacing()) * WIDE <= self.width() else WIDE // 2)

    def _key(self) -> QPushButton:
        made = button("", lambda: self.pressed.emit(made.accessibleName()), "key")
        made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return made

    def _shuffle(self, is_shuffled: bool) -> None:
        self._is_shuffled = is_shuffled
        self._label()

    def _capital(self) -> None:
        self._is_capital = not self._is_capital
        self._label()

    def _label(self) -> None:
        for keys, line in zip(self._keys, self._arranged(), strict=True):
            for key, character in zip(keys, line, strict=True):
                shown = character.upper() if self._is_capital else character
                key.setText(shown.replace("&", "&&"))
                key.setAccessibleName(shown)

    def _lay(self, columns: int) -> None:
        if columns == self._columns:
            return
        self._columns = columns
        rows = [line[at : at + columns] for line in self._keys for at in range(0, len(line), columns)]
        for row, keys in enumerate(rows):
            for column, key in enumerate(keys):
                self._grid.addWidget(key, row, column)

    def _arranged(self) -> Sequence[Sequence[str]]:
        if not self._is_shuffled:
            return self._lines
        chance = secrets.SystemRandom()
        return [chance.sample(line, len(line)) for line in self._lines]
