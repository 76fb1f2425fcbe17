"""Acquire (R9): which bank, which store, the four fields; anew where the CA refuses what was typed (R10, R14)."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtWidgets import QWidget

from tokenmgr.customer.operations import Applicant
from tokenmgr.customer.profiles import Profile, profiles
from tokenmgr.customer.status import Seen as Store
from tokenmgr.desk import choosing, errands
from tokenmgr.desk.actions import Action, Chosen
from tokenmgr.desk.choosing import Place
from tokenmgr.desk.errands import Errand, Verb
from tokenmgr.desk.flow import Flow
from tokenmgr.desk.journeys import which
from tokenmgr.desk.pages.applicant import ApplicantPage
from tokenmgr.desk.pages.choice import ChoicePage, Option, link
from tokenmgr.desk.words import labelled, promise
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.holding import Whose
from tokenmgr.errors import ProfileMissing
from tokenmgr.renewal.authority import Offer
from tokenmgr.wiring import places
from tokenmgr.wiring.glimpse import glimpse
from tokenmgr.wiring.libraries import settings
from tokenmgr.wiring.places import Where, by_name
from tokenmgr.wiring.words import t


@dataclass(frozen=True)
class At:
    """A bank, what it offers today, and the places on this PC by name."""

    profile: Profile
    offer: Offer
    on_pc: Sequence[Place]


def begins(flow: Flow, chosen: Chosen) -> None:
    whose = _meant(chosen)
    _bank(flow, chosen, whose.bank if whose else None)


def _bank(flow: Flow, chosen: Chosen, code: str | None) -> None:
    then = functools.partial(_asked, flow, chosen)
    flow.run(lambda _: _look(code), t("desk_acquire.asking"), then, steps=())


def _look(code: str | None) -> At | list[Profile]:
    """Several banks, or what the only one offers."""
    known = profiles(settings().bank_folder).named(code)
    if not known:
        raise ProfileMissing(bank=code, folder=str(settings().bank_folder))
    if len(known) > 1:
        return known
    with glimpse(known[0]) as authority:
        offer = authority.offer()
    return At(known[0], offer, _on_pc() if StoreKind.PC.value in offer.stores else [])


def _on_pc() -> list[Place]:
    """That are there: none is made by the way."""
    return [one for one in choosing.on_pc() if one.is_made]


def _asked(flow: Flow, chosen: Chosen, found: object) -> None:
    if isinstance(found, At):
        _store(flow, chosen, found)
    elif isinstance(found, list):
        options = [Option(one.name, "", functools.partial(_bank, flow, chosen, one.code)) for one in found]
        flow.show(ChoicePage(t("desk_acquire.which_bank"), "", options, flow.home))


# --- which store ---


def _store(flow: Flow, chosen: Chosen, at: At) -> None:
    """The only medium that is plugged in, where the PC is no choice: the PC is always the customer's own (S3)."""
    takes_media = StoreKind.MEDIUM.value in at.offer.stores
    media = which.media(flow) if takes_media else []
    given = chosen.store
    if given and (at.on_pc if given.look.is_on_pc else takes_media):
        media, on_pc = [given], []
    else:
        on_pc = [*at.on_pc]
    into = functools.partial(_into, flow, at, chosen)
    if len(media) == 1 and not on_pc:
        into(media[0])
        return
    options = [which.option(one, into) for one in media]
    options += [_pc_option(one, functools.partial(_into_pc, flow, at, chosen, one)) for one in on_pc]
    heading = t("desk_place.heading") if options else t("desk_acquire.no_store")
    lead = "" if media or not takes_media else t("desk.nothing_plugged")
    more = _for_who_has_none(at.offer) if takes_media and not media else []
    again = functools.partial(_store, flow, chosen, at)
    page = ChoicePage(heading, lead, options, flow.home, *more)
    if not media and takes_media:
        page.button(t("desk_acquire.plugged_now"), again, primary=not options)
    flow.show(page)


def _pc_option(place: Place, then: functools.partial[None]) -> Option:
    return Option(labelled(place.name, place.label), promise(place.name), then)


def _for_who_has_none(offer: Offer) -> list[QWidget]:
    """R8: a first medium is applied for at the bank."""
    return [link(t("desk_acquire.media_page"), offer.media_page)] if offer.media_page else []


# --- who ---


def _into(flow: Flow, at: At, chosen: Chosen, store: Store) -> None:
    whose = _known(at.profile, chosen, store)
    _fields(flow, at, chosen, places.by_name(store.look.name, Where()), which.in_words(store), whose)


def _into_pc(flow: Flow, at: At, chosen: Chosen, place: Place) -> None:
    _fields(
        flow,
        at,
        chosen,
        by_name(place.name, Where()),
        labelled(place.name, place.label),
        _known(at.profile, chosen, None),
    )


def _fields(flow: Flow, at: At, chosen: Chosen, where: Where, shown: str, known: Whose | Applicant | None) -> None:
    """The button is the consent: which site asks, at which bank and into which store stands above it (R6)."""
    told = [(t("desk_consent.bank"), at.profile.name), (t("labels.store"), shown)]
    help_at = [t("desk.help_bank", name=at.offer.name, contact=at.offer.contact or t("desk_which.your_branch"))]

    def go(applicant: Applicant) -> None:
        errand = Errand(Verb.ACQUIRE, where, bank=at.profile.code, applicant=applicant)
        anew = functools.partial(_fields, flow, at, chosen, where, shown, applicant)
        job, medium = functools.partial(errands.run, errand), where.serial or ""
        doing, ways = t("desk.doing_acquire"), {Action.ACQUIRE: anew}
        flow.run(job, doing, flow.done, medium=medium, ways=ways, help_at=help_at)

    contract, user = (known.contract, known.user) if known else ("", "")
    is_fixed = chosen.whose is not None
    flow.show(ApplicantPage(contract, user, go, flow.home, told, is_fixed=is_fixed, origin=chosen.origin))


def _known(profile: Profile, chosen: Chosen, store: Store | None) -> Whose | None:
    """Who is meant, or the chosen certificate is of, or the only one of this bank on the store."""
    if whose := _meant(chosen):
        return whose
    found = {row.held.whose for row in store.rows if row.held.whose} if store else set()
    of_bank = [one for one in found if one.bank == profile.code]
    return of_bank[0] if len(of_bank) == 1 else None


def _meant(chosen: Chosen) -> Whose | None:
    return chosen.whose or (chosen.row.held.whose if chosen.row else None)
