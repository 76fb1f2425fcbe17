"""A bank's page hands its customer over to the program on the customer's computer: the ticket is redeemed here, once,
before anything is done; how far that has come is told here, and the page looks here."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from tokenmgr.domain.handover import WAITING, Claims, Progress, is_jti
from tokenmgr.domain.party import Bank
from tokenmgr.errors import HandoverAnothers, HandoverSpent
from tokenmgr.pki import handover
from tokenmgr.ra.ports import Handover, Registry


def redeem(registry: Registry, bank: Bank, text: str, secret: str, now: datetime) -> Claims:
    """`secret` is made by whoever redeems. The same ticket with the same secret again is the same request (S6), also
    where the ticket has run out since: its answer was lost."""
    ticket = handover.read(text)
    ticket.check(registry.handover_keys(bank.code), bank.name)
    claims, own = ticket.claims, _hash(secret)
    known = registry.handover(bank.code, claims.jti)
    if known is None:
        ticket.judge(bank.code, bank.name, None, now)
        known = registry.redeem(claims, ticket.kid, own, now)
    if not hmac.compare_digest(known.secret_hash, own):
        registry.refuse_handover(claims, ticket.kid)
        raise HandoverSpent
    return claims


def tell(registry: Registry, bank: str, jti: str, secret: str, progress: Progress) -> None:
    """Forward only: what comes late, or again, changes nothing and is no error. One that nobody has redeemed and one of
    somebody else's are refused alike."""
    known = _found(registry, bank, jti)
    if known is None or not hmac.compare_digest(known.secret_hash, _hash(secret)):
        raise HandoverAnothers
    if progress.follows(known.progress):
        registry.tell_handover(bank, jti, progress)


def look(registry: Registry, bank: str, jti: str) -> tuple[Progress, str]:
    """How far it is, and the origin that may know. What nobody has redeemed, or ever made, is told alike: anybody may
    know that nothing is known."""
    known = _found(registry, bank, jti)
    return (WAITING, "*") if known is None else (known.progress, known.origin)


def _found(registry: Registry, bank: str, jti: str) -> Handover | None:
    return registry.handover(bank, jti) if is_jti(jti) else None


def _hash(secret: str) -> bytes:
    """Of 32 random bytes: nobody guesses those, however quick a hash is."""
    return hashlib.sha256(secret.encode()).digest()
