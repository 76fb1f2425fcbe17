"""Where the new one goes (R5): 専用USB or パソコン, and which. The store of now is marked, another is a person's choice
(S3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtWidgets import QButtonGroup, QRadioButton, QWidget

from tokenmgr.desk.parts import Page, card, text, wrapped
from tokenmgr.wiring.words import t


@dataclass(frozen=True)
class Choice:
    key: str
    label: str
    about: str = ""


class PlacePage(Page):
    name = "place"

    def __init__(
        self,
        heading: str,
        lead: str,
        choices: Sequence[Choice],
        usual: str,
        then: Callable[[str], object],
        back: Callable[[], object],
    ) -> None:
        """`usual`: the one of now; none of the others is ever chosen beforehand."""
        super().__init__(heading, lead)
        self._then = then
        self._group = QButtonGroup(self)
        self.radios: dict[str, QRadioButton] = {}
        for one in choices:
            radio = wrapped(QRadioButton(one.label))
            radio.setAccessibleDescription(one.about)
            self._group.addButton(radio)
            self.radios[one.key] = radio
            self.add(card(radio, *([text(one.about, "quiet")] if one.about else [])))
        self.finish()
        self.button(t("desk.back"), back)
        self._go = self.button(t("desk.go_on"), self._done, primary=True)
        if usual:
            self.radios[usual].setChecked(True)
        self._group.buttonToggled.connect(self._changed)
        self._changed()

    def first_focus(self) -> QWidget:
        checked = self._group.checkedButton()
        return checked if checked else next(iter(self.radios.values()))

    def _changed(self, *_: object) -> None:
        self._go.setEnabled(self._group.checkedButton() is not None)

    def _done(self) -> None:
        self._then(next(key for key, radio in self.radios.items() if radio.isChecked()))


class NoPlacePage(Page):
    """専用USB was chosen, and none is plugged in."""

    name = "no_place"

    def __init__(self, again: Callable[[], object], back: Callable[[], object]) -> None:
        super().__init__(t("desk_place.none"), t("desk_place.none_lead"))
        self.finish()
        self.button(t("desk.back"), back)
        self.button(t("desk_place.look_again"), again, primary=True)
