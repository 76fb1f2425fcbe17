"""Fields that show dots, and one keyboard on the screen for whichever was written in last."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent, QHideEvent
from PySide6.QtWidgets import QCheckBox, QLabel, QLineEdit, QVBoxLayout, QWidget

from tokenmgr import system
from tokenmgr.desk.keypad import Keypad
from tokenmgr.desk.parts import text, wrapped
from tokenmgr.log import Secret
from tokenmgr.wiring.words import t

LONGEST = 256  # bytes of any PIN


class SecretFields(QWidget):
    changed = Signal()
    complete = Signal()  # Enter in the last one

    def __init__(self, labels: Sequence[str]) -> None:
        super().__init__()
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        self.fields = [SecretField(label) for label in labels]
        for number, (label, field) in enumerate(zip(labels, self.fields, strict=True)):
            whole.addWidget(labelled(label, field))
            whole.addWidget(field)
            field.entered.connect(functools.partial(self._enter, field))
            field.textChanged.connect(self.changed)
            field.returnPressed.connect(functools.partial(self._after, number))
        self._last = self.fields[0]
        keypad = Keypad()
        keypad.setVisible(False)
        keypad.pressed.connect(lambda character: self._last.insert(character))
        keypad.erased.connect(lambda: self._last.backspace())
        shown = wrapped(QCheckBox(t("desk.keypad_show")))
        shown.toggled.connect(keypad.setVisible)
        whole.addWidget(shown)
        whole.addWidget(keypad)

    @property
    def texts(self) -> list[str]:
        return [one.text() for one in self.fields]

    def take(self) -> list[Secret]:
        """Once: the fields are empty after it."""
        taken = [Secret(typed) for typed in self.texts]
        self.clear()
        return taken

    def clear(self) -> None:
        for one in self.fields:
            one.clear()

    def _enter(self, field: SecretField) -> None:
        self._last = field

    def _after(self, number: int) -> None:
        if number + 1 < len(self.fields):
            self.fields[number].focusNextChild()  # as Tab does it: it is scrolled to, too
        else:
            self.complete.emit()


class SecretField(QLineEdit):
    """What is typed here is seen by nobody, and goes nowhere but to whoever asked: what shows dots Qt keeps from the
    clipboard, from being undone to, and from whatever reads the screen."""

    entered = Signal()

    def __init__(self, label: str) -> None:
        super().__init__()
        system.keep_out_of_core_dumps()
        self.setEchoMode(QLineEdit.EchoMode.Password)
        of_passwords = self.inputMethodHints()
        self.setInputMethodHints(of_passwords | Qt.InputMethodHint.ImhLatinOnly)
        self.setMaxLength(LONGEST)
        self.setDragEnabled(False)
        self.setAcceptDrops(False)
        self.setAccessibleName(label)

    def clear(self) -> None:
        """Qt's own keeps what it has taken away, for an undo that never comes."""
        self.setText("")

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802  Qt's name
        """A closed window may only be hidden. A minimised one keeps what somebody is typing."""
        super().hideEvent(event)
        if not event.spontaneous():
            self.clear()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt's name
        super().focusInEvent(event)
        self.entered.emit()


def labelled(label: str, field: QWidget) -> QLabel:
    made = text(label, "quiet")
    made.setBuddy(field)
    return made
