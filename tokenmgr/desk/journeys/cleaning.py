"""Clean up: what would go and what stays, each with why; one consent; what went, and what the store did not let go."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from tokenmgr import clock
from tokenmgr.clock import japan_time
from tokenmgr.customer.cleaning import Listed, Refused, listed, removed
from tokenmgr.customer.holdings import Item
from tokenmgr.customer.profiles import profiles
from tokenmgr.customer.status import Seen as Store
from tokenmgr.desk.actions import Chosen
from tokenmgr.desk.flow import Flow
from tokenmgr.desk.journeys import which
from tokenmgr.desk.pages.lists import Line, ListPage, Part
from tokenmgr.desk.person import Answer, AskOnPage, AtDesk, Leave
from tokenmgr.desk.troubles import said
from tokenmgr.desk.words import holder
from tokenmgr.domain.status import Place, Why
from tokenmgr.renewal.cleanup import Decided, Kept
from tokenmgr.wiring import places, stores
from tokenmgr.wiring.glimpse import glimpse
from tokenmgr.wiring.libraries import settings
from tokenmgr.wiring.places import Where
from tokenmgr.wiring.words import language, t

Decisions = Sequence[tuple[Item, Decided]]


@dataclass(frozen=True)
class Cleaned:
    gone: Sequence[Item]
    refused: Refused
    kept: Decisions
    warnings: Sequence[str]


def begins(flow: Flow, chosen: Chosen) -> None:
    which.medium(flow, chosen, functools.partial(_begins, flow))


def _begins(flow: Flow, store: Store) -> None:
    shown = which.in_words(store)
    job = functools.partial(_clean, store.look.name, _successors(flow, store), shown)
    flow.run(job, t("desk_clean.looking"), functools.partial(_cleaned, flow, store), steps=())


def _successors(flow: Flow, store: Store) -> str:
    """Of the store that is here too and has what replaces something on this one: it has to be opened with it (S2)."""
    moved = {row.held.whose for row in store.rows if row.judged.why is Why.MOVED}
    for other in flow.seen.looked.found.stores if flow.seen and flow.seen.looked and moved else ():
        if other is not store and any(
            row.held.whose in moved and row.judged.place is Place.CURRENT for row in other.rows
        ):
            return other.look.name
    return ""


def _clean(name: str, successors: str, shown: str, person: AtDesk) -> Cleaned:
    banks = profiles(settings().bank_folder)
    with ExitStack() as stack:
        at, *others = (
            stack.enter_context(stores.opened(places.by_name(one, Where()), None, person)).store
            for one in filter(None, (name, successors))
        )
        found = listed(at, banks.known, settings().journal_folder, glimpse, clock.now, *others)
        warnings = _warnings(found)
        if not found.removable:
            return Cleaned([], [], found.kept, warnings)
        person.ask(AskOnPage(functools.partial(_page, found.removable, found.kept, shown, warnings)))
        gone, refused = removed(found, clock.now())
    return Cleaned(gone, refused, found.kept, warnings)


def _page(
    removable: Decisions, kept: Decisions, shown: str, warnings: Sequence[str], answer: Answer, leave: Leave
) -> ListPage:
    parts = [Part(t("desk_clean.would_go"), _lines(removable)), Part(t("desk_clean.stays"), _lines(kept))]
    agree = t("desk_clean.agree"), lambda: answer(True)
    lead = t("desk_clean.lead", store=shown, count=len(removable))
    return ListPage(t("desk_clean.heading"), lead, parts, leave, agree, warnings)


def _cleaned(flow: Flow, store: Store, found: object) -> None:
    assert isinstance(found, Cleaned)  # noqa: S101  that is what the job returns
    flow.show(lambda: _result(flow, store, found))


def _result(flow: Flow, store: Store, found: Cleaned) -> ListPage:
    heading = "done" if found.gone else "refused_all" if found.refused else "nothing"
    refused = [Line(_named(one), said(error)["what"], "warning") for one, error in found.refused]
    parts = [
        Part(t("desk_clean.went"), [Line(_named(one), "") for one in found.gone]),
        Part(t("desk_clean.refused"), refused),
        Part(t("desk_clean.stays"), _lines(found.kept)),
    ]
    shown = which.in_words(store)
    return ListPage(t(f"desk_clean.{heading}"), shown, parts, flow.home, warnings=found.warnings)


def _warnings(found: Listed) -> list[str]:
    silent = [t("desk_clean.silent", bank=one.profile.name) for one in found.asked if one.error]
    return [*silent, *([t("desk_clean.unfinished_first")] if found.is_unfinished else [])]


def _lines(those: Decisions) -> list[Line]:
    """Without the CA's own: nobody has asked for those, and nobody misses them."""
    shown = [(one, why.reason) for one, why in those if why.reason is not Kept.AUTHORITY]
    return [Line(_named(one), t(f"desk_clean.{reason.value.replace('-', '_')}")) for one, reason in shown]


def _named(one: Item) -> str:
    if one.facts is None:
        return t("desk_clean.key" if one.has_key else "desk_clean.damaged")
    until = japan_time(one.facts.not_after, language())
    return t("desk_clean.certificate", holder=holder(one.facts), until=until)
