"""From a decision to a certificate: recorded, signed, recorded again, so that no crash leaves one that nobody knows.

    1. record    serial, subject, key and request, durable, before anything is signed
    2. sign      what was checked and nothing else (ca/issuer.py)
    3. sign off  the certificate itself, durable, before anybody gets it

Cut short after 1, the same request again, or the same key in another, has what was recorded signed, to the byte; cut
short after 3 it brings the certificate that is there (S6). What nobody asks for again is void and counts as revoked.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tokenmgr.ca.issuer import Draft, Issuer
from tokenmgr.ca.keycheck import kind_of
from tokenmgr.ca.profile import Order
from tokenmgr.domain.generation import Generation, RevocationReason, State, StoreKind
from tokenmgr.domain.policy import BankPolicy, Reason, Way, in_the_way
from tokenmgr.domain.rehearsal import LIVES
from tokenmgr.errors import (
    AnotherIsPending,
    AuthorityBusy,
    CannotConfirm,
    KeyCertifiedBefore,
    LibraryError,
    MediumError,
    NotPermittedNow,
    SignatureUnfit,
)
from tokenmgr.pki.names import subscriber_name
from tokenmgr.ra.ports import Exchange, Registry, Stale, Standing

PATIENCE = 8  # times that somebody else may be quicker


class StillWaiting(Exception):
    """Recorded, and not signed yet: to be asked for again (RFC 9483, 4.4)."""

    def __init__(self, generation: Generation) -> None:
        super().__init__()
        self.generation = generation


@dataclass(frozen=True)
class Ask:
    """What a request for a certificate comes to, once its protocol and its proofs are out of the way."""

    subscriber: int
    public_key: bytes
    store: StoreKind
    bank: str
    transaction: bytes
    request_digest: bytes
    credential: str
    kind: str
    is_rehearsal: bool = False

    @property
    def key_hash(self) -> bytes:
        return hashlib.sha256(self.public_key).digest()

    def exchange(self, serial: int) -> Exchange:
        return Exchange(self.bank, self.transaction, self.request_digest, serial, self.credential, self.kind)


def issue(
    registry: Registry,
    issuer: Issuer,
    ask: Ask,
    decide: Callable[[Standing, Generation | None], int | None],
    displaces: bool,
    now: datetime,
) -> Generation:
    """`decide` raises where the answer is no, and names the predecessor; it is asked anew each time that somebody else
    was quicker. It is shown whatever the key was certified for before. `displaces`: whether this proof may end what
    another one has left unconfirmed."""
    kind_of(ask.public_key)  # a weak one is refused before all else
    for _ in range(PATIENCE):
        standing = registry.standing(ask.subscriber)
        same = registry.by_key(ask.key_hash)
        predecessor = decide(standing, same)
        try:
            if same is not None:
                return finish(registry, issuer, _again(registry, ask, same, now), now)
            require_kind(ask, standing.bank.policy)
            displaced = _displaced(registry, standing, displaces, now)
            if ask.is_rehearsal:  # it is refused as a renewal would be, and ends nobody's
                displaced = None
            order = _order(standing, ask, issuer.not_after, now)
            draft = issuer.draft(order)
            new = _generation(order, ask.key_hash, standing, predecessor, draft.tbs, now)
            new = dataclasses.replace(new, authority=issuer.number, is_rehearsal=ask.is_rehearsal)
            registry.record(new, ask.exchange(new.serial), displaced, now)
            return finish(registry, issuer, new, now, draft)
        except Stale:
            continue
    raise AuthorityBusy


def require_kind(ask: Ask, policy: BankPolicy) -> None:
    if kind_of(ask.public_key) not in policy.key_kinds:
        raise NotPermittedNow(reason=Reason.KIND_FORBIDDEN.value, way=Way.OTHER_KEY.value)


def finish(
    registry: Registry, issuer: Issuer, found: Generation, now: datetime, draft: Draft | None = None
) -> Generation:
    """What is recorded is signed, to the byte; what is signed already is that. What was to be signed by a key that the
    CA has replaced since is void: the client begins anew."""
    if found.state is not State.RECORDED:
        return found
    if found.authority != issuer.number:
        registry.revoke(found.serial, RevocationReason.SUPERSEDED, now)
        raise CannotConfirm(until=found.confirm_by)
    try:
        certificate = issuer.sign(draft or issuer.resume(found.serial, found.draft))
    except (MediumError, LibraryError, SignatureUnfit) as error:  # the CA's token: the record stands, to be asked again
        raise StillWaiting(found) from error
    registry.sign_off(found.serial, certificate)
    return dataclasses.replace(found, state=State.PENDING, certificate=certificate, draft=b"")


def resume(registry: Registry, issuer: Issuer, found: Generation, now: datetime) -> Generation:
    """As finish, while it may still be confirmed; where another node signs the same at this moment, its certificate is
    the one."""
    for _ in range(PATIENCE):
        if found.confirm_by is not None and now > found.confirm_by and found.state is not State.ACTIVE:
            raise CannotConfirm(until=found.confirm_by)
        try:
            return finish(registry, issuer, found, now)
        except Stale:
            found = registry.generation(found.serial) or found
    raise AuthorityBusy


def _again(registry: Registry, ask: Ask, same: Generation, now: datetime) -> Generation:
    """S6: the same new key brings the same certificate, as long as that one may still be confirmed, or has been."""
    in_time = same.confirm_by is not None and now <= same.confirm_by
    waits = same.state in (State.RECORDED, State.PENDING) and in_time
    asked = (ask.subscriber, ask.store, ask.is_rehearsal)
    its_own = (same.subscriber, same.store, same.is_rehearsal) == asked  # S3: a key does not move
    if not its_own or not (waits or same.state is State.ACTIVE):
        raise KeyCertifiedBefore
    registry.bind(ask.exchange(same.serial))
    return same


def _displaced(registry: Registry, standing: Standing, displaces: bool, now: datetime) -> Generation | None:
    """What must go for the new one: what was not signed and is not being so, what is out of time, and by a new proof
    the rest. (If each put away what the other one has only just recorded, a slow token would serve neither.)"""
    pending = standing.pending
    if pending is None or displaces:
        return pending
    is_handed_out = pending.state is State.PENDING and registry.is_handed_out(pending.serial)
    until = in_the_way(pending, now, is_handed_out)
    if until is None:
        return pending
    raise AnotherIsPending(serial=f"{pending.serial:x}", until=until)


def _order(standing: Standing, ask: Ask, latest: datetime, now: datetime) -> Order:
    """A certificate has whole seconds, and never outlives its issuer."""
    who, starts = standing.subscriber, now.replace(microsecond=0)
    lives = LIVES if ask.is_rehearsal else timedelta(days=standing.bank.policy.validity_days)
    return Order(
        serial=new_serial(),
        subject=subscriber_name(standing.bank.name, who.bank, who.contract, who.user),
        public_key=ask.public_key,
        not_before=starts,
        not_after=min(starts + lives, latest),
        store=ask.store,
        is_rehearsal=ask.is_rehearsal,
    )


def _generation(
    order: Order, key_hash: bytes, standing: Standing, predecessor: int | None, draft: bytes, now: datetime
) -> Generation:
    return Generation(
        serial=order.serial,
        subscriber=standing.subscriber.id,
        state=State.RECORDED,
        store=order.store,
        key_hash=key_hash,
        not_before=order.not_before,
        not_after=order.not_after,
        predecessor=predecessor,
        confirm_by=min(now + timedelta(hours=standing.bank.policy.confirm_hours), order.not_after),
        draft=draft,
    )


def new_serial() -> int:
    """20 octets, positive, from the system's generator; the second bit is set so that all are of one length
    (RFC 5280, 4.1.2.2)."""
    return int.from_bytes(os.urandom(20), "big") >> 1 | 1 << 158
