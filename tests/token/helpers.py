"""Short words for what many tests of the token do."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from tokenmgr import catalogue
from tokenmgr.config import TimeLimits
from tokenmgr.domain.credential import Credential, KeyKind
from tokenmgr.domain.family import Family
from tokenmgr.domain.medium import MediumFacts
from tokenmgr.log import Secret
from tokenmgr.pki.request import request
from tokenmgr.testbed.simulated import PIN, SimulatedMedium, softhsm
from tokenmgr.testbed.throwaway_ca import ThrowawayCA
from tokenmgr.token import keys, objects
from tokenmgr.token.module import Library
from tokenmgr.token.session import Session
from tokenmgr.token.signer import signer

NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "9999 0001 管理者")])
WORDS = "鍵"


def only(library: Library) -> MediumFacts:
    """The one medium that this library shows."""
    found = library.media()
    assert len(found) == 1, found
    return found[0]


def logged_in(library: Library, serial: str, pin: str = PIN) -> Session:
    session = Session.open(library, serial, write=True)
    session.login(Secret(pin))
    return session


def certificate_for(
    session: Session, authority: ThrowawayCA, key_id: bytes, days: int = 365, starts: datetime | None = None
) -> bytes:
    wanted = request(signer(session, session.contents().key(key_id)), NAME)
    return authority.issue(wanted, days=days, starts=starts)


def certified(
    session: Session, authority: ThrowawayCA, key_id: bytes = b"\x01", kind: KeyKind = KeyKind.P256
) -> Credential:
    """A key with its certificate and the chain, as a customer's medium has them."""
    session.generate_key(kind, key_id, WORDS)
    der = certificate_for(session, authority, key_id)
    session.put_certificate(der, key_id, WORDS, authority.chain)
    return credential(session, key_id)


def credential(session: Session, key_id: bytes) -> Credential:
    (found,) = [one for one in session.contents().credentials if one.key.key_id == key_id]
    return found


def key_by_somebody_else(
    session: Session, key_id: bytes, label: str = "foreign", kind: KeyKind = KeyKind.P256, **private: bool
) -> None:
    """A key whose private template is the caller's business, as other people's software makes them."""
    recipe = keys.RECIPES[kind]
    ours = {"CLASS": "PRIVATE_KEY", "TOKEN": True, "ID": key_id, "LABEL": label}
    session._ask(
        "generate",
        mechanism=recipe.mechanism,
        key_type=recipe.key_type,
        public=objects.public_template(recipe, recipe.parameters[-1] if recipe.parameters else None, key_id, label),
        private={**ours, "PRIVATE": True, "SENSITIVE": True, "EXTRACTABLE": False, "SIGN": True, **private},
    )


def object_by_somebody_else(session: Session, value: bytes, key_id: bytes, label: str = "foreign", **more: Any) -> None:
    """A certificate object with whatever bytes."""
    session._ask(
        "create",
        template={
            "CLASS": "CERTIFICATE",
            "CERTIFICATE_TYPE": "X_509",
            "TOKEN": True,
            "PRIVATE": False,
            "ID": key_id,
            "LABEL": label,
            "SUBJECT": b"0\x00",
            "VALUE": value,
            **more,
        },
    )


def counts(session: Session) -> dict[str, int]:
    """How many objects of each class are on the medium, whoever made them."""
    found: dict[str, int] = {}
    for item in session._find({}):
        found[item["class"]] = found.get(item["class"], 0) + 1
    return found


class FaultyMedium:
    """A simulated medium behind the testbed's layer, with SoftHSM's habits unless another family's are wanted."""

    def __init__(self, medium: SimulatedMedium) -> None:
        self.medium = medium
        self.control = medium.control
        self.fault = medium.fault
        self.heal = medium.control.remove

    def library(self, limits: TimeLimits | None = None, family: Family | None = None) -> Library:
        return self.medium.library(limits, family or catalogue.shipped().family("softhsm"))

    def calls(self, *functions: str) -> int:
        """How often they have been called, by whomever, since the medium was made."""
        return sum(call.function in functions for call in self.control.calls())


def compiled(source: str, folder: Path, name: str) -> Path:
    """A shared library of this C source."""
    path = folder / f"{name}.so"
    path.with_suffix(".c").write_text(source)
    run("gcc", "-shared", "-fPIC", "-O1", "-o", path, path.with_suffix(".c"), "-ldl")
    return path


def run(
    *command: str | Path, environment: Mapping[str, str] | None = None, status: int | None = 0
) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
    assert status is None or done.returncode == status, (command, done.stdout, done.stderr)
    return done


def pkcs11_tool(
    medium: SimulatedMedium, *arguments: str | Path, status: int | None = 0
) -> subprocess.CompletedProcess[bytes]:
    """OpenSC's tool on this medium, logged in: an independent reader, and somebody else's writer."""
    environment = {**medium._environment, "SOFTHSM2_CONF": str(medium.configuration)}
    command = ("pkcs11-tool", "--module", softhsm(), "--login", "--pin", PIN, *arguments)
    return run(*command, environment=environment, status=status)
