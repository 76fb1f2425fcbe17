"""A simulated medium, a CA in this process on the test's clock, and the engine between them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.api.rig import BANK, Rig
from tokenmgr.api import publications
from tokenmgr.api.http import as_json
from tokenmgr.cli.medium_store import MediumStore
from tokenmgr.cmp.conversation import Identity
from tokenmgr.domain.credential import Credential, KeyKind
from tokenmgr.domain.renewal import Ending, Step
from tokenmgr.log import Secret
from tokenmgr.ra import acquire
from tokenmgr.renewal.authority import Offer, Standing, Ticket, standing_of
from tokenmgr.renewal.engine import Engine, Order
from tokenmgr.renewal.journal import Journal
from tokenmgr.renewal.recovery import STORE
from tokenmgr.testbed.simulated import PIN, SimulatedMedium
from tokenmgr.token.module import Library


@dataclass
class Screen:
    told: list[str] = field(default_factory=list)

    def begins(self, step: Step) -> None:
        self.told.append(f"> {step.name}")

    def ends(self, step: Step) -> None:
        self.told.append(step.name)

    def waits(self, seconds: int) -> None:
        self.told.append(f"waits {seconds}")


@dataclass
class Near:
    """The CA without a network between; `on_the_way` may lose what is sent, or what comes back."""

    rig: Rig
    on_the_way: Callable[[bytes, Callable[[bytes], bytes]], bytes] = lambda message, answer: answer(message)
    address: str = "https://ca.example"

    def offer(self) -> Offer:
        raise NotImplementedError

    def standing(self, fingerprint: str) -> Standing:
        told = publications.key_standing(self.rig.service, BANK, fingerprint)
        return standing_of(json.loads(bytes(as_json(told).body)))

    def claim(self, contract: str, user: str, login_pin: Secret, confirmation_pin: Secret, store: str) -> Ticket:
        raise NotImplementedError

    def exchange(self, message: bytes) -> bytes:
        return self.on_the_way(message, self.rig.answer)


@dataclass
class World:
    rig: Rig
    medium: SimulatedMedium
    library: Library
    folder: Path

    def __post_init__(self) -> None:
        (facts,) = self.library.media()
        self.serial = facts.serial
        self.store = self.new_store()
        self.near = Near(self.rig)
        self.screen = Screen()

    def new_store(self) -> MediumStore:
        return MediumStore(self.library, self.serial, Secret(PIN), self.medium.library)

    def ticket(self) -> Identity:
        bank = self.rig.registry.bank(BANK)
        assert bank is not None
        proven = acquire.begin(self.rig.registry, bank, self.rig.claim(), self.rig.now)
        return Identity.by_ticket(proven.reference, proven.secret)

    def engine(self, journal: Journal, identity: Identity, old: Credential | None, retires: bool = False) -> Engine:
        order = Order(KeyKind.P256, self.rig.service.issuer.profile.policy_medium, "1234 C-1", old, retires)
        roots = (self.rig.service.keys.root,)
        return Engine(order, identity, roots, self.store, self.near, journal, self.screen, lambda: self.rig.now)

    def journal(self) -> Journal:
        return Journal.create(self.folder, os.urandom(4).hex(), {STORE: self.serial}, self.rig.now)

    def acquire(self) -> Credential:
        with self.journal() as journal:
            assert self.engine(journal, self.ticket(), None).run() is Ending.DONE
        (found,) = (one for one in self.store.credentials() if one.certificate)
        return found

    def of(self, credential: Credential) -> Identity:
        assert credential.certificate is not None
        return Identity.by_certificate(self.store.signer(credential.key), credential.certificate.der)
