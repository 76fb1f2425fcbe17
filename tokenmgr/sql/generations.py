"""What becomes of a generation. Each change names the states that it may come from: none of them looks first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, insert, literal_column, or_, select, update

from tokenmgr.domain.generation import MAY_BECOME, Generation, RevocationReason, State
from tokenmgr.ra.ports import Exchange, Stale, Standing
from tokenmgr.sql import exchanges, tickets
from tokenmgr.sql.locks import lock_holder, lock_subscriber
from tokenmgr.sql.rows import (
    BANK,
    GENERATION,
    SUBSCRIBER,
    bank_of,
    generation_of,
    generation_values,
    hexed,
    micros,
    moment_or_none,
    subscriber_of,
)
from tokenmgr.sql.schema import WAITING, bank, generation, subscriber, word

# --- reading ---

_columns = [generation.c[name] for name in GENERATION]
GET = select(*_columns).where(generation.c.serial == bindparam("serial"))
BY_KEY = select(*_columns).where(generation.c.key_hash == bindparam("key_hash"), generation.c.state != word(State.VOID))
HISTORY = (
    select(*_columns)
    .where(generation.c.subscriber == bindparam("who"))
    .order_by(generation.c.not_before, generation.c.confirm_by, generation.c.serial)
)
_pending, _last, _active, _ever = (generation.alias(name) for name in ("p", "l", "a", "e"))
_active_serial = (
    select(_active.c.serial)
    .where(_active.c.subscriber == subscriber.c.id, _active.c.state == word(State.ACTIVE))
    .correlate(subscriber)
    .scalar_subquery()
)
_newest_serial = (
    select(_ever.c.serial)
    .where(_ever.c.subscriber == subscriber.c.id, _ever.c.confirmed_at.is_not(None))
    .order_by(_ever.c.confirmed_at.desc())
    .limit(literal_column("1"))
    .correlate(subscriber)
    .scalar_subquery()
)
# The active one first: where nodes' clocks differ a little, it need not be the newest.
_last_serial = func.coalesce(_active_serial, _newest_serial)
STANDING = (
    select(
        *[subscriber.c[name] for name in SUBSCRIBER],
        subscriber.c.open_until,
        *[bank.c[name] for name in BANK],
        *[_pending.c[name] for name in GENERATION],
        *[_last.c[name] for name in GENERATION],
    )
    .select_from(subscriber)
    .join(bank, bank.c.code == subscriber.c.bank)
    .outerjoin(_pending, (_pending.c.subscriber == subscriber.c.id) & _pending.c.state.in_(WAITING))
    .outerjoin(_last, _last.c.serial == _last_serial)
    .where(subscriber.c.id == bindparam("who"))
)


def standing_of(row: Sequence[Any]) -> Standing:
    first, second = len(SUBSCRIBER) + 1, len(SUBSCRIBER) + 1 + len(BANK)
    pending, last = row[second : second + len(GENERATION)], row[second + len(GENERATION) :]
    return Standing(
        subscriber=subscriber_of(row[: len(SUBSCRIBER)]),
        bank=bank_of(*row[first:second]),
        open_until=moment_or_none(row[first - 1]),
        pending=None if pending[0] is None else generation_of(pending),
        last=None if last[0] is None else generation_of(last),
    )


# --- writing ---


def _from(state: State) -> list[State]:
    return [before for before, after in MAY_BECOME.items() if state in after]


BY_CERTIFICATE = "certificate:"  # of Exchange.credential
_REVOCABLE = [*_from(State.REVOKED), *_from(State.VOID)]
_taken_back = case((generation.c.state == word(State.RECORDED), State.VOID.value), else_=State.REVOKED.value)
_back = {"state": _taken_back, "revoked_at": bindparam("now"), "reason": bindparam("why")}
_one = generation.c.serial == bindparam("which")

_INSERT = insert(generation)
_DISPLACE = (
    update(generation)
    .where(
        _one,
        generation.c.subscriber == bindparam("who"),
        generation.c.state == bindparam("was"),
        generation.c.state.in_(WAITING),
    )
    .values(_back)
)
_SIGN_OFF = (
    update(generation)
    .where(_one, generation.c.state == word(State.RECORDED))
    .values(state=State.PENDING.value, certificate=bindparam("der"), draft=b"")
)
_holder = generation.c.subscriber == bindparam("who")
_replaced = update(generation).where(
    _holder,
    generation.c.state == word(State.ACTIVE),
    or_(bindparam("by") == "", generation.c.serial == bindparam("by")),
)
_SUPERSEDE = _replaced.values(state=State.SUPERSEDED.value)
_RETIRE = _replaced.values(_back)
_CONFIRM = (
    update(generation)
    .where(_one, generation.c.state == word(State.PENDING), generation.c.confirm_by >= bindparam("now"))
    .values(state=State.ACTIVE.value, confirmed_at=bindparam("now"))
)
_CLOSE = (update(subscriber).where(subscriber.c.id == bindparam("who"), subscriber.c.open_until.is_not(None))).values(
    open_until=None
)
_REVOKE = update(generation).where(_one, generation.c.state.in_([word(state) for state in _REVOCABLE])).values(_back)
SIGNED_BY = timedelta(minutes=1)  # another node may be signing its own at this moment
_unsigned = (
    generation.c.subscriber.is_(None) & (generation.c.state == word(State.ACTIVE)) & (generation.c.certificate == b"")
)
_CERTIFIED = update(generation).where(_one, _unsigned).values(certificate=bindparam("der"))
_DROP = update(generation).where(_unsigned, generation.c.not_before < bindparam("before")).values(_back)
_EXPIRE = (
    update(generation).where(generation.c.state.in_(WAITING), generation.c.confirm_by < bindparam("now")).values(_back)
)


def record(
    connection: Connection, new: Generation, exchange: Exchange, displaced: Generation | None, now: datetime
) -> None:
    if new.state is not State.RECORDED or new.subscriber is None:
        raise ValueError("generation")
    lock_subscriber(connection, new.subscriber)
    if displaced is not None:
        values = {"which": hexed(displaced.serial), "who": new.subscriber, "was": displaced.state.value}
        _hold(connection.execute(_DISPLACE, {**values, **_why(RevocationReason.SUPERSEDED, now)}).rowcount == 1)
    add(connection, new)
    exchanges.add(connection, exchange)
    tickets.use(connection, exchange)


def add(connection: Connection, new: Generation) -> None:
    connection.execute(_INSERT, generation_values(new))


def sign_off(connection: Connection, serial: int, certificate: bytes) -> None:
    _hold(connection.execute(_SIGN_OFF, {"which": hexed(serial), "der": certificate}).rowcount == 1)


def confirm(connection: Connection, exchange: Exchange, digest: bytes, now: datetime, retire: bool) -> None:
    serial = hexed(exchange.serial)
    holder = lock_holder(connection, serial)
    by = exchange.credential.removeprefix(BY_CERTIFICATE) if exchange.credential.startswith(BY_CERTIFICATE) else ""
    values: dict[str, object] = {"who": holder, "by": hexed(int(by, 16)) if by else ""}
    if retire:
        replaced = connection.execute(_RETIRE, {**values, **_why(RevocationReason.SUPERSEDED, now)}).rowcount
    else:
        replaced = connection.execute(_SUPERSEDE, values).rowcount
    _hold(not by or replaced == 1)  # whoever asked has not been revoked meanwhile
    _hold(connection.execute(_CONFIRM, {"which": serial, "now": micros(now)}).rowcount == 1)
    exchanges.confirmed(connection, exchange, digest)
    connection.execute(_CLOSE, {"who": holder})
    if holder is not None:
        tickets.end(connection, holder)


def revoke(connection: Connection, serial: int, reason: RevocationReason, now: datetime) -> None:
    _hold(connection.execute(_REVOKE, {"which": hexed(serial), **_why(reason, now)}).rowcount == 1)


def expire_unconfirmed(connection: Connection, now: datetime) -> int:
    return connection.execute(_EXPIRE, _why(RevocationReason.UNSPECIFIED, now)).rowcount


def certified(connection: Connection, serial: int, certificate: bytes) -> None:
    _hold(connection.execute(_CERTIFIED, {"which": hexed(serial), "der": certificate}).rowcount == 1)


def drop_unsigned(connection: Connection, now: datetime) -> int:
    values = {**_why(RevocationReason.CESSATION, now), "before": micros(now - SIGNED_BY)}
    return connection.execute(_DROP, values).rowcount


def _why(reason: RevocationReason, now: datetime) -> dict[str, int]:
    return {"now": micros(now), "why": reason.value}


def _hold(holds: bool) -> None:
    if not holds:
        raise Stale
