"""rr: what is taken back, put on hold and released over the wire (RFC 9483, 4.2; RFC 5280, 5.3.1). Item 25.

The reason says which: certificateHold (6) puts on hold, removeFromCRL (8) releases, the others revoke.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime

from tokenmgr.api.refusals import REFUSALS, as_fault
from tokenmgr.api.service import Service
from tokenmgr.cmp import checks
from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.cmp.messages import Message, Revoke, Revoked, Status
from tokenmgr.domain.generation import Generation, RevocationReason
from tokenmgr.ra import holding, revoke
from tokenmgr.ra.ports import Asked, Registry

REMOVE = 8  # removeFromCRL


def answer(
    service: Service, registry: Registry, message: Message, signer: Callable[[], Generation], now: datetime
) -> Revoked:
    """rp, refusals too. `signer` raises where the certificate that signed is over."""
    assert isinstance(message.body, Revoke)  # noqa: S101  parse has seen to it
    try:
        checks.signed_only(message)
        checks.revocation(message.body)
        by = signer()
        if message.body.issuer not in service.keys.subjects:
            raise ProtocolFault(FailInfo.badCertId, "the issuer is another CA")
        _act(registry, by, message.body.serial or 0, message.body.reason, asked_by(by, message, now), now)
    except ProtocolFault as fault:
        return _refused(fault)
    except REFUSALS as refusal:
        service.metrics.refusals.labels(refusal.code).inc()
        return _refused(as_fault(refusal))
    return Revoked(status=Status.ACCEPTED)


def asked_by(by: Generation, message: Message, now: datetime) -> Asked:
    """A client's clock that is ahead makes nothing younger than it is."""
    at = min(message.header.message_time or now, now)
    return Asked(by.serial, hashlib.sha256(message.raw).digest(), at)


def _act(registry: Registry, by: Generation, serial: int, number: int | None, asked: Asked, now: datetime) -> None:
    if number == REMOVE:
        holding.release_signed(registry, by, serial, asked, now)
    elif number == RevocationReason.HOLD.value:
        holding.hold_signed(registry, by, serial, asked, now)
    else:
        revoke.revoke_signed(registry, by, serial, _reason(number), asked, now)


def _reason(number: int | None) -> RevocationReason:
    try:
        return RevocationReason(number or 0)
    except ValueError as error:
        raise ProtocolFault(FailInfo.badRequest, "a reason that is not taken") from error


def _refused(fault: ProtocolFault) -> Revoked:
    return Revoked(status=Status.REJECTION, fail=fault.fail, text=fault.text)
