"""Banks, their contracts, and the IDs under those."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from tokenmgr.domain.audit import Action, Actor, Event, Value
from tokenmgr.domain.party import Bank, Role, Subscriber
from tokenmgr.errors import NotRegistered, Taken
from tokenmgr.ra.ports import Enrolled
from tokenmgr.sql import tries
from tokenmgr.sql.engine import Database, is_dangling
from tokenmgr.sql.locks import lock_subscriber
from tokenmgr.sql.rows import BANK, SUBSCRIBER, bank_of, bank_values, micros_or_none, subscriber_of
from tokenmgr.sql.schema import bank as banks
from tokenmgr.sql.schema import contract as contracts
from tokenmgr.sql.schema import subscriber as subscribers
from tokenmgr.sql.trail import note, note_of


@dataclass(frozen=True)
class Contract:
    """A corporation's banking contract (ご契約先)."""

    bank: str
    number: str
    name: str


@dataclass(frozen=True)
class Enrolment:
    """An ID that is to be: with the hashes of both its PINs, and until when its first certificate may be acquired."""

    bank: str
    contract: str
    user: str
    role: Role
    email: str = ""
    login_hash: str = field(default="", repr=False)
    confirmation_hash: str = field(default="", repr=False)
    open_until: datetime | None = None

    def __post_init__(self) -> None:
        Subscriber(0, self.bank, self.contract, self.user, self.role, self.email)  # it holds them to the same

    @property
    def name(self) -> str:
        return f"{self.bank}/{self.contract}/{self.user}"


# --- banks ---

_BANKS = select(*[banks.c[name] for name in BANK])
_ALL_BANKS = _BANKS.order_by(banks.c.code)
_BANK = _BANKS.where(banks.c.code == bindparam("which"))
_BANK_LOCKED = _BANK.with_for_update(key_share=True)  # SQLite has one writer, and leaves this out
_ADD_BANK = insert(banks)
_CHANGE_BANK = update(banks).where(banks.c.code == bindparam("which"))


def bank(database: Database, code: str) -> Bank | None:
    row = database.first(_BANK, {"which": code}) if tries.is_possible(code) else None
    return None if row is None else bank_of(*row)


def all_banks(database: Database) -> list[Bank]:
    return [bank_of(*row) for row in database.read(_ALL_BANKS)]


def add_bank(connection: Connection, by: Actor, new: Bank) -> None:
    values = bank_values(new)
    try:
        connection.execute(_ADD_BANK, values)
    except IntegrityError as error:
        raise Taken(kind="bank", name=new.code) from error
    note(connection, by, Event(Action.BANK_ADDED, new.code, new.code, after=flat(values)))


def change_bank(connection: Connection, by: Actor, code: str, change: Callable[[Bank], Bank]) -> Bank:
    """From what there is under the lock: what another one has just changed stays, and is in no `before` of ours."""
    row = connection.execute(_BANK_LOCKED, {"which": code}).first()
    if row is None:
        raise NotRegistered(kind="bank", name=code)
    former = bank_of(*row)
    changed = dataclasses.replace(change(former), code=code)
    if changed == former:
        return former
    values = bank_values(changed)
    connection.execute(_CHANGE_BANK, {"which": code, **values})
    before, after = differing(flat(dict(zip(BANK, row, strict=True))), flat(values))
    note(connection, by, Event(Action.BANK_CHANGED, code, code, before=before, after=after))
    return changed


def flat(values: Mapping[str, Any]) -> dict[str, Value]:
    """A bank's, with each line of its policy by itself."""
    policy = json.loads(values["policy"])
    lines = {f"policy.{name}": _worded(value) for name, value in policy.items()}
    return {name: value for name, value in values.items() if name != "policy"} | lines


def _worded(value: Any) -> Value:
    return " ".join(map(str, value)) if isinstance(value, list) else value


def differing(before: Mapping[str, Value], after: Mapping[str, Value]) -> tuple[dict[str, Value], dict[str, Value]]:
    names = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in names}, {name: after[name] for name in names}


# --- contracts ---

_CONTRACTS = select(contracts.c.bank, contracts.c.number, contracts.c.name)
_OF_BANK = _CONTRACTS.where(contracts.c.bank == bindparam("of_bank")).order_by(contracts.c.number)
_ADD_CONTRACT = insert(contracts)


