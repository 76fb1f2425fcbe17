"""A small world for the registry: one bank, one contract, IDs of both roles, and generations to give them."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.actors import TESTER
from tokenmgr.domain.generation import Generation, RevocationReason, State, StoreKind
from tokenmgr.domain.party import Bank, Role, Subscriber
from tokenmgr.domain.policy import BankPolicy, OldGeneration
from tokenmgr.ra.ports import Exchange, Registry, Ticket
from tokenmgr.sql.administration import Administration
from tokenmgr.sql.engine import Database
from tokenmgr.sql.parties import Contract, Enrolment
from tokenmgr.sql.registry import SqlRegistry

DAY = datetime(2026, 4, 1, 3, 0, 0, 123456, tzinfo=UTC)
HOUR = timedelta(hours=1)
BANK = Bank(
    "1234",
    "みほん信用金庫",
    BankPolicy(media_offered=False, notice_days=(40, 5), grace_days=90, old_generation=OldGeneration.AT_EXPIRY),
    "法人IB",
    "0120-000-000",
    "https://bank.example/media",
)
CERTIFICATE = b"0\x82 a certificate\0\xff"
REASON = RevocationReason.KEY_COMPROMISE


def serial_of(number: int) -> int:
    return 1 << 158 | int.from_bytes(hashlib.sha1(str(number).encode(), usedforsecurity=False).digest()[:19], "big")


def generation(subscriber: int | None, number: int, now: datetime = DAY, predecessor: int | None = None) -> Generation:
    starts = now.replace(microsecond=0)
    return Generation(
        serial=serial_of(number),
        subscriber=subscriber,
        state=State.RECORDED,
        store=StoreKind.MEDIUM,
        key_hash=hashlib.sha256(str(number).encode()).digest(),
        not_before=starts,
        not_after=starts + timedelta(days=365),
        predecessor=predecessor,
        confirm_by=now + 168 * HOUR,
        draft=b"draft",
    )


def exchange(one: Generation, credential: str = "anybody", transaction: bytes | None = None) -> Exchange:
    own = transaction or one.serial.to_bytes(20, "big")[:16]
    return Exchange(BANK.code, own, hashlib.sha256(own).digest(), one.serial, credential, "kur")


def enrolment(user: str, role: Role = Role.USER, contract: str = "C-1") -> Enrolment:
    return Enrolment(BANK.code, contract, user, role, f"{user}@example.jp", f"login {user}", f"confirm {user}", DAY)


@dataclass
class World:
    database: Database
    registry: SqlRegistry
    administration: Administration
    administrator: Subscriber
    user: Subscriber
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @classmethod
    def founded(cls, database: Database) -> World:
        administration = Administration(database, TESTER)
        administration.add_bank(BANK)
        administration.add_contract(Contract(BANK.code, "C-1", "株式会社みほん"))
        administrator = administration.enrol(enrolment("admin", Role.ADMINISTRATOR))
        user = administration.enrol(enrolment("user-1"))
        return cls(database, SqlRegistry(database, TESTER), administration, administrator, user)

    @property
    def port(self) -> Registry:
        """mypy sees that it is what the registration authority asks for."""
        return self.registry

    def recorded(self, displaced: Generation | None = None, now: datetime = DAY) -> tuple[Generation, Exchange]:
        one = generation(self.user.id, next(self.numbers), now)
        self.registry.record(one, exchange(one), displaced, now)
        return one, exchange(one)

    def pending(self, now: datetime = DAY) -> tuple[Generation, Exchange]:
        one, its = self.recorded(now=now)
        self.registry.sign_off(one.serial, CERTIFICATE)
        return dataclasses.replace(one, state=State.PENDING, certificate=CERTIFICATE, draft=b""), its

    def active(self, now: datetime = DAY, retire: bool = False) -> Generation:
        one, its = self.pending(now)
        self.registry.confirm(its, b"digest", now, retire)
        return dataclasses.replace(one, state=State.ACTIVE, confirmed_at=now)

    def state(self, one: Generation) -> State:
        found = self.registry.generation(one.serial)
        assert found is not None
        return found.state

    def ticket(self, reference: str = "r1", until: datetime = DAY + HOUR) -> Ticket:
        return Ticket(reference, b"secret\0", BANK.code, self.user.id, StoreKind.PC, until)
