"""The PIN of the medium, and no other (R11): what the medium says of the tries left, and a keyboard on the screen.
The last try has a page of its own (S5). What is typed is never shown."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCheckBox, QWidget

from tokenmgr.desk.fields import SecretField, SecretFields
from tokenmgr.desk.keypad import Keypad
from tokenmgr.desk.parts import Page, text, wrapped
from tokenmgr.desk.person import AskFinalTry, AskNewPassphrase, AskPassphrase, AskPin
from tokenmgr.desk.words import labelled
from tokenmgr.domain.medium import PinState
from tokenmgr.log import Secret
from tokenmgr.token.pins import is_full_width
from tokenmgr.wiring.words import t


class PinPage(Page):
    name = "pin"

    def __init__(
        self, asked: AskPin | AskPassphrase, answer: Callable[[Secret], object], leave: Callable[[], object]
    ) -> None:
        store, self._is_pin = asked.store, isinstance(asked, AskPin)
        what = "pin" if isinstance(asked, AskPin) else "passphrase"
        super().__init__(t(f"desk_pin.ask_{what}", serial=store), t(f"desk_pin.lead_{what}", serial=store))
        self._answer = answer
        if isinstance(asked, AskPin):
            self._tell_tries(asked)
        self.add(text(labelled(store, asked.facts.label if isinstance(asked, AskPin) else ""), "large"))
        self.field = SecretField(t(f"desk_pin.ask_{what}", serial=store))
        self.field.textChanged.connect(self._changed)
        self.field.returnPressed.connect(self._done)
        self.field.installEventFilter(self)
        self.add(self.field)
        self.hint = text("", "warning")
        self.add(self.hint)
        self.hint.setVisible(False)
        self._is_capital = False
        self._offer_keypad(isinstance(asked, AskPin) and asked.family.pin.characters == "digits")
        self.finish()
        self.button(t("desk.leave"), leave)
        self._go = self.button(t("desk.go_on"), self._done, primary=True)
        self._changed("")

    def _tell_tries(self, asked: AskPin) -> None:
        """By the medium's own word; what it never tells is not taken for good news."""
        state, silent = asked.facts.pin, {"low", "final try"} & {*asked.family.pin.never_shown}
        if state in (PinState.LOW, PinState.FINAL_TRY):
            self.add(text(t(f"desk_pin.{state.name.lower()}", serial=asked.store), "warning"))
        elif state is PinState.NOT_TOLD or silent:
            self.add(text(t("desk_pin.untold", serial=asked.store), "quiet"))

    def _offer_keypad(self, digits_only: bool) -> None:
        self.keypad = Keypad(digits_only)
        self.keypad.setVisible(False)
        self.keypad.pressed.connect(self.field.insert)
        self.keypad.erased.connect(self.field.backspace)
        self.keypad_box = wrapped(QCheckBox(t("desk.keypad_show")))
        self.keypad_box.toggled.connect(self.keypad.setVisible)
        self.add(self.keypad_box)
        self.add(self.keypad)

    def first_focus(self) -> QWidget:
        return self.field

    def leave(self) -> None:
        self.field.clear()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt's name
        """No system tells Qt of Caps Lock; a letter that came without Shift, and large, does."""
        if isinstance(event, QKeyEvent) and event.type() is QEvent.Type.KeyPress and event.text().isalpha():
            has_shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self._is_capital = event.text().isascii() and event.text().isupper() is not has_shift
        return super().eventFilter(watched, event)

    def _changed(self, typed: str) -> None:
        """What no medium has a PIN of is told before it could cost a try. A password may be in any letters."""
        is_unfit = self._is_pin and is_full_width(typed)
        self._go.setEnabled(bool(typed) and not is_unfit)
        hint = "full_width" if is_unfit else "caps_lock" if self._is_capital and typed else ""
        self.hint.setVisible(bool(hint))
        self.hint.setText(t(f"desk_pin.{hint}") if hint else "")

    def _done(self) -> None:
        if self._go.isEnabled():
            typed = Secret(self.field.text())
            self.field.clear()
            self._answer(typed)


class NewPassphrasePage(Page):
    """Of an encrypted file that is to be made: twice, since nobody can read what was typed."""

    name = "new_passphrase"

    def __init__(
        self, asked: AskNewPassphrase, answer: Callable[[Secret], object], leave: Callable[[], object]
    ) -> None:
        super().__init__(t("desk_pin.new_file"), t("desk_pin.new_file_lead", shortest=asked.shortest))
        self._answer, self._shortest = answer, asked.shortest
        self.passwords = SecretFields([t("desk_pin.new_password"), t("desk_pin.new_password_again")])
        self.passwords.changed.connect(self._changed)
        self.passwords.complete.connect(self._done)
        self.add(self.passwords)
        self.hint = text("", "warning")
        self.add(self.hint)
        self.add(text(t("desk_pin.new_file_warning"), "quiet"))
        self.finish()
        self.button(t("desk.leave"), leave)
        self._go = self.button(t("desk.go_on"), self._done, primary=True)
        self._changed()

    def first_focus(self) -> QWidget:
        return self.passwords.fields[0]

    def leave(self) -> None:
        self.passwords.clear()

    def _changed(self) -> None:
        first, again = self.passwords.texts
        self._go.setEnabled(len(first) >= self._shortest and first == again)
        self.hint.setText(t("desk_pin.differs"))
        self.hint.setVisible(not first.startswith(again))

    def _done(self) -> None:
        if self._go.isEnabled():
            first, again = self.passwords.take()
            again.wipe()
            self._answer(first)


class FinalTryPage(Page):
    """A yes of its own, before the PIN is even asked for (S5); and which PIN it is (R11)."""

    name = "final_try"

    def __init__(self, asked: AskFinalTry, agree: Callable[[], object], leave: Callable[[], object]) -> None:
        whose = "_officer" if asked.officer else ""
        super().__init__(t(f"desk_pin.final_heading{whose}"))
        self.add(text(t(f"desk_pin.final_try_told{whose}", serial=asked.facts.serial), "warning"))
        self.add(text(t(f"desk_pin.final_advice{whose}")))
        self.finish()
        self.button(t("desk_pin.final_yes"), agree)
        self.button(t("desk_pin.final_no"), leave, primary=True)
