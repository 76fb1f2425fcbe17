"""The IDs of one contract for its administrator: a page of them, what is pressing first, in one statement however many
there are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, exists, func, or_, select

from tokenmgr.domain.generation import State, StoreKind
from tokenmgr.domain.member import Member, Need
from tokenmgr.domain.notice import Stage
from tokenmgr.domain.party import Bank
from tokenmgr.sql.engine import Database
from tokenmgr.sql.rows import SUBSCRIBER, micros, moment_or_none, subscriber_of
from tokenmgr.sql.schema import STANDING, WAITING, generation, is_real, notice, subscriber, tries, word
from tokenmgr.sql.tries import OF_SUBSCRIBER, is_possible

AT_ONCE = 50  # on one page


@dataclass(frozen=True)
class Members:
    """Some of those that there are; the numbers are of all of them."""

    shown: tuple[Member, ...] = ()
    number: int = 0
    now: int = 0  # who cannot log in
    soon: int = 0


_held, _waiting = generation.alias("g"), generation.alias("w")
_FAILED = [one.value for one in Stage if one.has_failed]
_undelivered = exists().where(notice.c.serial == _held.c.serial, notice.c.state.in_(_FAILED))
_spent = func.coalesce(tries.c.spent, 0)
_need = case(
    (
        or_(
            _spent >= bindparam("limit"),
            _held.c.serial.is_(None),
            _held.c.state == word(State.HELD),
            _held.c.not_after < bindparam("now"),
        ),
        Need.NOW.value,
    ),
    (
        or_(
            _held.c.not_after <= bindparam("due"),
            subscriber.c.open_until >= bindparam("now"),
            _waiting.c.serial.is_not(None),
            _undelivered,
        ),
        Need.SOON.value,
    ),
    else_=Need.NOTHING.value,
)
_ALL = (
    select(
        func.count().over(),
        *[func.sum(case((_need == need.value, 1), else_=0)).over() for need in (Need.NOW, Need.SOON)],
        *[subscriber.c[name] for name in SUBSCRIBER],
        _held.c.serial,
        _held.c.not_after,
        _held.c.store,
        _held.c.state,
        subscriber.c.open_until,
        subscriber.c.reissued_at,
        _waiting.c.confirm_by,
        _spent,
        _undelivered,
    )
    .select_from(subscriber)
    .outerjoin(_held, and_(_held.c.subscriber == subscriber.c.id, _held.c.state.in_(STANDING)))
    .outerjoin(
        _waiting, and_(_waiting.c.subscriber == subscriber.c.id, _waiting.c.state.in_(WAITING), is_real(_waiting))
    )
    .outerjoin(tries, OF_SUBSCRIBER)
    .where(subscriber.c.bank == bindparam("bank"), subscriber.c.contract == bindparam("contract"))
    .order_by(_need, func.coalesce(_held.c.not_after, subscriber.c.open_until, 0), subscriber.c.user_id)
)


def members(database: Database, bank: Bank, contract: str, find: str, page: int, now: datetime) -> Members:
    """`find` is any part of an ID; pages are counted from 1."""
    wanted = _ALL.limit(AT_ONCE).offset((page - 1) * AT_ONCE)
    if find:
        wanted = wanted.where(_has_part(find))
    return _read(database, wanted, bank, contract, now) if is_possible(find) else Members()


def member(database: Database, bank: Bank, contract: str, user: str, now: datetime) -> Member | None:
    """`user` may be anything that somebody has put into an address."""
    if not is_possible(user):
        return None
    found = _read(database, _ALL.where(subscriber.c.user_id == user), bank, contract, now)
    return found.shown[0] if found.shown else None


def _has_part(find: str) -> ColumnElement[bool]:
    """In capitals or not: SQLite makes no difference by itself, PostgreSQL does."""
    return func.lower(subscriber.c.user_id).contains(find.lower(), autoescape=True)


def _read(database: Database, wanted: Select[*tuple[Any, ...]], bank: Bank, contract: str, now: datetime) -> Members:
    second = now.replace(microsecond=0)  # whoever verifies a certificate counts whole seconds
    values = {
        "bank": bank.code,
        "contract": contract,
        "limit": bank.policy.wrong_pins,
        "now": micros(second),
        "due": micros(now + timedelta(days=bank.policy.renewal_days)),
    }
    rows = database.read(wanted, values)
    if not rows:
        return Members()
    number, pressing, soon, *_ = rows[0]
    return Members(tuple(_member_of(*row[3:]) for row in rows), number, pressing, soon)


def _member_of(*row: Any) -> Member:
    who, held = row[: len(SUBSCRIBER)], row[len(SUBSCRIBER) :]
    serial, not_after, store, state, open_until, reissued_at, confirm_by, spent, is_undelivered = held
    return Member(
        subscriber=subscriber_of(who),
        serial=None if serial is None else int(serial, 16),
        not_after=moment_or_none(not_after),
        store=StoreKind(store) if store else None,
        is_held=state == State.HELD.value,
        open_until=moment_or_none(open_until),
        reissued_at=moment_or_none(reissued_at),
        waits_until=moment_or_none(confirm_by),
        tries_spent=spent,
        is_undelivered=bool(is_undelivered),
    )
