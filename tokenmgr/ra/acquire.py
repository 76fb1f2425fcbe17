"""取得: the first certificate, or one after a re-issue or an expiry (R9, R10). Two steps: a claim proven by four fields
brings a one-time reference and secret; a request under them brings the certificate. Or both in one, where claim and
request come together (EST)."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from tokenmgr.ca.issuer import Issuer
from tokenmgr.ca.keycheck import kind_of
from tokenmgr.domain.generation import Generation, State, StoreKind
from tokenmgr.domain.party import Bank, Role, Subscriber
from tokenmgr.domain.policy import Permit, Refusal, permit_acquisition
from tokenmgr.errors import ClaimLocked, ClaimNotAccepted, KeyCertifiedBefore, NotPermittedNow, TicketSpent
from tokenmgr.log import Secret
from tokenmgr.ra import issuing, passcodes
from tokenmgr.ra.ports import Registry, Stale, Standing, Ticket


@dataclass(frozen=True)
class Claim:
    contract: str
    user: str
    login_pin: Secret
    confirmation_pin: Secret
    store: StoreKind


def prove(registry: Registry, bank: Bank, claim: Claim, now: datetime) -> Subscriber:
    """The try is spent before the PINs are looked at (R11), and is for the caller to forgive."""
    policy = bank.policy
    who = (bank.code, claim.contract, claim.user)
    tries = registry.spend_try(*who, policy.wrong_pins, policy.lock_contract, now)
    if tries.locked:
        raise ClaimLocked
    found = registry.enrolled(*who)
    hashes = (found.login_hash, found.confirmation_hash) if found else (None, None)
    if not passcodes.match(claim.login_pin, claim.confirmation_pin, *hashes) or found is None:
        raise ClaimNotAccepted(tries_left=max(policy.wrong_pins - tries.spent, 0))
    if tries.contract_locked:
        registry.forgive_tries(*who)
        raise ClaimLocked
    return found.subscriber


def begin(registry: Registry, bank: Bank, claim: Claim, now: datetime) -> Ticket:
    """What policy says is told to whoever knows both PINs."""
    who = prove(registry, bank, claim, now)
    answer = permit(registry.standing(who.id), claim.store, now)
    if isinstance(answer, Refusal):
        registry.forgive_tries(bank.code, claim.contract, claim.user)
        raise refused(answer)
    ticket = Ticket(
        reference=secrets.token_hex(8),
        secret=secrets.token_urlsafe(24).encode(),
        bank=bank.code,
        subscriber=who.id,
        store=claim.store,
        until=now + timedelta(minutes=bank.policy.ticket_minutes),
    )
    with contextlib.suppress(Stale):  # its reference is there: the answer to its commit was lost, and it was done again
        registry.open_ticket(ticket, claim.contract, claim.user)
    return ticket


def complete(registry: Registry, issuer: Issuer, ticket: Ticket, ask: issuing.Ask, now: datetime) -> Generation:
    """One key a ticket. A new proof ends what an earlier one has left unconfirmed: with two PINs the customer says that
    this is the one to have."""

    later = ticket

    def decide(standing: Standing, same: Generation | None) -> int | None:
        nonlocal later
        held, later = later, registry.ticket(ticket.reference) or later  # for a next round, and read before its key
        if held.serial is not None:
            if same is None or same.serial != held.serial:
                raise TicketSpent
        else:
            if now > held.until:
                raise TicketSpent
            if same is not None and same.state not in (State.RECORDED, State.PENDING):
                raise KeyCertifiedBefore
            _require_permit(standing, ask, now)
        return standing.last.serial if standing.last else None

    return issuing.issue(registry, issuer, ask, decide, displaces=True, now=now)


def accept(registry: Registry, who: Subscriber, ask: issuing.Ask, now: datetime) -> issuing.Ask:
    """A claim that comes with its request, and has been proven: as `begin`, for this key alone. Whatever takes back or
    puts on hold from here on ends the ticket, and with it the request. A key that goes on needs none."""
    registry.forgive_tries(who.bank, who.contract, who.user)
    kind_of(ask.public_key)  # a weak one is refused before all else
    standing = registry.standing(who.id)
    if _goes_on(registry.by_key(ask.key_hash), now):
        return ask
    _require_permit(standing, ask, now)
    policy = standing.bank.policy
    issuing.require_kind(ask, policy)
    ticket = Ticket(
        reference=hashlib.sha256(f"{who.id} ".encode() + ask.key_hash).hexdigest()[:16],  # the same for the same key
        secret=secrets.token_bytes(24),  # nobody is told
        bank=who.bank,
        subscriber=who.id,
        store=ask.store,
        until=now + timedelta(minutes=policy.ticket_minutes),
    )
    registry.accept_claim(ticket, who.contract, who.user)
    return dataclasses.replace(ask, credential=f"ticket:{ticket.reference}")


def at_once(registry: Registry, issuer: Issuer, ask: issuing.Ask, now: datetime) -> Generation:
    """What `accept` has accepted. The same key again is the same request: what it has begun is finished, and what it
    has brought is given again (S6, R13)."""

    def decide(standing: Standing, same: Generation | None) -> int | None:
        if not _goes_on(same, now):
            _require_permit(standing, ask, now)  # again: by now nothing changes unnoticed
        return standing.last.serial if standing.last else None

    return issuing.issue(registry, issuer, ask, decide, displaces=True, now=now)


def _goes_on(same: Generation | None, now: datetime) -> bool:
    is_begun = same is not None and same.state in (State.RECORDED, State.PENDING)
    return is_begun or (same is not None and same.state is State.ACTIVE and not same.is_over(now))


def _require_permit(standing: Standing, ask: issuing.Ask, now: datetime) -> None:
    answer = permit(standing, ask.store, now)
    if isinstance(answer, Refusal):
        raise refused(answer)


def permit(standing: Standing, store: StoreKind, now: datetime) -> Permit | Refusal:
    is_user = standing.subscriber.role is Role.USER
    return permit_acquisition(standing.last, standing.open_until, is_user, store, standing.bank.policy, now)


def refused(refusal: Refusal) -> NotPermittedNow:
    return NotPermittedNow(reason=refusal.reason.value, way=refusal.way.value, until=refusal.until)
