"""What a revocation list is made of, its number, and the list itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select, text, update

from tokenmgr.domain.generation import RevocationReason
from tokenmgr.errors import NotRegistered
from tokenmgr.sql.engine import Database
from tokenmgr.sql.rows import micros, moment
from tokenmgr.sql.schema import crl, generation


@dataclass(frozen=True)
class Revoked:
    serial: int
    at: datetime
    reason: RevocationReason


@dataclass(frozen=True)
class Crl:
    number: int
    issued_at: datetime
    next_update: datetime
    covers: int  # how many had ever been revoked when it was begun: clocks differ, and nothing is ever un-revoked
    der: bytes = field(repr=False)


_REVOKED = (
    select(generation.c.serial, generation.c.revoked_at, generation.c.reason)
    .where(generation.c.revoked_at.is_not(None), generation.c.not_after >= bindparam("valid_at"))
    .order_by(generation.c.serial)
)
_REVOKED_SINCE = _REVOKED.where(generation.c.revoked_at > bindparam("since"))
_RESERVE = text("INSERT INTO crl (number) SELECT COALESCE(MAX(number), 0) + 1 FROM crl RETURNING number")
_KEEP = update(crl).where(crl.c.number == bindparam("which"), crl.c.der.is_(None))
_FORGET = update(crl).where(crl.c.number < bindparam("which"), crl.c.der.is_not(None)).values(der=b"")
_NEWEST = (
    select(crl.c.number, crl.c.issued_at, crl.c.next_update, crl.c.covers, crl.c.der)
    .where(crl.c.issued_at.is_not(None))
    .order_by(crl.c.number.desc())
    .limit(1)
)


_EVER = select(func.count()).select_from(generation).where(generation.c.revoked_at.is_not(None))


def ever_revoked(database: Database) -> int:
    row = database.first(_EVER)
    return 0 if row is None else int(row[0])


def revoked(database: Database, valid_at: datetime, since: datetime | None) -> Iterator[Revoked]:
    statement, values = _REVOKED, {"valid_at": micros(valid_at)}
    if since is not None:
        statement, values = _REVOKED_SINCE, {**values, "since": micros(since)}
    for serial, at, reason in database.stream(statement, values):
        yield Revoked(int(serial, 16), moment(at), RevocationReason(reason))


def reserve(connection: Connection) -> int:
    """A primary key holds that nobody else has it: whoever came second is Stale, and asks again."""
    number: int = connection.execute(_RESERVE).scalar_one()
    return number


def keep(connection: Connection, new: Crl) -> None:
    """The bytes of those before are let go: a list holds all that the one before did."""
    values: dict[str, object] = {"issued_at": micros(new.issued_at), "next_update": micros(new.next_update)}
    values |= {"covers": new.covers, "der": new.der}
    if connection.execute(_KEEP, {"which": new.number, **values}).rowcount != 1:
        raise NotRegistered(kind="crl", name=str(new.number))
    connection.execute(_FORGET, {"which": new.number})


def newest(database: Database) -> Crl | None:
    row = database.first(_NEWEST)
    return None if row is None else Crl(row[0], moment(row[1]), moment(row[2]), *row[3:])
