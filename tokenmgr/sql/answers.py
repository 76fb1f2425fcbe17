"""OCSP answers that were made ahead, and what an answer is made of: one row of each certificate, read together.

So whoever reads an answer reads in the same statement what is true now, and gives away none that says otherwise: a
change need not wait for the answer's row, nor its row for a change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, literal_column, select, text

from tokenmgr.domain.audit import FIRST
from tokenmgr.domain.generation import RevocationReason, State
from tokenmgr.sql.engine import Database
from tokenmgr.sql.rows import hexed, micros, moment, moment_or_none
from tokenmgr.sql.schema import answer, audit, generation

MOST = 10_000  # changes that are read at once
Mark = tuple[int, bytes]  # an entry of the trail: its number, and the hash of all up to it
BEGINNING: Mark = (0, FIRST)


@dataclass(frozen=True)
class Answer:
    """About one certificate, without a nonce. `signer` is the serial number of the responder's certificate in it."""

    serial: int
    made_at: datetime
    next_update: datetime
    signer: int
    der: bytes = field(repr=False)


@dataclass(frozen=True)
class StatusChange:
    """An entry of the trail that changes a status, and whose."""

    mark: Mark
    serial: int


@dataclass(frozen=True)
class Told:
    """What the registry tells of a certificate, and its answer, if one was made ahead."""

    serial: int
    authority: int
    state: State
    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None
    reason: RevocationReason | None
    answer: Answer | None


_columns = [
    generation.c[name] for name in ("serial", "authority", "state", "not_before", "not_after", "revoked_at", "reason")
]
_made = (answer.c.made_at, answer.c.next_update, answer.c.signer)
_both = generation.outerjoin(answer, answer.c.serial == generation.c.serial)
_TOLD = select(*_columns, *_made, answer.c.der).select_from(_both).where(generation.c.serial == bindparam("which"))
_AFTER = (
    select(*_columns, *_made, literal_column("NULL"))
    .select_from(_both)
    .where(generation.c.serial > bindparam("which"))
    .order_by(generation.c.serial)
    .limit(bindparam("most"))
)
_changing = select(audit.c.number, audit.c.hash, audit.c.serial).where(audit.c.changes_status == text("1"))
_CHANGES = _changing.where(audit.c.number >= bindparam("since")).order_by(audit.c.number).limit(MOST + 1)
_LAST = _changing.order_by(audit.c.number.desc()).limit(1)
_KEEP = text(
    "INSERT INTO answer (serial, made_at, next_update, signer, der)"
    " VALUES (:serial, :made_at, :next_update, :signer, :der) ON CONFLICT (serial)"
    " DO UPDATE SET made_at = :made_at, next_update = :next_update, signer = :signer, der = :der"
)
_DROP = delete(answer).where(answer.c.serial == bindparam("which"))
_TIDY = delete(answer).where(answer.c.next_update < bindparam("before"))


def told(database: Database, serial: int) -> Told | None:
    row = database.first(_TOLD, {"which": hexed(serial)})
    return None if row is None else _told(row)


def told_after(database: Database, serial: int, most: int) -> list[Told]:
    return [_told(row) for row in database.read(_AFTER, {"which": f"{serial:040x}", "most": most})]


def last_mark(database: Database) -> Mark:
    row = database.first(_LAST)
    return BEGINNING if row is None else (row[0], row[1])


def changes(database: Database, since: Mark) -> list[StatusChange] | None:
    """Read together with `since` itself. None where that is no longer there as it was: the trail has gone back, as a
    failover to a replica that lagged, or a restore, has it; and what came after it there is not what follows."""
    found = [
        StatusChange((number, digest), int(serial, 16))
        for number, digest, serial in database.read(_CHANGES, {"since": since[0]})
    ]
    if since == BEGINNING:
        return found
    return found[1:] if found and found[0].mark == since else None


def keep(connection: Connection, new: Sequence[Answer]) -> None:
    """In the order of their serial numbers, so that no two who keep wait for each other."""
    rows = [
        {"serial": hexed(one.serial), "made_at": micros(one.made_at), "next_update": micros(one.next_update)}
        | {"signer": hexed(one.signer), "der": one.der}
        for one in sorted(new, key=lambda one: one.serial)
    ]
    if rows:
        connection.execute(_KEEP, rows)


def drop(connection: Connection, serials: Sequence[int]) -> None:
    if serials:
        connection.execute(_DROP, [{"which": hexed(serial)} for serial in sorted(serials)])


def tidy(connection: Connection, now: datetime) -> int:
    return connection.execute(_TIDY, {"before": micros(now)}).rowcount


def _told(row: Sequence[Any]) -> Told:
    serial, authority, state, not_before, not_after, revoked_at, reason, made_at, next_update, signer, der = row
    made = None
    if made_at is not None:
        made = Answer(int(serial, 16), moment(made_at), moment(next_update), int(signer, 16), der or b"")
    return Told(
        serial=int(serial, 16),
        authority=authority,
        state=State(state),
        not_before=moment(not_before),
        not_after=moment(not_after),
        revoked_at=moment_or_none(revoked_at),
        reason=None if reason is None else RevocationReason(reason),
        answer=made,
    )
