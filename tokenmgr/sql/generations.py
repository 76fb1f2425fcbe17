"""What becomes of a generation. Each change names the states that it may come from: none of them looks first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Update, bindparam, case, func, insert, literal_column, or_, select, update

from tokenmgr.domain.audit import Action, Actor
from tokenmgr.domain.generation import MAY_BECOME, Generation, RevocationReason, State
from tokenmgr.domain.rehearsal import APART
from tokenmgr.errors import RehearsedLately
from tokenmgr.ra.ports import Asked, Exchange, Stale, Standing
from tokenmgr.sql import asking, exchanges, tickets
from tokenmgr.sql.locks import lock_holder, lock_subscriber
from tokenmgr.sql.marks import require_open
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
from tokenmgr.sql.schema import STANDING as HELD_OR_ACTIVE
from tokenmgr.sql.schema import WAITING, bank, generation, is_real, rehearsal, subscriber, word
from tokenmgr.sql.trail import note_of

# --- reading ---

_columns = [generation.c[name] for name in GENERATION]
GET = select(*_columns).where(generation.c.serial == bindparam("serial"))
BY_KEY = select(*_columns).where(
    generation.c.key_hash == bindparam("key_hash"),
    generation.c.state != word(State.VOID),
    generation.c.subscriber.is_not(None),  # the CA's own keys may have several; nobody else can prove to have one
)
HISTORY = (
    select(*_columns)
    .where(generation.c.subscriber == bindparam("who"), is_real(generation))
    .order_by(generation.c.not_before, generation.c.confirm_by, generation.c.serial)
)
_pending, _last, _active, _ever = (generation.alias(name) for name in ("p", "l", "a", "e"))
_active_serial = (
    select(_active.c.serial)
    .where(_active.c.subscriber == subscriber.c.id, _active.c.state.in_(HELD_OR_ACTIVE))
    .correlate(subscriber)
    .scalar_subquery()
)
_newest_serial = (
    select(_ever.c.serial)
    .where(_ever.c.subscriber == subscriber.c.id, _ever.c.confirmed_at.is_not(None), is_real(_ever))
    .order_by(_ever.c.confirmed_at.desc())
    .limit(literal_column("1"))
    .correlate(subscriber)
    .scalar_subquery()
)
# The active one first: where nodes' clocks differ a little, it need not be the newest.
_last_serial = func.coalesce(_active_serial, _newest_serial)
EVERYBODYS_STANDING = (
    select(
        *[subscriber.c[name] for name in SUBSCRIBER],
        subscriber.c.open_until,
        subscriber.c.reissued_at,
        subscriber.c.changed_at,
        *[bank.c[name] for name in BANK],
        *[_pending.c[name] for name in GENERATION],
        *[_last.c[name] for name in GENERATION],
    )
    .select_from(subscriber)
    .join(bank, bank.c.code == subscriber.c.bank)
    .outerjoin(_pending, (_pending.c.subscriber == subscriber.c.id) & _pending.c.state.in_(WAITING) & is_real(_pending))
    .outerjoin(_last, _last.c.serial == _last_serial)
)
STANDING = EVERYBODYS_STANDING.where(subscriber.c.id == bindparam("who"))


def standing_of(row: Sequence[Any]) -> Standing:
    first, second = len(SUBSCRIBER) + 3, len(SUBSCRIBER) + 3 + len(BANK)
    pending, last = row[second : second + len(GENERATION)], row[second + len(GENERATION) :]
    return Standing(
        subscriber=subscriber_of(row[: len(SUBSCRIBER)]),
        bank=bank_of(*row[first:second]),
        open_until=moment_or_none(row[first - 3]),
        reissued_at=moment_or_none(row[first - 2]),
        changed_at=moment_or_none(row[first - 1]),
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

_IS_ACTIVE = select(generation.c.serial).where(_one, generation.c.state == word(State.ACTIVE))
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
    .returning(generation.c.serial, generation.c.state, generation.c.subscriber)
)
_REHEARSED_BEFORE = (
    update(generation)
    .where(
        generation.c.subscriber == bindparam("who"),
        generation.c.state.in_(WAITING),
        generation.c.is_rehearsal == literal_column("1"),
    )
    .values(_back)
    .returning(generation.c.serial, generation.c.state, generation.c.subscriber)
)
_REHEARSED_LATELY = select(func.max(generation.c.not_before)).where(
    generation.c.subscriber == bindparam("who"),
    generation.c.is_rehearsal == literal_column("1"),
    generation.c.not_before > bindparam("since"),
)
_IS_WANTED = select(rehearsal.c.subscriber).where(  # as Rehearsed.is_wanted
    rehearsal.c.subscriber == bindparam("who"),
    rehearsal.c.asked_at.is_not(None),
    or_(rehearsal.c.ended_at.is_(None), rehearsal.c.ended_at < rehearsal.c.asked_at, rehearsal.c.code != ""),
)
_SIGN_OFF = (
    update(generation)
    .where(_one, generation.c.state == word(State.RECORDED))
    .values(state=State.PENDING.value, certificate=bindparam("der"), draft=b"")
    .returning(*[generation.c[name] for name in ("subscriber", "store", "not_after", "predecessor", "is_rehearsal")])
)
_holder = generation.c.subscriber == bindparam("who")
_replaced = (
    update(generation)
    .where(
        _holder,
        generation.c.state == word(State.ACTIVE),
        or_(bindparam("by") == "", generation.c.serial == bindparam("by")),
    )
    .returning(generation.c.serial)
)
_SUPERSEDE = _replaced.values(state=State.SUPERSEDED.value)
_RETIRE = _replaced.values(_back)
_CONFIRM = (
    update(generation)
    .where(
        _one,
        generation.c.state == word(State.PENDING),
        generation.c.confirm_by >= bindparam("now"),
        is_real(generation),
    )
    .values(state=State.ACTIVE.value, confirmed_at=bindparam("now"))
)
_CLOSE = (
    update(subscriber)
    .where(
        subscriber.c.id == bindparam("who"),
        or_(subscriber.c.open_until.is_not(None), subscriber.c.reissued_at.is_not(None)),
    )
    .values(open_until=None, reissued_at=None)
)
_back_to = (generation.c.serial, generation.c.state, generation.c.subscriber)
_revocable = generation.c.state.in_([word(state) for state in _REVOCABLE])
_REVOKE = update(generation).where(_one, _revocable).values(_back).returning(*_back_to)
_WITHDRAW = update(generation).where(_holder, _revocable).values(_back).returning(*_back_to)
_WITHDRAW_BUT_ONE = (
    update(generation)
    .where(_holder, generation.c.state.in_((*WAITING, word(State.SUPERSEDED))))
    .values(_back)
    .returning(*_back_to)
)
_HOLD = (
    update(generation)
    .where(_one, generation.c.state == word(State.ACTIVE))
    .values(state=State.HELD.value, revoked_at=bindparam("now"), reason=RevocationReason.HOLD.value)
)
_RELEASE = (
    update(generation)
    .where(_one, generation.c.state == word(State.HELD))
    .values(state=State.ACTIVE.value, revoked_at=None, reason=None)
)
_RELEASE_ASKED = _RELEASE.where(generation.c.revoked_at < bindparam("before"))
SIGNED_BY = timedelta(minutes=1)  # another node may be signing its own at this moment
_unsigned = (
    generation.c.subscriber.is_(None) & (generation.c.state == word(State.ACTIVE)) & (generation.c.certificate == b"")
)
_CERTIFIED = update(generation).where(_one, _unsigned).values(certificate=bindparam("der"))
_DROP = (
    update(generation)
    .where(_unsigned, generation.c.not_before < bindparam("before"))
    .values(_back)
    .returning(*_back_to)
)
_superseded = (generation.c.subscriber == bindparam("who"), generation.c.state == word(State.SUPERSEDED))
IS_SUPERSEDED = select(generation.c.serial).where(*_superseded).limit(literal_column("1"))
_RETIRE_SUPERSEDED = update(generation).where(*_superseded).values(_back).returning(*_back_to)
_EXPIRE = (
    update(generation)
    .where(generation.c.state.in_(WAITING), generation.c.confirm_by < bindparam("now"))
    .values(_back)
    .returning(*_back_to)
)


def record(
    connection: Connection, by: Actor, new: Generation, exchange: Exchange, displaced: Generation | None, now: datetime
) -> None:
    if new.state is not State.RECORDED or new.subscriber is None:
        raise ValueError("generation")
    require_open(connection)
    lock_subscriber(connection, new.subscriber)
    require_active(connection, exchange)
    if displaced is not None:
        values = {"which": hexed(displaced.serial), "who": new.subscriber, "was": displaced.state.value}
        _require(_taken_back_by(connection, by, _DISPLACE, values, RevocationReason.SUPERSEDED, now) == 1)
    if new.is_rehearsal:  # one at a time: nothing of an earlier one that was cut short stands in its way
        _require_none_lately(connection, new.subscriber, now)
        _taken_back_by(connection, by, _REHEARSED_BEFORE, {"who": new.subscriber}, RevocationReason.CESSATION, now)
    add(connection, new)
    exchanges.add(connection, exchange)
    tickets.use(connection, exchange)


def add(connection: Connection, new: Generation) -> None:
    connection.execute(_INSERT, generation_values(new))


def _require_none_lately(connection: Connection, who: int, now: datetime) -> None:
    values = {"who": who, "since": micros(now - APART)}
    at = moment_or_none(connection.execute(_REHEARSED_LATELY, values).scalar())
    if at is not None and connection.execute(_IS_WANTED, {"who": who}).first() is None:
        raise RehearsedLately(until=at + APART)


def sign_off(connection: Connection, by: Actor, serial: int, certificate: bytes) -> None:
    row = connection.execute(_SIGN_OFF, {"which": hexed(serial), "der": certificate}).first()
    _require(row is not None)
    assert row is not None  # noqa: S101  for mypy: _hold has raised
    holder, store, not_after, predecessor, is_rehearsal = row
    after = {"store": store, "not_after": not_after, "predecessor": predecessor}
    after |= {"rehearsal": True} if is_rehearsal else {}
    note_of(connection, by, Action.CERTIFICATE_ISSUED, holder, serial, after=after)


def confirm(connection: Connection, by: Actor, exchange: Exchange, digest: bytes, now: datetime, retire: bool) -> None:
    serial = hexed(exchange.serial)
    holder = lock_holder(connection, serial)
    asker = _asker(exchange)
    values: dict[str, object] = {"who": holder, "by": asker}
    if retire:
        values |= _why(RevocationReason.SUPERSEDED, now)
    replaced = connection.execute(_RETIRE if retire else _SUPERSEDE, values).scalars().all()
    _require(not asker or len(replaced) == 1)  # whoever asked has not been revoked meanwhile
    _require(connection.execute(_CONFIRM, {"which": serial, "now": micros(now)}).rowcount == 1)
    exchanges.confirmed(connection, exchange, digest)
    connection.execute(_CLOSE, {"who": holder})
    if holder is not None:
        tickets.end(connection, holder)
    for former in replaced:
        gone = Action.CERTIFICATE_REVOKED if retire else Action.CERTIFICATE_SUPERSEDED
        note_of(connection, by, gone, holder, former, _WAS_ACTIVE, {"reason": RevocationReason.SUPERSEDED.value})
    note_of(connection, by, Action.CERTIFICATE_CONFIRMED, holder, serial)


_WAS_ACTIVE = {"state": State.ACTIVE.value}


def revoke(
    connection: Connection, by: Actor, serial: int, reason: RevocationReason, now: datetime, asked: Asked | None
) -> None:
    serial_of = hexed(serial)
    if asking.is_new(connection, asked, lock_holder(connection, serial_of)):
        _require(_taken_back_by(connection, by, _REVOKE, {"which": serial_of}, reason, now) == 1)


def withdraw(connection: Connection, by: Actor, holder: int, reason: RevocationReason, now: datetime) -> int:
    """All that the subscriber has, and whatever it has begun. How many certificates, rehearsals not counted. An opened
    acquisition is the caller's."""
    lock_subscriber(connection, holder)
    tickets.end(connection, holder)
    _taken_back_by(connection, by, _REHEARSED_BEFORE, {"who": holder}, reason, now)
    return _taken_back_by(connection, by, _WITHDRAW, {"who": holder}, reason, now)


