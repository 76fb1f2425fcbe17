"""再発行（初期化）: what a subscriber has is taken back, and a new acquisition opened (R10).

By the bank's staff for anybody of the bank, on paper; by a contract's administrator for its users. It works as well
where there is nothing to take back: of an ID whose certificate has run out and whose days of grace are over.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tokenmgr.domain.generation import Generation
from tokenmgr.domain.reissue import Cause
from tokenmgr.errors import AskedTooLate, NotYours
from tokenmgr.ra import rights
from tokenmgr.ra.ports import Registry, Standing


def reissue(registry: Registry, subscriber: int, cause: Cause, now: datetime) -> datetime:
    """By staff. Until when the new certificate can be acquired."""
    until = _until(registry.standing(subscriber), now)
    registry.reissue(subscriber, cause.reason, until, b"", now)
    return until


def reissue_signed(
    registry: Registry, by: Generation, user: str, cause: Cause, asked_at: datetime, digest: bytes, now: datetime
) -> datetime | None:
    """For a user of the administrator whose certificate signed. The same bytes again are answered by what stands, and
    change nothing: None where the new certificate has been acquired meanwhile (S6)."""
    other = find_user(registry, by, user, now)
    if digest in other.reissue_digests:
        return other.open_until
    _require_newer(other, asked_at)
    until = _until(other, now)
    if registry.reissue(other.subscriber.id, cause.reason, until, digest, now):
        return until
    return registry.standing(other.subscriber.id).open_until


def find_user(registry: Registry, by: Generation, user: str, now: datetime) -> Standing:
    """Nobody is told which IDs a contract has, but its administrator."""
    if by.subscriber is None:
        raise NotYours
    own = registry.standing(by.subscriber).subscriber
    found = registry.enrolled(own.bank, own.contract, user)
    if found is None:
        raise NotYours
    standing = registry.standing(found.subscriber.id)
    rights.require_administrator(registry, by, standing.subscriber, now)
    return standing


def _until(standing: Standing, now: datetime) -> datetime:
    """To the whole second, as it is shown."""
    return now.replace(microsecond=0) + timedelta(days=standing.bank.policy.acquisition_days)


def _require_newer(standing: Standing, asked_at: datetime) -> None:
    """A request that was kept back is not about what has been acquired since (RFC 9483, 3.1: the time is its own)."""
    confirmed_at = standing.last.confirmed_at if standing.last else None
    for at in (standing.reissued_at, confirmed_at):
        if at is not None and asked_at <= at:
            raise AskedTooLate(at=at)
