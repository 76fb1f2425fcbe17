"""What the registration authority needs of a registry that remembers. (What signs is ca/issuer.py.)

Every writing verb is durable when it returns: whatever it promises survives a power cut (S6, S7). Where the registry
is not any more as the caller had read it, it raises Stale, has changed nothing, and the caller reads and decides anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from tokenmgr.domain.generation import Generation, RevocationReason, StoreKind
from tokenmgr.domain.handover import OPENED, Claims, Progress
from tokenmgr.domain.party import Bank, Subscriber
from tokenmgr.domain.rehearsal import Failure
from tokenmgr.domain.reissue import Cause

BEYOND_SERIALS = 1 << 160  # RFC 5280, 4.1.2.2: 20 octets at most; the registry is asked for no other


class Stale(Exception):
    """Somebody else was quicker. Nothing was changed."""


@dataclass(frozen=True)
class Enrolled:
    """A subscriber as the four fields of R9 find it: with the hashes of both PINs (argon2id, PHC strings)."""

    subscriber: Subscriber
    login_hash: str = field(repr=False)
    confirmation_hash: str = field(repr=False)


@dataclass(frozen=True)
class Standing:
    """All that a decision about one subscriber needs, read in one moment."""

    subscriber: Subscriber
    bank: Bank
    open_until: datetime | None  # R10: an acquisition is open until then
    pending: Generation | None  # RECORDED or PENDING, the one that there may be; a rehearsal is none
    last: Generation | None  # the newest that was ever active: ACTIVE or HELD, or else SUPERSEDED or REVOKED
    reissued_at: datetime | None = None  # and nothing acquired since
    changed_at: datetime | None = None  # last re-issued, or its acquisition opened or closed

    @property
    def since(self) -> datetime | None:
        """Since when it is as it is: what was asked for before is not about this."""
        confirmed_at = self.last.confirmed_at if self.last else None
        return max((at for at in (self.changed_at, confirmed_at) if at), default=None)


@dataclass(frozen=True)
class Asked:
    """A signed message that takes back, holds, releases or re-issues, or tells how a rehearsal has failed; or a form
    that says such a thing, sent by whoever has logged in."""

    signer: int  # the serial number of the certificate that signed it, or has logged in
    digest: bytes  # of its bytes; of a form, of what no other form has
    at: datetime  # by its own time, and no later than it came; of a form, when its page was made


@dataclass(frozen=True)
class Ticket:
    """A proven claim (R9): by its reference and secret one `ir` may be made, for one key."""

    reference: str
    secret: bytes = field(repr=False)
    bank: str
    subscriber: int
    store: StoreKind
    until: datetime
    serial: int | None = None  # what it was used for


@dataclass(frozen=True)
class Exchange:
    """A CMP transaction that led to a generation, or an EST request, which has a number of its own. `credential` names
    who began it: nobody else may go on with it."""

    bank: str
    transaction: bytes
    request_digest: bytes  # SHA-256 of the request's bytes: the same bytes again are the same request (S6)
    serial: int
    credential: str  # "ticket:REFERENCE", "certificate:SERIAL" in hex, or for a key that goes on "claim:CONTRACT/USER"
    kind: str  # of the request, as RFC 4210 has it: ir, cr, kur, p10cr ; est
    confirm_digest: bytes = b""  # of the certConf that was taken


@dataclass(frozen=True)
class Handover:
    """A bank's hand-over ticket that was redeemed, and how far it has come since."""

    bank: str
    jti: str
    origin: str
    expires_at: datetime
    redeemed_at: datetime
    secret_hash: bytes = field(repr=False)
    progress: Progress = OPENED


@dataclass(frozen=True)
class Tries:
    """R11: wrong entries of login PINs, kept alike for IDs that exist and those that do not."""

    spent: int
    locked: bool
    contract_locked: bool = False  # by an administrator of the contract: told only to whoever knows both PINs


