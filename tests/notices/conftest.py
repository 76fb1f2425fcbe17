"""The registry's tests' own databases."""

from __future__ import annotations

from tests.sql.conftest import database, fresh, kind, url, world

__all__ = ["database", "fresh", "kind", "url", "world"]
