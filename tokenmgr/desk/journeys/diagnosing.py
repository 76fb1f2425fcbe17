"""What is wrong with this computer, for a person; and with a medium, key by key."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from tokenmgr import clock, diagnostics
from tokenmgr.clock import japan_time
from tokenmgr.customer.status import Seen as Store
from tokenmgr.desk.actions import Action, Chosen
from tokenmgr.desk.flow import Flow
from tokenmgr.desk.journeys import which
from tokenmgr.desk.pages.diagnosis import DiagnosisPage
from tokenmgr.desk.pages.lists import Line, ListPage, Part
from tokenmgr.desk.pages.said import SaidPage
from tokenmgr.desk.person import AtDesk
from tokenmgr.desk.words import holder
from tokenmgr.diagnostics import Probe
from tokenmgr.token.checkup import Checkup
from tokenmgr.wiring import checking, places, probing, stores
from tokenmgr.wiring.places import Where
from tokenmgr.wiring.words import language, t, texts


def begins(flow: Flow, chosen: Chosen) -> None:
    """A medium that was chosen is what is to be looked into."""
    if chosen.store:
        _check(flow, chosen.store)
    else:
        flow.run(lambda _: probing.probes(None), t("desk_doctor.looking"), functools.partial(_show, flow), steps=())


# --- this computer ---


def _show(flow: Flow, found: object) -> None:
    assert isinstance(found, list)  # noqa: S101  that is what the job returns
    flow.show(lambda: _page(flow, found))


def _page(flow: Flow, found: list[Probe]) -> DiagnosisPage:
    told = [_line(one) for one in sorted(found, key=_gravest_first) if one.state != "ok" and _matters(one)]
    is_fine = all(one.state != "problem" for one in found)
    names = dict.fromkeys(one.name for one in found if one.state == "ok")
    fine = [Line(t(f"desk_doctor.{name}"), "") for name in names if not _is_wrong(name, found)]
    check = functools.partial(begins_check, flow)
    save = functools.partial(_save, flow, found)
    code = diagnostics.code(found, flow.last_error)
    suggested = t("desk_doctor.file_name", day=f"{clock.now():%Y%m%d}")
    return DiagnosisPage(is_fine, told, fine, code, save, check, flow.home, suggested)


def _gravest_first(one: Probe) -> bool:
    return one.state != "problem"


def _matters(one: Probe) -> bool:
    """A library that nobody needs here is no news, nor what needs nothing done."""
    return one.state == "problem" or bool(_advice(one))


def _is_wrong(name: str, found: Sequence[Probe]) -> bool:
    return any(one.name == name and one.state == "problem" for one in found)


def _line(one: Probe) -> Line:
    return Line(t(f"desk_doctor.{one.name}"), _advice(one))


def _advice(one: Probe) -> str:
    """The next step in words that name no command: where it has one, ours are beside it."""
    own = f"desk_doctor_next.{one.next.replace('-', '_')}"
    if texts().has(own):
        return t(own)
    return one.advice or (t(f"doctor_next.{one.next}") if one.next else "")


def _save(flow: Flow, found: list[Probe], place: Path) -> None:
    def saved(_: object) -> None:
        flow.show(lambda: SaidPage(t("desk_doctor.saved"), str(place), flow.home))

    flow.run(lambda _: probing.save(found, place), t("desk_doctor.saving"), saved, steps=())


# --- a medium ---


def begins_check(flow: Flow) -> None:
    which.medium(flow, Chosen(Action.DIAGNOSE), functools.partial(_check, flow))


def _check(flow: Flow, store: Store) -> None:
    job = functools.partial(_checkup, store.look.name)
    flow.run(job, t("desk_check.looking"), functools.partial(_checked, flow, store), steps=())


def _checkup(name: str, person: AtDesk) -> Checkup:
    with stores.opened(places.by_name(name, Where()), None, person) as at:
        return checking.checkup(at.store, clock.now())


def _checked(flow: Flow, store: Store, found: object) -> None:
    assert isinstance(found, Checkup)  # noqa: S101  that is what the job returns
    flow.show(lambda: _findings(flow, store, found))


def _findings(flow: Flow, store: Store, found: Checkup) -> ListPage:
    lines, told = [], set()
    for credential in found.credentials:
        key_id, facts = credential.key.key_id.hex(), credential.facts
        about = [one for one in found.findings if one.subject == key_id]
        told.add(key_id)
        until = japan_time(facts.not_after, language()) if facts else ""
        name = t("desk_clean.certificate", holder=holder(facts), until=until) if facts else t("desk_clean.key")
        worst = "bad" if any(one.grave for one in about) else "quiet"
        said = [t(f"findings.{one.code}") for one in about]
        lines.append(Line(name, "\n".join(said) or t("desk_check.good"), worst if said else "good"))
    others = [one for one in found.findings if one.subject not in told]
    lines += [Line(t(f"findings.{one.code}"), "", "bad" if one.grave else "") for one in others]
    heading = t("desk_check.problems", count=len(found.problems)) if found.problems else t("desk_check.fine")
    return ListPage(heading, which.in_words(store), [Part(t("desk_check.found"), lines)], flow.home)
