"""Something to know, and the way home."""

from __future__ import annotations

from collections.abc import Callable

from tokenmgr.desk.parts import Page, card, text
from tokenmgr.wiring.words import t


class NoticePage(Page):
    name = "notice"

    def __init__(self, heading: str, words: str, home: Callable[[], object]) -> None:
        super().__init__(heading)
        self.add(card(text(words)))
        self.finish()
        self.button(t("desk.home"), home, primary=True)
