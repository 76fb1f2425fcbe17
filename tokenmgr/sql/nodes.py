"""The nodes that serve: each says that it lives, and is forgotten a week after it has said so for the last time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from tokenmgr.domain.audit import Action, Actor, Event
from tokenmgr.sql.engine import Database
from tokenmgr.sql.rows import micros, moment
from tokenmgr.sql.schema import node
from tokenmgr.sql.trail import note

KEPT = timedelta(days=7)


@dataclass(frozen=True)
class Node:
    """One `tokenmgr ca serve`: a computer's name and where it listens, which it has to itself. So one that was killed
    and started again is the same."""

    name: str
    version: str
    started_at: datetime
    seen_at: datetime


_ADD = insert(node)
_SEEN = update(node).where(node.c.name == bindparam("which"))
_GONE = delete(node).where(node.c.name == bindparam("which"))
_TIDY = delete(node).where(node.c.seen_at < bindparam("before"))
_LISTED = select(node.c.name, node.c.version, node.c.started_at, node.c.seen_at).order_by(node.c.name)


def started(connection: Connection, by: Actor, new: Node) -> None:
    """In the place of one that was killed there."""
    connection.execute(_GONE, {"which": new.name})
    moments = {"started_at": micros(new.started_at), "seen_at": micros(new.seen_at)}
    connection.execute(_ADD, {"name": new.name, "version": new.version, **moments})
    note(connection, by, Event(Action.NODE_STARTED, after={"node": new.name, "version": new.version}))


def seen(connection: Connection, one: Node) -> None:
    """One that has said goodbye, and whose workers are finishing, is not there again."""
    connection.execute(_SEEN, {"which": one.name, "seen_at": micros(one.seen_at)})


def stopped(connection: Connection, by: Actor, one: Node) -> None:
    connection.execute(_GONE, {"which": one.name})
    note(connection, by, Event(Action.NODE_STOPPED, after={"node": one.name, "version": one.version}))


def tidy(connection: Connection, now: datetime) -> int:
    return connection.execute(_TIDY, {"before": micros(now - KEPT)}).rowcount


def listed(database: Database) -> list[Node]:
    return [Node(name, version, moment(at), moment(seen)) for name, version, at, seen in database.read(_LISTED)]
