"""失効: a certificate is taken back by its holder (RFC 9483, 4.2), its contract's administrator, or the bank."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from tokenmgr.domain.generation import Generation, RevocationReason, State
from tokenmgr.errors import AlreadyRevoked, AuthorityBusy, NotRegistered
from tokenmgr.ra import rights
from tokenmgr.ra.issuing import PATIENCE
from tokenmgr.ra.ports import BEYOND_SERIALS, Asked, Registry, Stale

_GONE = (State.REVOKED, State.VOID)


def revoke_signed(
    registry: Registry, by: Generation, serial: int, reason: RevocationReason, asked: Asked, now: datetime
) -> None:
    """`by` signed it: an active certificate may take back itself, the one before it, and the one that waits for its
    confirmation; an administrator's, any of a user's of its contract as well."""

    def find() -> Generation:
        found = rights.named(registry, serial)
        rights.require_own_or_administered(registry, by, found, now)
        return _handed_out(found)

    _take_back(registry, find, reason, now, asked)


def revoke_by_staff(
    registry: Registry, subscriber: int, serial: int, reason: RevocationReason, now: datetime
) -> Generation:
    """One of this subscriber's; as it was before."""

    def find() -> Generation:
        found = registry.generation(serial) if 0 < serial < BEYOND_SERIALS else None
        if found is None or found.subscriber != subscriber:
            raise NotRegistered(kind="generation", name=f"{serial:x}")
        return found

    return _take_back(registry, find, reason, now)


def withdraw(registry: Registry, subscriber: int, reason: RevocationReason, now: datetime) -> int:
    """All of a subscriber's, by staff. How many."""
    taken = registry.withdraw(subscriber, reason, now)
    if not taken:
        raise AlreadyRevoked
    return taken


def _handed_out(found: Generation) -> Generation:
    """What was never signed is of no use to anybody: to its subscriber there is none."""
    if found.state is State.RECORDED:
        raise AlreadyRevoked
    return found


def _take_back(
    registry: Registry,
    find: Callable[[], Generation],
    reason: RevocationReason,
    now: datetime,
    asked: Asked | None = None,
) -> Generation:
    """`find` reads and decides, anew each time that somebody else was quicker."""
    for _ in range(PATIENCE):
        found = find()
        if found.state in _GONE:
            raise AlreadyRevoked
        try:
            registry.revoke(found.serial, reason, now, asked)
        except Stale:
            continue
        return found
    raise AuthorityBusy
