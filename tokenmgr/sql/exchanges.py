"""CMP transactions: the same bytes again are the same request (S6)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, exists, insert, or_, select, text, update

from tokenmgr.domain.generation import State
from tokenmgr.ra.ports import Exchange, Stale
from tokenmgr.sql import tickets
from tokenmgr.sql.rows import hexed, micros
from tokenmgr.sql.schema import exchange, generation, word

_same = (exchange.c.bank == bindparam("of_bank")) & (exchange.c.transaction_id == bindparam("transaction"))
GET = select(exchange).where(_same)
HANDED_OUT = select(exchange.c.serial).where(exchange.c.serial == bindparam("which"), exchange.c.kind != "est").limit(1)
_INSERT = insert(exchange)
_INSERT_UNLESS_THERE = text(
    "INSERT INTO exchange (bank, transaction_id, request_digest, serial, credential, kind, confirm_digest)"
    " VALUES (:bank, :transaction_id, :request_digest, :serial, :credential, :kind, :confirm_digest)"
    " ON CONFLICT (bank, transaction_id) DO NOTHING"
)
KEPT = timedelta(days=30)  # after its generation has come to its end: the same bytes may come again, to be told so
_is_taken_back = generation.c.state != word(State.HELD)  # on hold, it has not come to its end
_ended = exists().where(
    generation.c.serial == exchange.c.serial,
    or_(generation.c.not_after < bindparam("before"), _is_taken_back & (generation.c.revoked_at < bindparam("before"))),
)
_TIDY = delete(exchange).where(_ended)
_CONFIRM = update(exchange).where(_same, exchange.c.serial == bindparam("of_serial"))


def key(bank: str, transaction: bytes) -> dict[str, object]:
    return {"of_bank": bank, "transaction": transaction}


def exchange_of(row: Sequence[Any]) -> Exchange:
    bank, transaction, request_digest, serial, credential, kind, confirm_digest = row
    return Exchange(bank, transaction, request_digest, int(serial, 16), credential, kind, confirm_digest)


def add(connection: Connection, new: Exchange) -> None:
    connection.execute(_INSERT, _values(new))


def bind(connection: Connection, new: Exchange) -> None:
    if connection.execute(_INSERT_UNLESS_THERE, _values(new)).rowcount != 1:
        row = connection.execute(GET, key(new.bank, new.transaction)).one()
        there = exchange_of(row)
        if (there.request_digest, there.serial) != (new.request_digest, new.serial):
            raise Stale
    tickets.use(connection, new)


def confirmed(connection: Connection, one: Exchange, digest: bytes) -> None:
    values = {**key(one.bank, one.transaction), "of_serial": hexed(one.serial), "confirm_digest": digest}
    if connection.execute(_CONFIRM, values).rowcount != 1:
        raise Stale


def tidy(connection: Connection, now: datetime) -> int:
    return connection.execute(_TIDY, {"before": micros(now - KEPT)}).rowcount


def _values(one: Exchange) -> dict[str, object]:
    return {
        "bank": one.bank,
        "transaction_id": one.transaction,
        "request_digest": one.request_digest,
        "serial": hexed(one.serial),
        "credential": one.credential,
        "kind": one.kind,
        "confirm_digest": one.confirm_digest,
    }
