"""Where an operation's objects are wired: settings -> bank and medium -> the counter (customer/operations.py)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from tokenmgr import clock
from tokenmgr.cli import libraries, prompts, wiring
from tokenmgr.cli.libraries import settings
from tokenmgr.cli.output import t, tell_error, texts
from tokenmgr.cli.progress import Progress
from tokenmgr.customer.hooks import Hooks
from tokenmgr.customer.medium_store import MediumStore
from tokenmgr.customer.operations import Counter
from tokenmgr.customer.profiles import Banks, Profile, profiles
from tokenmgr.domain.device import instead
from tokenmgr.domain.medium import MediumFacts
from tokenmgr.errors import BankNotNamed, LeftForLater, ProfileMissing, ProfileWrong
from tokenmgr.renewal.authority import Authority
from tokenmgr.renewal.ports import StorePort
from tokenmgr.renewal.recovery import bank_of, whose


@contextmanager
def counter(
    bank: str | None,
    serial: str | None,
    only: str | None,
    pin_fd: int | None,
    final_try: bool,
    as_json: bool,
    is_first: bool = False,
    no_hooks: bool = False,
) -> Iterator[tuple[Counter, Progress]]:
    """The medium's PIN is asked for, and nothing is written yet. `is_first`: login PINs go to the bank, so it is not
    found out by what the medium has of others."""
    banks = _banks(bank)
    known = banks.named(bank)
    if is_first:
        _only(known, banks.broken_of(bank) if bank is None else [])
    with wiring.surroundings(only) as seen:
        library, facts = seen.choose(serial)
        accepted = prompts.final_try(facts, library.family_of(facts), final_try)
        stick = _stick(seen, facts)
        with (
            prompts.pin(t("pins.ask", serial=facts.serial), pin_fd) as pin,
            closing(MediumStore(library, facts.serial, pin, accepted, lambda: _instead(stick))) as store,
        ):
            is_live = prompts.sees_progress() and not as_json
            progress = Progress(is_live, lambda: library.worker.doing, store.is_here)
            profile = _meant(known, banks.broken_of(bank) if bank is None else [], store)
            with authority(profile) as reached:
                parts = profile, store, reached, settings().journal_folder, progress, clock.now, progress.tell
                try:
                    yield Counter(*parts, usb=stick, hooks=Hooks() if no_hooks else _hooks(progress)), progress
                except KeyboardInterrupt as error:
                    raise LeftForLater(serial=facts.serial) from error
                finally:
                    progress.stop()


def authority(profile: Profile) -> Authority:
    seconds = settings().time_limits.answer
    return Authority(profile.address, profile.code, profile.tls_roots, time.sleep, seconds, profile.proxies)


def _hooks(progress: Progress) -> Hooks:
    seconds = settings().time_limits.hook
    return Hooks(settings().hook_folder, seconds, texts().error, progress.tell)


def _banks(bank: str | None) -> Banks:
    """Some that may be meant. A file that is broken is told, and the others are used."""
    found = profiles(settings().bank_folder)
    if not found.named(bank):
        raise ProfileMissing(bank=bank, folder=str(settings().bank_folder))
    for error in found.broken:
        tell_error(error)
    return found


def _meant(known: list[Profile], broken: list[ProfileWrong], store: StorePort) -> Profile:
    """The named one, the only one, the one that something was begun with, or that the medium's certificates are of."""
    if len(known) > 1 or broken:
        begun = bank_of(settings().journal_folder, store.name)
        codes = {begun} if begun else {found.bank for one in store.credentials() if (found := whose(one))}
        broken = [one for one in broken if not codes or one.bank in ("", *codes)]
        matching = [one for one in known if one.code in codes]
        if matching:
            return _only(matching, [one for one in broken if one.bank])
    return _only(known, broken)


def _only(known: list[Profile], broken: list[ProfileWrong]) -> Profile:
    if broken:
        raise broken[0]
    if len(known) > 1:
        raise BankNotNamed(banks=tuple(f"{one.code} {one.name}" for one in known))
    return known[0]


def _stick(seen: wiring.Surroundings, medium: MediumFacts) -> str:
    """As the bus tells of it; empty where it tells of none, or of several that may be it."""
    found = [one.device for one in seen.plugged if medium.serial in [each.serial for each in one.media]]
    return found[0].identity if len(found) == 1 else ""


def _instead(stick: str) -> str:
    """By a look at the bus now, which asks nothing of any medium."""
    if not stick:
        return ""
    there = wiring.look_at_usb().devices
    return instead(stick, [one for one in there if one.smart_card or libraries.known().claims(one.usb_id)])
