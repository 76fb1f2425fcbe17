"""The registry in the hands of somebody who may do anything with it, but has no key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text

from tokenmgr.domain.audit import FIRST
from tokenmgr.sql.audit import Trail
from tokenmgr.sql.engine import Database

# What a database's owner can do: on SQLite for good, on PostgreSQL for this connection.
DISARMING = {
    "sqlite": tuple(
        f"DROP TRIGGER IF EXISTS {table}_no_{verb}"
        for table in ("audit", "checkpoint")
        for verb in ("update", "delete")
    ),
    "postgresql": ("SET session_replication_role = replica",),
}


def forge(database: Database, *statements: str, **values: object) -> None:
    """One after the other, each by itself, the guards taken away first."""
    with database.engine.connect() as connection:
        for statement in DISARMING[database.engine.dialect.name]:
            connection.exec_driver_sql(statement)
        for statement in statements:
            connection.execute(text(statement), _meant(statement, values))


def _meant(statement: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if f":{name}" in statement}


def chain_anew(database: Database, first: int) -> None:
    """A right chain from there on: all that can be done without the key."""
    rows = list(Trail(database).whole())
    previous = rows[first - 2].entry.hash if first > 1 else FIRST
    hashes: list[tuple[int, bytes]] = []
    for row in rows[first - 1 :]:
        previous = row.entry.digest(previous)
        hashes.append((row.entry.number, previous))
    _set(database, hashes)


def _set(database: Database, hashes: Sequence[tuple[int, bytes]]) -> None:
    for number, one in hashes:
        forge(database, "UPDATE audit SET hash = :hash WHERE number = :number", hash=one, number=number)
