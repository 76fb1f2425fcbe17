"""再発行: what a subscriber has is taken back, and a new acquisition opened, in one transaction (R10)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from tokenmgr.domain.audit import Action, Actor
from tokenmgr.domain.generation import RevocationReason
from tokenmgr.sql import generations, tries
from tokenmgr.sql.locks import lock_subscriber
from tokenmgr.sql.rows import DIGEST, digests_of, micros
from tokenmgr.sql.schema import subscriber
from tokenmgr.sql.trail import note_of

_WHO = select(subscriber.c.bank, subscriber.c.contract, subscriber.c.user_id, subscriber.c.reissue_digest).where(
    subscriber.c.id == bindparam("who")
)
_OPEN = update(subscriber).where(subscriber.c.id == bindparam("who"))
KEPT = 8  # a message is good for minutes (RFC 9483, 3.1): nobody is re-issued so often in them


def reissue(
    connection: Connection,
    by: Actor,
    who: int,
    reason: RevocationReason,
    until: datetime,
    digest: bytes,
    now: datetime,
) -> bool:
    """Whether it was done. `digest` is of the request, empty where nobody sends one twice: the same again is answered
    alike, and takes back nothing that was acquired meanwhile (S6)."""
    lock_subscriber(connection, who)
    *names, done = connection.execute(_WHO, {"who": who}).one()
    if digest in digests_of(done):
        return False
    taken = generations.withdraw(connection, by, who, reason, now)
    tries.forgive(connection, *names)
    values = {
        "open_until": micros(until),
        "reissued_at": micros(now),
        "reissue_digest": (digest + done)[: KEPT * DIGEST],
    }
    connection.execute(_OPEN, {"who": who, **values})
    after = {"taken_back": taken, "reason": reason.value, "open_until": micros(until)}
    note_of(connection, by, Action.SUBSCRIBER_REISSUED, who, after=after)
    return True
