"""Statements are compiled once for all databases of a kind, as in a process that serves: each test has one of its own,
and would compile for longer than it asks."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Dialect

from tokenmgr.sql.engine import Database

_KINDS: dict[str, tuple[Dialect, dict[Any, Any]]] = {}


def once(database: Database) -> Database:
    """What is compiled is found again by the dialect's object, which knows nothing of one database."""
    engine = database.engine
    engine.dialect, kept = _KINDS.setdefault(engine.dialect.name, (engine.dialect, {}))
    engine.update_execution_options(compiled_cache=kept)
    return database
