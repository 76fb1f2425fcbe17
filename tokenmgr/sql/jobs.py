"""When the jobs were last done, by whichever node: so that all together do them no oftener than one would."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select, text

from tokenmgr.sql.engine import Database
from tokenmgr.sql.rows import micros, moment
from tokenmgr.sql.schema import job

_DONE = select(job.c.name, job.c.done_at)
_KEEP = text("INSERT INTO job (name, done_at) VALUES (:name, :at) ON CONFLICT (name) DO UPDATE SET done_at = :at")


def done(database: Database) -> dict[str, datetime]:
    return {name: moment(at) for name, at in database.read(_DONE)}


def keep(connection: Connection, names: Sequence[str], now: datetime) -> None:
    connection.execute(_KEEP, [{"name": name, "at": micros(now)} for name in names])
