"""Whose certificates somebody may take back, hold or re-issue: its own, and an administrator those of its contract's
users (R10).

Everything is read anew: whoever was an administrator, or had a valid certificate, need not be or have it any more.
"""

from __future__ import annotations

from datetime import datetime

from tokenmgr.domain.generation import Generation, State
from tokenmgr.domain.party import Subscriber
from tokenmgr.errors import NotYours
from tokenmgr.ra.ports import BEYOND_SERIALS, Registry


def named(registry: Registry, serial: int) -> Generation:
    """A subscriber's certificate. What nobody has, or the CA itself, is nobody's to act on."""
    found = registry.generation(serial) if 0 < serial < BEYOND_SERIALS else None
    if found is None or found.subscriber is None:
        raise NotYours
    return found


def require_administered(registry: Registry, by: Generation, found: Generation, now: datetime) -> None:
    if found.subscriber is None:
        raise NotYours
    require_administrator(registry, by, registry.standing(found.subscriber).subscriber, now)


def require_own_or_administered(registry: Registry, by: Generation, found: Generation, now: datetime) -> None:
    if by.subscriber is None or found.subscriber != by.subscriber:
        require_administered(registry, by, found, now)


def require_administrator(registry: Registry, by: Generation, other: Subscriber, now: datetime) -> Subscriber:
    """Of `other`, by a certificate that is its active one at this moment."""
    signer = registry.generation(by.serial)
    if signer is None or signer.subscriber is None or signer.state is not State.ACTIVE or signer.is_over(now):
        raise NotYours
    administrator = registry.standing(signer.subscriber).subscriber
    if not administrator.administers(other):
        raise NotYours
    return administrator
