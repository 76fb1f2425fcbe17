"""A new PIN, twice, and what proves that it may be set: the old one, or the officer's. The rules are shown while it is
typed; what they are is not this page's to know."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtWidgets import QLabel, QWidget

from tokenmgr.desk import style
from tokenmgr.desk.fields import SecretFields
from tokenmgr.desk.parts import Page, card, text
from tokenmgr.log import Secret
from tokenmgr.wiring.words import t

Holds = Callable[[bytes | bytearray], bool]
Rules = Mapping[str, Holds]  # in words -> whether a PIN is so


class NewPinPage(Page):
    name = "new_pin"

    def __init__(
        self,
        words: Mapping[str, str],
        rules: Rules,
        answer: Callable[[tuple[Secret, Secret]], object],
        leave: Callable[[], object],
        old_rules: Rules | None = None,
        warning: str = "",
    ) -> None:
        """`words`: heading, lead, old, new, again. `old_rules`: what cannot be right is not sent: it would count."""
        super().__init__(words["heading"], words["lead"])
        self._answer, self._rules, self._old_rules = answer, rules, old_rules or {}
        if warning:
            self.add(text(warning, "warning"))
        self.pins = SecretFields([words["old"], words["new"], words["again"]])
        self.pins.changed.connect(self._changed)
        self.pins.complete.connect(self._done)
        self.add(self.pins)
        self._old_note = text("", "warning")
        self.add(self._old_note)
        self._notes = {words_of: text("", "quiet") for words_of in [*rules, t("desk_pins.same")]}
        self.add(card(text(t("desk_pins.rules"), "quiet"), *self._notes.values()))
        self.finish()
        self.button(t("desk.leave"), leave)
        self._go = self.button(t("desk_pins.set"), self._done, primary=True)
        self._changed()

    def first_focus(self) -> QWidget:
        return self.pins.fields[0]

    def leave(self) -> None:
        self.pins.clear()

    def _changed(self) -> None:
        old, new, again = self.pins.texts
        kept = {words: bool(new) and holds(new.encode()) for words, holds in self._rules.items()}
        kept[t("desk_pins.same")] = bool(new) and new == again
        for words, is_kept in kept.items():
            _show(self._notes[words], words, is_kept)
        wrong = [words for words, holds in self._old_rules.items() if old and not holds(old.encode())]
        self._old_note.setText("\n".join(t("desk_pins.cannot_be", rule=words) for words in wrong))
        self._old_note.setVisible(bool(wrong))
        self._go.setEnabled(bool(old) and not wrong and all(kept.values()))

    def _done(self) -> None:
        if self._go.isEnabled():
            old, new, again = self.pins.take()
            again.wipe()
            self._answer((old, new))


def _show(label: QLabel, words: str, is_kept: bool) -> None:
    label.setText(f"{'✓' if is_kept else '・'}  {words}")
    label.setAccessibleName(t("desk_pins.rule_kept" if is_kept else "desk_pins.rule_open", rule=words))
    style.mark(label, "good" if is_kept else "quiet")
