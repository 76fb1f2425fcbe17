"""A registry as lines of text, and back, on either database: of each table a line with its columns, then one a row.

A line is a JSON array; bytes are an array of their own, with base64 in it: so a line says by itself what it holds, and
needs no schema but that of its own version to be read by.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, bindparam, column, delete, func, insert, inspect, or_, select, table, text, update

from tokenmgr.domain.audit import FIRST, Action, Actor, Entry, Event
from tokenmgr.errors import RegistryNewer, RegistryNotEmpty
from tokenmgr.ra.ports import Stale
from tokenmgr.sql import migrations, statuses
from tokenmgr.sql.engine import Database, take_leisure
from tokenmgr.sql.schema import METADATA, answer, audit, checkpoint, crl, job, node
from tokenmgr.sql.trail import note

TABLES = tuple(one.name for one in METADATA.sorted_tables if one.name != "migration")  # what refers comes later
AT_ONCE = 500  # rows that are in memory
# Numbers of revocation lists that may have been given out since a backup: a list a second would use them up in 136
# years. Each restore goes past them all, since no number may stand for two lists (RFC 5280, 5.2.3).
BEYOND = 1 << 32

Head = tuple[int, bytes]  # of the trail: the last entry's number and hash
Row = Mapping[str, Any]
Check = Callable[[str, Row], None]  # is shown every row with its table; raises where it is wrong
_HEAD = select(audit.c.number, audit.c.hash).order_by(audit.c.number.desc()).limit(1)
_HASH = select(audit.c.hash).where(audit.c.number == bindparam("which"))
_LAST_ACT = select(audit.c.number, audit.c.action, audit.c.after).order_by(audit.c.number.desc()).limit(1)
_NUMBERS = select(crl.c.authority, func.max(crl.c.number)).group_by(crl.c.authority)
_ASTRAY = (
    select(checkpoint.c.number)
    .outerjoin(audit, audit.c.number == checkpoint.c.number)
    .where(or_(audit.c.hash.is_(None), audit.c.hash != checkpoint.c.hash))
    .limit(1)
)
_SEQUENCES = tuple(
    text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), GREATEST((SELECT MAX(id) FROM {name}), 1))")  # noqa: S608
    for name in ("subscriber", "notice")
)


# --- out ---


@dataclass(frozen=True)
class Moment:
    """A registry as it was at one moment, while others go on writing."""

    connection: Connection
    migrations: int
    head: Head

    def lines(self, name: str) -> Iterator[str]:
        """In the order of the primary key. Unlike where they would not be taken back: of a trail that is not whole."""
        trail = _Trail()
        found = METADATA.tables[name]
        yield _encode([one.name for one in found.columns])
        statement = select(found).order_by(*found.primary_key.columns)
        with self.connection.execute(statement, execution_options={"yield_per": AT_ONCE}) as rows:
            for row in rows:
                trail.check(name, dict(row._mapping))
                yield _encode([[base64.b64encode(v).decode()] if isinstance(v, bytes) else v for v in row])


@contextmanager
def moment(database: Database) -> Iterator[Moment]:
    with database.moment() as connection:
        applied = connection.execute(text("SELECT MAX(number) FROM migration")).scalar_one()
        last = connection.execute(_HEAD).first()
        yield Moment(connection, applied, (0, FIRST) if last is None else (last[0], last[1]))


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


# --- in ---


class Unlike(Exception):
    """These lines are no table of that registry, or its trail is not whole. Nothing was kept."""


class Untold(Unlike):
    """The status of this certificate is not what the trail tells of it."""


@dataclass(frozen=True)
class Source:
    """What is to be put in. `lines` may be asked for a table again; `backup` names which one it is, in the trail."""

    migrations: int
    head: Head
    lines: Callable[[str], Iterable[str]]
    tables: frozenset[str]
    backup: Mapping[str, str | int]


def restore(database: Database, by: Actor, source: Source, check: Check, now: datetime) -> None:
    """Into a database with nothing in it; or on from where it was cut short, with the same backup."""
    known = migrations.ALL[: source.migrations]
    if len(known) < source.migrations:
        raise RegistryNewer(found=source.migrations, known=len(known))
    if not _is_made(database):
        database.migrate(now, known=known)
    if not _is_loaded(database, source):
        try:
            database.write(lambda c: _load(c, source, check))
        except Stale as error:  # rows that do not go together
            raise Unlike from error
    database.migrate(now)
    if not _is_settled(database, source):
        database.write(lambda c: _settle(c, by, source))


def _is_made(database: Database) -> bool:
    with database.moment() as connection:
        return migrations.is_made(connection)


def _is_loaded(database: Database, source: Source) -> bool:
    """By the trail: every file of a backup has an entry in the trail that it was made from, so one that ends where the
    backup does is nobody's but ours."""
    if _is_settled(database, source):
        return True
    row = database.first(_HEAD)
    return row is not None and (row[0], row[1]) == source.head


