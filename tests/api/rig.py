"""A CA in this process, and customers who speak CMP to it: the real rooms, on a clock that the test sets.

The CA's keys are in memory here, so that a thousand exchanges take a second; tests/flows has them on a token.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import load_der_x509_certificate
from cryptography.x509.oid import NameOID

from tests.actors import TESTER
from tests.api import answers
from tests.api.signer import Hook, HookedKey
from tests.sql import compiled
from tokenmgr.api.cmp import Front
from tokenmgr.api.service import Service
from tokenmgr.ca.about import PURPOSES
from tokenmgr.ca.folder import addressed
from tokenmgr.ca.issuer import Issuer
from tokenmgr.ca.keys import AuthorityKeys, CaKey, CaKeys
from tokenmgr.ca.own import certify
from tokenmgr.ca.profile import POLICY_MEDIUM, POLICY_PC
from tokenmgr.cmp.algorithms import PrivateKey
from tokenmgr.cmp.certificates import subject_of
from tokenmgr.cmp.messages import (
    Body,
    CertReply,
    Header,
    Kind,
    Message,
    assemble,
    certificate_request,
    confirmation,
    parse,
)
from tokenmgr.cmp.protection import MacProtector, Pbmac1, Protector, SignatureProtector
from tokenmgr.domain.generation import Generation, State, StoreKind
from tokenmgr.domain.party import Bank, Role, Subscriber
from tokenmgr.domain.policy import BankPolicy
from tokenmgr.log import Secret
from tokenmgr.pki.names import subscriber_name
from tokenmgr.ra import acquire
from tokenmgr.sql.administration import Administration
from tokenmgr.sql.engine import Database
from tokenmgr.sql.parties import Contract, Enrolment
from tokenmgr.sql.registry import SqlRegistry

CREATED = datetime(2026, 3, 1, tzinfo=UTC)
NOW = datetime(2026, 4, 1, 3, 0, 0, tzinfo=UTC)
BANK, OTHER_BANK, CONTRACT, USER = "1234", "5678", "0012345", "user01"
LOGIN_PIN, CONFIRMATION_PIN = "135790", "246802"
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
_counter = itertools.count(1)


Authority = tuple[CaKeys, Issuer]


PROFILE = addressed(POLICY_MEDIUM, POLICY_PC, "http://ca.example", 1)


@cache
def _ceremony() -> tuple[dict[str, ec.EllipticCurvePrivateKey], dict[str, bytes]]:
    """Keys that every process of the tests makes alike, so that one goes on where another one was killed."""
    signers = {
        purpose: ec.derive_private_key(number, ec.SECP256R1()) for number, purpose in enumerate(PURPOSES, start=4711)
    }
    return signers, certify("みほん認証局", 1, PROFILE, dict(signers), CREATED)


def authority(hook: Hook | None = None) -> Authority:
    """`hook` stands round every signature of the issuing key."""
    signers, certificates = _ceremony()
    keys = {name: CaKey(name, signers[name], certificates[name]) for name in ("issuing", "cmp", "ocsp")}
    if hook is not None:
        keys["issuing"] = CaKey("issuing", HookedKey(signers["issuing"], hook), certificates["issuing"])
    made = CaKeys(keys["cmp"], (AuthorityKeys(1, keys["issuing"], keys["ocsp"], certificates["root"]),))
    return made, Issuer(made, PROFILE)


@cache
def hashes() -> tuple[str, str]:
    """argon2id as the CA has it, but with the least work that there is: a thousand claims take a second."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    return quick.hash(LOGIN_PIN), quick.hash(CONFIRMATION_PIN)


class Rig:
    """One CA on one registry, two banks, one subscriber to begin with."""

    def __init__(
        self, url: str, policy: BankPolicy | None = None, made: Authority | None = None, hook: Hook | None = None
    ) -> None:
        """On a database that has been used before: what is there stays, and goes on."""
        self.now = NOW
        self.url = url
        self.database = compiled.once(Database.open(url, clock=lambda: self.now))
        self.database.migrate(NOW)
        self.registry, self.administration = SqlRegistry(self.database, TESTER), Administration(self.database, TESTER)
        keys, issuer = made or authority(hook)
        self.service = Service(self.registry, self.administration, issuer, keys, lambda: self.now)
        self.front = Front(self.service)
        if self.registry.bank(OTHER_BANK) is None:
            self._found(policy or BankPolicy())
        self.subscriber = self.administration.find(BANK, CONTRACT, USER)

    def _found(self, policy: BankPolicy) -> None:
        for code in (BANK, OTHER_BANK):
            self.administration.add_bank(Bank(code, "みほん信用金庫", policy))
            self.administration.add_contract(Contract(code, CONTRACT, "株式会社みほん"))
        self.enrol(USER)

    def close(self) -> None:
        self.database.close()

    def enrol(self, user: str, role: Role = Role.USER, bank: str = BANK) -> Subscriber:
        login, confirmation = hashes()
        until = self.now + 80 * DAY
        return self.administration.enrol(
            Enrolment(bank, CONTRACT, user, role, "keiri@example.co.jp", login, confirmation, until)
        )

    def change_policy(self, **changes: Any) -> None:
        self.administration.change_bank(
            BANK, lambda bank: dataclasses.replace(bank, policy=dataclasses.replace(bank.policy, **changes))
        )

    def pass_time(self, step: timedelta) -> None:
        self.now += step

    def claim(self, user: str = USER, login_pin: str = LOGIN_PIN, **changes: Any) -> acquire.Claim:
        made = acquire.Claim(CONTRACT, user, Secret(login_pin), Secret(CONFIRMATION_PIN), StoreKind.MEDIUM)
        return dataclasses.replace(made, **changes)

    def begin(self, user: str = USER, **changes: Any) -> Customer:
        """The four fields, and what they bring."""
        bank = self.registry.bank(BANK)
        assert bank is not None
        ticket = acquire.begin(self.registry, bank, self.claim(user, **changes), self.now)
        return Customer(self, user, ticket=(ticket.reference, ticket.secret))

    def with_certificate(self, user: str = USER, days_left: int | None = None, **changes: Any) -> Customer:
        """A customer whose certificate is confirmed; with `days_left`, that many days before its end."""
        customer = self.begin(user, **changes)
        customer.acquire()
        if days_left is not None:
            self.now = load_der_x509_certificate(customer.certificate).not_valid_after_utc - days_left * DAY
        return Customer(self, user, key=customer.key, certificate=customer.certificate)

    def send(self, data: bytes, bank: str = BANK, operation: str = "") -> Message:
        return parse(self.answer(data, bank, operation))

    def answer(self, data: bytes, bank: str = BANK, operation: str = "") -> bytes:
        """Bytes in, bytes out."""
        found = self.registry.bank(bank)
        assert found is not None
        return self.front.answer(found, operation, data)

    # --- what the registry has come to ---

    def history(self, user: str = USER) -> list[Generation]:
        return self.administration.history(self.administration.find(BANK, CONTRACT, user).id)

    def states(self, user: str = USER) -> list[State]:
        return [one.state for one in self.history(user)]

    def of(self, certificate: bytes) -> Generation:
        found = self.registry.generation(load_der_x509_certificate(certificate).serial_number)
        assert found is not None
        return found

    def active(self, user: str = USER) -> Generation:
        (found,) = (one for one in self.history(user) if one.state is State.ACTIVE)
        return found


