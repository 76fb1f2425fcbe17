"""Who is let in at a bank's login, by the certificate that TLS has proven the key of; and of the rest, why not.

That the key is there, and that our CA signed it, the handshake has shown. Whether it is good today is judged here, by
the registry's own row: fresher than any answer of OCSP. Time too: TLS is told not to mind it, since whom it turns away
sees a browser's bare error and no next step.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum

from tokenmgr.domain.generation import Generation, State
from tokenmgr.domain.party import Bank, Subscriber


class Barred(Enum):
    """Each has its own page, and its own next step (R14)."""

    NO_CERTIFICATE = "no-certificate"  # none there, none chosen, or an expired one, which browsers do not offer
    UNKNOWN = "unknown"  # none of a subscriber's
    OTHER_BANK = "other-bank"
    EXPIRED = "expired"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"  # its successor logs in
    ON_HOLD = "on-hold"
    UNCONFIRMED = "unconfirmed"  # a renewal that is not at its end: S7


def judge(found: Generation | None, who: Subscriber | None, bank: Bank, now: datetime) -> Barred | None:
    """None: let in, once the login PIN is right too. What another bank's is, is not said here."""
    if found is None or who is None or found.is_rehearsal:
        return Barred.UNKNOWN
    if who.bank != bank.code:
        return Barred.OTHER_BANK
    barred = {
        State.HELD: Barred.ON_HOLD,
        State.SUPERSEDED: Barred.SUPERSEDED,
        State.PENDING: Barred.UNCONFIRMED,
        State.REVOKED: Barred.REVOKED,
        State.ACTIVE: Barred.EXPIRED if found.is_over(now) else None,
    }
    return barred.get(found.state, Barred.UNKNOWN)


class Lock(Enum):
    """R11. It ends what was begun before it: whoever guesses may have found a window that was left open."""

    OWN = "own"
    CONTRACT = "contract"  # an administrator's, where the bank's policy says so


IDLE = timedelta(minutes=15)  # without a request, after which one logs in anew
LONGEST = timedelta(hours=8)  # of a whole session
SKEW = timedelta(seconds=60)  # that two nodes' clocks may be apart, or a request has waited while a later one came


def is_over(began_at: datetime, seen_at: datetime, now: datetime) -> bool:
    """A clock that has gone back by more than that ends it too: nobody can say how long it has been."""
    return not (-SKEW <= now - seen_at <= IDLE and -SKEW <= now - began_at <= LONGEST)
