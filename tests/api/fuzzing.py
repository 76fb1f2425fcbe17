"""The front under mutated messages: what may come of them, and what the registry may have come to afterwards."""

from __future__ import annotations

import dataclasses
from collections import Counter
from datetime import datetime
from random import Random

from cryptography import x509

from tests.actors import TESTER
from tests.api.mutation import Seed, mutated, seeds
from tests.api.rig import BANK, OTHER_BANK, Rig
from tokenmgr.api.cmp import Front
from tokenmgr.cmp.certificates import load
from tokenmgr.cmp.faults import ProtocolFault
from tokenmgr.cmp.messages import CertReply, Kind, Message, Status, parse
from tokenmgr.cmp.protection import is_mac, verify_mac, verify_signature
from tokenmgr.domain.generation import Generation, RevocationReason, State
from tokenmgr.errors import AuthorityBusy
from tokenmgr.ra.ports import Asked, Exchange
from tokenmgr.sql.registry import SqlRegistry

ANSWERS = {Kind.IP, Kind.CP, Kind.KUP, Kind.RP, Kind.PKICONF, Kind.GENP, Kind.ERROR, Kind.POLLREP}
ANEW = 400  # messages, after which there are new customers: those before have lost much by then


class Watched(SqlRegistry):
    """Notes what is promised, in whosever hands it is."""

    changes: list[str]

    def record(self, generation: Generation, exchange: Exchange, displaced: Generation | None, now: datetime) -> None:
        self.changes.append("record")
        super().record(generation, exchange, displaced, now)

    def sign_off(self, serial: int, certificate: bytes) -> None:
        self.changes.append("sign_off")
        super().sign_off(serial, certificate)

    def bind(self, exchange: Exchange) -> None:
        self.changes.append("bind")
        super().bind(exchange)

    def confirm(self, exchange: Exchange, confirm_digest: bytes, now: datetime, retire: bool) -> None:
        self.changes.append("confirm")
        super().confirm(exchange, confirm_digest, now, retire)

    def revoke(self, serial: int, reason: RevocationReason, now: datetime, asked: Asked | None = None) -> None:
        self.changes.append("revoke")
        super().revoke(serial, reason, now, asked)


class Broken(Exception):
    """Something happened that must not; the message is the first one that made it."""

    def __init__(self, data: bytes, why: str) -> None:
        super().__init__(f"{why}\n{data.hex()}")
        self.data = data
        self.why = why


class Fuzzer:
    """Round `number` of `seed` draws the same each time. (Signatures and secrets are other ones, so its bytes are
    nearly the same; those that broke something are in Broken.)"""

    def __init__(self, url: str, seed: int) -> None:
        self.seed = seed
        self.counts: Counter[str] = Counter()
        self.rig = rig = Rig(url)
        rig.change_policy(validity_days=30)
        self.registry = Watched(rig.database, TESTER)
        self.registry.changes = []
        rig.registry = self.registry
        rig.service = dataclasses.replace(rig.service, registry=self.registry)
        rig.front = Front(rig.service)
        self.seeds: list[Seed] = []
        self.secrets: dict[bytes, bytes] = {}

    def round(self, number: int) -> None:
        draw = Random(f"{self.seed}:{number}")  # noqa: S311  to be drawn again
        if not self.seeds or number % ANEW == 0:
            self._refresh(draw, number)
        one, other = draw.choice(self.seeds), draw.choice(self.seeds)
        self.send(mutated(draw, one, other), OTHER_BANK if draw.random() < 0.02 else BANK)

    def _refresh(self, draw: Random, number: int) -> None:
        self.look()
        self.seeds = seeds(self.rig, draw, f"r{number}")
        for one in self.seeds:
            if one.customer.ticket:
                self.secrets[one.customer.ticket[0].encode()] = one.customer.ticket[1]

    def send(self, data: bytes, bank: str = BANK) -> None:
        before = len(self.registry.changes)
        try:
            answer = self.rig.answer(data, bank)
        except AuthorityBusy:
            self.counts["busy"] += 1
            return
        except Exception as error:
            raise Broken(data, f"{type(error).__name__}: {error}") from error
        self._look_at(data, answer, len(self.registry.changes) > before)

    def _look_at(self, data: bytes, answer: bytes, changed: bool) -> None:
        try:
            read = parse(answer)
        except ProtocolFault as fault:
            raise Broken(data, f"an answer that cannot be read: {fault}") from fault
        if read.kind not in ANSWERS:
            raise Broken(data, f"an answer of kind {read.kind}")
        brought = isinstance(read.body, CertReply) and read.body.status in (
            Status.ACCEPTED,
            Status.GRANTED_WITH_MODS,
            Status.WAITING,
        )
        done = changed or brought or read.kind in (Kind.PKICONF, Kind.GENP)
        if done and not self._is_authentic(data):
            raise Broken(data, f"{read.kind} for what nobody has proven")
        self.counts[read.kind.name + (" done" if done else "")] += 1

    def _is_authentic(self, data: bytes) -> bool:
        """By the secrets and certificates that this program has handed out, not by what the front says."""
        try:
            message = parse(data)
            if is_mac(message):
                verify_mac(message, self.secrets[message.header.sender_kid or b""])
            else:
                verify_signature(message, self._known(message))
        except (ProtocolFault, KeyError):
            return False
        return True

    def _known(self, message: Message) -> x509.Certificate:
        known = {one.customer.certificate for one in self.seeds}
        if not message.extra_certs or message.extra_certs[0] not in known:
            raise KeyError
        return load(message.extra_certs[0])

    def look(self) -> None:
        """R1, S7, over everybody: at most one active, one that waits; each certificate is of its own key and name."""
        for one in {seed.customer.user for seed in self.seeds}:
            history = self.rig.history(one)
            states = Counter(generation.state for generation in history)
            assert states[State.ACTIVE] <= 1
            assert states[State.PENDING] + states[State.RECORDED] <= 1
            assert states[State.RECORDED] == 0  # nothing is left half done
            for generation in history:
                if generation.certificate:
                    self._is_right(one, generation)

    def _is_right(self, user: str, generation: Generation) -> None:
        read = x509.load_der_x509_certificate(generation.certificate)
        read.verify_directly_issued_by(x509.load_der_x509_certificate(self.rig.service.chain[0]))
        (name,) = (one.value for one in read.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME))
        assert user in str(name) or user in read.subject.rfc4514_string()
        assert read.serial_number == generation.serial
        assert (generation.state is State.ACTIVE) <= (generation.confirmed_at is not None)
