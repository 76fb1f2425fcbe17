"""The four fields that prove who acquires (R9). Two of them are PINs of the bank's, and none is the medium's (R11)."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable

from PySide6.QtWidgets import QLineEdit, QWidget

from tokenmgr.customer.operations import Applicant
from tokenmgr.desk.fields import SecretFields, labelled
from tokenmgr.desk.parts import Page, card, rows, text
from tokenmgr.log import Secret
from tokenmgr.token.pins import is_full_width
from tokenmgr.wiring.words import t


class ApplicantPage(Page):
    name = "applicant"

    def __init__(
        self,
        contract: str,
        user: str,
        answer: Callable[[Applicant], object],
        leave: Callable[[], object],
        told: Iterable[tuple[str, str]] = (),
        is_fixed: bool = False,
        origin: str = "",
    ) -> None:
        """`told`: at which bank, into which store. `is_fixed`: it is for this subscriber alone. `origin`: the site that
        asks; empty where nobody does."""
        super().__init__(t("desk_acquire.heading"), t("desk_acquire.lead"))
        self._answer = answer
        if origin:
            self.add(card(text(t("desk_consent.site"), "quiet"), text(origin, "large")))
        if told := list(told):
            self.add(card(rows(told)))
        self.contract = self._field(t("desk_consent.contract"), contract, is_fixed)
        self.user = self._field(t("desk_consent.user"), user, is_fixed)
        self.pins = SecretFields([t("desk_acquire.login_pin"), t("desk_acquire.confirmation_pin")])
        self.pins.changed.connect(self._changed)
        self.pins.complete.connect(self._done)
        self.add(self.pins)
        self.add(text(t("desk_acquire.not_the_medium"), "quiet"))
        self._warning = text(t("desk_pins.full_width"), "warning")
        self.add(self._warning)
        self.finish()
        self.button(t("desk.back"), leave)
        self._go = self.button(t("desk.agree_acquire"), self._done, primary=True)
        self._changed()

    def first_focus(self) -> QWidget:
        empty = [one for one in (self.contract, self.user) if not one.text()]
        return (empty or self.pins.fields)[0]

    def leave(self) -> None:
        self.pins.clear()

    def _field(self, label: str, value: str, is_fixed: bool) -> QLineEdit:
        made = QLineEdit(value)
        made.setAccessibleName(label)
        made.setMaxLength(64)
        made.setReadOnly(is_fixed and bool(value))
        made.textChanged.connect(self._changed)
        made.returnPressed.connect(made.focusNextChild)
        self.add(labelled(label, made))
        self.add(made)
        return made

    def _changed(self) -> None:
        wide = any(is_full_width(one) for one in self.pins.texts)
        self._warning.setVisible(wide)
        self._go.setEnabled(not wide and all([*map(_plain, (self.contract, self.user)), *self.pins.texts]))

    def _done(self) -> None:
        if not self._go.isEnabled():
            return
        contract, user = _plain(self.contract), _plain(self.user)
        login, confirmation = self.pins.take()

        def pins() -> tuple[Secret, Secret]:
            return login, confirmation

        self._answer(Applicant(contract, user, pins))


def _plain(field: QLineEdit) -> str:
    """As it is on paper, whatever a Japanese keyboard has made of it."""
    return unicodedata.normalize("NFKC", field.text()).strip()
