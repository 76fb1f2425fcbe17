"""Who is logged in at a bank's pages: on every node alike, and known by the hash of a token alone, so that whoever
reads the registry can be nobody by it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from tokenmgr.domain.entry import IDLE, Lock, is_over
from tokenmgr.domain.generation import Generation
from tokenmgr.domain.party import Bank, Subscriber
from tokenmgr.ra.ports import BEYOND_SERIALS
from tokenmgr.sql import tries
from tokenmgr.sql.engine import Database
from tokenmgr.sql.locks import lock_subscriber
from tokenmgr.sql.rows import BANK, GENERATION, SUBSCRIBER, bank_of, generation_of, hexed, micros, moment, subscriber_of
from tokenmgr.sql.schema import bank, generation, session, subscriber
from tokenmgr.sql.schema import tries as spent_tries

NOTED = timedelta(minutes=1)  # how exactly it is known when somebody was last seen: a write costs a wait for the disk


@dataclass(frozen=True)
class Session:
    bank: str
    subscriber: int
    serial: int  # of the certificate that it was begun with: no other one goes on with it
    began_at: datetime
    seen_at: datetime


@dataclass(frozen=True)
class AtDoor:
    """The bank that was asked for; what is known of the certificate's number, and whose it is; and the session, if the
    token has one at this bank with this very certificate. `lock`: what has just ended that."""

    bank: Bank
    found: Generation | None
    who: Subscriber | None
    session: Session | None
    lock: Lock | None = None


_mine = session.c.token_hash == bindparam("which")
_SESSION = ("bank", "subscriber", "serial", "began_at", "seen_at")
# In one read: every page begins with it.
_AT_DOOR = (
    select(
        *[bank.c[name] for name in BANK],
        *[generation.c[name] for name in GENERATION],
        *[subscriber.c[name] for name in SUBSCRIBER],
        *[session.c[name] for name in _SESSION],
        spent_tries.c.spent,
    )
    .select_from(bank)
    .outerjoin(generation, generation.c.serial == bindparam("serial"))
    .outerjoin(subscriber, subscriber.c.id == generation.c.subscriber)
    .outerjoin(session, _mine & (session.c.bank == bank.c.code) & (session.c.serial == generation.c.serial))
    .outerjoin(spent_tries, tries.OF_SUBSCRIBER)
    .where(bank.c.code == bindparam("code"))
)
_BEGIN = insert(session)
_SEEN = update(session).where(_mine).values(seen_at=bindparam("now"))
_END = delete(session).where(_mine)
_END_ALL = delete(session).where(session.c.subscriber == bindparam("who"))
_TIDY = delete(session).where(session.c.seen_at < bindparam("idle"))


class Sessions:
    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, token: str, bank: str, subscriber: int, serial: int, now: datetime) -> None:
        """The only one of this subscriber: who logs in elsewhere ends what was left open."""
        values = {"token_hash": _hash(token), "bank": bank, "subscriber": subscriber, "serial": hexed(serial)}
        values |= {"began_at": micros(now), "seen_at": micros(now)}

        def act(connection: Connection) -> None:
            lock_subscriber(connection, subscriber)  # or of two at once neither would see the other
            connection.execute(_END_ALL, {"who": subscriber})
            connection.execute(_BEGIN, values)

        self._database.write(act)

    def at_door(self, code: str, serial: int | None, token: str, now: datetime) -> AtDoor | None:
        """And seen, now. None where there is no such bank. `serial` is of whatever TLS has let through."""
        if not tries.is_possible(code):
            return None
        is_possible = serial is not None and 0 < serial < BEYOND_SERIALS
        values = {"code": code, "serial": hexed(serial) if is_possible and serial else "", "which": _hash(token)}
        row = self._database.first(_AT_DOOR, values)
        if row is None:
            return None
        parts = _parts(row, len(BANK), len(GENERATION), len(SUBSCRIBER), len(_SESSION), 1)
        of_bank, one, who, its, (spent,) = parts
        at = AtDoor(
            bank_of(*of_bank),
            None if one[0] is None else generation_of(one),
            None if who[0] is None else subscriber_of(who),
            None if its[0] is None else self._current(its, token, now),
        )
        if at.session is None or (lock := self._lock(at, spent or 0)) is None:
            return at
        self.end(token)
        return replace(at, session=None, lock=lock)

    def _lock(self, at: AtDoor, spent: int) -> Lock | None:
        policy = at.bank.policy
        if spent >= policy.wrong_pins:
            return Lock.OWN
        if at.who is None or not policy.lock_contract:
            return None
        values = {"bank": at.who.bank, "contract": at.who.contract, "limit": policy.wrong_pins}
        return Lock.CONTRACT if self._database.first(tries.ADMINISTRATOR_LOCKED, values) else None

    def _current(self, row: Sequence[Any], token: str, now: datetime) -> Session | None:
        """What is over is over for good, whatever the clock says next."""
        number, subscriber, serial, began_at, seen_at = row
        found = Session(number, subscriber, int(serial, 16), moment(began_at), moment(seen_at))
        if is_over(found.began_at, found.seen_at, now):
            self.end(token)
            return None
        if now - found.seen_at >= NOTED:
            self._database.write(lambda c: c.execute(_SEEN, {"which": _hash(token), "now": micros(now)}).rowcount)
        return found

    def end(self, token: str) -> None:
        self._database.write(lambda c: c.execute(_END, {"which": _hash(token)}).rowcount)


def tidy(connection: Connection, now: datetime) -> int:
    """Those that nobody comes back to: one that is in use for too long is ended where that is seen."""
    return connection.execute(_TIDY, {"idle": micros(now - IDLE)}).rowcount


def _parts(row: Sequence[Any], *lengths: int) -> list[Sequence[Any]]:
    found, at = [], 0
    for length in lengths:
        found.append(row[at : at + length])
        at += length
    return found


def _hash(token: str) -> bytes:
    """Of 32 random bytes: nobody guesses those, however quick a hash is."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
