"""What the CA tells of one key, and what is open to whoever has it: a customer's view of domain/generation.py."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Open:
    """Whether it is open and until when; else why not, and the way that is (domain/policy.py)."""

    is_open: bool = False
    until: datetime | None = None
    reason: str = ""  # Reason.value
    way: str = ""  # Way.value


@dataclass(frozen=True)
class Standing:
    """What the CA has of one key, and what is open to whoever has it. All but `state` is empty where it has nothing."""

    state: str  # State.value, or "unknown"
    serial_number: str = ""
    role: str = ""
    contract: str = ""
    user: str = ""
    store: str = ""
    not_after: datetime | None = None
    confirm_by: datetime | None = None
    is_rehearsal: bool = False
    rehearsal_wanted: bool = False  # the bank asks this subscriber to rehearse its renewal
    is_last: bool = False  # it is the one that counts for its subscriber
    locked: bool = False  # after too many wrong login PINs (R11)
    renewal: Open = Open()
    acquisition: Open = Open()


UNKNOWN = Standing("unknown")
