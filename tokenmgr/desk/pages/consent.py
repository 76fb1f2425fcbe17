"""One clear consent (R6): which bank's site asks, for whose certificate, on which medium."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tokenmgr.desk.parts import Page, card, rows, text
from tokenmgr.wiring.words import t, texts


class ConsentPage(Page):
    name = "consent"

    def __init__(
        self,
        told: Iterable[tuple[str, str]],
        agree: Callable[[], object],
        back: Callable[[], object],
        origin: str = "",
        verb: str = "renew",
    ) -> None:
        """`told`: what will be done, as names and values. `origin`: the site that asks; empty where nobody does."""
        super().__init__(t(f"desk.consent_{verb}"), t(f"desk_consent.lead_{verb}"))
        if origin:
            self.add(card(text(t("desk_consent.site"), "quiet"), text(origin, "large")))
        self.add(card(rows(told)))
        self.add(text(t(f"desk_consent.safe_{verb}"), "quiet"))
        self.finish()
        self.button(t("desk.back"), back)
        label = t(f"desk.agree_{verb}") if texts().has(f"desk.agree_{verb}") else t(f"desk_next.{verb}")
        self.button(label, agree, primary=True)
