"""What OCSP says of a certificate, by what the registry tells of it; and from when to when that may be said."""

from __future__ import annotations

from datetime import datetime, timedelta

from tokenmgr.ca.ocsp import Good, Responder, Revoked, Single, Standing, Unknown
from tokenmgr.ca.ocsp_request import CertId
from tokenmgr.domain.generation import RevocationReason, State
from tokenmgr.sql.answers import Answer, Told

LIFE = timedelta(hours=24)
SHORT_LIFE = timedelta(minutes=1)  # of what changes by itself soon, and is kept by nobody
LASTING = frozenset({State.ACTIVE, State.SUPERSEDED, State.HELD, State.REVOKED, State.VOID})


def standing(told: Told | None) -> Standing:
    """What waits for its confirmation logs in nowhere (S7): OCSP says so, while lists do not name it. What is only
    recorded is no certificate yet."""
    if told is None or told.state is State.RECORDED:
        return Unknown()
    if told.state is State.PENDING:
        return Revoked(told.not_before, RevocationReason.HOLD)
    return Good() if told.revoked_at is None else Revoked(told.revoked_at, told.reason)


def is_lasting(told: Told | None) -> bool:
    return told is not None and told.state in LASTING


def single(cert_id: CertId, told: Told | None, responder: Responder, now: datetime) -> Single:
    """An answer ends with its responder's certificate at the latest."""
    ends = now + (LIFE if is_lasting(told) else SHORT_LIFE)
    return Single(cert_id, standing(told), now, min(ends, responder.ends))


def due(made_at: datetime, next_update: datetime) -> datetime:
    """When it is made anew: at half its life."""
    return made_at + (next_update - made_at) / 2


def is_fit(answer: Answer, now: datetime) -> bool:
    """To be given out still: the next one has had the time to be made. One from a clock ahead is not true yet."""
    return answer.made_at <= now < answer.next_update - (answer.next_update - answer.made_at) / 4
