"""保留: a certificate that logs in nowhere until it is released (RFC 5280, 5.3.1: certificateHold).

Whoever fears for a medium puts it on hold at once, and finds it, or asks for a re-issue. So holding is everybody's who
may take back; releasing is not the holder's own: whoever has the medium would have both.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from tokenmgr.domain.generation import Generation, State
from tokenmgr.errors import AskedTooLate, AuthorityBusy, CannotHold, CannotRelease
from tokenmgr.ra import rights
from tokenmgr.ra.issuing import PATIENCE
from tokenmgr.ra.ports import Asked, Registry, Stale
from tokenmgr.ra.reissue import find_user

EXPIRED, NONE = "expired", "no-certificate"  # beside the states, reasons why not


def hold(registry: Registry, subscriber: int, now: datetime) -> Generation:
    """By staff: the one that the subscriber has. As it was before."""
    return _hold(registry, lambda: registry.standing(subscriber).last, now)


def hold_signed(registry: Registry, by: Generation, serial: int, asked: Asked, now: datetime) -> None:
    """By its holder, or an administrator for a user."""

    def find() -> Generation:
        found = rights.named(registry, serial)
        rights.require_own_or_administered(registry, by, found, now)
        return found

    _hold(registry, find, now, asked)


def release(registry: Registry, subscriber: int, now: datetime) -> Generation:
    """By staff. As it was before."""
    return _release(registry, lambda: registry.standing(subscriber).last, now)


def release_signed(registry: Registry, by: Generation, serial: int, asked: Asked, now: datetime) -> None:
    """By an administrator for a user, and by nobody for itself. What was asked before it was put on hold, and kept
    back, releases nothing."""

    def find() -> Generation:
        found = rights.named(registry, serial)
        rights.require_administered(registry, by, found, now)
        _since_asked(found, asked)
        return found

    _release(registry, find, now, asked)


def hold_user(registry: Registry, by: Generation, user: str, asked: Asked, now: datetime) -> None:
    """By an administrator, who names an ID and no serial number."""
    _hold(registry, lambda: find_user(registry, by, user, now).last, now, asked)


def release_user(registry: Registry, by: Generation, user: str, asked: Asked, now: datetime) -> None:
    _release(registry, lambda: _since_asked(find_user(registry, by, user, now).last, asked), now, asked)


def _since_asked(found: Generation | None, asked: Asked) -> Generation | None:
    """Not put on hold after it was asked to be released."""
    held_at = found.revoked_at if found and found.state is State.HELD else None
    if held_at and asked.at < held_at.replace(microsecond=0):
        raise AskedTooLate(at=held_at)
    return found


def holdable(found: Generation | None, now: datetime) -> Generation:
    if found is None or found.state is not State.ACTIVE or found.is_over(now):
        raise CannotHold(reason=_why_not(found, State.ACTIVE))
    return found


def _hold(
    registry: Registry, find: Callable[[], Generation | None], now: datetime, asked: Asked | None = None
) -> Generation:
    for _ in range(PATIENCE):
        found = holdable(find(), now)
        try:
            registry.hold(found.serial, now, asked)
        except Stale:
            continue
        return found
    raise AuthorityBusy


def _release(
    registry: Registry, find: Callable[[], Generation | None], now: datetime, asked: Asked | None = None
) -> Generation:
    for _ in range(PATIENCE):
        found = find()
        if found is None or found.state is not State.HELD or found.is_over(now):
            raise CannotRelease(reason=_why_not(found, State.HELD))
        try:
            registry.release(found.serial, asked)
        except Stale:
            continue
        return found
    raise AuthorityBusy


def _why_not(found: Generation | None, wanted: State) -> str:
    if found is None:
        return NONE
    return EXPIRED if found.state is wanted else f"is-{found.state.value}"
