"""Lists of any length, row by row as they are read: subscribers with what they hold, and how many there are of all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select

from tokenmgr.domain.generation import State
from tokenmgr.domain.party import Subscriber
from tokenmgr.sql.engine import Database
from tokenmgr.sql.rows import SUBSCRIBER, micros, moment_or_none, subscriber_of
from tokenmgr.sql.schema import STANDING, WAITING, contract, generation, is_real, subscriber, tries, word


@dataclass(frozen=True)
class Which:
    """Those of whom all holds that is said. `state`: who has a generation in it. The dates are of the active one.
    `reissued`: who was, and has acquired nothing since."""

    bank: str | None = None
    contract: str | None = None
    state: State | None = None
    reissued: bool = False
    expires_from: datetime | None = None
    expires_before: datetime | None = None


@dataclass(frozen=True)
class Listed:
    subscriber: Subscriber
    open_until: datetime | None
    serial: int | None  # of the generation that is active, or on hold
    not_after: datetime | None
    is_waiting: bool  # one is recorded or pending
    tries_spent: int
    is_held: bool = False
    reissued_at: datetime | None = None  # and nothing acquired since


@dataclass(frozen=True)
class Counts:
    contracts: int
    subscribers: int
    generations: dict[State, int]
    reissued: int = 0  # IDs that are to acquire anew


_active, _other, _waiting = generation.alias("g"), generation.alias("o"), generation.alias("w")
_LISTED = (
    select(
        *[subscriber.c[name] for name in SUBSCRIBER],
        subscriber.c.open_until,
        subscriber.c.reissued_at,
        _active.c.serial,
        _active.c.state,
        _active.c.not_after,
        exists().where(_waiting.c.subscriber == subscriber.c.id, _waiting.c.state.in_(WAITING), is_real(_waiting)),
        func.coalesce(tries.c.spent, 0),
    )
    .select_from(subscriber)
    .outerjoin(_active, (_active.c.subscriber == subscriber.c.id) & _active.c.state.in_(STANDING))
    .outerjoin(
        tries,
        (tries.c.bank == subscriber.c.bank)
        & (tries.c.contract == subscriber.c.contract)
        & (tries.c.user_id == subscriber.c.user_id),
    )
)


def listed(database: Database, which: Which) -> Iterator[Listed]:
    for *who, open_until, reissued_at, serial, state, not_after, is_waiting, spent in database.stream(
        _statement(which)
    ):
        yield Listed(
            subscriber=subscriber_of(who),
            open_until=moment_or_none(open_until),
            serial=None if serial is None else int(serial, 16),
            not_after=moment_or_none(not_after),
            is_waiting=bool(is_waiting),
            tries_spent=spent,
            is_held=state == State.HELD.value,
            reissued_at=moment_or_none(reissued_at),
        )


def _statement(which: Which) -> Select[*tuple[Any, ...]]:
    wanted: list[ColumnElement[bool]] = []
    if which.bank is not None:
        wanted.append(subscriber.c.bank == which.bank)
    if which.contract is not None:
        wanted.append(subscriber.c.contract == which.contract)
    if which.state is not None:
        is_in_it = _other.c.state == word(which.state)
        wanted.append(exists().where(_other.c.subscriber == subscriber.c.id, is_in_it, is_real(_other)))
    if which.reissued:
        wanted.append(subscriber.c.reissued_at.is_not(None))
    if which.expires_from is not None or which.expires_before is not None:
        wanted.append(_active.c.state == word(State.ACTIVE))
    if which.expires_from is not None:
        wanted.append(_active.c.not_after >= micros(which.expires_from))
    if which.expires_before is not None:
        wanted.append(_active.c.not_after < micros(which.expires_before))
    if which.bank is None:
        return _LISTED.where(*wanted).order_by(subscriber.c.id)
    return _LISTED.where(*wanted).order_by(subscriber.c.bank, subscriber.c.contract, subscriber.c.user_id)


def counts(database: Database, code: str | None) -> Counts:
    of_contracts = select(func.count()).select_from(contract)
    of_subscribers = select(func.count()).select_from(subscriber)
    of_reissued = select(func.count()).select_from(subscriber).where(subscriber.c.reissued_at.is_not(None))
    states = select(generation.c.state, func.count()).where(is_real(generation)).group_by(generation.c.state)
    if code is not None:
        of_contracts = of_contracts.where(contract.c.bank == code)
        of_subscribers = of_subscribers.where(subscriber.c.bank == code)
        of_reissued = of_reissued.where(subscriber.c.bank == code)
        states = states.join(subscriber, subscriber.c.id == generation.c.subscriber).where(subscriber.c.bank == code)
    asked = (of_contracts, of_subscribers, of_reissued)
    ((contracts, subscribers, reissued),) = database.read(select(*(one.scalar_subquery() for one in asked)))
    found = {State(state): number for state, number in database.read(states)}
    return Counts(contracts, subscribers, found, reissued)
