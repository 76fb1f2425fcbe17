"""Entries about the CA itself, each once, whoever writes them at the same time."""

from __future__ import annotations

import json

from sqlalchemy import Connection, select, text

from tokenmgr.domain import lineage
from tokenmgr.domain.audit import Actor
from tokenmgr.domain.lineage import Lineage
from tokenmgr.sql.engine import Database
from tokenmgr.sql.schema import audit
from tokenmgr.sql.trail import note

_LOCK = text(f"SELECT pg_advisory_xact_lock({0x6C696E65616765})")  # "lineage"; SQLite has one writer in any case
_TOLD = (
    select(audit.c.after)
    .where(audit.c.action.in_([action.value for action in lineage.ACTIONS]))
    .order_by(audit.c.number)
)


def catch_up(database: Database, by: Actor, seen: Lineage, is_moved: bool = False) -> None:
    """What the trail does not know yet of the CA as it is."""

    def act(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(_LOCK)
        told = [json.loads(after) for (after,) in connection.execute(_TOLD)]
        for event in lineage.untold(seen, told, is_moved):
            note(connection, by, event)

    if lineage.untold(seen, [json.loads(after) for (after,) in database.read(_TOLD)], is_moved):
        database.write(act)