def new_key() -> PrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def fresh(length: int = 16) -> bytes:
    """Never twice, and far from each other: a bit flipped in one makes no other one of it."""
    return hashlib.shake_128(str(next(_counter)).encode()).digest(length)


@dataclass
class Customer:
    """Someone with a ticket, or a key and its certificate."""

    rig: Rig
    user: str
    ticket: tuple[str, bytes] | None = None
    key: PrivateKey = field(default_factory=new_key)
    certificate: bytes = b""
    transaction: bytes = b""
    last: Message | None = None
    sent: bytes = b""

    @property
    def subject(self) -> bytes:
        return subscriber_name("みほん信用金庫", BANK, CONTRACT, self.user)

    @property
    def protector(self) -> Protector:
        if self.ticket is not None:
            return MacProtector(self.ticket[0].encode(), self.ticket[1], Pbmac1(b"salt" * 4, 100))
        return SignatureProtector(self.key, self.certificate)

    @property
    def sender(self) -> bytes:
        if self.ticket is not None:
            return common_name(self.ticket[0])
        return subject_of(load_der_x509_certificate(self.certificate))

    def header(self, **changes: Any) -> Header:
        if not self.transaction:
            self.transaction = fresh()
        made = Header(
            sender=self.sender,
            recipient=self.rig.service.keys.cmp.facts.subject,
            transaction_id=self.transaction,
            sender_nonce=fresh(),
            recip_nonce=self.last.header.sender_nonce if self.last else None,
            message_time=self.rig.now,
        )
        return dataclasses.replace(made, **changes)

    def build(
        self, kind: Kind, body: Body, said: Mapping[str, Any] | None = None, protector: Protector | None = None
    ) -> bytes:
        certs = () if self.ticket is not None else (self.certificate,)
        return assemble(self.header(**(said or {})), kind, body, protector or self.protector, certs)

    def ask(self, kind: Kind, body: Body, bank: str = BANK, operation: str = "", **said: Any) -> Message:
        return self.send(self.build(kind, body, said), bank, operation)

    def send(self, data: bytes, bank: str = BANK, operation: str = "") -> Message:
        """The answer, once everything holds that a client may ask of any (answers.py)."""
        self.sent = data
        self.last = answers.checked(self.rig, parse(data), self.rig.answer(data, bank, operation), self.ticket)
        return self.last

    def begin_anew(self) -> None:
        """Another transaction."""
        self.transaction, self.last = b"", None

    # --- whole steps ---

    def request(self, key: PrivateKey | None = None, **changes: Any) -> Message:
        """ir with a ticket, kur with a certificate; the answer."""
        kind = Kind.IR if self.ticket is not None else Kind.KUR
        return self.ask(kind, certificate_request(key or self.key, self.subject, **changes))

    def confirm(self, certificate: bytes, **said: Any) -> Message:
        return self.ask(Kind.CERTCONF, confirmation(certificate), **said)

    def acquire(self) -> bytes:
        self.certificate = granted(self.request())
        assert self.confirm(self.certificate).kind is Kind.PKICONF
        return self.certificate

    def renew(self, key: PrivateKey | None = None) -> Customer:
        """The whole renewal; whom it makes."""
        self.begin_anew()
        key = key or new_key()
        certificate = granted(self.request(key))
        assert self.confirm(certificate).kind is Kind.PKICONF
        return Customer(self.rig, self.user, key=key, certificate=certificate)


def granted(answer: Message) -> bytes:
    assert isinstance(answer.body, CertReply), answer
    assert answer.body.certificate, (answer.body.fail, answer.body.text)
    return answer.body.certificate


def common_name(text: str) -> bytes:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]).public_bytes()
