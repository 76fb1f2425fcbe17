"""A bank's page asks for something, and the medium that it is about is not here yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tokenmgr.desk.parts import Page, card, rows, text
from tokenmgr.desk.seeing import Seen
from tokenmgr.wiring.words import t


class AwaitedPage(Page):
    name = "awaited"

    def __init__(
        self,
        origin: str,
        told: Iterable[tuple[str, str]],
        leads_on: Callable[[Seen], object],
        leave: Callable[[], object],
    ) -> None:
        """`leads_on` is asked with each look: it goes on by itself as soon as the medium is plugged in."""
        super().__init__(t("desk_handed.awaited"))
        self.tell = leads_on
        self.add(card(text(t("desk_consent.site"), "quiet"), text(origin, "large")))
        self.add(card(rows(told)))
        self.add(card(text(t("desk.next"), "quiet"), text(t("desk_handed.insert"), "large"), role="step"))
        self.finish()
        self.button(t("desk_handed.decline"), leave)
