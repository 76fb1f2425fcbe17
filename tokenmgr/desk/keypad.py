"""A keyboard on the screen, for PINs (R9): nothing that listens to the real one hears it. Shuffled where it is wanted,
so that where a finger goes does not tell either."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QGridLayout, QVBoxLayout, QWidget

from tokenmgr.desk.parts import button
from tokenmgr.wiring.words import t

DIGITS = "1234567890"
LETTERS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
MARKS = "!#$%&()*+,-./:;<=>?@[]^_{|}~"


class Keypad(QWidget):
    pressed = Signal(str)  # one character
    erased = Signal()

    def __init__(self, digits_only: bool = False) -> None:
        super().__init__()
        self._lines = [DIGITS] if digits_only else [DIGITS, *LETTERS, MARKS[:14], MARKS[14:]]
        self._is_capital, self._is_shuffled = False, False
        self._whole = QVBoxLayout(self)
        self._whole.setContentsMargins(0, 0, 0, 0)
        self._keys = QWidget()
        self._whole.addWidget(self._keys)
        shuffle = QCheckBox(t("desk.keypad_shuffle"))
        shuffle.toggled.connect(self._shuffle)
        self._whole.addWidget(shuffle)
        self._lay()

    def _shuffle(self, is_shuffled: bool) -> None:
        self._is_shuffled = is_shuffled
        self._lay()

    def _capital(self) -> None:
        self._is_capital = not self._is_capital
        self._lay()

    def _lay(self) -> None:
        """The keys anew. The old ones go with the widget that has them."""
        fresh = QWidget()
        grid = QGridLayout(fresh)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        for row, line in enumerate(self._arranged()):
            for column, character in enumerate(line):
                shown = character.upper() if self._is_capital else character
                key = button(shown, functools.partial(self.pressed.emit, shown), "key")
                key.setFocusPolicy(Qt.FocusPolicy.TabFocus)
                grid.addWidget(key, row, column)
        below = len(self._lines)
        if below > 1:
            capital = button(t("desk.keypad_capital"), self._capital)
            grid.addWidget(capital, below, 0, 1, 4)
        grid.addWidget(button(t("desk.keypad_erase"), self.erased.emit), below, 4, 1, 4)
        self._whole.replaceWidget(self._keys, fresh)
        self._keys.deleteLater()
        self._keys = fresh

    def _arranged(self) -> Sequence[Sequence[str]]:
        if not self._is_shuffled:
            return self._lines
        chance = secrets.SystemRandom()
        return [chance.sample(line, len(line)) for line in self._lines]