def hold(connection: Connection, by: Actor, serial: int, now: datetime, asked: Asked | None) -> None:
    """The one that logs in waits; what was only still good beside it, or begun, is taken back."""
    holder = lock_holder(connection, hexed(serial))
    _require(holder is not None)
    assert holder is not None  # noqa: S101  for mypy: the CA's own are of nobody
    if not asking.is_new(connection, asked, holder):
        return
    tickets.end(connection, holder)
    _taken_back_by(connection, by, _WITHDRAW_BUT_ONE, {"who": holder}, RevocationReason.SUPERSEDED, now)
    _require(connection.execute(_HOLD, {"which": hexed(serial), "now": micros(now)}).rowcount == 1)
    note_of(connection, by, Action.CERTIFICATE_HELD, holder, serial, _WAS_ACTIVE, {"state": State.HELD.value})


def release(connection: Connection, by: Actor, serial: int, asked: Asked | None) -> None:
    holder = lock_holder(connection, hexed(serial))
    if not asking.is_new(connection, asked, holder):
        return
    values: dict[str, object] = {"which": hexed(serial)}
    if asked is not None:
        values["before"] = micros(asked.at.replace(microsecond=0) + timedelta(seconds=1))  # it tells whole seconds
    _require(connection.execute(_RELEASE_ASKED if asked else _RELEASE, values).rowcount == 1)
    note_of(connection, by, Action.CERTIFICATE_RELEASED, holder, serial, {"state": State.HELD.value}, _WAS_ACTIVE)


