"""Renewals that are rehearsed: of whom a bank asks for one, and how each subscriber's last one has ended.

What was certified for one is a generation like others, and revoked as soon as it is confirmed: it never was anybody's
active one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, literal_column, or_, select, text, update

from tokenmgr.domain.audit import Action, Actor, Event
from tokenmgr.domain.generation import RevocationReason, State, StoreKind
from tokenmgr.domain.rehearsal import Failure, Rehearsed
from tokenmgr.ra.ports import Asked, Exchange, Stale, Standing
from tokenmgr.sql import asking, exchanges, tries
from tokenmgr.sql.engine import Database
from tokenmgr.sql.generations import EVERYBODYS_STANDING, require_active, standing_of
from tokenmgr.sql.locks import lock_holder, lock_subscriber
from tokenmgr.sql.marks import require_open
from tokenmgr.sql.rows import hexed, micros, moment_or_none
from tokenmgr.sql.schema import generation, rehearsal, subscriber, word
from tokenmgr.sql.schema import tries as tried
from tokenmgr.sql.trail import note, note_of

NAMES = ("asked_at", "asked_by", "ended_at", "store", "code", "step", "predecessor")
COLUMNS = tuple(rehearsal.c[name] for name in NAMES)
OF_SUBSCRIBER = rehearsal.c.subscriber == subscriber.c.id


def rehearsed_of(row: Sequence[Any]) -> Rehearsed:
    """None in every column: nobody has asked, and none was tried."""
    asked_at, asked_by, ended_at, store, code, step, predecessor = row
    kind, of = StoreKind(store) if store else None, int(predecessor, 16) if predecessor else None
    asked, ended = moment_or_none(asked_at), moment_or_none(ended_at)
    return Rehearsed(asked, asked_by or "", ended, kind, code or "", step or "", of)


# --- reading ---

_ONE = select(*COLUMNS).where(rehearsal.c.subscriber == bindparam("who"))
_ALL = (
    EVERYBODYS_STANDING.add_columns(func.coalesce(tried.c.spent, 0), *COLUMNS)
    .outerjoin(tried, tries.OF_SUBSCRIBER)
    .outerjoin(rehearsal, OF_SUBSCRIBER)
    .where(subscriber.c.bank == bindparam("of_bank"))
    .order_by(subscriber.c.contract, subscriber.c.user_id)
)
_OF_CONTRACT = _ALL.where(subscriber.c.contract == bindparam("of_contract"))


@dataclass(frozen=True)
class Candidate:
    """A subscriber of whom somebody wants to know whether its renewal would go through."""

    standing: Standing
    tries_spent: int
    rehearsed: Rehearsed


def of(database: Database, who: int) -> Rehearsed:
    row = database.first(_ONE, {"who": who})
    return Rehearsed() if row is None else rehearsed_of(row)


def candidates(database: Database, bank: str, contract: str | None) -> Iterator[Candidate]:
    statement = _ALL if contract is None else _OF_CONTRACT
    values = {"of_bank": bank} | ({} if contract is None else {"of_contract": contract})
    own = len(NAMES)
    for row in database.stream(statement, values):
        standing = standing_of(row[: -own - 1])
        yield Candidate(standing, row[-own - 1], rehearsed_of(row[-own:]).about(standing.last))


# --- how it has ended ---

_ENDED = (
    "INSERT INTO rehearsal (subscriber, asked_by, ended_at, store, code, step, predecessor)"
    " VALUES (:who, '', :now, :store, :code, :step, :predecessor) ON CONFLICT (subscriber) DO UPDATE"
    " SET ended_at = excluded.ended_at, store = excluded.store, code = excluded.code, step = excluded.step,"
    " predecessor = excluded.predecessor"
)
_END = text(_ENDED)
_END_UNLESS_LATER = text(f"{_ENDED} WHERE rehearsal.ended_at IS NULL OR rehearsal.ended_at <= excluded.ended_at")
_PASS = (
    update(generation)
    .where(
        generation.c.serial == bindparam("which"),
        generation.c.state == word(State.PENDING),
        generation.c.confirm_by >= bindparam("now"),
        generation.c.is_rehearsal == literal_column("1"),
    )
    .values(
        state=State.REVOKED.value,
        confirmed_at=bindparam("now"),
        revoked_at=bindparam("now"),
        reason=RevocationReason.CESSATION.value,
    )
    .returning(generation.c.store, generation.c.predecessor)
)


def passed(connection: Connection, by: Actor, exchange: Exchange, digest: bytes, now: datetime) -> None:
    serial = hexed(exchange.serial)
    holder = lock_holder(connection, serial)
    require_active(connection, exchange)
    row = connection.execute(_PASS, {"which": serial, "now": micros(now)}).first()
    if row is None:
        raise Stale
    exchanges.confirmed(connection, exchange, digest)
    values = {"who": holder, "now": micros(now), "store": row[0], "code": "", "step": "", "predecessor": row[1]}
    connection.execute(_END, values)
    after = {"reason": RevocationReason.CESSATION.value}
    note_of(connection, by, Action.CERTIFICATE_REVOKED, holder, serial, after=after)
    note_of(connection, by, Action.REHEARSAL_PASSED, holder, serial, after={"store": row[0]})


def failed(connection: Connection, by: Actor, who: int, failure: Failure, asked: Asked, now: datetime) -> None:
    """The same message again tells nothing new (S6), nor does one that was on its way while another one has ended."""
    lock_subscriber(connection, who)
    if not asking.is_new(connection, asked, who):
        return
    told = {"code": failure.code, "step": failure.step.name, "store": failure.store.value}
    at = min(now, asked.at.replace(microsecond=0) + timedelta(seconds=1))  # it tells whole seconds
    values = {"who": who, "now": micros(at), "predecessor": hexed(asked.signer), **told}
    connection.execute(_END_UNLESS_LATER, values)
    after = {"error": failure.code, "step": failure.step.name, "store": failure.store.value}
    note_of(connection, by, Action.REHEARSAL_FAILED, who, after=after)


# --- of whom one is asked ---

_ASK = text(
    "INSERT INTO rehearsal (subscriber, asked_at, asked_by, code, step)"
    " SELECT id, :now, :staff, '', '' FROM subscriber"
    " WHERE bank = :of_bank AND (:of_contract = '' OR contract = :of_contract) ORDER BY id"
    " ON CONFLICT (subscriber) DO UPDATE SET asked_at = excluded.asked_at, asked_by = excluded.asked_by"
)
_meant = select(subscriber.c.id).where(
    subscriber.c.bank == bindparam("of_bank"),
    or_(bindparam("of_contract") == "", subscriber.c.contract == bindparam("of_contract")),
)
_TAKE_BACK = (
    update(rehearsal)
    .where(rehearsal.c.asked_at.is_not(None), rehearsal.c.subscriber.in_(_meant))
    .values(asked_at=None, asked_by="")
)


def ask(connection: Connection, by: Actor, bank: str, contract: str, now: datetime) -> int:
    """Of a contract's subscribers, or with none named all of the bank's. How many."""
    require_open(connection)
    values = {"of_bank": bank, "of_contract": contract, "now": micros(now), "staff": by.name}
    count = connection.execute(_ASK, values).rowcount
    _tell(connection, by, Action.REHEARSAL_ASKED, bank, contract, count)
    return count


def take_back(connection: Connection, by: Actor, bank: str, contract: str) -> int:
    count = connection.execute(_TAKE_BACK, {"of_bank": bank, "of_contract": contract}).rowcount
    _tell(connection, by, Action.REHEARSAL_NOT_ASKED, bank, contract, count)
    return count


def _tell(connection: Connection, by: Actor, action: Action, bank: str, contract: str, count: int) -> None:
    whom = f"{bank}/{contract}" if contract else bank
    note(connection, by, Event(action, bank, whom, after={"subscribers": count}))
