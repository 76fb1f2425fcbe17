"""It was left before its end (R13): what was kept, and where it goes on."""

from __future__ import annotations

from collections.abc import Callable

from tokenmgr.desk.parts import Page, card, text
from tokenmgr.wiring.words import t


class LeftPage(Page):
    name = "left"

    def __init__(self, medium: str, home: Callable[[], object], close: Callable[[], object]) -> None:
        """`medium`: on which it goes on; empty where that is a store on the PC."""
        super().__init__(t("desk_left.heading"))
        self.add(card(text(t("desk.kept"), "quiet"), text(t("desk_left.kept"))))
        words = t("desk_left.next", serial=medium) if medium else t("desk_left.next_pc")
        self.add(card(text(t("desk.next"), "quiet"), text(words, "large"), role="step"))
        self.finish()
        self.button(t("desk.close"), close)
        self.button(t("desk.home"), home, primary=True)
