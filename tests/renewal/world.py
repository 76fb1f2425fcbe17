"""A simulated medium, a CA in this process on the test's clock, and the engine between them."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.api.rig import BANK, CONFIRMATION_PIN, CONTRACT, DAY, LOGIN_PIN, OTHER_BANK, USER, Rig
from tokenmgr.api import publications
from tokenmgr.api.http import as_json
from tokenmgr.customer.medium_store import MediumStore
from tokenmgr.customer.operations import Applicant, Counter, Outcome
from tokenmgr.customer.profiles import Profile
from tokenmgr.domain.credential import Credential, Key, KeyKind
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.holding import MARK, Whose, mark_of
from tokenmgr.domain.renewal import Step
from tokenmgr.domain.standing import Standing
from tokenmgr.errors import AuthorityUnreachable, MediumError, RenewalError
from tokenmgr.log import Secret
from tokenmgr.ra import acquire
from tokenmgr.renewal.authority import Offer, Ticket, offer_of, standing_of
from tokenmgr.renewal.journal import unfinished
from tokenmgr.renewal.recovery import current, pending
from tokenmgr.testbed.simulated import PIN, SimulatedMedium
from tokenmgr.token.module import Library
from tokenmgr.token.session import Session


@dataclass
class Screen:
    told: list[str] = field(default_factory=list)
    plug: Callable[[], None] | None = None

    def begins(self, step: Step) -> None:
        self.told.append(f"> {step.name}")

    def ends(self, step: Step) -> None:
        self.told.append(step.name)

    def waits(self, seconds: int) -> None:
        self.told.append(f"waits {seconds}")

    def waits_for_store(self, error: MediumError) -> bool:
        """Plugged in again, where somebody is there to do it."""
        self.told.append(f"waits for {error.serial}")
        if self.plug is not None:
            self.plug()
        return self.plug is not None


@dataclass
class Near:
    """The CA without a network between; `on_the_way` may lose what is sent, or what comes back."""

    rig: Rig
    on_the_way: Callable[[bytes, Callable[[bytes], bytes]], bytes] = lambda message, answer: answer(message)
    address: str = "https://ca.example"
    bank: str = BANK

    def offer(self) -> Offer:
        return offer_of(json.loads(bytes(as_json(publications.bank_offer(self.rig.service, self.bank)).body)))

    def standing(self, fingerprint: str) -> Standing:
        told = publications.key_standing(self.rig.service, self.bank, fingerprint)
        return standing_of(json.loads(bytes(as_json(told).body)))

    def claim(self, contract: str, user: str, login_pin: Secret, confirmation_pin: Secret, store: str) -> Ticket:
        bank = self.rig.registry.bank(self.bank)
        assert bank is not None
        claim = acquire.Claim(contract, user, login_pin, confirmation_pin, StoreKind(store))
        proven = acquire.begin(self.rig.registry, bank, claim, self.rig.now)
        return Ticket(proven.reference, Secret(proven.secret), store)

    def exchange(self, message: bytes) -> bytes:
        return self.on_the_way(message, lambda sent: self.rig.answer(sent, self.bank))


@dataclass
class World:
    rig: Rig
    medium: SimulatedMedium
    library: Library
    folder: Path
    pin: str = PIN

    def __post_init__(self) -> None:
        (facts,) = self.library.media()
        self.serial = facts.serial
        self.instead = ""  # the stick that is plugged in while ours is not
        self.store = self.new_store()
        self.near = Near(self.rig)
        self.screen = Screen()
        self.told: list[RenewalError] = []
        self.usb = ""

    def new_store(self) -> MediumStore:
        return MediumStore(self.library, self.serial, Secret(self.pin), instead=lambda: self.instead)

    def counter(self, folder: Path | None = None, near: Near | None = None) -> Counter:
        """`near`: at another bank."""
        near, roots = near or self.near, (self.rig.service.keys.root,)
        profile = Profile(near.bank, "みほん信用金庫", near.address, roots, "", None)
        parts = near, folder or self.folder, self.screen, lambda: self.rig.now, self.told.append
        return Counter(profile, self.store, *parts, usb=self.usb)

    def acquire(self) -> Credential:
        kind = KeyKind.RSA_2048 if self.store.obstacles(KeyKind.P256) else KeyKind.P256  # the quickest that it has
        self.counter().acquire(self.applicant(), kind)
        (found,) = (one for one in self.store.credentials() if one.certificate)
        return found

    def applicant(self, contract: str = CONTRACT, user: str = USER) -> Applicant:
        return Applicant(contract, user, lambda: (Secret(LOGIN_PIN), Secret(CONFIRMATION_PIN)))

    def resume(self, folder: Path | None = None) -> Outcome:
        return self.counter(folder).resume(lambda _contract, _user: self.applicant())

    def restarted(self) -> None:
        """The program ends, and is begun again."""
        self.store.close()
        self.store = self.new_store()

    def other_bank(self) -> Near:
        """Where the same IDs are somebody else's."""
        self.rig.enrol(USER, bank=OTHER_BANK)
        return Near(self.rig, bank=OTHER_BANK)

    def cut(self, number: int, near: Near | None = None, heard: bool = False) -> None:
        """At the so manieth message, before the CA has heard it or after; `honest` again from then on."""
        near, left = near or self.near, [number]

        def cut(message: bytes, answer: Callable[[bytes], bytes]) -> bytes:
            left[0] -= 1
            if left[0] > 0:
                return answer(message)
            if heard:
                answer(message)
            raise AuthorityUnreachable(address="ca", reason="cut")

        near.on_the_way = cut

    def cut_short(self, number: int = 1, heard: bool = False, days: int = 1) -> Credential:
        """A renewal, so many days before the old one ends; that one. Then the program is begun again."""
        old = self.renewable()
        self.rig.now -= days * DAY
        self.cut(number, heard=heard)
        with suppress(AuthorityUnreachable):
            self.counter().renew()
        assert self.unfinished()
        self.near = Near(self.rig)
        self.restarted()
        return old

    def renewable(self) -> Credential:
        """An acquired one, on its last day."""
        old = self.acquire()
        assert old.facts is not None
        self.rig.now = old.facts.not_after
        return old

    def logs_in(self, user: str = USER) -> bool:
        """S2: what the CA calls active is on the medium, whole, and not set aside."""
        best = current(self.store.credentials(), self.rig.now, Whose(BANK, CONTRACT, user))
        marked = [one for one in self.with_certificates() if mark_of(one.key.label) == MARK]
        good = self.rig.active(user).certificate
        return good in [one.certificate.der for one in (best, *marked) if one and one.certificate]

    def destroy(self, *gone: Credential) -> None:
        """By another program, which asks nobody."""
        self._destroy(*(one.key for one in gone))

    def destroy_public(self, key: Key) -> None:
        self._destroy(key, only="PUBLIC_KEY")

    def _destroy(self, *gone: Key, only: str = "") -> None:
        self.store.close()
        with Session.open(self.library, self.serial, write=True) as session:
            session.login(Secret(self.pin))
            for key in gone:
                for place in session._find({"ID": key.key_id}):
                    if only in ("", place["class"]):
                        session._ask("destroy", handle=place["handle"])
        self.restarted()

    def with_certificates(self) -> list[Credential]:
        return [one for one in self.store.credentials() if one.certificate]

    def unfinished(self) -> bool:
        return bool(pending(self.store.credentials()) or unfinished(self.folder))
