"""Who is at the keyboard, and which machine this is: nothing is done by nobody (domain/audit.py)."""

from __future__ import annotations

from tokenmgr import system
from tokenmgr.domain.audit import Actor, ActorKind
from tokenmgr.wiring.libraries import settings


def staff() -> Actor:
    """Of a bank, or of the CA for one."""
    return Actor(ActorKind.STAFF, settings().staff, _here())


def operator() -> Actor:
    return Actor(ActorKind.OPERATOR, settings().staff, _here())


def machine() -> Actor:
    return Actor(ActorKind.MACHINE, system.computer(), _here())


def _here() -> str:
    return f"{system.computer()}/{system.user()}"
