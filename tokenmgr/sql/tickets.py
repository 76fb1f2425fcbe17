"""Proven claims. One that is over keeps its row, and its secret, for a while: what was sent under it may come again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, exists, insert, or_, select, update

from tokenmgr.domain.audit import Action, Actor
from tokenmgr.domain.generation import StoreKind
from tokenmgr.ra.ports import Exchange, Stale, Ticket
from tokenmgr.sql import tries
from tokenmgr.sql.locks import lock_subscriber
from tokenmgr.sql.marks import require_open
from tokenmgr.sql.rows import hexed, hexed_or_none, micros, moment
from tokenmgr.sql.schema import WAITING, generation, ticket
from tokenmgr.sql.trail import note_of

PREFIX = "ticket:"  # of Exchange.credential
KEPT = timedelta(days=30)
NAMES = ("reference", "secret", "bank", "subscriber", "store", "until", "serial", "is_over")

GET = select(*[ticket.c[name] for name in NAMES]).where(ticket.c.reference == bindparam("reference"))
_INSERT = insert(ticket)
_END = update(ticket).where(ticket.c.subscriber == bindparam("who"), ticket.c.is_over == 0).values(is_over=1)
_USE = (
    update(ticket)
    .where(
        ticket.c.reference == bindparam("used"),
        or_((ticket.c.is_over == 0) & ticket.c.serial.is_(None), ticket.c.serial == bindparam("serial")),
    )
    .values(serial=bindparam("serial"))
)
_waits = exists().where(generation.c.serial == ticket.c.serial, generation.c.state.in_(WAITING))
_TIDY = delete(ticket).where(ticket.c.until < bindparam("before"), or_(ticket.c.serial.is_(None), ~_waits))

_named = ticket.c.reference == bindparam("reference")
_GOES_ON = select(ticket.c.reference).where(_named, ticket.c.is_over == 0, or_(ticket.c.serial.is_(None), _waits))
_FORGET = delete(ticket).where(_named)


def ticket_of(row: Sequence[Any]) -> Ticket:
    """One that was ended before its time was good until 1970."""
    reference, secret, bank, subscriber, store, until, serial, is_over = row
    used_for = None if serial is None else int(serial, 16)
    return Ticket(reference, secret, bank, subscriber, StoreKind(store), moment(0 if is_over else until), used_for)


def open_(connection: Connection, by: Actor, new: Ticket, contract: str, user: str) -> None:
    require_open(connection)
    lock_subscriber(connection, new.subscriber)
    end(connection, new.subscriber)
    values = {
        "reference": new.reference,
        "secret": new.secret,
        "bank": new.bank,
        "subscriber": new.subscriber,
        "store": new.store.value,
        "until": micros(new.until),
        "serial": hexed_or_none(new.serial),
        "is_over": 0,
    }
    connection.execute(_INSERT, values)
    tries.forgive(connection, new.bank, contract, user)
    after = {"store": new.store.value, "reference": new.reference}
    note_of(connection, by, Action.CLAIM_ACCEPTED, new.subscriber, after=after)


def accept(connection: Connection, by: Actor, new: Ticket, contract: str, user: str) -> None:
    """The same reference again is the same request: it is let go on, or begun anew where it has come to its end."""
    require_open(connection)
    lock_subscriber(connection, new.subscriber)
    if connection.execute(_GOES_ON, {"reference": new.reference}).first() is None:
        connection.execute(_FORGET, {"reference": new.reference})
        open_(connection, by, new, contract, user)


def end(connection: Connection, subscriber: int) -> None:
    connection.execute(_END, {"who": subscriber})


def use(connection: Connection, exchange: Exchange) -> None:
    """For one generation, and so one key."""
    if not exchange.credential.startswith(PREFIX):
        return
    values = {"used": exchange.credential.removeprefix(PREFIX), "serial": hexed(exchange.serial)}
    if connection.execute(_USE, values).rowcount != 1:
        raise Stale


def tidy(connection: Connection, now: datetime) -> int:
    return connection.execute(_TIDY, {"before": micros(now - KEPT)}).rowcount
