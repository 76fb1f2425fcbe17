"""What revocation lists are made of, their numbers, and the lists: of each authority a complete one with its delta."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select, text, update

from tokenmgr.domain.audit import Action, Actor, Event
from tokenmgr.domain.generation import RevocationReason
from tokenmgr.errors import NotRegistered
from tokenmgr.sql.engine import AT_ONCE, Database
from tokenmgr.sql.marks import require_open
from tokenmgr.sql.rows import micros, moment
from tokenmgr.sql.schema import audit, crl, generation
from tokenmgr.sql.trail import note


@dataclass(frozen=True)
class Revoked:
    """`reason` is None for what is good again, since it was on hold: a delta says so."""

    serial: int
    at: datetime
    reason: RevocationReason | None


@dataclass(frozen=True)
class Crl:
    """A complete list with its delta, or, where `der` is empty, a delta alone."""

    authority: int
    number: int
    issued_at: datetime
    next_update: datetime
    covers: int  # the last entry of the trail that changes a status, when it was begun: by no clock, and in one order
    base: int  # the number of the complete list that deltas are on; its own: from now on they are on this one
    der: bytes = field(repr=False)
    delta: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class CrlHeader:
    """The same without its bytes: only how many they are."""

    authority: int
    number: int
    issued_at: datetime
    next_update: datetime
    covers: int
    base: int
    size: int
    delta_size: int


_REVOKED = (
    select(generation.c.serial, generation.c.revoked_at, generation.c.reason)
    .where(
        generation.c.revoked_at.is_not(None),
        generation.c.authority == bindparam("of_authority"),
        generation.c.not_after >= bindparam("valid_at"),
    )
    .order_by(generation.c.serial)
)
_changed = (
    select(audit.c.serial)
    .where(audit.c.changes_status == text("1"), audit.c.number > bindparam("since"))
    .distinct()
    .subquery()
)
_CHANGED = (
    select(generation.c.serial, generation.c.revoked_at, generation.c.reason)
    .select_from(_changed.join(generation, generation.c.serial == _changed.c.serial))
    .where(generation.c.authority == bindparam("of_authority"), generation.c.not_after >= bindparam("valid_at"))
    .order_by(generation.c.serial)
)
_HEAD = select(func.max(audit.c.number)).where(audit.c.changes_status == text("1"))
_RESERVE = text(
    "INSERT INTO crl (authority, number) SELECT :authority, COALESCE(MAX(number), 0) + 1 FROM crl"
    " WHERE authority = :authority RETURNING number"
)
_of = crl.c.authority == bindparam("of_authority")
_size, _delta_size = func.length(crl.c.der), func.length(crl.c.delta)
_is_complete, _has_delta = _size > text("0"), _delta_size > text("0")
_KEEP = update(crl).where(_of, crl.c.number == bindparam("which"), crl.c.der.is_(None))
_before = (_of, crl.c.number < bindparam("which"))
_FORGET = update(crl).where(*_before, _is_complete | _has_delta).values(der=b"", delta=b"")
_FORGET_DELTA = update(crl).where(*_before, _has_delta).values(delta=b"")
_columns = [crl.c[name] for name in ("authority", "number", "issued_at", "next_update", "covers", "base")]
_lists = select(*_columns, crl.c.der, crl.c.delta).where(_of).order_by(crl.c.number.desc()).limit(1)
_headers = select(*_columns, _size, _delta_size).where(_of, crl.c.issued_at.is_not(None))
_newest_header = _headers.order_by(crl.c.number.desc()).limit(1)
_COMPLETE, _DELTA = _lists.where(_is_complete), _lists.where(_has_delta)
_COMPLETE_HEADER, _DELTA_HEADER = _newest_header.where(_is_complete), _newest_header.where(_has_delta)
_HEADER_BY_NUMBER = _headers.where(crl.c.number == bindparam("which"))


def last_change(database: Database) -> int:
    """The number of the last entry of the trail that changes a certificate's status."""
    row = database.first(_HEAD)
    return 0 if row is None or row[0] is None else int(row[0])


