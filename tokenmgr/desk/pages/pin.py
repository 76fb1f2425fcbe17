"""The PIN of the medium, and no other (R11): what the medium says of the tries left, and a keyboard on the screen."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QCheckBox, QLineEdit, QWidget

from tokenmgr.desk.keypad import Keypad
from tokenmgr.desk.parts import Page, text
from tokenmgr.desk.person import AskPassphrase, AskPin
from tokenmgr.domain.medium import PinState
from tokenmgr.log import Secret
from tokenmgr.wiring.words import t


class PinPage(Page):
    name = "pin"

    def __init__(
        self, asked: AskPin | AskPassphrase, answer: Callable[[Secret], object], leave: Callable[[], object]
    ) -> None:
        what = "pin" if isinstance(asked, AskPin) else "passphrase"
        super().__init__(t(f"desk.ask_{what}"), t(f"desk.ask_{what}_of", serial=asked.store))
        self._answer = answer
        if isinstance(asked, AskPin) and asked.facts.pin in (PinState.LOW, PinState.FINAL_TRY):
            self.add(text(t(f"desk.pin_{asked.facts.pin.name.lower()}"), "warning"))
        self.field = QLineEdit()
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.setAccessibleName(t(f"desk.ask_{what}"))
        self.field.setMaxLength(256)
        self.field.textChanged.connect(self._changed)
        self.field.returnPressed.connect(self._done)
        self.add(self.field)
        self.keypad = Keypad()
        self.keypad.setVisible(False)
        self.keypad.pressed.connect(self.field.insert)
        self.keypad.erased.connect(self.field.backspace)
        shown = QCheckBox(t("desk.keypad_show"))
        shown.toggled.connect(self.keypad.setVisible)
        self.add(shown)
        self.add(self.keypad)
        self.finish()
        self.button(t("desk.leave"), leave)
        self._go = self.button(t("desk.go_on"), self._done, primary=True)
        self._changed("")

    def first_focus(self) -> QWidget:
        return self.field

    def leave(self) -> None:
        self.field.clear()

    def _changed(self, typed: str) -> None:
        self._go.setEnabled(bool(typed))

    def _done(self) -> None:
        if self.field.text():
            typed = Secret(self.field.text())
            self.field.clear()
            self._answer(typed)
