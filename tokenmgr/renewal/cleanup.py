"""What may be removed from a store, and why everything else stays. A rule only: whoever removes has read the store now,
and the store refuses by itself where the successor does not work (S2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from tokenmgr.domain.holding import DEAD, LEFT, MARK, MARKS, WAITING, Holding, current
from tokenmgr.domain.standing import UNKNOWN


class Removable(Enum):
    EXPIRED = "expired-and-replaced"
    REVOKED = "revoked-and-replaced"
    LEFT_OVER = "left-over"  # a key that will never have a certificate
    SPENT = "spent"  # a key whose certificate is gone, and revoked


class Kept(Enum):
    LOGS_IN = "logs-in"
    BEFORE = "the-one-before"  # may still log in
    NOT_REPLACED = "not-replaced"
    AUTHORITY = "authority"
    NOT_OURS = "not-ours"
    UNFINISHED = "unfinished"
    WITHOUT_CERTIFICATE = "without-certificate"  # a key of ours that the CA counts on
    UNREADABLE = "unreadable"  # bytes that are no certificate
    WITHOUT_KEY = "without-key"
    NOT_ASKED = "not-asked"  # what only the CA can tell was not told
    WHOSE_UNKNOWN = "whose-unknown"  # nobody who was asked knows it: it may be pending at a bank that was not


@dataclass(frozen=True)
class Decided:
    reason: Removable | Kept
    successor: Holding | None = None

    @property
    def is_removable(self) -> bool:
        return isinstance(self.reason, Removable)


def removable(held: Sequence[Holding], now: datetime, beside: Sequence[Holding] = ()) -> list[Decided]:
    """Of each, in their order. `beside`: what there is in the store that the next generation was made in."""
    return [_decided(one, held, now, beside) for one in held]


def _decided(one: Holding, held: Sequence[Holding], now: datetime, beside: Sequence[Holding]) -> Decided:
    if one.is_authority:
        return Decided(Kept.AUTHORITY)
    if one.is_rehearsal and not one.is_named:
        return Decided(Removable.LEFT_OVER)
    if one.is_named or one.state in WAITING:
        return Decided(Kept.UNFINISHED)
    if one.ends is None:
        return Decided(_of_key(one))
    if one.whose is None:
        return Decided(Kept.NOT_OURS)
    if one.label in MARKS and not one.state:  # it may have been confirmed since
        return Decided(Kept.NOT_ASKED if one.label == LEFT else Kept.UNFINISHED)
    if one.label == MARK and one.state not in DEAD:
        return Decided(Kept.UNFINISHED)
    return _of_generation(one, held, now, beside)


def _of_generation(one: Holding, held: Sequence[Holding], now: datetime, beside: Sequence[Holding]) -> Decided:
    best = current(held, one.whose, now) or current(beside, one.whose, now)
    if best is one:
        return Decided(Kept.LOGS_IN)
    ended = Removable.REVOKED if one.state in DEAD else Removable.EXPIRED if one.is_over(now) else None
    if ended is None and not one.has_key:
        return Decided(Kept.WITHOUT_KEY)
    if best is None:
        return Decided(Kept.NOT_REPLACED)
    if ended is None:
        return Decided(Kept.BEFORE)
    return Decided(ended, best)


def _of_key(one: Holding) -> Removable | Kept:
    """Without a certificate: nothing goes that may still become one."""
    if not one.has_key:
        return Kept.UNREADABLE
    if one.state in DEAD:
        return Removable.LEFT_OVER if one.label in MARKS else Removable.SPENT
    if one.label in MARKS:
        return _of_unheard(one) if one.standing in (None, UNKNOWN) else Kept.UNFINISHED
    return Kept.NOT_OURS if one.standing in (None, UNKNOWN) else Kept.WITHOUT_CERTIFICATE


def _of_unheard(one: Holding) -> Removable | Kept:
    """That a CA does not know it says something where it is that bank's, or this PC has made it; no more."""
    if one.standing is None:
        return Kept.NOT_ASKED
    return Removable.LEFT_OVER if one.is_made_here or one.whose else Kept.WHOSE_UNKNOWN
