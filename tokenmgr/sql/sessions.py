"""Who is logged in at a bank's pages: on every node alike, and known by the hash of a token alone, so that whoever
reads the registry can be nobody by it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from tokenmgr.domain.entry import IDLE, LONGEST, is_over
from tokenmgr.sql.engine import Database
from tokenmgr.sql.rows import hexed, micros, moment
from tokenmgr.sql.schema import session

NOTED = timedelta(minutes=1)  # how exactly it is known when somebody was last seen: a write costs a wait for the disk


@dataclass(frozen=True)
class Session:
    bank: str
    subscriber: int
    serial: int  # of the certificate that it was begun with: no other one goes on with it
    began_at: datetime
    seen_at: datetime


_mine = session.c.token_hash == bindparam("which")
_NAMES = ("bank", "subscriber", "serial", "began_at", "seen_at")
_GET = select(*[session.c[name] for name in _NAMES]).where(_mine)
_BEGIN = insert(session)
_SEEN = update(session).where(_mine).values(seen_at=bindparam("now"))
_END = delete(session).where(_mine)
_END_ALL = delete(session).where(session.c.subscriber == bindparam("who"))
_TIDY = delete(session).where((session.c.seen_at < bindparam("idle")) | (session.c.began_at < bindparam("long")))


class Sessions:
    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, token: str, bank: str, subscriber: int, serial: int, now: datetime) -> None:
        """The only one of this subscriber: who logs in elsewhere ends what was left open."""
        values = {"token_hash": _hash(token), "bank": bank, "subscriber": subscriber, "serial": hexed(serial)}
        values |= {"began_at": micros(now), "seen_at": micros(now)}

        def act(connection: Connection) -> None:
            connection.execute(_END_ALL, {"who": subscriber})
            connection.execute(_BEGIN, values)

        self._database.write(act)

    def get(self, token: str, now: datetime) -> Session | None:
        """And seen, now."""
        row = self._database.first(_GET, {"which": _hash(token)}) if token else None
        if row is None:
            return None
        bank, subscriber, serial, began_at, seen_at = row
        found = Session(bank, subscriber, int(serial, 16), moment(began_at), moment(seen_at))
        if is_over(found.began_at, found.seen_at, now):
            return None
        if now - found.seen_at >= NOTED:
            self._database.write(lambda c: c.execute(_SEEN, {"which": _hash(token), "now": micros(now)}).rowcount)
        return found

    def end(self, token: str) -> None:
        self._database.write(lambda c: c.execute(_END, {"which": _hash(token)}).rowcount)


def tidy(connection: Connection, now: datetime) -> int:
    return connection.execute(_TIDY, {"idle": micros(now - IDLE), "long": micros(now - LONGEST)}).rowcount


def _hash(token: str) -> bytes:
    """Of 32 random bytes: nobody guesses those, however quick a hash is."""
    return hashlib.sha256(token.encode()).digest()
