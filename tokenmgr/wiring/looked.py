"""One look at everything: the stores, what the CAs have of them, the banks' files (customer/status.py)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from tokenmgr import clock
from tokenmgr.clock import japan_time
from tokenmgr.customer import status as seeing
from tokenmgr.customer.due import pressing
from tokenmgr.customer.looks import Look
from tokenmgr.customer.profiles import Banks, Profile, profiles
from tokenmgr.customer.standings import Early, Reach
from tokenmgr.customer.status import Row
from tokenmgr.domain.contents import Contents
from tokenmgr.domain.credential import is_over
from tokenmgr.domain.standing import Open
from tokenmgr.domain.status import left
from tokenmgr.errors import ProfileMissing, ProfileWrong, TokenmgrError
from tokenmgr.wiring import around, looking, places
from tokenmgr.wiring.libraries import settings
from tokenmgr.wiring.words import language, t, texts

if TYPE_CHECKING:
    from tokenmgr.renewal.authority import Authority


@dataclass(frozen=True)
class Words:
    """What only this computer's files know: the names of banks, and why a CA was not asked. `broken` is a file that
    may be a bank's, and is believed of none."""

    known: Sequence[Profile]
    offline: bool
    broken: Sequence[ProfileWrong] = ()

    def bank(self, row: Row) -> str:
        """As its file calls it, else as the certificate does."""
        whose = row.held.whose
        if whose is None:
            return ""
        return next((one.name for one in self.known if one.code == whose.bank), whose.bank_name)

    def not_asked(self, row: Row) -> str:
        if row.held.standing is not None or (row.held.whose is None and row.item.certificates):
            return ""
        if self.offline:
            return "offline"
        whose = row.held.whose
        is_known = bool(self.known) if whose is None else any(one.code == whose.bank for one in self.known)
        return "no_answer" if is_known else "wrong_profile" if self.wrong(row) else "no_profile"

    def wrong(self, row: Row) -> ProfileWrong | None:
        """What is wrong with its bank's file, or with one that may be that: rather than that there is none."""
        whose = row.held.whose
        if whose is None or any(one.code == whose.bank for one in self.known):
            return None
        return max(Banks((), self.broken).broken_of(whose.bank), key=lambda one: one.bank, default=None)


@dataclass(frozen=True)
class Looked:
    """`why` there is no medium; `broken` are banks' files, and `unheard` where one of them may be of what is here."""

    found: seeing.Status
    words: Words
    why: TokenmgrError | None
    broken: Sequence[ProfileWrong]
    unheard: Sequence[ProfileWrong]

    @property
    def troubles(self) -> list[TokenmgrError]:
        return [*([self.why] if self.why else []), *self.broken]

    def pressing(self, but: Collection[int] = ()) -> Looked:
        """Only what somebody has to do something about. A medium may be in the safe, and a CA be silent. `but`: without
        the certificates of these serial numbers."""
        why = None if isinstance(self.why, looking.AWAY) else self.why
        return Looked(pressing(self.found, but), self.words, why, self.unheard, self.unheard)


@dataclass(frozen=True)
class Taken:
    """What stores hold, read once: the CAs may be asked about it as long as they like, and no store waits for them.
    `why` there is no medium."""

    looks: Sequence[Look]
    why: TokenmgrError | None


def take(seen: around.Surroundings) -> Taken:
    with looking.looks(places.Where(), None, settings().journal_folder, seen) as (looks, why):
        return Taken([replace(one, read=_read(one)) for one in looks], why)


def _read(look: Look) -> Callable[[], Contents]:
    """What it holds now, or why that cannot be read."""
    try:
        contents = look.read()
    except TokenmgrError as error:
        return functools.partial(_fail, error)
    return lambda: contents


def _fail(error: TokenmgrError) -> Contents:
    raise error


def look(where: places.Where, only: str | None, bank: str | None, offline: bool = False) -> Looked:
    banks = profiles(settings().bank_folder)
    if bank and not offline:
        banks.named(bank)
    if bank and not any(one.code == bank for one in banks.known) and not offline:
        raise ProfileMissing(bank=bank, folder=str(settings().bank_folder))
    early = closing(Early([] if offline else _known(banks, bank), _reach))
    with early as reach, looking.looks(where, only, settings().journal_folder) as (looks, why):
        named = (looks[0].name if looks else where.serial) if where.is_named else None
        return _status(Taken(looks, why), banks, reach, bank, named, offline)


def told(taken: Taken, offline: bool) -> Looked:
    """Of what was read before."""
    banks = profiles(settings().bank_folder)
    return _status(taken, banks, _reach, offline=offline)


def _status(
    taken: Taken, banks: Banks, reach: Reach, bank: str | None = None, name: str | None = None, offline: bool = False
) -> Looked:
    known, broken = _known(banks, bank), banks.broken_of(bank)
    found = seeing.status(taken.looks, known, settings().journal_folder, reach, clock.now, bank, name, offline)
    unheard = banks.broken_of(*found.nameless) if found.nameless else []
    return Looked(found, Words(known, offline, broken), None if found.stores else taken.why, broken, unheard)


def _known(banks: Banks, bank: str | None) -> list[Profile]:
    return [one for one in banks.known if bank in (None, one.code)]


def _reach(profile: Profile) -> Authority:
    from tokenmgr.wiring.glimpse import glimpse  # here: it takes longer to load than a medium to look at

    return glimpse(profile)


# --- in words ---


def left_in_words(ends: datetime, now: datetime) -> str:
    """Whole days; hours and minutes on the last one (R2)."""
    if is_over(ends, now):
        return t("seen.over")
    days, hours, minutes = left(ends, now)
    return t("seen.days", days=days) if days else t("seen.hours", hours=hours, minutes=minutes)


def open_in_words(told: Open) -> str:
    until = japan_time(told.until, language()) if told.until else ""
    if told.is_open:
        return t("seen.open", until=until)
    if told.reason == "too-early":
        return t("seen.opens", until=until)
    reason = t(f"facts.{told.reason}") if texts().has(f"facts.{told.reason}") else told.reason
    return t("bank.closed_since", reason=reason, until=until) if until else t("bank.closed", reason=reason)
