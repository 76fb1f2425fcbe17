"""再発行: what a subscriber has is taken back, and a new acquisition opened, in one transaction (R10)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from tokenmgr.domain.audit import Action, Actor
from tokenmgr.domain.generation import RevocationReason
from tokenmgr.domain.reissue import Cause
from tokenmgr.ra.ports import Asked, Stale
from tokenmgr.sql import asking, generations, parties, tries
from tokenmgr.sql.locks import lock_subscriber
from tokenmgr.sql.marks import require_open
from tokenmgr.sql.rows import micros
from tokenmgr.sql.schema import subscriber
from tokenmgr.sql.trail import note_of

_IS_OPEN = select(subscriber.c.id).where(subscriber.c.id == bindparam("who"), subscriber.c.open_until.is_not(None))
_OPEN = update(subscriber).where(subscriber.c.id == bindparam("who"))


def reissue(
    connection: Connection,
    by: Actor,
    who: int,
    cause: Cause,
    until: datetime,
    asked: Asked | None,
    now: datetime,
) -> bool:
    """Whether it was done: the same message again is answered alike, and takes back nothing that was acquired
    meanwhile (S6)."""
    require_open(connection)  # of a CA that is closed nothing could be acquired again
    lock_subscriber(connection, who)
    if not asking.is_new(connection, asked, who):
        return False
    standing = generations.standing_of(tuple(connection.execute(generations.STANDING, {"who": who}).one()))
    if asked and standing.since and asked.at <= standing.since:
        raise Stale
    taken = generations.withdraw(connection, by, who, cause.reason, now)
    tries.forgive(connection, standing.bank.code, standing.subscriber.contract, standing.subscriber.user)
    values = {"open_until": micros(until), "reissued_at": micros(now), "changed_at": micros(now)}
    connection.execute(_OPEN, {"who": who, **values})
    after = {
        "cause": cause.value,
        "taken_back": taken,
        "reason": cause.reason.value,
        "open_until": micros(until),
    }
    note_of(connection, by, Action.SUBSCRIBER_REISSUED, who, after=after)
    return True


def withdraw(connection: Connection, by: Actor, who: int, reason: RevocationReason, now: datetime) -> int:
    """All that there is, and an opened acquisition closed: whoever has the PINs begins nothing in between. How many."""
    taken = generations.withdraw(connection, by, who, reason, now)
    is_open = connection.execute(_IS_OPEN, {"who": who}).first() is not None
    if is_open:
        values = {"open_until": None, "reissued_at": None, "changed_at": micros(now)}
        parties.change(connection, by, who, values, Action.ACQUISITION_CLOSED)
    return taken + is_open
