"""Hand-overs: the keys that each bank signs tickets with, and what has become of each ticket that was redeemed.

A ticket is good for ten minutes, so what was redeemed need not be known for long; its page may look a little longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from tokenmgr.domain.audit import Action, Actor, Event, Value, encoded
from tokenmgr.domain.handover import Claims, Progress, State
from tokenmgr.errors import NotRegistered, Taken
from tokenmgr.ra.ports import Handover
from tokenmgr.sql import tries
from tokenmgr.sql.engine import Database, is_dangling
from tokenmgr.sql.marks import require_open
from tokenmgr.sql.rows import micros, moment
from tokenmgr.sql.schema import audit, handover, handover_key
from tokenmgr.sql.trail import note

KEPT = timedelta(days=1)  # after its end
NAMES = ("bank", "jti", "origin", "expires_at", "redeemed_at", "secret_hash", "state", "step", "code")
KEY = "handover-key"  # of what is registered; names a text


# --- a bank's keys ---


@dataclass(frozen=True)
class HandoverKey:
    kid: str
    public_key: bytes  # SubjectPublicKeyInfo, DER
    added_at: datetime


_KEYS = (
    select(handover_key.c.kid, handover_key.c.public_key, handover_key.c.added_at)
    .where(handover_key.c.bank == bindparam("of_bank"))
    .order_by(handover_key.c.added_at, handover_key.c.kid)
)
_ADD = insert(handover_key)
_WITHDRAW = delete(handover_key).where(
    handover_key.c.bank == bindparam("of_bank"), handover_key.c.kid == bindparam("which")
)


def keys(database: Database, bank: str) -> list[HandoverKey]:
    return [HandoverKey(kid, key, moment(at)) for kid, key, at in database.read(_KEYS, {"of_bank": bank})]


def add_key(connection: Connection, by: Actor, bank: str, new: HandoverKey) -> None:
    require_open(connection)
    values = {"bank": bank, "kid": new.kid, "public_key": new.public_key, "added_at": micros(new.added_at)}
    try:
        connection.execute(_ADD, values)
    except IntegrityError as error:
        if is_dangling(error):
            raise NotRegistered(kind="bank", name=bank) from error
        raise Taken(kind=KEY, name=new.kid) from error
    note(connection, by, Event(Action.HANDOVER_KEY_ADDED, bank, bank, after={"kid": new.kid}))


def withdraw_key(connection: Connection, by: Actor, bank: str, kid: str) -> None:
    """What it has signed is refused from now on; what was redeemed goes on."""
    if connection.execute(_WITHDRAW, {"of_bank": bank, "which": kid}).rowcount != 1:
        raise NotRegistered(kind=KEY, name=kid)
    note(connection, by, Event(Action.HANDOVER_KEY_WITHDRAWN, bank, bank, before={"kid": kid}))


# --- tickets that were redeemed ---

_this = (handover.c.bank == bindparam("of_bank"), handover.c.jti == bindparam("which"))
GET = select(*[handover.c[name] for name in NAMES]).where(*_this)
_PROGRESS = select(handover.c.state, handover.c.step, handover.c.code).where(*_this).with_for_update()
_REDEEM = text(
    "INSERT INTO handover (bank, jti, origin, expires_at, redeemed_at, secret_hash, state, step, code)"
    " VALUES (:of_bank, :which, :origin, :until, :now, :secret_hash, :state, 0, '') ON CONFLICT (bank, jti) DO NOTHING"
)
_TELL = update(handover).where(*_this)
_REFUSED = select(audit.c.number).where(
    audit.c.whom == bindparam("whose"),
    audit.c.action == Action.HANDOVER_REFUSED.value,
    audit.c.after == bindparam("told"),
)
_TIDY = delete(handover).where(handover.c.expires_at < bindparam("before"))


def get(database: Database, bank: str, jti: str) -> Handover | None:
    row = database.first(GET, _key(bank, jti)) if tries.is_possible(bank, jti) else None
    return None if row is None else handover_of(row)


def handover_of(row: Sequence[Any]) -> Handover:
    bank, jti, origin, expires_at, redeemed_at, secret_hash, *progress = row
    return Handover(bank, jti, origin, moment(expires_at), moment(redeemed_at), secret_hash, _progress(progress))


def redeem(connection: Connection, by: Actor, claims: Claims, kid: str, secret_hash: bytes, now: datetime) -> Handover:
    """Whoever was quicker has it."""
    require_open(connection)
    this = _key(claims.bank, claims.jti)
    values = {"origin": claims.origin, "until": micros(claims.expires_at), "now": micros(now)}
    values |= {"secret_hash": secret_hash, "state": State.OPEN.value}
    if connection.execute(_REDEEM, this | values).rowcount == 1:
        note(connection, by, Event(Action.HANDOVER_REDEEMED, claims.bank, claims.whom, after=_told(claims, kid)))
    return handover_of(connection.execute(GET, this).one())


def refuse(connection: Connection, by: Actor, claims: Claims, kid: str) -> None:
    """In the trail once, or whoever has an old ticket could fill it; of several at the same time one, under the lock of
    the ticket's row."""
    require_open(connection)
    connection.execute(_PROGRESS, _key(claims.bank, claims.jti))
    after = _told(claims, kid)
    if connection.execute(_REFUSED, {"whose": claims.whom, "told": encoded(after)}).first() is None:
        note(connection, by, Event(Action.HANDOVER_REFUSED, claims.bank, claims.whom, after=after))


def _told(claims: Claims, kid: str) -> dict[str, Value]:
    return {"jti": claims.jti, "kid": kid, "origin": claims.origin, "act": claims.act}


def tell(connection: Connection, bank: str, jti: str, progress: Progress) -> None:
    """Judged again under the lock. Not in the trail: what comes of a certificate is."""
    row = connection.execute(_PROGRESS, _key(bank, jti)).first()
    if row is not None and progress.follows(_progress(row)):
        values = {"state": progress.state.value, "step": progress.step, "code": progress.code}
        connection.execute(_TELL, _key(bank, jti) | values)


def tidy(connection: Connection, now: datetime) -> int:
    return connection.execute(_TIDY, {"before": micros(now - KEPT)}).rowcount


def _key(bank: str, jti: str) -> dict[str, Any]:
    return {"of_bank": bank, "which": jti}


def _progress(row: Sequence[Any]) -> Progress:
    state, step, code = row
    return Progress(State(state), step, code)
