"""Renew, go on, rehearse: from home's button to the consent, and from there it is the engine's way."""

from __future__ import annotations

from tokenmgr.clock import japan_time
from tokenmgr.desk.actions import Action, Chosen
from tokenmgr.desk.errands import Errand, Verb
from tokenmgr.desk.flow import Flow
from tokenmgr.desk.pages.consent import ConsentPage
from tokenmgr.wiring.places import Where, by_name
from tokenmgr.wiring.words import language, t

VERBS = {Action.RENEW: Verb.RENEW, Action.RESUME: Verb.RESUME, Action.REHEARSE: Verb.REHEARSE}


def begins(flow: Flow, chosen: Chosen) -> None:
    verb, store, row = VERBS[chosen.action], chosen.store, chosen.row
    if store is None or (row is None and verb is not Verb.RESUME):  # what was begun may show nothing without a PIN
        return
    whose, facts = (row.held.whose, row.item.facts) if row else (None, None)
    number = f"{facts.serial_number:x}" if facts and verb is not Verb.RESUME else ""
    errand = Errand(verb, by_name(store.look.name, Where()), bank=whose.bank if whose else None, certificate=number)
    told = [(t("labels.store"), t("desk.in_store", serial=store.look.name))]
    if facts:
        told = [
            (t("labels.subject"), facts.subject),
            (t("labels.serial_number"), f"{facts.serial_number:x}"),
            (t("labels.valid_until"), japan_time(facts.not_after, language())),
            *told,
        ]
    flow.show(ConsentPage(told, lambda: flow.start(errand), flow.home, verb=verb.value))
