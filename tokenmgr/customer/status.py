"""What `tokenmgr status` tells: what is on the stores before a login, what the CAs have of that, what is unfinished."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from tokenmgr.customer.holdings import Item, at_work, holdings, items, made_here
from tokenmgr.customer.looks import Look
from tokenmgr.customer.profiles import Profile
from tokenmgr.customer.standings import Asked, Reach, ask, told, wanted
from tokenmgr.domain.holding import Holding, Whose, mark_of
from tokenmgr.domain.medium import PinState
from tokenmgr.domain.status import Judged, Next, Place, Verdict, judge, of_silence, worst
from tokenmgr.errors import LibraryError, MediumError, TokenmgrError
from tokenmgr.renewal.cleanup import removable
from tokenmgr.renewal.journal import Begun, begun


@dataclass(frozen=True)
class Row:
    item: Item
    held: Holding
    judged: Judged

    @property
    def number(self) -> int | None:
        """Of its certificate."""
        return self.item.facts.serial_number if self.item.facts else None


@dataclass
class Seen:
    """One store. What it cannot be asked is an error, and hides no other."""

    look: Look
    items: list[Item] = field(default_factory=list)
    error: TokenmgrError | None = None
    rows: list[Row] = field(default_factory=list)
    holders: frozenset[Whose] = frozenset()  # of all that it has, also of what is not shown

    @property
    def is_locked(self) -> bool:
        return self.look.pin is PinState.LOCKED

    @property
    def verdict(self) -> Verdict:
        needs_a_hand = self.error is not None or self.is_locked
        return worst([Verdict.HAND if needs_a_hand else Verdict.FINE, *(one.judged.verdict for one in self.rows)])


@dataclass(frozen=True)
class Status:
    stores: Sequence[Seen]
    begun: Sequence[Begun]
    asked: Sequence[Asked]
    now: datetime
    nameless: Collection[str] = ()  # banks whose CA would have been asked, and of which there is no file

    @property
    def verdict(self) -> Verdict:
        """What was begun on a medium that is not here is listed only: that one may be lost for ever."""
        needs_a_hand = any(one.trouble or self.is_here(one) for one in self.begun)
        silent = [of_silence(one.error.retriable) for one in self.asked if one.error]
        silent += [Verdict.UNSURE] if self.nameless else []
        return worst([Verdict.HAND if needs_a_hand else Verdict.FINE, *silent, *(one.verdict for one in self.stores)])

    def is_here(self, one: Begun) -> bool:
        return one.store in [seen.look.name for seen in self.stores]


def status(
    looks: Sequence[Look],
    known: Sequence[Profile],
    folder: Path,
    reach: Reach,
    clock: Callable[[], datetime],
    bank: str | None = None,
    store: str | None = None,
    offline: bool = False,
) -> Status:
    """Of this bank only, or this store. What cannot be read may be about any."""
    every = begun(folder)
    unfinished = [one for one in every if one.trouble or (bank in (None, one.bank) and store in (None, one.store))]
    seen = [_seen(look) for look in looks]
    for one in seen:
        named = at_work(one.items, unfinished, one.look.name)
        one.items = [item for item in one.items if _concerns_us(item, item.key_id in named, bank)]
    everything = [item for one in seen for item in one.items]
    asked = [] if offline else ask(wanted(everything, known), reach)
    banks = {one.code for one in known}
    nameless = set() if offline else {one.whose.bank for one in everything if one.whose} - banks
    now, answers = clock(), told(everything, asked)
    held = []
    for one in seen:
        made = made_here(folder, one.look.name) if any(mark_of(item.label) for item in one.items) else set()
        held.append(holdings(one.items, at_work(one.items, unfinished, one.look.name), answers, made))
    for one, own in zip(seen, held, strict=True):
        beside = [each for others in held if others is not own for each in others]
        one.rows = sorted(map(Row, one.items, own, _possible(own, now, banks, beside, one.is_locked)), key=_rank)
    shown = [one for one in seen if one.look.is_wanted or any(row.held.whose for row in one.rows)]
    return Status(shown, unfinished, asked, now, nameless)


def _possible(
    held: Sequence[Holding], now: datetime, banks: Collection[str], beside: Sequence[Holding], is_locked: bool
) -> list[Judged]:
    """Without a next step that leads nowhere: what `clean` would keep, what wants a PIN that is locked, or a file of a
    bank that is not here."""
    found = []
    for one, judged, decided in zip(held, judge(held, now, beside), removable(held, now), strict=True):
        then = judged.next
        if then is Next.CLEAN and not decided.is_removable:
            then = Next.NOTHING
        elif is_locked and then in _WITH_PIN:
            then = Next.UNBLOCK
        elif then in (Next.RENEW, Next.ACQUIRE, Next.RESUME) and one.whose and one.whose.bank not in banks:
            then = Next.BANK_FILE
        found.append(replace(judged, next=then))
    return found


def _seen(look: Look) -> Seen:
    try:
        found = items(look.read(), logged_in=look.shows_keys)
    except (MediumError, LibraryError) as error:
        return Seen(look, error=error)
    return Seen(look, found, holders=frozenset(one.whose for one in found if one.whose))


def _concerns_us(item: Item, is_named: bool, bank: str | None) -> bool:
    """No CA's certificate; and of the keys without one only those that an operation has made."""
    if not item.certificates:
        return is_named or bool(mark_of(item.label))
    if item.is_damaged:
        return True  # whose it was, nobody can tell
    is_authority = item.facts is not None and item.facts.is_authority
    return not is_authority and (bank is None or (item.whose is not None and item.whose.bank == bank))


_WITH_PIN = (Next.RESUME, Next.RENEW, Next.ACQUIRE, Next.CLEAN, Next.VERIFY)
_PLACES = [Place.NEXT, Place.CURRENT, Place.LAST, Place.BEFORE, Place.LEFT, Place.UNREADABLE, Place.FOREIGN]


def _rank(row: Row) -> tuple[bool, Whose | tuple[()], int, float]:
    """By subscriber; what is to be finished first, then what logs in, then what was before it."""
    ends = row.held.ends.timestamp() if row.held.ends else 0.0
    return not row.held.whose, row.held.whose or (), _PLACES.index(row.judged.place), -ends
