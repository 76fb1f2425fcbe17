"""Who did what to whom, from where, before and after: an entry of the audit trail, and the chain that holds them.

An entry's hash covers its own content and the hash of the entry before. So whatever is altered, dropped or put in
between shows at that place, or at the next signed checkpoint for whoever has written the whole rest anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum

Value = str | int | bool | None
FIRST = bytes(32)  # stands before the first entry


class ActorKind(Enum):
    STAFF = "staff"  # of a bank, at `tokenmgr bank`
    OPERATOR = "operator"  # of the CA, at `tokenmgr ca`
    SUBSCRIBER = "subscriber"  # by its certificate, or the one-time reference that a proven claim brings
    CLAIMANT = "claimant"  # with the four fields of R9, or a bank's hand-over ticket
    MACHINE = "machine"  # a node of the CA, by rule


@dataclass(frozen=True)
class Actor:
    """`name` is a member of staff's, a node's, a subscriber's bank/contract/user; `origin` is where it came from."""

    kind: ActorKind
    name: str
    origin: str

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("nothing is done by nobody")


class Action(Enum):
    BANK_ADDED = "bank.added"
    BANK_CHANGED = "bank.changed"
    CONTRACT_ADDED = "contract.added"
    SUBSCRIBER_ADDED = "subscriber.added"
    SUBSCRIBER_CHANGED = "subscriber.changed"
    SUBSCRIBER_UNLOCKED = "subscriber.unlocked"
    SUBSCRIBER_REISSUED = "subscriber.reissued"
    ACQUISITION_OPENED = "acquisition.opened"
    ACQUISITION_CLOSED = "acquisition.closed"
    CLAIM_ACCEPTED = "claim.accepted"
    CLAIM_LOCKED = "claim.locked"
    CERTIFICATE_ISSUED = "certificate.issued"
    CERTIFICATE_CONFIRMED = "certificate.confirmed"
    CERTIFICATE_SUPERSEDED = "certificate.superseded"
    CERTIFICATE_REVOKED = "certificate.revoked"
    CERTIFICATE_VOIDED = "certificate.voided"
    CERTIFICATE_HELD = "certificate.held"
    CERTIFICATE_RELEASED = "certificate.released"
    REHEARSAL_ASKED = "rehearsal.asked"
    REHEARSAL_NOT_ASKED = "rehearsal.not-asked"
    REHEARSAL_PASSED = "rehearsal.passed"
    REHEARSAL_FAILED = "rehearsal.failed"
    HANDOVER_KEY_ADDED = "handover-key.added"
    HANDOVER_KEY_WITHDRAWN = "handover-key.withdrawn"
    HANDOVER_REDEEMED = "handover.redeemed"
    HANDOVER_REFUSED = "handover.refused"  # a good ticket that somebody else has redeemed before; once of each
    NOTICE_RETRIED = "notice.retried"
    NOTICE_BOUNCED = "notice.bounced"
    LIST_MADE = "list.made"
    NODE_STARTED = "node.started"
    NODE_STOPPED = "node.stopped"
    CA_MADE = "ca.made"
    CA_RENEWED = "ca.renewed"
    CA_ROLLED_OVER = "ca.rolled-over"
    CA_MOVED = "ca.moved"
    CA_BACKED_UP = "ca.backed-up"
    CA_RESTORED = "ca.restored"
    CA_CLOSING = "ca.closing"
    CA_DESTROYING = "ca.destroying"
    CA_CLOSED = "ca.closed"

    @property
    def changes_status(self) -> bool:
        """Of a certificate, as a revocation list and OCSP tell it: whoever keeps such answers follows these."""
        return self in _CHANGES_STATUS


_CHANGES_STATUS = frozenset(
    {
        Action.CERTIFICATE_REVOKED,
        Action.CERTIFICATE_VOIDED,
        Action.CERTIFICATE_HELD,
        Action.CERTIFICATE_RELEASED,
    }
)


@dataclass(frozen=True)
class Event:
    """`whom` is a subscriber's bank/contract/user, a contract's or a bank's; `serial` is the certificate's. `before`
    and `after` name what has changed, and never hold a PIN, nor anything made of one."""

    action: Action
    bank: str = ""
    whom: str = ""
    serial: int | None = None
    before: Mapping[str, Value] = field(default_factory=dict)
    after: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """As it is kept: texts, as they were hashed. `at` is whole microseconds since 1970."""

    number: int
    at: int
    actor_kind: str
    actor: str
    origin: str
    action: str
    bank: str
    whom: str
    serial: str  # forty hex digits, or none
    before: str
    after: str
    hash: bytes = b""

    def digest(self, previous: bytes) -> bytes:
        """Of a JSON array, in which no content can pass for another's."""
        content = [
            self.number, self.at, self.actor_kind, self.actor, self.origin, self.action, self.bank, self.whom,
            self.serial, self.before, self.after,
        ]  # fmt: skip
        return hashlib.sha256(previous + _encode(content).encode()).digest()


def encoded(content: object) -> str:
    """The one way to write it: the same content is the same bytes."""
    return _encode(content)


def entry(number: int, at: int, by: Actor, event: Event) -> Entry:
    return Entry(
        number=number,
        at=at,
        actor_kind=by.kind.value,
        actor=by.name,
        origin=by.origin,
        action=event.action.value,
        bank=event.bank,
        whom=event.whom,
        serial="" if event.serial is None else f"{event.serial:040x}",
        before=_encode(dict(event.before)),
        after=_encode(dict(event.after)),
    )


@dataclass(frozen=True)
class Checkpoint:
    """`hash` is the entry's of this number: with it, everything before is as it was when the CA signed this."""

    number: int
    hash: bytes
    at: datetime
    serial: int  # of the certificate whose key signed
    signature: bytes = b""
    chain: bytes = b""  # that certificate and those above it, but the root: DER, with the first that its key signed

    @property
    def message(self) -> bytes:
        """What is signed. Its first line keeps it apart from all else that the same key signs."""
        at = f"{self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
        return f"tokenmgr audit checkpoint 1\n{self.number}\n{self.hash.hex()}\n{at}\n".encode("ascii")


_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
