"""A scenario's token, made by SoftHSM itself: keys that are generated on it, certificates of a throw-away CA.

What is written here goes around the guards of token/: those states are wanted that it refuses to make.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from tokenmgr import __version__, clock
from tokenmgr.domain.credential import KeyKind
from tokenmgr.log import Secret
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.testbed.scenario import Put, Scenario
from tokenmgr.testbed.simulated import PIN, SO_PIN, About, SimulatedMedium
from tokenmgr.testbed.throwaway_ca import ThrowawayCA
from tokenmgr.token import keys, objects
from tokenmgr.token.module import Library

LABEL = "to be exchanged for its name...."  # as long as a label can be: bed.py puts another in its place


@dataclass(frozen=True)
class Order:
    """What a medium is made from."""

    name: str
    label: str
    scenario: Scenario
    seed: int
    day: date
    kind: KeyKind

    @property
    def identity(self) -> str:
        """No two media have the same keys: the seed's are different for each name."""
        return f"{self.seed}/{self.name}"

    @property
    def serial(self) -> str:
        return hashlib.sha256(self.identity.encode()).hexdigest()[:16]

    @property
    def authority(self) -> ThrowawayCA:
        """One for all media of a seed and a day."""
        return ThrowawayCA(datetime.combine(self.day, time(), clock.JAPAN), f"{self.seed}/ca")

    @property
    def digest(self) -> str:
        made_from: dict[str, object] = {
            "version": __version__,
            **self.scenario.contents,
            "ca": [self.seed, str(self.day)],
        }
        if self.scenario.put:
            made_from |= {"identity": self.identity, "kind": self.kind.value}
        return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:24]

    @property
    def about(self) -> About:
        stick = self.scenario.stick
        return About(
            self.scenario.names,
            self.label,
            self.serial,
            self.seed,
            str(self.day),
            self.kind.value,
            stick.usb_vendor,
            stick.usb_product,
            stick.usb_maker,
            stick.usb_name,
        )


@dataclass
class Built:
    serial: str = ""
    revoked: list[bytes] = field(default_factory=list)


def build(medium: SimulatedMedium, order: Order) -> Built:
    """On a medium that is prepared and empty."""
    built = Built()
    with medium.library() as library:
        (blank,) = [slot for slot in library.worker.call("slots") if "token" in slot]
        library.worker.call("init_token", slot=blank["slot"], so_pin=Secret(SO_PIN), label=LABEL)
        library.worker.call("restart")
        (made,) = library.media()
        slot, built.serial = made.slot, made.serial
        if order.scenario.pin.set:
            with _session(library, slot, Secret(SO_PIN), officer=True) as session:
                library.worker.call("init_pin", session=session, new=Secret(PIN))
        if order.scenario.put:
            with _session(library, slot, Secret(PIN)) as session:
                _Writer(library, session, built, order).write()
    return built


@contextlib.contextmanager
def _session(library: Library, slot: int, pin: Secret, officer: bool = False) -> Iterator[int]:
    session: int = library.worker.call("open", slot=slot, write=True)
    library.worker.call("login", session=session, officer=officer, pin=pin)
    yield session
    library.worker.call("logout", session=session)
    library.worker.call("close", session=session)


class _Writer:
    def __init__(self, library: Library, session: int, built: Built, order: Order) -> None:
        self._library, self._session, self._built = library, session, built
        self._order, self._authority = order, order.authority
        self._number = 0
        self._key_id = b""
        self._written: set[bytes] = set()

    def write(self) -> None:
        for put in self._order.scenario.put:
            for copy in range(put.copies):
                self._put(put, f"{int(put.user) + copy:02}" if put.user else "")

    def _put(self, put: Put, user: str) -> None:
        self._number += 1
        if put.id == "new":
            self._key_id = hashlib.sha256(f"{self._order.identity}/{self._number}".encode()).digest()[:8]
        label = put.label or f"{put.bank} {put.contract} {user or 'administrator'}"
        public_key = None if put.key == "none" else self._generate(label, readable=put.key == "readable")
        if put.certificate == "none":
            return
        if public_key is None or put.key == "another":
            other = self._authority.key(f"of certificate {self._number}").public_key()
            public_key = other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        ends = datetime.combine(self._order.day + timedelta(days=put.ends), time(23, 59, 59), clock.JAPAN)
        starts = ends - timedelta(days=put.days) + timedelta(seconds=1)
        der = self._authority.certify(public_key, subject(put, user), starts, ends)
        if put.revoked:
            self._built.revoked.append(der)
        for issuer in self._authority.chain if put.chain else ():
            if issuer not in self._written:
                self._written.add(issuer)
                facts = certificate_facts(issuer)
                self._create(objects.certificate_template(facts, b"", facts.subject))
        template = objects.certificate_template(certificate_facts(der), self._key_id, label)
        self._create(template | ({"VALUE": der[: len(der) // 2]} if put.certificate == "cut" else {}))

    def _generate(self, label: str, readable: bool) -> bytes | None:
        recipe = keys.RECIPES[self._order.kind]
        private = objects.private_template(self._key_id, label, plain=False)
        handles = self._library.worker.call(
            "generate",
            session=self._session,
            mechanism=recipe.mechanism,
            key_type=recipe.key_type,
            public=objects.public_template(recipe, (recipe.parameters or (None,))[-1], self._key_id, label),
            private=private | ({"SENSITIVE": False, "EXTRACTABLE": True} if readable else {}),
        )
        found = self._library.worker.call(
            "find",
            session=self._session,
            template={"ID": self._key_id, "CLASS": "PUBLIC_KEY"},
            attributes=objects.WANTED,
        )
        (item,) = [item for item in found if item["handle"] == handles[0]]
        return objects.public_key(item)[1]

    def _create(self, template: dict[str, object]) -> None:
        self._library.worker.call("create", session=self._session, template=template)


def subject(put: Put, user: str) -> x509.Name:
    """As a bank's own certificates name a subscriber (pki/names.py)."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "みほん信用金庫"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, f"{put.bank}-{put.contract}"),
            x509.NameAttribute(NameOID.COMMON_NAME, user or "administrator"),
        ]
    )
