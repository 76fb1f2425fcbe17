"""What happened, what was kept, the next step (R14, R15); a button that goes on from where it stood."""

from __future__ import annotations

from collections.abc import Callable

from tokenmgr.desk.parts import Page, card, text
from tokenmgr.errors import TokenmgrError
from tokenmgr.wiring.words import t, texts


class TroublePage(Page):
    name = "trouble"

    def __init__(self, error: TokenmgrError, home: Callable[[], object], again: Callable[[], object] | None) -> None:
        """`again` where the same errand may succeed once the next step is done: what was begun goes on."""
        words = texts().error(error)
        super().__init__(words["what"])
        self.add(card(text(t("desk.kept"), "quiet"), text(words["kept"])))
        self.add(card(text(t("desk.next"), "quiet"), text(words["next"], "large")))
        self.add(text(t("words.error", code=error.code), "small"))
        self.finish()
        self.button(t("desk.home"), home, primary=again is None)
        if again:
            self.button(t("desk.again"), again, primary=True)
