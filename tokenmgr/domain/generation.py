"""A generation as the CA's registry knows it: one key pair and certificate of a subscriber, and what has become of it.

RECORDED ──signed──▶ PENDING ──confirmed──▶ ACTIVE ──successor confirmed──▶ SUPERSEDED
   │                   │ rejected, out of time   │ │▲ put on hold, released     │ retired (R12)
   │                   │                         │ ▼│                           │
   │                   │                         │ HELD ─┐                      │
   ▼                   ▼                         ▼       ▼                      ▼
  VOID               REVOKED ◀───────────────────┴───────┴──────────────────────┘
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from tokenmgr.domain.credential import is_over


class StoreKind(Enum):
    """Where the key lives (保存先)."""

    MEDIUM = "medium"
    PC = "pc"


class State(Enum):
    RECORDED = "recorded"  # written down before signing; no certificate yet
    VOID = "void"  # written down, and never handed out: counts as revoked (ARCHITECTURE: record before signing)
    PENDING = "pending"  # signed and handed out, not confirmed; logs in nowhere (S7), as OCSP says and lists do not
    ACTIVE = "active"  # the one of its subscriber (R1)
    HELD = "held"  # on hold: logs in nowhere until it is released
    SUPERSEDED = "superseded"  # its successor is active; not revoked yet (R12)
    REVOKED = "revoked"


MAY_BECOME: dict[State, frozenset[State]] = {
    State.RECORDED: frozenset({State.PENDING, State.VOID}),
    State.PENDING: frozenset({State.ACTIVE, State.REVOKED}),
    State.ACTIVE: frozenset({State.HELD, State.SUPERSEDED, State.REVOKED}),
    State.HELD: frozenset({State.ACTIVE, State.REVOKED}),
    State.SUPERSEDED: frozenset({State.REVOKED}),
    State.VOID: frozenset(),
    State.REVOKED: frozenset(),
}


class RevocationReason(Enum):
    """Those of RFC 5280, 5.3.1, that this CA uses; the value is the reason's number."""

    UNSPECIFIED = 0
    KEY_COMPROMISE = 1
    AFFILIATION_CHANGED = 3
    SUPERSEDED = 4
    CESSATION = 5
    HOLD = 6  # certificateHold: the only one that is taken back again
    PRIVILEGE_WITHDRAWN = 9


@dataclass(frozen=True)
class Generation:
    """One row of the registry. `certificate` is empty until it is signed, `draft` afterwards."""

    serial: int
    subscriber: int | None  # None: one of the CA's own, such as its TLS certificate
    state: State
    store: StoreKind | None
    key_hash: bytes  # SHA-256 of the SubjectPublicKeyInfo
    not_before: datetime
    not_after: datetime
    predecessor: int | None = None
    confirm_by: datetime | None = None
    confirmed_at: datetime | None = None
    revoked_at: datetime | None = None
    reason: RevocationReason | None = None
    certificate: bytes = b""
    draft: bytes = b""  # what is to be signed, until it is
    authority: int = 1  # whose key signs it: the number of the CA's key generation
    is_rehearsal: bool = False  # RECORDED, PENDING, and once confirmed REVOKED at once: it never counts (rehearsal.py)

    def is_over(self, now: datetime) -> bool:
        return is_over(self.not_after, now)

    @property
    def is_replaced(self) -> bool:
        """By a newer one. What was taken back for another reason may be in anybody's hands."""
        return self.state is State.SUPERSEDED or self.reason is RevocationReason.SUPERSEDED
