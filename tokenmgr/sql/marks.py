"""What the whole CA has come to, where every node sees it at once: that it is closed.

Whoever is about to have something certified asks within the same transaction, and holds a lock until its commit that
whoever closes waits for: so nothing is recorded after the mark, by no node, however its clock goes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, text

from tokenmgr.domain.audit import Action, Actor, Event
from tokenmgr.errors import AuthorityClosed
from tokenmgr.sql.engine import Database
from tokenmgr.sql.schema import mark
from tokenmgr.sql.trail import note

_CLOSED = "closed"
_LOCK = 0x636C6F7365  # "close"
_SHARE = text(f"SELECT pg_advisory_xact_lock_shared({_LOCK})")  # SQLite has one writer in any case
_ALONE = text(f"SELECT pg_advisory_xact_lock({_LOCK})")
_GET = select(mark.c.value).where(mark.c.name == bindparam("which"))
_PUT = text("INSERT INTO mark (name, value) VALUES (:which, :value)")


@dataclass(frozen=True)
class Closed:
    """Since when, and by whom."""

    at: datetime
    by: str


def require_open(connection: Connection) -> None:
    """AuthorityClosed where it is not; and until the commit it stays so."""
    if connection.dialect.name == "postgresql":
        connection.execute(_SHARE)
    if connection.execute(_GET, {"which": _CLOSED}).first() is not None:
        raise AuthorityClosed


def closed(database: Database) -> Closed | None:
    row = database.first(_GET, {"which": _CLOSED})
    return None if row is None else _read(row[0])


def close(database: Database, by: Actor, now: datetime) -> Closed:
    """From the moment that this returns nothing is certified any more. The first time counts."""

    def act(connection: Connection) -> Closed:
        if connection.dialect.name == "postgresql":
            connection.execute(_ALONE)
        row = connection.execute(_GET, {"which": _CLOSED}).first()
        if row is not None:
            return _read(row[0])
        value = json.dumps({"at": now.isoformat(), "by": by.name}, ensure_ascii=False)
        connection.execute(_PUT, {"which": _CLOSED, "value": value})
        note(connection, by, Event(Action.CA_CLOSING))
        return Closed(now, by.name)

    return database.write(act)


def _read(value: str) -> Closed:
    told = json.loads(value)
    return Closed(datetime.fromisoformat(told["at"]), told["by"])
