"""Something is done, and that is what there is to say."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from tokenmgr.desk.parts import Page
from tokenmgr.wiring.words import t


class SaidPage(Page):
    name = "said"

    def __init__(self, heading: str, lead: str, home: Callable[[], object], *more: QWidget) -> None:
        super().__init__(heading, lead)
        for widget in more:
            self.add(widget)
        self.finish()
        self.button(t("desk.home"), home, primary=True)
