"""The completion page (R7): what there is now, and where, in words that are true of the store; and what a browser
needs, which goes on presenting the old certificate until it is closed."""

from __future__ import annotations

from collections.abc import Callable

from tokenmgr.clock import japan_time
from tokenmgr.customer.operations import Outcome, Rehearsed
from tokenmgr.desk.actions import Action
from tokenmgr.desk.contents import of_holder
from tokenmgr.desk.parts import Page, beside, button, card, rows, text
from tokenmgr.desk.words import in_words, named
from tokenmgr.wiring.places import is_on_pc
from tokenmgr.wiring.words import language, t


class DonePage(Page):
    name = "done"

    def __init__(
        self,
        outcome: Outcome | Rehearsed,
        home: Callable[[], object],
        close: Callable[[], object],
        contents: Callable[[], object],
    ) -> None:
        what = "rehearsed" if isinstance(outcome, Rehearsed) else outcome.operation
        super().__init__(t(f"desk.done_{what}"))
        facts, store = outcome.certificate, outcome.store.name
        until = japan_time(facts.not_after, language())
        told = [
            *of_holder(facts),
            (t("labels.serial_number"), f"{facts.serial_number:x}"),
            (t("labels.valid_from"), japan_time(facts.not_before, language())),
            (t("labels.valid_until"), until),
            (t("labels.store"), in_words(store)),
        ]
        told += [] if is_on_pc(store) else [(t("labels.serial"), store)]
        if isinstance(outcome, Rehearsed):
            self._rehearsed(outcome)
            self.add(text(t("desk_done.of_now"), "quiet"))
        self.add(card(rows(told)))
        if not isinstance(outcome, Rehearsed):
            self.add(card(text(t("desk_done.browser"), "large"), text(t("desk_done.login", serial=store, until=until))))
        self.add(beside(button(named(Action.CONTENTS), contents)))
        self.finish()
        self.button(t("desk.home"), home)
        self.button(t("desk.close"), close, primary=True)

    def _rehearsed(self, outcome: Rehearsed) -> None:
        """That the store is as it was is said only where a look at it has shown so."""
        self.add(text(t("desk_done.rehearsed")))
        word = "as_it_was" if outcome.is_as_it_was else "not_as_it_was"
        self.add(text(t(f"desk_done.{word}", serial=outcome.store.name)))
