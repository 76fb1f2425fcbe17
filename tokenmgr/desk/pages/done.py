"""The completion page (R7): what there is now, and where. A word that is true of the store."""

from __future__ import annotations

from collections.abc import Callable

from tokenmgr.clock import japan_time
from tokenmgr.customer.operations import Outcome, Rehearsed
from tokenmgr.desk.parts import Page, card, rows, text
from tokenmgr.wiring.words import language, t


class DonePage(Page):
    name = "done"

    def __init__(self, outcome: Outcome | Rehearsed, home: Callable[[], object], close: Callable[[], object]) -> None:
        what = "rehearsed" if isinstance(outcome, Rehearsed) else outcome.operation
        super().__init__(t(f"desk.done_{what}"))
        facts = outcome.certificate
        told = [
            (t("labels.serial_number"), f"{facts.serial_number:x}"),
            (t("labels.subject"), facts.subject),
            (t("labels.valid_from"), japan_time(facts.not_before, language())),
            (t("labels.valid_until"), japan_time(facts.not_after, language())),
            (t("labels.store"), t("desk.in_store", serial=outcome.store.name)),
        ]
        self.add(card(rows(told)))
        self.add(text(t("desk.done_login"), "quiet"))
        self.finish()
        self.button(t("desk.home"), home)
        self.button(t("desk.close"), close, primary=True)