def stream_contracts(database: Database, code: str) -> Iterator[Contract]:
    return (Contract(*row) for row in database.stream(_OF_BANK, {"of_bank": code}))


def add_contract(connection: Connection, by: Actor, new: Contract) -> None:
    Subscriber(0, new.bank, new.number, "0", Role.USER)  # the same numbers as an ID's
    try:
        connection.execute(_ADD_CONTRACT, {"bank": new.bank, "number": new.number, "name": new.name})
    except IntegrityError as error:
        raise _missing_or_taken(error, ("bank", new.bank), ("contract", f"{new.bank}/{new.number}")) from error
    whom = f"{new.bank}/{new.number}"
    note(connection, by, Event(Action.CONTRACT_ADDED, new.bank, whom, after={"name": new.name}))


# --- subscribers ---

_columns = [subscribers.c[name] for name in SUBSCRIBER]
_SUBSCRIBER = select(*_columns).where(subscribers.c.id == bindparam("who"))
_ENROLLED = select(*_columns, subscribers.c.login_hash, subscribers.c.confirmation_hash).where(
    subscribers.c.bank == bindparam("of_bank"),
    subscribers.c.contract == bindparam("of_contract"),
    subscribers.c.user_id == bindparam("user"),
)
_ADD = insert(subscribers).returning(subscribers.c.id)
_CHANGE = update(subscribers).where(subscribers.c.id == bindparam("who"))
_STATED = select(subscribers.c.role, subscribers.c.email, subscribers.c.open_until, subscribers.c.reissued_at).where(
    subscribers.c.id == bindparam("who")
)


def subscriber(database: Database, number: int) -> Subscriber | None:
    row = database.first(_SUBSCRIBER, {"who": number})
    return None if row is None else subscriber_of(row)


def enrolled(database: Database, bank: str, contract: str, user: str) -> Enrolled | None:
    if not tries.is_possible(bank, contract, user):
        return None
    row = database.first(_ENROLLED, {"of_bank": bank, "of_contract": contract, "user": user})
    if row is None:
        return None
    *who, login_hash, confirmation_hash = row
    return Enrolled(subscriber_of(who), login_hash, confirmation_hash)


def enrol(connection: Connection, by: Actor, new: Enrolment) -> int:
    """Whoever has guessed at this ID before it existed has not locked it."""
    values = {
        "bank": new.bank,
        "contract": new.contract,
        "user_id": new.user,
        "role": new.role.value,
        "email": new.email,
        "login_hash": new.login_hash,
        "confirmation_hash": new.confirmation_hash,
        "open_until": micros_or_none(new.open_until),
    }
    try:
        number: int = connection.execute(_ADD, values).scalar_one()
    except IntegrityError as error:
        contract = ("contract", f"{new.bank}/{new.contract}")
        raise _missing_or_taken(error, contract, ("subscriber", new.name)) from error
    tries.forgive(connection, new.bank, new.contract, new.user)
    after = {"role": new.role.value, "email": new.email, "open_until": micros_or_none(new.open_until)}
    note(connection, by, Event(Action.SUBSCRIBER_ADDED, new.bank, new.name, after=after))
    return number


def enrol_all(connection: Connection, by: Actor, rows: Iterable[Enrolment]) -> int:
    return sum(1 for row in rows if enrol(connection, by, row))


def change(connection: Connection, by: Actor, number: int, values: Mapping[str, Any], action: Action) -> None:
    """What is changed stands in the trail, of a PIN only that it was."""
    lock_subscriber(connection, number)
    row = connection.execute(_STATED, {"who": number}).mappings().first()
    if row is None:
        raise NotRegistered(kind="subscriber", name=str(number))
    connection.execute(_CHANGE, {"who": number, **values})
    told = {name: value for name, value in values.items() if name in row}
    before, after = differing({name: row[name] for name in told}, told)
    after |= {pin: "changed" for pin, column in _PINS.items() if column in values}
    note_of(connection, by, action, number, before=before, after=after)


_PINS = {"login_pin": "login_hash", "confirmation_pin": "confirmation_hash"}


def _missing_or_taken(error: IntegrityError, wanted: tuple[str, str], there: tuple[str, str]) -> NotRegistered | Taken:
    return NotRegistered(kind=wanted[0], name=wanted[1]) if is_dangling(error) else Taken(kind=there[0], name=there[1])
