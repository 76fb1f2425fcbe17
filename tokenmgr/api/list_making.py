"""Revocation lists, made in time (RFC 5280, 5): of each authority a complete one, and what has changed since."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from tokenmgr.api.lists import DELTA_LIFE
from tokenmgr.api.service import Service
from tokenmgr.ca import crl
from tokenmgr.ca.crl import DeltaEntry, Removal
from tokenmgr.ca.folder import delta_at
from tokenmgr.ca.keys import AuthorityKeys
from tokenmgr.sql.administration import Administration
from tokenmgr.sql.crls import Crl, CrlHeader, Statuses

LIFE = timedelta(days=7)
EVERY = timedelta(hours=12)
# A complete list of this many bytes (some 10,000 entries) is made in a tenth of a second: at each change. A longer one
# waits, and deltas say meanwhile what it will.
SMALL = 400_000
LONG_WAIT = timedelta(minutes=5)
LONGEST_DELTA = 200_000  # bytes, after which deltas are on a new base


def renew(service: Service, authority: AuthorityKeys, now: datetime) -> None:
    """Nothing where nothing has changed and what there is is new enough."""
    registry, number = service.administration, authority.number
    last, delta, covers = registry.crl_header(number), registry.delta_crl_header(number), registry.last_change()
    if _is_complete_due(last, covers, now):
        _make_complete(service, authority, last, delta, covers, now)
    elif last and covers != max(last.covers, delta.covers if delta else 0):
        _make_delta(service, authority, last, covers, now)


def _is_complete_due(last: CrlHeader | None, covers: int, now: datetime) -> bool:
    """Also where the last one is from a node whose clock was ahead."""
    if last is None or not last.issued_at <= now < last.issued_at + EVERY:
        return True
    return covers != last.covers and (last.size <= SMALL or now >= last.issued_at + LONG_WAIT)


def _make_complete(
    service: Service,
    authority: AuthorityKeys,
    last: CrlHeader | None,
    delta: CrlHeader | None,
    covers: int,
    now: datetime,
) -> None:
    """The first one has no delta, and names none. What expired stays on one more list (3.3)."""
    registry, base = service.administration, _base(service.administration, last)
    valid_at = min(last.issued_at, now) if last else now
    number = registry.reserve_crl(authority.number)
    delta_url = f"{service.status_url}{delta_at(authority.number)}" if base else ""
    with registry.statuses() as told:  # of one moment: they have one number, and so say one thing (5.2.4)
        entries = ((one.serial, one.at, one.reason) for one in told.revoked(authority.number, valid_at))
        der = crl.build(authority.issuing, entries, number, now, now + LIFE, delta_url)
        changes = _delta(authority, told, base, number, now) if base else b""
    goes_on = (
        base and base.issued_at <= now < base.issued_at + EVERY and (not delta or delta.delta_size < LONGEST_DELTA)
    )
    on = base.number if base and goes_on else number
    registry.keep_crl(Crl(authority.number, number, now, now + LIFE, covers, on, der, changes))


def _make_delta(service: Service, authority: AuthorityKeys, last: CrlHeader, covers: int, now: datetime) -> None:
    registry = service.administration
    base = _base(registry, last)
    if base is None:
        return
    number = registry.reserve_crl(authority.number)
    with registry.statuses() as told:
        changes = _delta(authority, told, base, number, now)
    registry.keep_crl(Crl(authority.number, number, now, now + DELTA_LIFE, covers, base.number, b"", changes))


def _base(registry: Administration, last: CrlHeader | None) -> CrlHeader | None:
    return registry.crl_numbered(last.base, last.authority) if last else None


def _delta(authority: AuthorityKeys, told: Statuses, base: CrlHeader, number: int, now: datetime) -> bytes:
    changes = _changes(told, authority.number, base, now)
    return crl.build_delta(authority.issuing, changes, number, base.number, now, now + DELTA_LIFE)


def _changes(told: Statuses, authority: int, base: CrlHeader, now: datetime) -> Iterator[DeltaEntry]:
    """What has expired since is said as well, until a complete list has said it (5.2.4)."""
    for one in told.changed(authority, min(base.issued_at, now), base.covers, now):
        yield one.serial, one.at, Removal.FROM_LIST if one.reason is None else one.reason
