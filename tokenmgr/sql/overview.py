"""What there is to see of a registry at one look: the facts for domain/condition.py, each asked by itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Executable, bindparam, func, select, text

from tokenmgr.domain.condition import ListFacts, NodeFacts, QueueFacts, TrailFacts
from tokenmgr.domain.generation import State
from tokenmgr.sql import crls, migrations
from tokenmgr.sql.engine import NOTHING, Database
from tokenmgr.sql.rows import micros, moment, moment_or_none
from tokenmgr.sql.schema import WAITING, answer, audit, checkpoint, generation, is_real, node, subscriber, word

KNOWN = migrations.ALL[-1].number
_APPLIED = text("SELECT MAX(number) FROM migration")
_SIZE = {
    "sqlite": text("SELECT (SELECT * FROM pragma_page_count()) * (SELECT * FROM pragma_page_size())"),
    "postgresql": text("SELECT pg_database_size(current_database())"),
}
_waits = generation.c.state.in_(WAITING) & is_real(generation)
_STATES = select(generation.c.state, func.count()).where(_waits).group_by(generation.c.state)
_RECORDED = select(func.min(generation.c.not_before)).where(
    generation.c.state == word(State.RECORDED), is_real(generation)
)
_OVERDUE = select(func.count(), func.min(generation.c.confirm_by)).where(
    _waits, generation.c.confirm_by < bindparam("now")
)
_OPEN = select(func.count()).where(subscriber.c.open_until >= bindparam("now"))
_CHANGED = (
    select(func.count(), func.min(audit.c.at))
    .select_from(audit.join(generation, generation.c.serial == audit.c.serial))
    .where(
        audit.c.changes_status == text("1"),
        audit.c.number > bindparam("since"),
        generation.c.authority == bindparam("of_authority"),
    )
)
_ANSWERS = select(func.count(), func.min(answer.c.made_at))
_OVER = (  # of a certificate that has expired none is made any more
    select(func.count())
    .select_from(answer.join(generation, generation.c.serial == answer.c.serial))
    .where(answer.c.next_update < bindparam("now"), generation.c.not_after >= bindparam("now"))
)
_ENDS = select(audit.c.number, audit.c.at)
_LAST, _FIRST = _ENDS.order_by(audit.c.number.desc()).limit(1), _ENDS.order_by(audit.c.number).limit(1)
_POINT = select(checkpoint.c.number, checkpoint.c.at, checkpoint.c.hash).order_by(checkpoint.c.number.desc()).limit(1)
_COUNT = select(func.count()).select_from(audit)
_HASH = select(audit.c.hash).where(audit.c.number == bindparam("which"))
Head = tuple[int, bytes]
_NODES = select(node.c.name, node.c.version, node.c.seen_at).order_by(node.c.name)
_CLOCK = text("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)")


class Overview:
    def __init__(self, database: Database) -> None:
        self._database = database
        self.kind = database.engine.dialect.name

    def applied(self) -> int:
        """The number of the last migration; how long it takes to be told is a round trip."""
        return int(self._one(_APPLIED)[0] or 0)

    def size(self) -> int:
        return int(self._one(_SIZE[self.kind])[0])

    def clock(self) -> datetime | None:
        """PostgreSQL's own; SQLite has none but this computer's."""
        return moment(self._one(_CLOCK)[0]) if self.kind == "postgresql" else None

    def queues(self, now: datetime) -> QueueFacts:
        states = {State(state): int(count) for state, count in self._database.read(_STATES)}
        (oldest,) = self._one(_RECORDED)
        overdue, first = self._one(_OVERDUE, now=micros(now))
        (acquisitions,) = self._one(_OPEN, now=micros(now))
        return QueueFacts(states, moment_or_none(oldest), overdue, moment_or_none(first), acquisitions)

    def revocation_list(self, authority: int) -> ListFacts:
        last, delta = crls.header(self._database, authority), crls.delta_header(self._database, authority)
        if last is None:
            return ListFacts(authority, 0, None, None, 0, None)
        covers = max(last.covers, delta.covers if delta else 0)
        changes, oldest = self._one(_CHANGED, since=covers, of_authority=authority)
        return ListFacts(authority, last.number, last.issued_at, last.next_update, changes, moment_or_none(oldest))

    def answers(self, now: datetime) -> tuple[int, datetime | None, int]:
        count, oldest = self._one(_ANSWERS)
        return count, moment_or_none(oldest), self._one(_OVER, now=micros(now))[0]

    def trail(self, filed: Head | None) -> TrailFacts:
        """`filed`: what the last line of the checkpoints' file holds against it. Numbers have no gap, and what was
        signed for is still there; what else an enemy may do, `ca audit verify` finds."""
        last, first = self._database.first(_LAST), self._database.first(_FIRST)
        point = self._database.first(_POINT)
        return TrailFacts(
            entries=last[0] if last else 0,
            first=moment(first[1]) if first else None,
            last=moment(last[1]) if last else None,
            checkpoint=point[0] if point else 0,
            checked_at=moment(point[1]) if point else None,
            is_whole=self._one(_COUNT)[0] == (last[0] if last else 0)
            and all(self._has(one) for one in (filed, (point[0], point[2]) if point else None) if one),
        )

    def _has(self, sealed: Head) -> bool:
        row = self._database.first(_HASH, {"which": sealed[0]})
        return row is not None and row[0] == sealed[1]

    def nodes(self) -> list[NodeFacts]:
        return [NodeFacts(name, version, moment(seen)) for name, version, seen in self._database.read(_NODES)]

    def _one(self, statement: Executable, **values: int) -> Sequence[Any]:
        (row,) = self._database.read(statement, values or NOTHING)
        return row