@dataclass(frozen=True)
class Statuses:
    """What lists are made of. All that it tells is of one moment, in bounded memory: one after the other."""

    _connection: Connection

    def revoked(self, authority: int, valid_at: datetime) -> Iterator[Revoked]:
        values = {"of_authority": authority, "valid_at": micros(valid_at)}
        for serial, at, reason in self._rows(_REVOKED, values):
            yield Revoked(int(serial, 16), moment(at), RevocationReason(reason))

    def changed(self, authority: int, valid_at: datetime, since: int, now: datetime) -> Iterator[Revoked]:
        """Whose status has changed since that entry of the trail, as it is now."""
        values = {"of_authority": authority, "valid_at": micros(valid_at), "since": since}
        for serial, at, reason in self._rows(_CHANGED, values):
            if at is None:
                yield Revoked(int(serial, 16), now, None)
            else:
                yield Revoked(int(serial, 16), moment(at), RevocationReason(reason))

    def _rows(self, statement: Select[*tuple[Any, ...]], values: Mapping[str, object]) -> Iterator[Any]:
        with self._connection.execute(statement, values, execution_options={"yield_per": AT_ONCE}) as rows:
            yield from rows


@contextmanager
def statuses(database: Database) -> Iterator[Statuses]:
    with database.moment() as connection:
        yield Statuses(connection)


def reserve(connection: Connection, authority: int) -> int:
    """A primary key holds that nobody else has it: whoever came second is Stale, and asks again. A closed CA has made
    its last list."""
    require_open(connection)
    return next_number(connection, authority)


def next_number(connection: Connection, authority: int) -> int:
    number: int = connection.execute(_RESERVE, {"authority": authority}).scalar_one()
    return number


def keep(connection: Connection, by: Actor, new: Crl) -> None:
    """The bytes of those before are let go: a complete list holds all that they did, a delta all that
    the deltas before it did."""
    values: dict[str, object] = {"issued_at": micros(new.issued_at), "next_update": micros(new.next_update)}
    values |= {"covers": new.covers, "base": new.base, "der": new.der, "delta": new.delta}
    own = {"of_authority": new.authority, "which": new.number}
    if connection.execute(_KEEP, {**own, **values}).rowcount != 1:
        raise NotRegistered(kind="crl", name=str(new.number))
    connection.execute(_FORGET if new.der else _FORGET_DELTA, own)
    after = {"authority": new.authority, "number": new.number, "base": new.base, "bytes": len(new.der or new.delta)}
    note(connection, by, Event(Action.LIST_MADE, after=after))


def newest(database: Database, authority: int) -> Crl | None:
    """The complete one."""
    return _crl(database, _COMPLETE, authority)


def newest_delta(database: Database, authority: int) -> Crl | None:
    return _crl(database, _DELTA, authority)


def header(database: Database, authority: int) -> CrlHeader | None:
    """Of the newest complete one."""
    return _header(database, _COMPLETE_HEADER, {"of_authority": authority})


def delta_header(database: Database, authority: int) -> CrlHeader | None:
    return _header(database, _DELTA_HEADER, {"of_authority": authority})


def numbered(database: Database, authority: int, number: int) -> CrlHeader | None:
    return _header(database, _HEADER_BY_NUMBER, {"of_authority": authority, "which": number})


def _crl(database: Database, statement: Select[*tuple[Any, ...]], authority: int) -> Crl | None:
    row = database.first(statement, {"of_authority": authority})
    return None if row is None else Crl(row[0], row[1], moment(row[2]), moment(row[3]), *row[4:])


def _header(database: Database, statement: Select[*tuple[Any, ...]], values: Mapping[str, object]) -> CrlHeader | None:
    row = database.first(statement, values)
    return None if row is None else CrlHeader(row[0], row[1], moment(row[2]), moment(row[3]), *row[4:])
