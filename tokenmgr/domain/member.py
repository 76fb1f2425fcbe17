"""An ID of a contract as its administrator looks after it: what is to be said of it, and whether that is pressing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from tokenmgr.domain.credential import is_over
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.party import Subscriber
from tokenmgr.domain.policy import BankPolicy


class Told(Enum):
    """Several may be true of one ID."""

    LOCKED = "locked"  # R11: too many wrong login PINs
    HELD = "held"
    EXPIRED = "expired"
    DUE = "due"  # it logs in, and its renewal is open (R2)
    VALID = "valid"
    REISSUED = "reissued"  # R10: to be acquired until then
    OPEN = "open"  # the same, without a re-issue before
    OVERDUE = "overdue"  # nobody came for it in time
    NONE = "none"
    PENDING = "pending"  # a certificate was made and is not confirmed (S7)
    UNDELIVERED = "undelivered"  # a mail about its certificate did not arrive (R3)


class Need(Enum):
    """In this order they are listed; sql/members.py says the same in SQL, and a test holds both together."""

    NOW = 0  # it cannot log in
    SOON = 1  # it can, and something of it has a time limit or has gone wrong
    NOTHING = 2


@dataclass(frozen=True)
class Member:
    subscriber: Subscriber
    serial: int | None = None  # of the certificate that is active, or on hold
    not_after: datetime | None = None
    store: StoreKind | None = None
    is_held: bool = False
    open_until: datetime | None = None
    reissued_at: datetime | None = None  # and nothing acquired since
    waits_until: datetime | None = None  # by when what was made is to be confirmed
    tries_spent: int = 0
    is_undelivered: bool = False

    def told(self, policy: BankPolicy, now: datetime) -> tuple[Told, ...]:
        found = [Told.LOCKED] if self.tries_spent >= policy.wrong_pins else []
        if self.not_after is not None:
            found.append(self._of_certificate(self.not_after, policy, now))
        if self.open_until is not None and not is_over(self.open_until, now):
            found.append(Told.REISSUED if self.reissued_at else Told.OPEN)
        elif self.not_after is None:
            found.append(Told.NONE if self.open_until is None else Told.OVERDUE)
        found += [Told.PENDING] if self.waits_until else []
        return (*found, Told.UNDELIVERED) if self.is_undelivered else tuple(found)

    def need(self, policy: BankPolicy, now: datetime) -> Need:
        told = set(self.told(policy, now))
        if self.not_after is None or told & {Told.LOCKED, Told.HELD, Told.EXPIRED}:
            return Need.NOW
        return Need.NOTHING if told == {Told.VALID} else Need.SOON

    def _of_certificate(self, not_after: datetime, policy: BankPolicy, now: datetime) -> Told:
        if self.is_held:
            return Told.HELD
        if is_over(not_after, now):
            return Told.EXPIRED
        return Told.DUE if not_after - timedelta(days=policy.renewal_days) <= now else Told.VALID
