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
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Protocol

from tokenmgr.ca import staging
from tokenmgr.ca.certificate import to_pem
from tokenmgr.ca.folder import ABOUT, PURPOSES, About, CaFolder, about_text, open_folder, write_whole
from tokenmgr.ca.issuer import Authority, Certifier
from tokenmgr.ca.keys import CaKey
from tokenmgr.ca.profile import POLICY_MEDIUM, POLICY_PC, Kind, OwnOrder, own_name
from tokenmgr.ca.signing import CaSigner, signature_over, spki_of
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
YEARS = {"root": 20, "issuing": 10, "cmp": 2, "ocsp": 2}
_SUFFIX = {"root": " Root", "issuing": "", "cmp": " CMP", "ocsp": " OCSP"}
_KINDS_OF = {"root": Kind.ROOT, "issuing": Kind.ISSUING, "cmp": Kind.CMP, "ocsp": Kind.OCSP}


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
    database: str
    library: str
    serial: str
    policy_medium: str = POLICY_MEDIUM
    policy_pc: str = POLICY_PC


Tell = Callable[[Step], None]


def make(plan: Plan, folder: Path, maker: KeyMaker, now: datetime, tell: Tell) -> None:
    """Steps 2 to 6, in a staging folder that is prepared; who closes the token then settles it."""
    ids = {purpose: os.urandom(KEY_ID) for purpose in PURPOSES}
    record = Record(plan.library, plan.serial if plan.library else "", tuple(one.hex() for one in ids.values()))
    staging.write_record(folder, record)
    tell(Step.WRITTEN_DOWN)
    signers = {purpose: maker.generate(purpose, plan.kind, key_id) for purpose, key_id in ids.items()}
    tell(Step.KEYS_GENERATED)
    created = now.replace(microsecond=0)
    about = About(
        plan.name, created, plan.url, plan.database, plan.library, plan.serial, ids, plan.policy_medium, plan.policy_pc
    )
    certificates = certify(about, signers, folder)
    tell(Step.CERTIFIED)
    for purpose, signer in signers.items():
        signature_over(CaKey(purpose, signer, certificates[purpose]).signer, os.urandom(32), purpose)
    tell(Step.PROVEN)
    _write(about, certificates, folder)
    tell(Step.WRITTEN)


def certify(about: About, signers: Mapping[str, CaSigner], folder: Path) -> dict[str, bytes]:
    """The root by itself, the issuing CA by the root, the others by the issuing CA."""
    profile = CaFolder(folder, about, {}).profile
    certificates: dict[str, bytes] = {}
    for purpose, signer in signers.items():
        issuer = purpose if purpose == "root" else "root" if purpose == "issuing" else "issuing"
        begins, ends = about.created, _later(about.created, YEARS[issuer])
        authority = Authority(issuer, _subject(about, issuer), signers[issuer], begins, ends)
        certifier = Certifier(authority, profile)
        order = OwnOrder(
            _KINDS_OF[purpose],
            _serial_number(),
            _subject(about, purpose),
            spki_of(signer),
            begins,
            _later(about.created, YEARS[purpose]),
        )
        certificates[purpose] = certifier.sign(certifier.draft(order))
    return certificates


def _subject(about: About, purpose: str) -> bytes:
    return own_name(about.name + _SUFFIX[purpose])


def _later(begin: datetime, years: int) -> datetime:
    """Inclusive of its last second (RFC 5280, 4.1.2.5)."""
    return begin + timedelta(days=365 * years + years // 4, seconds=-1)


def _serial_number() -> int:
    """127 random bits below a 1, so that all have 16 octets."""
    return int.from_bytes(os.urandom(16), "big") >> 1 | 1 << 126


def _write(about: About, certificates: Mapping[str, bytes], folder: Path) -> None:
    for purpose, certificate in certificates.items():
        write_whole(folder / f"{purpose}.pem", to_pem(certificate))
    write_whole(folder / ABOUT, about_text(about))
    read = open_folder(folder)
    if read.about != about or {name: one.der for name, one in read.certificates.items()} != certificates:
        raise AuthorityDamaged(file=str(folder / ABOUT), reason="read-back")