def _is_settled(database: Database, source: Source) -> bool:
    row = database.first(_LAST_ACT)
    if row is None or (row[0], row[1]) != (source.head[0] + 1, Action.CA_RESTORED.value):
        return False
    before = database.first(_HASH, {"which": source.head[0]})
    is_after_it = source.head[0] == 0 if before is None else before[0] == source.head[1]
    return is_after_it and json.loads(row[2]) == dict(source.backup)


def _load(connection: Connection, source: Source, check: Check) -> None:
    take_leisure(connection)
    seen = inspect(connection)
    there = set(seen.get_table_names()) - {"migration"}
    for name in sorted(there):
        if connection.execute(select(text("1")).select_from(table(name)).limit(1)).first() is not None:
            raise RegistryNotEmpty(database=connection.engine.url.render_as_string())
    if there != source.tables:
        raise Unlike
    trail = _Trail()
    for name in (one.name for one in METADATA.sorted_tables if one.name in there):
        columns = {one["name"] for one in seen.get_columns(name)}
        for rows in _batches(_rows(source.lines(name), columns)):
            for row in rows:
                check(name, row)
                trail.check(name, row)
            names = list(rows[0])
            connection.execute(insert(table(name, *map(column, names))), [dict(row) for row in rows])
    if (trail.number, trail.hash) != source.head or connection.execute(_ASTRAY).first() is not None:
        raise Unlike
    if (serial := statuses.untold(connection)) is not None:
        raise Untold(serial)
    if connection.dialect.name == "postgresql":
        for sequence in _SEQUENCES:
            connection.execute(sequence)


def _rows(lines: Iterable[str], columns: set[str]) -> Iterator[Row]:
    told = iter(lines)
    try:
        names = json.loads(next(told))
        if len(names) != len(columns) or set(names) != columns:
            raise Unlike
        for line in told:
            yield dict(zip(names, map(_value, json.loads(line)), strict=True))
    except (ValueError, TypeError, StopIteration) as error:
        raise Unlike from error


def _value(told: object) -> object:
    if isinstance(told, list):
        (encoded,) = told
        return base64.b64decode(encoded, validate=True)
    if told is None or (isinstance(told, int | str) and not isinstance(told, bool)):
        return told
    raise Unlike


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while some := list(islice(rows, AT_ONCE)):
        yield some


class _Trail:
    """The chain, entry by entry as it is read (domain/audit.py)."""

    def __init__(self) -> None:
        self.number, self.hash = 0, FIRST

    def check(self, name: str, row: Row) -> None:
        if name != "audit":
            return
        entry = Entry(**{key: value for key, value in row.items() if key != "changes_status"})
        told = entry.digest(self.hash)
        if entry.number != self.number + 1 or told != entry.hash:
            raise Unlike
        if bool(row["changes_status"]) != _changes_status(entry.action):
            raise Unlike
        self.number, self.hash = entry.number, told


def _changes_status(action: str) -> bool:
    return action in _CHANGING


_CHANGING = {action.value for action in Action if action.changes_status}


def _settle(connection: Connection, by: Actor, source: Source) -> None:
    """What a registry that was away for a while must not go on with: list numbers that may have been given out, lists
    and answers that may have been followed by newer ones, nodes that are not running."""
    for authority, number in connection.execute(_NUMBERS).all():
        connection.execute(insert(crl).values(authority=authority, number=number + BEYOND))
    connection.execute(update(crl).where(crl.c.covers.is_not(None)).values(covers=-1))  # so that one is made at once
    connection.execute(delete(answer))
    connection.execute(delete(node))
    connection.execute(delete(job))
    note(connection, by, Event(Action.CA_RESTORED, after=dict(source.backup)))


def noted(database: Database, by: Actor, event: Event) -> None:
    """An entry about the CA as a whole, and nothing else."""
    database.write(lambda c: note(c, by, event))
