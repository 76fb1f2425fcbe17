"""Banks, their contracts, and the IDs under those."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from tokenmgr.domain.party import Bank, Role, Subscriber
from tokenmgr.errors import NotRegistered, Taken
from tokenmgr.ra.ports import Enrolled
from tokenmgr.sql import tries
from tokenmgr.sql.engine import Database, is_dangling
from tokenmgr.sql.rows import BANK, SUBSCRIBER, bank_of, bank_values, micros_or_none, subscriber_of
from tokenmgr.sql.schema import bank as banks
from tokenmgr.sql.schema import contract as contracts
from tokenmgr.sql.schema import subscriber as subscribers


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
_ADD_BANK = insert(banks)
_CHANGE_BANK = update(banks).where(banks.c.code == bindparam("which"))


def bank(database: Database, code: str) -> Bank | None:
    row = database.first(_BANK, {"which": code}) if tries.is_possible(code) else None
    return None if row is None else bank_of(*row)


def all_banks(database: Database) -> list[Bank]:
    return [bank_of(*row) for row in database.read(_ALL_BANKS)]


def add_bank(connection: Connection, new: Bank) -> None:
    try:
        connection.execute(_ADD_BANK, bank_values(new))
    except IntegrityError as error:
        raise Taken(kind="bank", name=new.code) from error


def change_bank(connection: Connection, changed: Bank) -> None:
    if connection.execute(_CHANGE_BANK, {"which": changed.code, **bank_values(changed)}).rowcount != 1:
        raise NotRegistered(kind="bank", name=changed.code)


# --- contracts ---

_CONTRACTS = select(contracts.c.bank, contracts.c.number, contracts.c.name)
_OF_BANK = _CONTRACTS.where(contracts.c.bank == bindparam("of_bank")).order_by(contracts.c.number)
_ADD_CONTRACT = insert(contracts)


def stream_contracts(database: Database, code: str) -> Iterator[Contract]:
    return (Contract(*row) for row in database.stream(_OF_BANK, {"of_bank": code}))


def add_contract(connection: Connection, new: Contract) -> None:
    Subscriber(0, new.bank, new.number, "0", Role.USER)  # the same numbers as an ID's
    try:
        connection.execute(_ADD_CONTRACT, {"bank": new.bank, "number": new.number, "name": new.name})
    except IntegrityError as error:
        raise _missing_or_taken(error, ("bank", new.bank), ("contract", f"{new.bank}/{new.number}")) from error


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


def enrol(connection: Connection, new: Enrolment) -> int:
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
    return number


def enrol_all(connection: Connection, rows: Iterable[Enrolment]) -> int:
    return sum(1 for row in rows if enrol(connection, row))


def change(connection: Connection, number: int, values: dict[str, object]) -> None:
    if connection.execute(_CHANGE, {"who": number, **values}).rowcount != 1:
        raise NotRegistered(kind="subscriber", name=str(number))


def _missing_or_taken(error: IntegrityError, wanted: tuple[str, str], there: tuple[str, str]) -> NotRegistered | Taken:
    return NotRegistered(kind=wanted[0], name=wanted[1]) if is_dangling(error) else Taken(kind=there[0], name=there[1])
