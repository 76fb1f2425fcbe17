"""A PIN that its holder cannot set: who can, what that needs, and what stays."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tokenmgr.desk.parts import Page, card, rows, text
from tokenmgr.wiring.words import t


class UnblockingPage(Page):
    name = "unblocking"

    def __init__(
        self,
        heading: str,
        store: str,
        unblock: str,
        contact: Iterable[tuple[str, str]],
        home: Callable[[], object],
        here: Callable[[], object] | None,
    ) -> None:
        """`unblock`: as the medium's family has it. `here`: for the bank's staff, where its officer can do it here."""
        super().__init__(heading, t(f"desk_unblock.who_{unblock}"))
        for part in ("needed", "stays"):
            lines = text(t(f"desk_unblock.{part}"), "quiet"), text(t(f"desk_unblock.{part}_{unblock}", store=store))
            self.add(card(*lines))
        self.add(card(text(t("desk_acquire.contact"), "quiet"), rows(contact)))
        self.finish()
        if here:
            self.button(t("desk_unblock.here"), here)
        self.button(t("desk.home"), home, primary=True)
