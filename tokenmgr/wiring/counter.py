"""Where an operation's objects are wired: settings -> bank and stores -> the counter (customer/operations.py)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

from tokenmgr import clock
from tokenmgr.customer.choosing import of_serial
from tokenmgr.customer.hooks import Hooks
from tokenmgr.customer.operations import Counter
from tokenmgr.customer.profiles import Banks, Profile, profiles
from tokenmgr.domain.credential import Credential
from tokenmgr.errors import (
    BankNotNamed,
    Cancelled,
    LeftForLater,
    MediumNotFound,
    NoMedium,
    PcStoreMissing,
    ProfileMissing,
    ProfileWrong,
    ReaderEmpty,
    SameStore,
    SourceMissing,
)
from tokenmgr.renewal.authority import Authority, Pause
from tokenmgr.renewal.journal import RENEWAL, SOURCE, STORE, begun, heading_of, unfinished
from tokenmgr.renewal.ports import StorePort
from tokenmgr.renewal.recovery import (
    Meant,
    heading_here,
    headings_here,
    is_a_banks,
    meant_for,
    of_banks,
    pending,
    whose,
)
from tokenmgr.wiring import places, stores
from tokenmgr.wiring.libraries import settings
from tokenmgr.wiring.person import Person, Screen
from tokenmgr.wiring.places import Where
from tokenmgr.wiring.stores import Opened
from tokenmgr.wiring.words import texts

NOT_HERE = (PcStoreMissing, MediumNotFound, NoMedium, ReaderEmpty)


@contextmanager
def counter(
    bank: str | None,
    only: str | None,
    target: Where,
    person: Person,
    source: Where | None = None,
    goes_on: bool = False,
    is_first: bool = False,
    no_hooks: bool = False,
    gives_up: bool = False,
    certificate: str = "",
) -> Iterator[tuple[Counter, Screen]]:
    """PINs are asked for, and nothing is written yet. `source` has what is replaced, where that is another store; with
    `goes_on` a journal may say which. `is_first`: login PINs go to the bank, so it is not found out by what the store
    has of others. `certificate`: the serial number of the one that is meant, which says whose it is."""
    banks = _banks(bank, person)
    known = banks.named(bank)
    if is_first:
        _only(known, banks.broken_of(bank) if bank is None else [])
    meant = of_banks([one.code for one in known]) if goes_on else None
    with both(only, target, person, source, meant, gives_up) as (new, old, lost, screen):
        broken = banks.broken_of(bank) if bank is None else []
        profile = _meant(known, broken, new.store, (old or new).store, goes_on, certificate)
        with authority(profile, person.pause) as reached:
            parts = profile, new.store, reached, settings().journal_folder, screen, clock.now, screen.tell
            hooks = hooks_of(screen, no_hooks)
            yield Counter(*parts, usb=new.stick, source=old.store if old else None, hooks=hooks, lost=lost), screen


@contextmanager
def both(
    only: str | None, target: Where, person: Person, source: Where | None, goes_on: Meant | None, gives_up: bool = False
) -> Iterator[tuple[Opened, Opened | None, str, Screen]]:
    """The store that gets the next generation, and the one that has what is replaced, where that is another; or its
    name, where a journal tells of it (`goes_on`: such a one) and it is not here, or not wanted any more."""
    with ExitStack() as stack:
        lost, is_named = "", source is not None and (source.is_named or not goes_on)
        old = stack.enter_context(_source(source, only, person)) if source and is_named else None
        new = stack.enter_context(stores.opened(target, only, person))
        if goes_on and source and not old:
            lost = str(heading_here(settings().journal_folder, new.store.name, goes_on).get(SOURCE) or "")
        if lost and source and not gives_up:
            with suppress(*NOT_HERE):
                old = stack.enter_context(stores.opened(places.by_name(lost, source), only, person))
                lost = ""
        if old and old.store.name == new.store.name:
            raise SameStore(serial=new.store.name)
        screen = _screen(new, old or new, person)
        try:
            yield new, old, lost, screen
        except KeyboardInterrupt as error:
            if new.store.name not in [one.store for one in begun(settings().journal_folder)]:
                raise Cancelled from error  # there is nothing to go on with
            raise LeftForLater(serial=new.store.name) from error
        finally:
            screen.stop()


@contextmanager
def _source(where: Where, only: str | None, person: Person) -> Iterator[Opened]:
    """One that is not here is told otherwise where something is unfinished that needs it."""
    with ExitStack() as stack:
        try:
            found = stack.enter_context(stores.opened(where, only, person))
        except NOT_HERE as error:
            headings = map(heading_of, unfinished(settings().journal_folder))
            needs = next((one for one in headings if error.serial and one.get(SOURCE) == error.serial), None)
            if needs is None:
                raise
            raise SourceMissing(serial=str(needs[STORE]), source=error.serial) from error
        yield found


def _screen(new: Opened, old: Opened, person: Person) -> Screen:
    return person.screen(lambda: new.doing() or old.doing(), lambda: all(one.store.is_here() for one in (new, old)))


def authority(profile: Profile, pause: Pause) -> Authority:
    seconds = settings().time_limits.answer
    return Authority(profile.address, profile.code, profile.tls_roots, pause, seconds, profile.proxies)


def hooks_of(screen: Screen, none: bool) -> Hooks:
    if none:
        return Hooks()
    seconds = settings().time_limits.hook
    return Hooks(settings().hook_folder, seconds, texts().error, screen.tell)


def _banks(bank: str | None, person: Person) -> Banks:
    """Some that may be meant. A file that is broken is told, and the others are used."""
    found = profiles(settings().bank_folder)
    if not found.named(bank):
        raise ProfileMissing(bank=bank, folder=str(settings().bank_folder))
    for error in found.broken:
        person.tell(error)
    return found


def _meant(
    known: list[Profile],
    broken: list[ProfileWrong],
    store: StorePort,
    holder: StorePort,
    goes_on: bool,
    certificate: str,
) -> Profile:
    """The named one, the only one, that of the named certificate, the one that something was begun with, or that the
    certificates are of."""
    if len(known) > 1 or broken:
        begun, there = _begun_with(store, goes_on), holder.credentials()
        named = [one for one in [of_serial(there, certificate)] if one]
        told = _banks_of(named) or (begun if goes_on else set())
        codes = told or begun | _banks_of(there)
        broken = [one for one in broken if not codes or one.bank in ("", *codes)]
        matching = [one for one in known if one.code in codes]
        if matching:
            return _only(matching, [one for one in broken if one.bank])
        if told and not broken:
            raise ProfileMissing(bank=min(told), folder=str(settings().bank_folder))
    return _only(known, broken)


def _banks_of(credentials: Sequence[Credential]) -> set[str]:
    return {of.bank for one in credentials if (of := whose(one))}


def _begun_with(store: StorePort, goes_on: bool) -> set[str]:
    """The banks that something unfinished here is of; for a renewal, that a renewal is: what else was begun at one bank
    does not make it the one that is meant."""
    headings = headings_here(settings().journal_folder, store.name, is_a_banks)
    begun = {str(one.get("bank") or "") for one in headings if goes_on or one.get("operation") == RENEWAL}
    marked = {of.bank for one in pending(store.credentials()) if (of := meant_for(one))} if goes_on else set()
    return (begun | marked) - {""}


def _only(known: list[Profile], broken: list[ProfileWrong]) -> Profile:
    if broken:
        raise broken[0]
    if len(known) > 1:
        raise BankNotNamed(banks=tuple(f"{one.code} {one.name}" for one in known))
    return known[0]
