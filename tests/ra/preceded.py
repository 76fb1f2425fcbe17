"""A verb of the registry that somebody else's act comes before: after it was decided on, and before it is done."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from tests.actors import TESTER
from tests.api.rig import Rig
from tokenmgr.api.cmp import Front
from tokenmgr.sql.registry import SqlRegistry


def precede(rig: Rig, verb: str, act: Callable[[], object]) -> list[str]:
    """The rig's registry from now on: once, at its `verb`, `act` is first. Which verb it has been, once it was."""
    done: list[str] = []

    def preceded(self: SqlRegistry, *values: Any, **named: Any) -> Any:
        if not done:
            done.append(verb)
            act()
        return getattr(SqlRegistry, verb)(self, *values, **named)

    registry = type("Preceded", (SqlRegistry,), {verb: preceded})(rig.database, TESTER)
    rig.registry = registry
    rig.service = dataclasses.replace(rig.service, registry=registry)
    rig.front = Front(rig.service)
    return done
