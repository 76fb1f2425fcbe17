"""Taking back one's own certificate (RFC 9483, 4.2). Others' need a right that no subscriber has."""

from __future__ import annotations

from datetime import datetime

from tokenmgr.domain.generation import Generation, RevocationReason, State
from tokenmgr.errors import AlreadyRevoked, AuthorityBusy, NotYours
from tokenmgr.ra.issuing import PATIENCE
from tokenmgr.ra.ports import BEYOND_SERIALS, Registry, Stale


def revoke_own(registry: Registry, by: Generation, serial: int, reason: RevocationReason, now: datetime) -> None:
    """`by` signed the request: a subscriber's active certificate may take back itself, the one before, and the one that
    waits for its confirmation."""
    for _ in range(PATIENCE):
        found = registry.generation(serial) if 0 < serial < BEYOND_SERIALS else None
        if found is None or by.subscriber is None or found.subscriber != by.subscriber:
            raise NotYours
        if found.state in (State.REVOKED, State.VOID, State.RECORDED):
            raise AlreadyRevoked
        try:
            registry.revoke(serial, reason, now)
        except Stale:
            continue
        return
    raise AuthorityBusy
