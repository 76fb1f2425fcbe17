"""A hand-over ticket as it travels: signed claims as text, and back. What is wrong with one is an error here, the same
at the CA and on the customer's computer (the rules are in domain/handover.py)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from tokenmgr.domain.handover import TYPE, Claims, Place, Unreadable, Wrong, claims_of, faults, payload_of
from tokenmgr.errors import (
    HandoverActUnknown,
    HandoverEarly,
    HandoverError,
    HandoverForeign,
    HandoverForged,
    HandoverNotOffered,
    HandoverOver,
    HandoverUnreadable,
)
from tokenmgr.pki import jws
from tokenmgr.pki.p256 import kid_of


@dataclass(frozen=True)
class Ticket:
    claims: Claims
    _signed: jws.Signed = field(repr=False)

    @property
    def kid(self) -> str:
        return self._signed.kid

    def check(self, keys: Iterable[bytes], bank: str) -> None:
        """That one of these keys (SubjectPublicKeyInfo, DER) has signed it. `bank` is how its customers call it."""
        known = {kid_of(one): one for one in keys}
        if not known:
            raise HandoverNotOffered(bank=bank)
        try:
            self._signed.check(known)
        except jws.Unfit as error:
            raise HandoverForged(bank=bank) from error

    def judge(self, code: str, bank: str, places: Collection[Place] | None, now: datetime) -> None:
        if wrong := faults(self.claims, code, places, now):
            raise _error(wrong[0], self.claims, bank)


def issue(claims: Claims, key: EllipticCurvePrivateKey) -> str:
    return jws.sign(payload_of(claims), TYPE, key)


def read(text: str) -> Ticket:
    """Of its form, and believed in nothing yet."""
    try:
        signed = jws.read(text, TYPE)
        return Ticket(claims_of(signed.payload), signed)
    except (jws.Unfit, Unreadable) as error:
        raise HandoverUnreadable(reason=error.reason) from error


def _error(wrong: Wrong, claims: Claims, bank: str) -> HandoverError:
    match wrong:
        case Wrong.ACT:
            return HandoverActUnknown(act=claims.act)
        case Wrong.NOT_YET:
            return HandoverEarly(until=claims.issued_at)
        case Wrong.EXPIRED:
            return HandoverOver(until=claims.expires_at)
        case Wrong.ORIGIN:
            return HandoverForeign(origin=claims.origin, bank=bank)
        case _:
            return HandoverUnreadable(reason=wrong.value)