def retire(connection: Connection, by: Actor, holder: int, successor: int, now: datetime) -> int:
    """`successor` has logged in; but not where it was renewed itself while its PIN was compared."""
    lock_subscriber(connection, holder)
    if connection.execute(_IS_ACTIVE, {"which": hexed(successor)}).first() is None:
        return 0
    return _taken_back_by(connection, by, _RETIRE_SUPERSEDED, {"who": holder}, RevocationReason.SUPERSEDED, now)


def expire_unconfirmed(connection: Connection, by: Actor, now: datetime) -> int:
    """Nobody suspects its key: it is only of no use any more (RFC 5280, 5.3.1)."""
    return _taken_back_by(connection, by, _EXPIRE, {}, RevocationReason.CESSATION, now)


def certified(connection: Connection, by: Actor, serial: int, certificate: bytes) -> None:
    _require(connection.execute(_CERTIFIED, {"which": hexed(serial), "der": certificate}).rowcount == 1)
    note_of(connection, by, Action.CERTIFICATE_ISSUED, None, serial)


def drop_unsigned(connection: Connection, by: Actor, now: datetime) -> int:
    values = {"before": micros(now - SIGNED_BY)}
    return _taken_back_by(connection, by, _DROP, values, RevocationReason.CESSATION, now)


