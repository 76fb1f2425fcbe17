"""What is due, as the registry has it: certificates that may be due, with whom to write to and what has been written.

One statement brings each of them whole, by an index over those that end soon and one over those that have just been
confirmed, row by row. What domain/notice.py makes of it is kept by the unique index of the table: of several nodes that
look at the same time, each notice is kept by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, bindparam, cast, func, literal, select, text

from tokenmgr.domain.generation import State, StoreKind
from tokenmgr.domain.look import Look
from tokenmgr.domain.notice import EXPIRED_FOR, RENEWED_FOR, Due, Held, Known, Notice, Past, Person, Skipped, Stage
from tokenmgr.domain.party import Bank, Role
from tokenmgr.errors import NotRegistered
from tokenmgr.sql import looks
from tokenmgr.sql.engine import Database
from tokenmgr.sql.rows import BANK, bank_of, hexed, micros, moment
from tokenmgr.sql.schema import bank, bank_look, contract, generation, subscriber, word
from tokenmgr.sql.schema import notice as notices


@dataclass(frozen=True)
class Candidate:
    bank: str
    held: Held
    known: Known


# --- a certificate with everything that notices go by. No address has a space or a colon in it (domain/party.py) ---

_admin, _past = subscriber.alias("a"), notices.alias("p")


def _joined(*columns: ColumnElement[Any]) -> ColumnElement[str]:
    whole: ColumnElement[Any] = cast(columns[0], Text)
    for column in columns[1:]:
        whole = whole + literal(":") + cast(column, Text)
    return func.aggregate_strings(whole, " ")


_ADMINISTRATORS = (
    select(_joined(_admin.c.id, _admin.c.email))
    .where(
        _admin.c.bank == subscriber.c.bank,
        _admin.c.contract == subscriber.c.contract,
        _admin.c.role == Role.ADMINISTRATOR.value,
        _admin.c.id != subscriber.c.id,
        _admin.c.email != "",
    )
    .scalar_subquery()
)
_KNOWN = (
    select(_joined(_past.c.to_whom, _past.c.kind, _past.c.lead, _past.c.state, _past.c.why, _past.c.address))
    .where(_past.c.serial == generation.c.serial)
    .scalar_subquery()
)
HELD: tuple[ColumnElement[Any], ...] = (
    generation.c.serial,
    generation.c.state,
    generation.c.not_after,
    generation.c.confirmed_at,
    generation.c.predecessor,
    subscriber.c.id,
    subscriber.c.role,
    subscriber.c.email,
    _ADMINISTRATORS,
    _KNOWN,
)


def held_of(row: Sequence[Any]) -> tuple[Held, Known]:
    serial, state, not_after, confirmed_at, predecessor, who, role, email, administrators, known = row
    number = int(serial, 16)
    held = Held(
        serial=number,
        state=State(state),
        not_after=moment(not_after),
        confirmed_at=moment(confirmed_at),
        is_renewal=predecessor is not None,
        role=Role(role),
        holder=Person(who, email),
        administrators=tuple(sorted(map(_person, (administrators or "").split()), key=lambda one: one.subscriber)),
    )
    return held, dict(_past_of(number, one) for one in (known or "").split(" ") if one)


def _person(told: str) -> Person:
    number, address = told.split(":")
    return Person(int(number), address)


def _past_of(serial: int, told: str) -> tuple[Notice, Past]:
    to, kind, lead, stage, why, address = told.split(":")
    return Notice(serial, int(to), kind, int(lead)), Past(Stage(stage), address, Skipped(why) if why else None)


# --- and with everything that a mail about it may name ---


@dataclass(frozen=True)
class About:
    held: Held
    known: Known
    bank: Bank
    look: Look
    contract: str
    contract_name: str
    user: str
    store: StoreKind | None


ABOUT: tuple[ColumnElement[Any], ...] = (
    *[bank.c[name].label(f"bank_{name}") for name in BANK],
    bank_look.c.look,
    bank_look.c.logo,
    subscriber.c.contract,
    contract.c.name.label("contract_name"),
    subscriber.c.user_id,
    generation.c.store,
    *HELD,
)
WHOLE = (
    generation.join(subscriber, subscriber.c.id == generation.c.subscriber)
    .join(bank, bank.c.code == subscriber.c.bank)
    .join(contract, (contract.c.bank == subscriber.c.bank) & (contract.c.number == subscriber.c.contract))
    .outerjoin(bank_look, bank_look.c.bank == subscriber.c.bank)
)
_ABOUT = select(*ABOUT).select_from(WHOLE).where(generation.c.serial == bindparam("which"))


def about(database: Database, serial: int) -> About:
    row = database.first(_ABOUT, {"which": hexed(serial)})
    if row is None:
        raise NotRegistered(kind="generation", name=hexed(serial))
    return about_of(row)


def about_of(row: Sequence[Any]) -> About:
    its_bank, (look, logo, of_contract, name, user, store), its = (
        row[: len(BANK)],
        row[len(BANK) :][:6],
        row[-len(HELD) :],
    )
    held, known = held_of(its)
    return About(
        held=held,
        known=known,
        bank=bank_of(*its_bank),
        look=looks.USUAL if look is None else looks.read(look, bytes(logo)),
        contract=of_contract,
        contract_name=name,
        user=user,
        store=None if store is None else StoreKind(store),
    )


# --- what may be due ---

_CANDIDATES = (
    select(subscriber.c.bank, *HELD)
    .select_from(generation.join(subscriber, subscriber.c.id == generation.c.subscriber))
    .where(generation.c.state == word(State.ACTIVE))
)


def candidates(database: Database, now: datetime, ahead: timedelta, only: str | None) -> Iterator[Candidate]:
    """Those that end within `ahead` or have just ended, and then those that were just confirmed: each once."""
    soon = generation.c.not_after.between(micros(now - EXPIRED_FOR), micros(now + ahead))
    later = generation.c.not_after > micros(now + ahead)
    just = generation.c.confirmed_at.between(micros(now - RENEWED_FOR), micros(now))
    for wanted in ((soon,), (just, generation.c.predecessor.is_not(None), later)):
        statement = _CANDIDATES.where(*wanted)
        if only is not None:
            statement = statement.where(subscriber.c.bank == only)
        for of_bank, *row in database.stream(statement):
            yield Candidate(of_bank, *held_of(row))


# --- what is due, kept ---


def _words(some: Iterable[Skipped | Stage]) -> str:
    return ", ".join(f"'{one.value}'" for one in some)


_KEEP = text(f"""
INSERT INTO notice (bank, serial, to_whom, kind, lead, state, why, address, tries, told, due_at, queued_at, next_at,
    claimed_by, letter)
