"""Who acquires (R9): the IDs, and the two PINs of the login, which are no medium's (R11)."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QLineEdit, QWidget

from tokenmgr.customer.operations import Applicant
from tokenmgr.desk.parts import Page, text
from tokenmgr.log import Secret
from tokenmgr.wiring.words import t

FIELDS = ("contract", "user", "login", "confirmation")


class ApplicantPage(Page):
    name = "applicant"

    def __init__(
        self, contract: str, user: str, answer: Callable[[Applicant], object], leave: Callable[[], object]
    ) -> None:
        super().__init__(t("desk_applicant.heading"), t("desk_applicant.lead"))
        self._answer = answer
        self.fields = {name: self._field(name) for name in FIELDS}
        for name, known in (("contract", contract), ("user", user)):
            self.fields[name].setText(known)
        for name in FIELDS[2:]:
            self.fields[name].setEchoMode(QLineEdit.EchoMode.Password)
        self.finish()
        self.button(t("desk.leave"), leave)
        self._go = self.button(t("desk.go_on"), self._done, primary=True)
        self._changed()

    def _field(self, name: str) -> QLineEdit:
        label, made = text(t(f"desk_applicant.{name}"), "quiet"), QLineEdit()
        label.setBuddy(made)
        made.setAccessibleName(label.text())
        made.textChanged.connect(self._changed)
        made.returnPressed.connect(self._done)
        self.add(label)
        self.add(made)
        return made

    def first_focus(self) -> QWidget:
        return next((one for one in self.fields.values() if not one.text()), self.fields["login"])

    def leave(self) -> None:
        for name in FIELDS[2:]:
            self.fields[name].clear()

    def _changed(self, _typed: str = "") -> None:
        if hasattr(self, "_go"):
            self._go.setEnabled(all(one.text() for one in self.fields.values()))

    def _done(self) -> None:
        if not self._go.isEnabled():
            return
        contract, user, login, confirmation = (self.fields[name].text() for name in FIELDS)
        pins = Secret(login), Secret(confirmation)
        self.leave()
        self._answer(Applicant(contract, user, lambda: pins))
