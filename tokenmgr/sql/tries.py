"""Wrong entries of login PINs, kept alike for IDs that exist and for those that do not (R11).

Rows of IDs that nobody has are forgotten a day after the last try (tidy), or guessing would fill the disk. Whoever
comes back after that day can so tell such an ID from a locked one; it costs a day, and locks the IDs that do exist.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, bindparam, delete, exists, select, text

from tokenmgr.domain.audit import Action, Actor, Event
from tokenmgr.domain.party import Role
from tokenmgr.ra.ports import Tries
from tokenmgr.sql.rows import micros
from tokenmgr.sql.schema import subscriber, tries
from tokenmgr.sql.trail import note

KEPT = timedelta(days=1)
LONGEST = 32  # letters of a contract's number, or of a user's

_SPEND = text(
    "INSERT INTO try (bank, contract, user_id, spent, last_at) VALUES (:bank, :contract, :user, 1, :now)"
    " ON CONFLICT (bank, contract, user_id) DO UPDATE SET spent = try.spent + 1, last_at = :now"
    " WHERE try.spent < :limit RETURNING spent"
)
_own = and_(tries.c.bank == bindparam("bank"), tries.c.contract == bindparam("contract"))
_SPENT = select(tries.c.spent).where(_own, tries.c.user_id == bindparam("user"))
_FORGIVE = delete(tries).where(_own, tries.c.user_id == bindparam("user"))
OF_SUBSCRIBER = and_(
    tries.c.bank == subscriber.c.bank,
    tries.c.contract == subscriber.c.contract,
    tries.c.user_id == subscriber.c.user_id,
)
ADMINISTRATOR_LOCKED = select(subscriber.c.id).where(
    subscriber.c.bank == bindparam("bank"),
    subscriber.c.contract == bindparam("contract"),
    subscriber.c.role == Role.ADMINISTRATOR.value,
    # Asked of each ID that exists: of made-up ones there may be any number.
    select(tries.c.spent).where(OF_SUBSCRIBER).correlate(subscriber).scalar_subquery() >= bindparam("limit"),
)
_KNOWN = select(subscriber.c.id).where(
    subscriber.c.bank == bindparam("bank"),
    subscriber.c.contract == bindparam("contract"),
    subscriber.c.user_id == bindparam("user"),
)
_TIDY = delete(tries).where(tries.c.last_at < bindparam("before"), ~exists().where(OF_SUBSCRIBER))


def spend(
    connection: Connection,
    by: Actor,
    who: tuple[str, str, str],
    limit: int,
    lock_contract: bool,
    now: datetime,
) -> Tries:
    """The try that locks is told to the trail: the others are as many as somebody likes. What is nobody's ID is told of
    by its hash alone: it may be a PIN in the wrong field."""
    bank, contract, user = who
    values = {**_key(bank, contract, user), "limit": limit, "now": micros(now)}
    by_contract = lock_contract and connection.execute(ADMINISTRATOR_LOCKED, values).first() is not None
    spent = connection.execute(_SPEND, values).scalar()
    if spent == limit:
        is_known = connection.execute(_KNOWN, values).first() is not None
        whom = "/".join(who) if is_known else _short("/".join(who))
        note(connection, by, Event(Action.CLAIM_LOCKED, bank if is_known else "", whom, after={"tries": spent}))
    if spent is None:
        return Tries(_spent(connection, values), locked=True, contract_locked=by_contract)
    return Tries(spent, locked=False, contract_locked=by_contract)


def forgive(connection: Connection, bank: str, contract: str, user: str) -> None:
    connection.execute(_FORGIVE, _key(bank, contract, user))


def tidy(connection: Connection, now: datetime) -> int:
    return connection.execute(_TIDY, {"before": micros(now - KEPT)}).rowcount


def is_possible(*ids: str) -> bool:
    """Whether an ID may exist at all: a customer types anything, and PostgreSQL takes no NUL."""
    return all(len(one) <= LONGEST and one.isascii() and one.isprintable() for one in ids)


def _key(bank: str, contract: str, user: str) -> dict[str, str]:
    """What nobody's ID can be is counted too, in as little room."""
    return {name: one if is_possible(one) else _short(one) for name, one in _named(bank, contract, user)}


def _named(bank: str, contract: str, user: str) -> tuple[tuple[str, str], ...]:
    return ("bank", bank), ("contract", contract), ("user", user)


def _short(typed: str) -> str:
    return "#" + hashlib.sha256(typed.encode(errors="surrogatepass")).hexdigest()


def _spent(connection: Connection, values: dict[str, object]) -> int:
    return connection.execute(_SPENT, values).scalar() or 0
