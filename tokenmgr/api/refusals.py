"""What the registration authority refuses, as CMP says it: a bit of PKIFailureInfo, a sentence, and the code with its
facts on a line of its own, from which our own client makes the error again."""

from __future__ import annotations

import json

from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.domain.policy import Reason
from tokenmgr.errors import (
    AlreadyConfirmed,
    AlreadyRevoked,
    AnotherIsPending,
    AskedTooLate,
    AuthorityClosed,
    CannotConfirm,
    CannotHold,
    CannotRelease,
    CertificateUnfit,
    KeyCertifiedBefore,
    KeyUnfit,
    NotPermittedNow,
    NotYours,
    RehearsedLately,
    TicketSpent,
    TokenmgrError,
)
from tokenmgr.messages import Texts

_BY_KIND: dict[type[TokenmgrError], FailInfo] = {
    AlreadyConfirmed: FailInfo.certConfirmed,
    AlreadyRevoked: FailInfo.certRevoked,
    AskedTooLate: FailInfo.badTime,
    AnotherIsPending: FailInfo.badRequest,  # RFC 9483, 4.1.3, leaves the bit open
    AuthorityClosed: FailInfo.notAuthorized,
    CannotConfirm: FailInfo.badRequest,
    CannotHold: FailInfo.certRevoked,
    CannotRelease: FailInfo.badRequest,
    CertificateUnfit: FailInfo.systemFailure,  # the CA's own fault: near its end, or its profile was changed
    KeyCertifiedBefore: FailInfo.duplicateCertReq,
    KeyUnfit: FailInfo.badCertTemplate,
    NotYours: FailInfo.notAuthorized,
    RehearsedLately: FailInfo.badTime,
    TicketSpent: FailInfo.badRequest,
}
_BY_REASON = {
    Reason.STORE_FORBIDDEN.value: FailInfo.unacceptedPolicy,
    Reason.KIND_FORBIDDEN.value: FailInfo.badCertTemplate,
    Reason.TOO_EARLY.value: FailInfo.badTime,
    Reason.EXPIRED.value: FailInfo.certRevoked,
    Reason.REVOKED.value: FailInfo.certRevoked,
    Reason.ON_HOLD.value: FailInfo.certRevoked,
    Reason.SUPERSEDED.value: FailInfo.certRevoked,
}
REFUSALS: tuple[type[TokenmgrError], ...] = (*_BY_KIND, NotPermittedNow)
_ENGLISH = Texts("en")


def as_fault(refusal: TokenmgrError) -> ProtocolFault:
    if isinstance(refusal, NotPermittedNow):
        fail = _BY_REASON.get(refusal.reason, FailInfo.badRequest)
    else:
        fail = _BY_KIND[type(refusal)]
    words = _ENGLISH.error(refusal)
    facts = json.dumps(refusal.facts, default=lambda one: one.isoformat())
    return ProtocolFault(fail, f"{words['what']} {words['next']}\n{refusal.code} {facts}")
