"""再発行（初期化）: what a subscriber has is taken back, and a new acquisition opened (R10).

By the bank's staff for anybody of the bank, on paper; by a contract's administrator for its users. It works as well
where there is nothing to take back: of an ID whose certificate has run out and whose days of grace are over.
"""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta

from tokenmgr.domain.generation import Generation
from tokenmgr.domain.reissue import Cause
from tokenmgr.errors import AskedTooLate, AuthorityBusy, NotYours
from tokenmgr.ra import rights
from tokenmgr.ra.issuing import PATIENCE
from tokenmgr.ra.ports import Asked, Registry, Stale, Standing


def reissue(registry: Registry, subscriber: int, cause: Cause, now: datetime) -> datetime:
    """By staff. Until when the new certificate can be acquired."""
    until = _until(registry.standing(subscriber), now)
    registry.reissue(subscriber, cause, until, None, now)
    return until


def reissue_signed(
    registry: Registry, by: Generation, user: str, cause: Cause, asked: Asked, now: datetime
) -> datetime | None:
    """For a user of the administrator whose certificate signed. The same bytes again are answered by what stands, and
    change nothing: None where the new certificate has been acquired meanwhile (S6)."""
    for _ in range(PATIENCE):
        is_done = registry.was_asked(asked.digest)
        other = find_user(registry, by, user, now)
        if is_done:
            return other.open_until
        if other.since is not None and asked.at <= other.since:  # kept back, and not about what there is since
            raise AskedTooLate(at=other.since)
        until = _until(other, now)
        with contextlib.suppress(Stale):
            if registry.reissue(other.subscriber.id, cause, until, asked, now):
                return until
    raise AuthorityBusy


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
