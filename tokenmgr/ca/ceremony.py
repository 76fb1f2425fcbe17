"""The key ceremony. Every step is told when it is done, by the same name here, in the docs and on the screen.

1. PREPARED       alone, in a folder aside; what killed ceremonies have left is gone
2. WRITTEN_DOWN   which keys will be made, and on which token: on the disk before there is any
3. KEYS_GENERATED root, issuing, cmp, ocsp: on the token, read back, and judged there
4. CERTIFIED      each certificate linted, signed, and its signature checked
5. PROVEN         every key signs something new, and its certificate verifies it
6. WRITTEN        ca.toml and the certificates, read back as the server will read them
7. SETTLED        the folder is the CA's: one rename

Killed before 7 there is no CA, and the next ceremony cleans up; after it there is a whole one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Protocol

from tokenmgr import system
from tokenmgr.ca import own, staging
from tokenmgr.ca.about import PURPOSES, About, Held, about_text, file_of
from tokenmgr.ca.certificate import to_pem
from tokenmgr.ca.folder import ABOUT, CaFolder, addressed, open_folder, write_whole
from tokenmgr.ca.keys import CaKey
from tokenmgr.ca.profile import POLICY_MEDIUM, POLICY_PC
from tokenmgr.ca.signing import CaSigner, signature_over
from tokenmgr.ca.staging import Record
from tokenmgr.domain.credential import KeyKind
from tokenmgr.errors import AuthorityDamaged

KEY_ID = 16  # random bytes: nothing on any token has it already


class Step(Enum):
    PREPARED = 1
    WRITTEN_DOWN = 2
    KEYS_GENERATED = 3
    CERTIFIED = 4
    PROVEN = 5
    WRITTEN = 6
    SETTLED = 7


KINDS = (KeyKind.P256, KeyKind.P384, KeyKind.RSA_3072)  # of the CA's own keys


class KeyMaker(Protocol):
    """What a ceremony needs of a token that somebody has logged in to."""

    def generate(self, purpose: str, kind: KeyKind, key_id: bytes) -> CaSigner:
        """A new key, generated there and judged by S1."""

    def destroy(self, key_id: bytes) -> bool:
        """The key of this ID, if it is there."""


@dataclass(frozen=True)
class Plan:
    """`library` is empty for a SoftHSM token of the CA's own; `serial` is the token's."""

    name: str
    kind: KeyKind
    url: str
    status_url: str
    database: str
    library: str
    serial: str
    policy_medium: str = POLICY_MEDIUM
    policy_pc: str = POLICY_PC


Tell = Callable[[Step], None]


def make(plan: Plan, folder: Path, maker: KeyMaker, now: datetime, tell: Tell) -> None:
    """Steps 2 to 6, in a staging folder that is prepared; who closes the token then settles it."""
    holdings = {purpose: Held(new_key_id(), file_of(purpose, 1)) for purpose in PURPOSES}
    ids = tuple(held.key_id.hex() for held in holdings.values())
    staging.write_record(folder, Record(plan.library, plan.serial if plan.library else "", ids))
    tell(Step.WRITTEN_DOWN)
    signers = {purpose: maker.generate(purpose, plan.kind, held.key_id) for purpose, held in holdings.items()}
    tell(Step.KEYS_GENERATED)
    about = About(
        name=plan.name,
        created=now.replace(microsecond=0),
        url=plan.url,
        status_url=plan.status_url,
        database=plan.database,
        library=plan.library,
        serial=plan.serial,
        policy_medium=plan.policy_medium,
        policy_pc=plan.policy_pc,
        authorities=(holdings,),
    )
    profile = addressed(plan.policy_medium, plan.policy_pc, plan.status_url, 1)
    certificates = own.certify(plan.name, 1, profile, signers, about.created)
    tell(Step.CERTIFIED)
    prove(signers, certificates)
    tell(Step.PROVEN)
    write_all(folder, about, {held.file: certificates[purpose] for purpose, held in holdings.items()})
    tell(Step.WRITTEN)


def new_key_id() -> bytes:
    return os.urandom(KEY_ID)


def prove(signers: Mapping[str, CaSigner], certificates: Mapping[str, bytes]) -> None:
    """Every key signs something new, and its certificate verifies it."""
    for purpose, signer in signers.items():
        signature_over(CaKey(purpose, signer, certificates[purpose]).signer, os.urandom(32), purpose)


def write_all(folder: Path, about: About, files: Mapping[str, bytes]) -> CaFolder:
    """Certificates first: ca.toml names them, and so is the last. Read back as the server will read them."""
    for name, certificate in files.items():
        write_whole(folder / name, to_pem(certificate))
    system.sync_folder(folder)
    write_whole(folder / ABOUT, about_text(about))
    system.sync_folder(folder)
    read = open_folder(folder)
    if read.about != about or any(read.files[name].der != der for name, der in files.items()):
        raise AuthorityDamaged(file=str(folder / ABOUT), reason="read-back")
    return read
