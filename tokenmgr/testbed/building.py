"""A scenario's token, made by SoftHSM itself: keys that are generated on it, certificates of a throw-away CA.

What is written here goes around the guards of token/: those states are wanted that it refuses to make.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from tokenmgr import clock
from tokenmgr.domain.credential import KeyKind
from tokenmgr.log import Secret
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.testbed.scenario import Put, Scenario
from tokenmgr.testbed.simulated import PIN, SO_PIN, SimulatedMedium
from tokenmgr.testbed.throwaway_ca import ThrowawayCA
from tokenmgr.token import keys, objects
from tokenmgr.token.module import Library

LABEL = "to be exchanged for its name...."  # as long as a label can be: bed.py puts another in its place


@dataclass
class Built:
    serial: str = ""
    revoked: list[bytes] = field(default_factory=list)


def build(
    medium: SimulatedMedium, scenario: Scenario, day: date, authority: ThrowawayCA, seed: str, kind: KeyKind
) -> Built:
    """On a medium that is prepared and empty. `day`, in Japan, is the one that dates are counted from."""
    built = Built()
    if scenario.blank:
        return built
    with medium.library() as library:
        (blank,) = [slot for slot in library.worker.call("slots") if "token" in slot]
        library.worker.call("init_token", slot=blank["slot"], so_pin=Secret(SO_PIN), label=LABEL)
        library.worker.call("restart")
        (made,) = library.media()
        slot, built.serial = made.slot, made.serial
        if scenario.pin.set:
            with _session(library, slot, Secret(SO_PIN), officer=True) as session:
                library.worker.call("init_pin", session=session, new=Secret(PIN))
        if scenario.put:
            with _session(library, slot, Secret(PIN)) as session:
                _Writer(library, session, built, day, authority, seed, kind).write(scenario.put)
    return built


@contextlib.contextmanager
def _session(library: Library, slot: int, pin: Secret, officer: bool = False) -> Iterator[int]:
    session: int = library.worker.call("open", slot=slot, write=True)
    library.worker.call("login", session=session, officer=officer, pin=pin)
    yield session
    library.worker.call("logout", session=session)
    library.worker.call("close", session=session)


class _Writer:
    def __init__(
        self,
        library: Library,
        session: int,
        built: Built,
        day: date,
        authority: ThrowawayCA,
        seed: str,
        kind: KeyKind,
    ) -> None:
        self._library, self._session, self._built = library, session, built
        self._day, self._authority, self._seed, self._kind = day, authority, seed, kind
        self._number = 0
        self._key_id = b""
        self._written: set[bytes] = set()

    def write(self, put: Iterable[Put]) -> None:
        for one in put:
            for copy in range(one.copies):
                self._put(one, f"{int(one.user) + copy:02}" if one.user else "")

    def _put(self, put: Put, user: str) -> None:
        self._number += 1
        if put.id == "new":
            self._key_id = hashlib.sha256(f"{self._seed}/{self._number}".encode()).digest()[:8]
        label = put.label or f"{put.bank} {put.contract} {user or 'administrator'}"
        public_key = None if put.key == "none" else self._generate(label, readable=put.key == "readable")
        if put.certificate == "none":
            return
        if public_key is None or put.key == "another":
            other = self._authority.key(f"of certificate {self._number}").public_key()
            public_key = other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        ends = datetime.combine(self._day + timedelta(days=put.ends), time(23, 59, 59), clock.JAPAN)
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
        recipe = keys.RECIPES[self._kind]
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
    """As the bank's own certificates name a subscriber."""
    who = f"利用者{user}" if user else "管理者"
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"{put.bank}"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{put.bank} {put.contract} {who}"),
        ]
    )
