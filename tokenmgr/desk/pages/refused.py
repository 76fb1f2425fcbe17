"""The CA has refused: why, what was kept, the way that is open today, and whom to ask (R10, R14)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tokenmgr.desk.parts import Page, card, rows, text
from tokenmgr.desk.troubles import said
from tokenmgr.errors import TokenmgrError
from tokenmgr.wiring.words import t


class RefusedPage(Page):
    name = "refused"

    def __init__(
        self,
        error: TokenmgrError,
        contact: Iterable[tuple[str, str]],
        home: Callable[[], object],
        again: tuple[str, Callable[[], object]] | None = None,
    ) -> None:
        """`contact`: of the bank. `again`: what its button says, and does, where another try may do."""
        words = said(error)
        super().__init__(words["what"])
        self.add(card(text(t("desk.kept"), "quiet"), text(words["kept"])))
        self.add(card(text(t("desk.next"), "quiet"), text(words["next"], "large"), role="step"))
        self.add(card(text(t("desk_acquire.contact"), "quiet"), rows(contact)))
        self.add(text(t("words.error", code=error.code), "small"))
        self.finish()
        self.button(t("desk.home"), home, primary=again is None)
        if again:
            self.button(*again, primary=True)