def require_active(connection: Connection, exchange: Exchange) -> None:
    """Held or taken back meanwhile, what has signed the request gets nothing more."""
    if asker := _asker(exchange):
        _require(connection.execute(_IS_ACTIVE, {"which": asker}).first() is not None)


def _asker(exchange: Exchange) -> str:
    """Of the certificate that signed the request, its serial number; empty where none did."""
    kind, _, serial = exchange.credential.partition(BY_CERTIFICATE)
    return hexed(int(serial, 16)) if serial and not kind else ""


def _taken_back_by(
    connection: Connection,
    by: Actor,
    statement: Update,
    values: Mapping[str, object],
    reason: RevocationReason,
    now: datetime,
) -> int:
    """A statement that takes back and returns what: each is an entry of its own. How many."""
    taken = connection.execute(statement, {**values, **_why(reason, now)}).all()
    for serial, state, holder in taken:
        action = Action.CERTIFICATE_VOIDED if state == State.VOID.value else Action.CERTIFICATE_REVOKED
        note_of(connection, by, action, holder, serial, after={"reason": reason.value})
    return len(taken)


def _why(reason: RevocationReason, now: datetime) -> dict[str, int]:
    return {"now": micros(now), "why": reason.value}


def _require(holds: bool) -> None:
    if not holds:
        raise Stale
