"""A portal without sockets, at any moment: two banks, a contract, and certificates in every state; and its visitors."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.serialization import Encoding

from tests.actors import TESTER
from tests.api import rig
from tests.api.asgi import Answer, Client
from tests.browser.pki import Authorities, issue
from tests.browser.pki import subscriber as certified
from tokenmgr.domain.generation import Generation, State, StoreKind
from tokenmgr.domain.look import Look
from tokenmgr.domain.party import Bank, Role, Subscriber
from tokenmgr.domain.policy import BankPolicy, OldGeneration
from tokenmgr.pki import p256
from tokenmgr.portal.app import COOKIE, application
from tokenmgr.portal.visit import Portal
from tokenmgr.ra.ports import Exchange
from tokenmgr.sql.administration import Administration
from tokenmgr.sql.engine import Database
from tokenmgr.sql.handovers import HandoverKey
from tokenmgr.sql.parties import Contract, Enrolment
from tokenmgr.sql.registry import SqlRegistry
from tokenmgr.sql.sessions import Sessions

BANK, OTHER_BANK, CONTRACT = "1234", "5678", "0012345"
SITE = "https://ib.example"
ISSUED = datetime.fromisoformat("2026-04-01T03:00:00+00:00")
LOGIN_PIN = rig.LOGIN_PIN
HASHES = rig.hashes()  # compared at the price that they say
FORM = {"content-type": "application/x-www-form-urlencoded"}


@dataclass
class Rig:
    """`now` is what its clock says; it goes where a test puts it."""

    database: Database
    now: datetime = ISSUED + timedelta(days=100)
    looks: dict[str, Look] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.registry = SqlRegistry(self.database, TESTER)
        self.administration = Administration(self.database, TESTER)
        self._authorities = Authorities()
        self._number = 0
        policy = BankPolicy(old_generation=OldGeneration.AT_LOGIN, grace_days=90)
        contact = "03-0000-0000（平日9時～17時）"
        self.administration.add_bank(Bank(BANK, "みほん信用金庫", policy, "法人IBサービス", contact, f"{SITE}/media"))
        without = dataclasses.replace(policy, media_offered=False)
        self.administration.add_bank(Bank(OTHER_BANK, "となりの信用金庫", without, "WEB-FBサービス", contact))
        for code in (BANK, OTHER_BANK):
            self.administration.add_contract(Contract(code, CONTRACT, "株式会社みほん"))
        self.key = p256.new_key()  # of the bank's page; the other bank has none
        public = p256.spki_of(self.key)
        self.administration.add_handover_key(BANK, HandoverKey(p256.kid_of(public), public, ISSUED))
        self.portal = Portal(
            self.registry,
            self.administration,
            Sessions(self.database),
            lambda code: self.looks.get(code, Look()),
            lambda: self.now,
            {BANK: self.key},
        )
        self.app = application(self.portal)

    def enrol(self, user: str, role: Role = Role.USER, bank: str = BANK, email: str = "") -> Subscriber:
        return self.administration.enrol(Enrolment(bank, CONTRACT, user, role, email, *HASHES))

    def certificate(
        self,
        who: Subscriber,
        at: datetime = ISSUED,
        days: int = 365,
        store: StoreKind = StoreKind.PC,
        predecessor: Generation | None = None,
        confirmed: bool = True,
    ) -> Generation:
        """The next generation, confirmed as the policy of its bank is about the one before."""
        self._number += 1
        party, number = certified(who.user, who.bank), 1 << 150 | self._number
        made = issue(party, self._authorities.issuing, (0, days), number, now=at)
        der = made.public_bytes(Encoding.DER)
        one = Generation(
            serial=number,
            subscriber=who.id,
            state=State.RECORDED,
            store=store,
            key_hash=hashlib.sha256(der).digest(),
            not_before=at,
            not_after=at + timedelta(days=days),
            predecessor=predecessor.serial if predecessor else None,
            confirm_by=at + timedelta(hours=168),
            draft=b"draft",
        )
        by = f"certificate:{predecessor.serial:x}" if predecessor else "anybody"
        exchange = Exchange(who.bank, one.key_hash[:16], one.key_hash, number, by, "kur")
        self.registry.record(one, exchange, None, at)
        self.registry.sign_off(number, der)
        if confirmed:
            policy = self.administration.bank(who.bank).policy.old_generation
            self.registry.confirm(exchange, b"digest", at, policy is OldGeneration.AT_CONFIRMATION)
        return self.found(one)

    def found(self, one: Generation) -> Generation:
        found = self.registry.generation(one.serial)
        assert found is not None
        return found

    def change_policy(self, bank: str = BANK, **changes: Any) -> None:
        def changed(found: Bank) -> Bank:
            return dataclasses.replace(found, policy=dataclasses.replace(found.policy, **changes))

        self.administration.change_bank(bank, changed)

    def visitor(self, with_certificate: Generation | None = None, bank: str = BANK) -> Visitor:
        return Visitor(self, with_certificate.certificate if with_certificate else b"", bank)


class Visitor:
    """A browser as far as the portal sees it: a certificate, cookies, forms with their marks."""

    def __init__(self, rig: Rig, peer: bytes, bank: str) -> None:
        self._client = Client(rig.app, peer=peer)
        self.bank, self.cookies, self.mark = bank, dict[str, str](), ""

    def get(self, page: str = "", **headers: str) -> Answer:
        return self._asked("GET", f"/{self.bank}/{page}", b"", headers)

    def post(self, page: str, fields: Mapping[str, str] | None = None, **headers: str) -> Answer:
        """With the mark of the last page that had one, and from the bank's own page, unless said otherwise."""
        content = urlencode({"mark": self.mark, **(fields or {})}).encode()
        return self._asked("POST", f"/{self.bank}/{page}", content, FORM | {"origin": SITE} | headers)

    def log_in(self, pin: str = LOGIN_PIN) -> Answer:
        return self.post("login", {"login_pin": pin})

    def followed(self, answer: Answer) -> Answer:
        """Where it goes, as a browser goes there."""
        while answer.status_code == 303:
            answer = self._asked("GET", answer.headers["location"], b"", {})
        return answer

    def _asked(self, method: str, path: str, content: bytes, headers: Mapping[str, str]) -> Answer:
        sent = {"host": SITE.removeprefix("https://"), **headers}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self._client.request(method, path, content, sent)
        for name, kept in SimpleCookie(answer.headers.get("set-cookie", "")).items():
            self.cookies[name] = kept.value
            if not kept.value:
                del self.cookies[name]
        if found := re.search(r'name="mark" value="([0-9a-f]{64})"', answer.text):
            self.mark = found[1]
        return answer

    @property
    def token(self) -> str:
        return self.cookies.get(COOKIE, "")
