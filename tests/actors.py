"""Who does things in tests: somebody must (domain/audit.py)."""

from __future__ import annotations

from tokenmgr.domain.audit import Actor, ActorKind

TESTER = Actor(ActorKind.STAFF, "tester", "tests")
