"""The audit trail, written: every act notes what it does, and each commit chains what its acts have noted.

So an entry is durable exactly where what it tells of is, and their numbers are the order of the commits, on all nodes:
whoever chains is alone until its commit is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select, text

from tokenmgr.domain import audit
from tokenmgr.domain.audit import FIRST, Action, Actor, Entry, Event, Value
from tokenmgr.sql.rows import micros
from tokenmgr.sql.schema import audit as entries
from tokenmgr.sql.schema import subscriber

Noted = list[tuple[Actor, Event]]

NOTHING: Mapping[str, Value] = {}
MOST = 10_000  # names that are kept
_NOTED, _PEOPLE = "noted", "people"  # on the connection that writes
_WHO = select(subscriber.c.bank, subscriber.c.contract, subscriber.c.user_id).where(subscriber.c.id == bindparam("who"))
LOCK = 0x6175646974  # "audit"
_LOCK = text(f"SELECT pg_advisory_xact_lock({LOCK})")  # SQLite has one writer in any case
_LAST = select(entries.c.number, entries.c.hash).where(
    entries.c.number == select(func.max(entries.c.number)).scalar_subquery()
)
_INSERT = insert(entries)
_CHANGES_STATUS = {action.value: int(action.changes_status) for action in Action}


def begin(connection: Connection) -> Noted:
    """For one transaction. An act that is undone has its part of the list cut off."""
    noted: Noted = []
    connection.info[_NOTED] = noted
    return noted


def note(connection: Connection, by: Actor, event: Event) -> None:
    connection.info[_NOTED].append((by, event))


def note_of(
    connection: Connection,
    by: Actor,
    action: Action,
    holder: int | None,
    serial: int | str | None = None,
    before: Mapping[str, Value] = NOTHING,
    after: Mapping[str, Value] = NOTHING,
) -> None:
    """About a subscriber; None: one of the CA's own certificates."""
    bank, whom = ("", "") if holder is None else _named(connection, holder)
    number = int(serial, 16) if isinstance(serial, str) else serial
    note(connection, by, Event(action, bank, whom, number, before, after))


def _named(connection: Connection, holder: int) -> tuple[str, str]:
    """Kept with the connection, since nobody's ID ever changes."""
    known: dict[int, tuple[str, str]] = connection.info.setdefault(_PEOPLE, {})
    if holder not in known:
        if len(known) >= MOST:
            known.clear()
        bank, contract, user = connection.execute(_WHO, {"who": holder}).one()
        known[holder] = (bank, f"{bank}/{contract}/{user}")
    return known[holder]


def chain(connection: Connection, noted: Noted, now: datetime) -> None:
    """The last thing before the commit, since every other node waits from here on."""
    if not noted:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK)
    last = connection.execute(_LAST).first()
    number, previous = (0, FIRST) if last is None else (last[0], last[1])
    rows = []
    for by, event in noted:
        number += 1
        one = audit.entry(number, micros(now), by, event)
        previous = one.digest(previous)
        rows.append(_values(one) | {"hash": previous})
    connection.execute(_INSERT, rows)


def _values(one: Entry) -> dict[str, object]:
    return {**vars(one), "changes_status": _CHANGES_STATUS[one.action]}


def entry_of(row: Sequence[object]) -> Entry:
    """The columns of an Entry, in its own order."""
    return Entry(*row)  # type: ignore[arg-type]
