"""The second phase (RFC 9483, 4.1.1): the client has written and verified the certificate, or will not have it."""

from __future__ import annotations

from datetime import datetime

from tokenmgr.domain.generation import Generation, RevocationReason, State
from tokenmgr.domain.policy import OldGeneration
from tokenmgr.errors import AlreadyConfirmed, AlreadyRevoked, AuthorityBusy, CannotConfirm
from tokenmgr.ra.issuing import PATIENCE
from tokenmgr.ra.ports import Exchange, Registry, Stale

CONFIRMED = (State.ACTIVE, State.HELD, State.SUPERSEDED)


def confirm(
    registry: Registry,
    exchange: Exchange,
    found: Generation,
    digest: bytes,
    policy: OldGeneration,
    now: datetime,
    by: Generation | None = None,
) -> None:
    """`found`, the generation of this exchange, becomes the active one; a rehearsal comes to its end. The same
    confirmation again is answered alike; another one is told that it comes second. `by` asked for it, and must not have
    been taken back."""
    for _ in range(PATIENCE):
        if found.state in CONFIRMED or _has_passed(found):
            if exchange.confirm_digest not in (b"", digest):
                raise AlreadyConfirmed
            return
        in_time = found.confirm_by is not None and now <= found.confirm_by
        if found.state is not State.PENDING or not in_time:
            raise CannotConfirm(until=found.confirm_by)
        try:
            if found.is_rehearsal:
                registry.rehearsal_passed(exchange, digest, now)
            else:
                registry.confirm(exchange, digest, now, retire=policy is OldGeneration.AT_CONFIRMATION)
        except Stale:
            found = registry.generation(exchange.serial) or found
            asker = registry.generation(by.serial) if by else None
            if asker and asker.state is not State.ACTIVE and found.state is State.PENDING:
                raise AlreadyRevoked from None
            continue
        return
    raise AuthorityBusy


def _has_passed(found: Generation) -> bool:
    return found.is_rehearsal and found.confirmed_at is not None


def reject(registry: Registry, found: Generation, now: datetime) -> None:
    """The client found it wrong: revoked, and what there was before stays (RFC 9483, 4.1.1). Said again, nothing is to
    be done; once confirmed it is too late."""
    for _ in range(PATIENCE):
        if found.state in CONFIRMED or _has_passed(found):
            raise AlreadyConfirmed
        if found.state in (State.REVOKED, State.VOID):
            return
        try:
            registry.revoke(found.serial, RevocationReason.CESSATION, now)
        except Stale:
            found = registry.generation(found.serial) or found
            continue
        return
    raise AuthorityBusy
