"""Acquire (R9): which bank, which store, the four fields; and where the CA refuses, the way that is open (R10, R14)."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtWidgets import QWidget

from tokenmgr.customer.operations import Applicant, Outcome, Rehearsed
from tokenmgr.customer.profiles import Profile, profiles
from tokenmgr.customer.status import Seen as Store
from tokenmgr.desk import errands
from tokenmgr.desk.actions import Action, Chosen
from tokenmgr.desk.errands import Errand, Verb
from tokenmgr.desk.flow import Flow
from tokenmgr.desk.journeys import which
from tokenmgr.desk.pages.applicant import ApplicantPage
from tokenmgr.desk.pages.choice import ChoicePage, Option, link
from tokenmgr.desk.pages.refused import RefusedPage
from tokenmgr.desk.person import AtDesk
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.holding import Whose
from tokenmgr.domain.policy import Way
from tokenmgr.errors import ClaimNotAccepted, NotPermittedNow, ProfileMissing, RegistrationError
from tokenmgr.keystore import nss
from tokenmgr.renewal.authority import Offer
from tokenmgr.wiring import places
from tokenmgr.wiring.glimpse import glimpse
from tokenmgr.wiring.libraries import settings
from tokenmgr.wiring.places import Where
from tokenmgr.wiring.words import t


@dataclass(frozen=True)
class At:
    """A bank, what it offers today, and the places on this PC by name."""

    profile: Profile
    offer: Offer
    on_pc: Sequence[str]


def begins(flow: Flow, chosen: Chosen) -> None:
    whose = chosen.row.held.whose if chosen.row else None
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


def _on_pc() -> list[str]:
    """That are there: none is made by the way."""
    found = [one.nick for one in nss.databases(settings().user_home)]
    path = places.file_named(places.FILE)
    return [*found, *([places.FILE] if path and path.exists() else []), *places.chips()]


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
    options += [_pc_option(name, functools.partial(_into_pc, flow, at, chosen, name)) for name in on_pc]
    heading = t("desk_acquire.which_store") if options else t("desk_acquire.no_store")
    lead = "" if media or not takes_media else t("desk.nothing_plugged")
    more = _for_who_has_none(at.offer) if takes_media and not media else []
    again = functools.partial(_store, flow, chosen, at)
    page = ChoicePage(heading, lead, options, flow.home, *more)
    if not media and takes_media:
        page.button(t("desk_acquire.plugged_now"), again, primary=not options)
    flow.show(page)


def _pc_option(name: str, then: functools.partial[None]) -> Option:
    return Option(t("desk_acquire.on_pc", name=_pc_in_words(name)), t("desk_acquire.on_pc_about"), then)


def _pc_in_words(name: str) -> str:
    kind = "file" if name == places.FILE else name.partition(":")[0]
    return t(f"desk_acquire.pc_{kind}") if kind in ("file", "firefox", "chromium", "tpm") else name


def _for_who_has_none(offer: Offer) -> list[QWidget]:
    """R8: a first medium is applied for at the bank."""
    return [link(t("desk_acquire.media_page"), offer.media_page)] if offer.media_page else []


# --- who ---


def _into(flow: Flow, at: At, chosen: Chosen, store: Store) -> None:
    whose = _known(at.profile, chosen, store)
    _fields(flow, at, places.by_name(store.look.name, Where()), which.in_words(store), whose)


def _into_pc(flow: Flow, at: At, chosen: Chosen, name: str) -> None:
    shown = t("desk_acquire.on_pc", name=_pc_in_words(name))
    _fields(flow, at, Where(pc=name), shown, _known(at.profile, chosen, None))


def _fields(flow: Flow, at: At, where: Where, shown: str, known: Whose | Applicant | None) -> None:
    """The button is the consent: at which bank and into which store stands above it."""
    told = [(t("desk_acquire.bank"), at.profile.name), (t("labels.store"), shown)]

    def go(applicant: Applicant) -> None:
        errand = Errand(Verb.ACQUIRE, where, bank=at.profile.code, applicant=applicant)
        retry = functools.partial(_fields, flow, at, where, shown, applicant)
        then = functools.partial(_ended, flow, at, retry)
        flow.run(functools.partial(_acquire, errand), t("desk.doing_acquire"), then, medium=where.serial or "")

    contract, user = (known.contract, known.user) if known else ("", "")
    flow.show(ApplicantPage(contract, user, go, flow.home, told))


def _known(profile: Profile, chosen: Chosen, store: Store | None) -> Whose | None:
    """Whoever the chosen certificate is of, or the only one of this bank on the store."""
    if chosen.row and chosen.row.held.whose:
        return chosen.row.held.whose
    found = {row.held.whose for row in store.rows if row.held.whose} if store else set()
    of_bank = [one for one in found if one.bank == profile.code]
    return of_bank[0] if len(of_bank) == 1 else None


# --- and what comes of it ---


def _acquire(errand: Errand, person: AtDesk) -> Outcome | Rehearsed | RegistrationError:
    """A refusal is an answer: what to do is the page's to say, with the bank to turn to."""
    try:
        return errands.run(errand, person)
    except RegistrationError as error:
        if error.retriable:
            raise
        return error


def _ended(flow: Flow, at: At, retry: functools.partial[None], found: object) -> None:
    if not isinstance(found, RegistrationError):
        flow.done(found)
        return
    flow.last_error = found.code
    again = None
    if isinstance(found, ClaimNotAccepted) and found.tries_left:
        again = retry
    elif isinstance(found, NotPermittedNow) and found.way == Way.OTHER_STORE.value:
        again = functools.partial(_store, flow, Chosen(Action.ACQUIRE), at)
    contact = [(at.offer.name, at.offer.contact or t("desk_which.your_branch"))]
    flow.show(RefusedPage(found, contact, flow.home, again))