VALUES (:bank, :serial, :to_whom, :kind, :lead, :state, :why, :address, 0, '', :due_at, :now, :now, '', '')
ON CONFLICT (serial, to_whom, kind, lead) DO UPDATE
SET state = excluded.state, why = '', address = excluded.address, tries = 0, told = '', due_at = excluded.due_at,
    queued_at = excluded.queued_at, next_at = excluded.next_at, letter = '', sent_at = NULL
WHERE excluded.state = 'waiting' AND (
    (notice.state = 'skipped' AND notice.why IN ({_words(one for one in Skipped if one.may_pass)}))
    OR (notice.state IN ({_words(one for one in Stage if one.has_failed)}) AND notice.address <> excluded.address))
""")  # noqa: S608  ours


def keep(connection: Connection, due: Iterable[tuple[str, Due]], now: datetime) -> int:
    """Those that nobody else has kept meanwhile. In one order, so that two nodes do not wait for each other."""
    rows = [
        {
            "bank": code,
            "serial": hexed(one.notice.serial),
            "to_whom": one.notice.to,
            "kind": one.notice.kind,
            "lead": one.notice.lead,
            "state": (Stage.SKIPPED if one.skipped else Stage.WAITING).value,
            "why": one.skipped.value if one.skipped else "",
            "address": one.address,
            "due_at": micros(one.at),
            "now": micros(now),
        }
        for code, one in sorted(due, key=lambda pair: pair[1].notice)
    ]
    return connection.execute(_KEEP, rows).rowcount if rows else 0