class Registry(Protocol):
    """In somebody's hands: whoever is named when it is made did what is done through it (domain/audit.py)."""

    # --- reading ---
    def bank(self, code: str) -> Bank | None: ...
    def enrolled(self, bank: str, contract: str, user: str) -> Enrolled | None: ...
    def standing(self, subscriber: int) -> Standing: ...
    def generation(self, serial: int) -> Generation | None: ...
    def by_key(self, key_hash: bytes) -> Generation | None:
        """Whoever it was certified for, and whatever became of it; VOID ones do not count."""

    def exchange(self, bank: str, transaction: bytes) -> Exchange | None: ...
    def is_handed_out(self, serial: int) -> bool:
        """Whether anybody may have been given its certificate before it was confirmed: EST gives none until then."""

    def ticket(self, reference: str) -> Ticket | None: ...
    def nonce_key(self) -> bytes:
        """32 random bytes, the same on every node: answers to the same bytes carry the same nonce."""

    # --- hand-overs ---
    def handover_keys(self, bank: str) -> tuple[bytes, ...]:
        """That the bank signs tickets with: SubjectPublicKeyInfo, DER."""

    def handover(self, bank: str, jti: str) -> Handover | None: ...
    def redeem(self, claims: Claims, kid: str, secret_hash: bytes, now: datetime) -> Handover:
        """What is there then: this one's, or that of whoever was quicker. `kid` is the key that signed it."""

    def refuse_handover(self, claims: Claims, kid: str) -> None:
        """Somebody else has redeemed it before. Told to the trail, once however often whoever has it comes."""

    def tell_handover(self, bank: str, jti: str, progress: Progress) -> None:
        """Where it follows what was told before."""

    # --- R9, R11 ---
    def spend_try(self, bank: str, contract: str, user: str, limit: int, lock_contract: bool, now: datetime) -> Tries:
        """Counted before the PINs are looked at, so that no crash and no crowd gets tries for nothing. Not counted once
        locked. With `lock_contract`, an administrator of the contract who is locked locks everybody of it."""

    def forgive_tries(self, bank: str, contract: str, user: str) -> None: ...
    def accept_claim(self, ticket: Ticket, contract: str, user: str) -> None:
        """Proven, and followed by its request at once: as open_ticket. One that is open under this reference, or whose
        request waits, goes on."""

    def open_ticket(self, ticket: Ticket, contract: str, user: str) -> None:
        """Forgives the tries, and ends every earlier ticket of the subscriber."""

    # --- issuing ---
    def record(self, generation: Generation, exchange: Exchange, displaced: Generation | None, now: datetime) -> None:
        """RECORDED with its draft, before anything is signed. `displaced` is what was pending before: a RECORDED one
        becomes VOID, a PENDING one REVOKED as superseded. Where a ticket is the credential, its `serial` is set too.
        Stale where the subscriber has another pending one, the key was certified meanwhile, or the transaction is
        taken. A rehearsal takes back the one before it, and nothing else."""

    def sign_off(self, serial: int, certificate: bytes) -> None:
        """RECORDED -> PENDING with its certificate, its draft forgotten. Stale where it is not RECORDED any more."""

    def bind(self, exchange: Exchange) -> None:
        """Another transaction for a generation that is there; a ticket's `serial` is set. The same again changes
        nothing. Stale where the transaction is taken by other bytes."""

    def confirm(self, exchange: Exchange, confirm_digest: bytes, now: datetime, retire: bool) -> None:
        """PENDING -> ACTIVE; the one that was active becomes SUPERSEDED, or REVOKED as superseded with `retire`. Ends
        the ticket and the opened acquisition. Stale where it is not PENDING any more, or `confirm_by` is over."""

    def rehearsal_passed(self, exchange: Exchange, confirm_digest: bytes, now: datetime) -> None:
        """PENDING -> REVOKED, confirmed and at its end in one; noted of its subscriber, and nothing else is changed.
        Stale as for confirm, and where whoever asked is not the active one any more."""

    def rehearsal_failed(self, subscriber: int, failure: Failure, asked: Asked, now: datetime) -> None:
        """As its own side tells it. The same message again changes nothing."""

    # --- taking back ---
    # What was `asked` for by a message is done once: the same again changes nothing (S6). Stale where whoever signed it
    # is not entitled any more. None: by the bank's staff, or the CA itself.
    def was_asked(self, digest: bytes) -> bool:
        """Whether that message has been carried out."""

    def revoke(self, serial: int, reason: RevocationReason, now: datetime, asked: Asked | None = None) -> None:
        """Stale where it is none that can be revoked."""

    def withdraw(self, subscriber: int, reason: RevocationReason, now: datetime) -> int:
        """All that the subscriber has, and what it has begun: REVOKED, or VOID where never signed. Ends its tickets,
        and closes its acquisition. How many of these there were."""

    def hold(self, serial: int, now: datetime, asked: Asked | None = None) -> None:
        """ACTIVE -> HELD; what is SUPERSEDED, or begun, of the same subscriber is taken back. Stale where that one is
        not active."""

    def release(self, serial: int, asked: Asked | None = None) -> None:
        """HELD -> ACTIVE. Stale where that one is not held, or was put on hold after it was asked for."""

    def reissue(self, subscriber: int, cause: Cause, until: datetime, asked: Asked | None, now: datetime) -> bool:
        """R10: withdraws, forgives the tries, and opens an acquisition. Whether it was done. Stale where the subscriber
        has changed since it was asked for."""

    def unlock(self, subscriber: Subscriber, asked: Asked | None = None) -> None:
        """R11: its tries are forgiven."""

    def retire(self, subscriber: int, by: int, now: datetime) -> int:
        """R12: the certificate `by` has logged in. Where that is still the active one, what is SUPERSEDED is REVOKED.
        How many."""

    def expire_unconfirmed(self, now: datetime) -> int:
        """S7: REVOKED (or VOID, where never signed) once `confirm_by` is over. How many."""
