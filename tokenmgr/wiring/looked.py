"""One look at everything: the stores, what the CAs have of them, the banks' files (customer/status.py)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tokenmgr import clock
from tokenmgr.clock import japan_time
from tokenmgr.customer import status as seeing
from tokenmgr.customer.due import pressing
from tokenmgr.customer.profiles import Profile, profiles
from tokenmgr.customer.standings import Early
from tokenmgr.customer.status import Row
from tokenmgr.domain.credential import is_over
from tokenmgr.domain.standing import Open
from tokenmgr.domain.status import Verdict, left
from tokenmgr.errors import NoMedium, ProfileMissing, ProfileWrong, ReaderEmpty, TokenmgrError
from tokenmgr.wiring import looking, places
from tokenmgr.wiring.libraries import settings
from tokenmgr.wiring.words import chosen_language, t, texts

if TYPE_CHECKING:
    from tokenmgr.renewal.authority import Authority


@dataclass(frozen=True)
class Words:
    """What only this computer's files know: the names of banks, and why a CA was not asked."""

    known: Sequence[Profile]
    offline: bool

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
        return "no_answer" if is_known else "no_profile"


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
        why = None if isinstance(self.why, NoMedium | ReaderEmpty) else self.why
        return Looked(pressing(self.found, but), self.words, why, self.unheard, self.unheard)


def look(where: places.Where, only: str | None, bank: str | None, offline: bool = False) -> Looked:
    banks = profiles(settings().bank_folder)
    known = [one for one in banks.known if bank in (None, one.code)]
    if bank and not offline:
        banks.named(bank)
    broken = banks.broken_of(bank)
    if bank and not known and not offline:
        raise ProfileMissing(bank=bank, folder=str(settings().bank_folder))
    folder = settings().journal_folder
    early = closing(Early([] if offline else known, _reach))
    with early as reach, looking.looks(where, only, folder) as (looks, why):
        name = looks[0].name if where.is_named else None
        found = seeing.status(looks, known, folder, reach, clock.now, bank, name, offline)
    unheard = broken if found.without_file and found.verdict is Verdict.UNSURE else []
    return Looked(found, Words(known, offline), None if found.stores else why, broken, unheard)


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
    until = japan_time(told.until, chosen_language()) if told.until else ""
    if told.is_open:
        return t("seen.open", until=until)
    if told.reason == "too-early":
        return t("seen.opens", until=until)
    reason = t(f"facts.{told.reason}") if texts().has(f"facts.{told.reason}") else told.reason
    return t("bank.closed_since", reason=reason, until=until) if until else t("bank.closed", reason=reason)
