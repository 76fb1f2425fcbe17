"""The audit trail, read: what is asked of it, the newest last, row by row; and the checkpoints that are kept of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, insert, literal_column, select, text
from sqlalchemy.exc import IntegrityError

from tokenmgr.domain.audit import FIRST, ActorKind, Checkpoint, Entry
from tokenmgr.domain.audit_check import Kept
from tokenmgr.ra.ports import Stale
from tokenmgr.sql.engine import Database
from tokenmgr.sql.rows import hexed, micros, moment
from tokenmgr.sql.schema import audit, checkpoint

_NAMES = [one.name for one in fields(Entry)]
_HASH = _NAMES.index("hash")
# As the database has them: somebody may have put there what their types do not allow.
_RAW: list[ColumnElement[Any]] = [literal_column(f"audit.{name}").label(name) for name in (*_NAMES, "changes_status")]
_ENTRIES = select(*_RAW).select_from(audit)
_WHOLE = _ENTRIES.order_by(audit.c.number)
_HEAD = select(audit.c.number, audit.c.hash).order_by(audit.c.number.desc()).limit(1)
_HASH_OF = select(audit.c.hash).where(audit.c.number == bindparam("which"))
SEALED = ("number", "hash", "at", "serial", "signature", "chain")
_RAW_SEALED: list[ColumnElement[Any]] = [literal_column(f"checkpoint.{name}") for name in SEALED]
_CHECKPOINTS = select(*_RAW_SEALED).select_from(checkpoint)
_SINCE = _CHECKPOINTS.where(checkpoint.c.number > bindparam("since")).order_by(checkpoint.c.number)
_LAST = _CHECKPOINTS.order_by(checkpoint.c.number.desc()).limit(1)
_CHAIN = (
    select(checkpoint.c.chain)
    .where(checkpoint.c.serial == bindparam("which"), text("length(chain) > 0"))
    .order_by(checkpoint.c.number)
    .limit(1)
)


@dataclass(frozen=True)
class Asked:
    """What is None or empty may be anything. `action` is one, or a prefix that ends in a point; `whom` is it, and those
    under it: a contract's IDs. Moments and numbers are inclusive."""

    since: datetime | None = None
    until: datetime | None = None
    first: int | None = None
    last: int | None = None
    actor: str = ""
    kind: ActorKind | None = None
    action: str = ""
    bank: str = ""
    whom: str = ""
    serial: int | None = None


class Trail:
    def __init__(self, database: Database) -> None:
        self._database = database

    # --- entries ---

    def entries(self, asked: Asked, newest: int | None = None) -> Iterator[Entry]:
        """The newest last; at most so many of them."""
        found = _ENTRIES.where(*_conditions(asked))
        if newest is None:
            found = found.order_by(audit.c.number)
        else:
            some = found.order_by(audit.c.number.desc()).limit(newest).subquery()
            found = select(some).order_by(some.c.number)
        for row in self._database.stream(found, suspicious=True):
            yield _kept_of(row).entry

    def after(self, number: int, asked: Asked, at_most: int = 500) -> list[Entry]:
        """For whoever follows. Nothing is missed: numbers are the order of the commits."""
        found = _ENTRIES.where(*_conditions(replace(asked, first=max(number + 1, asked.first or 0))))
        return [_kept_of(row).entry for row in self._database.read(found.order_by(audit.c.number).limit(at_most))]

    def whole(self) -> Iterator[Kept]:
        for row in self._database.stream(_WHOLE, suspicious=True):
            yield _kept_of(row)

    def head(self) -> tuple[int, bytes]:
        row = self._database.first(_HEAD)
        return (0, FIRST) if row is None else (row[0], row[1])

    def hash_of(self, number: int) -> bytes | None:
        row = self._database.first(_HASH_OF, {"which": number})
        return None if row is None else row[0]

    # --- checkpoints ---

    def checkpoints(self, since: int = 0) -> Iterator[Checkpoint]:
        for row in self._database.stream(_SINCE, {"since": since}, suspicious=True):
            yield checkpoint_of(row)

    def last_checkpoint(self) -> Checkpoint | None:
        row = self._database.first(_LAST)
        return None if row is None else checkpoint_of(row)

    def chain_of(self, serial: int) -> bytes:
        """The certificates that go with the first checkpoint that its key signed; none where it has signed none."""
        row = self._database.first(_CHAIN, {"which": hexed(serial)})
        return b"" if row is None else row[0]

    def keep(self, new: Checkpoint) -> None:
        """Stale where another node has just kept one of this number."""
        values = {**vars(new), "at": micros(new.at), "serial": hexed(new.serial)}

        def act(connection: Any) -> None:
            try:
                connection.execute(insert(checkpoint), values)
            except IntegrityError as error:
                raise Stale from error

        self._database.write(act)


def _conditions(asked: Asked) -> list[ColumnElement[bool]]:
    column = audit.c
    wanted: list[ColumnElement[bool] | None] = [
        None if asked.since is None else column.at >= micros(asked.since),
        None if asked.until is None else column.at <= micros(asked.until),
        None if asked.first is None else column.number >= asked.first,
        None if asked.last is None else column.number <= asked.last,
        column.actor == asked.actor if asked.actor else None,
        column.actor_kind == asked.kind.value if asked.kind else None,
        _action(asked.action) if asked.action else None,
        column.bank == asked.bank if asked.bank else None,
        (column.whom == asked.whom) | _begins(column.whom, asked.whom + "/") if asked.whom else None,
        None if asked.serial is None else column.serial == hexed(asked.serial),
    ]
    return [one for one in wanted if one is not None]


def _action(name: str) -> ColumnElement[bool]:
    return _begins(audit.c.action, name) if name.endswith(".") else audit.c.action == name


def _begins(column: ColumnElement[str], prefix: str) -> ColumnElement[bool]:
    """Compared by bytes, as both databases do it here, and so by an index."""
    return (column >= prefix) & (column < prefix[:-1] + chr(ord(prefix[-1]) + 1))


def _kept_of(row: Any) -> Kept:
    *values, changes_status = row
    values = [one if isinstance(one, int | str) else _plain(one) for one in values]
    values[_HASH] = row[_HASH] if isinstance(row[_HASH], bytes) else b""
    return Kept(Entry(*values), changes_status)


def _plain(value: object) -> str:
    """Nothing that was ever hashed is like it."""
    return f"\0{value!r}"


def checkpoint_of(row: Any) -> Checkpoint:
    number, digest, at, serial, signature, chain = row
    try:
        return Checkpoint(number, bytes(digest), moment(at), int(serial, 16), bytes(signature), bytes(chain))
    except (TypeError, ValueError, OverflowError):  # such a one was never signed
        return Checkpoint(number, b"", moment(0), 0)
