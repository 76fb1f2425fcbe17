"""The CA's own certificates: what each is called, how long it is good, who signs it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime, timedelta

from tokenmgr.ca.issuer import Authority, Certifier
from tokenmgr.ca.profile import Kind, OwnOrder, Profile, own_name
from tokenmgr.ca.signing import CaSigner, spki_of

_YEAR = timedelta(days=365, hours=6)
# A responder's certificate cannot be revoked (id-pkix-ocsp-nocheck): so it is short-lived (RFC 6960, 4.2.2.2.1).
LIVES = {"root": 20 * _YEAR, "issuing": 10 * _YEAR, "cmp": 2 * _YEAR, "ocsp": timedelta(days=90)}
KINDS_OF = {"root": Kind.ROOT, "issuing": Kind.ISSUING, "cmp": Kind.CMP, "ocsp": Kind.OCSP}
_SUFFIX = {"root": " Root", "issuing": "", "cmp": " CMP", "ocsp": " OCSP"}
_SECOND = timedelta(seconds=1)


def subject_of(name: str, number: int, purpose: str) -> bytes:
    """Of a later authority with its number: one name is never two keys' (RFC 5280, 4.1.2.4 and 6.1)."""
    return own_name(f"{name}{f' G{number}' if number > 1 else ''}{_SUFFIX[purpose]}")


def ends(purpose: str, begins: datetime) -> datetime:
    """Inclusive of its last second (RFC 5280, 4.1.2.5)."""
    return begins + LIVES[purpose] - _SECOND


def certify(
    name: str, number: int, profile: Profile, signers: Mapping[str, CaSigner], begins: datetime
) -> dict[str, bytes]:
    """The root by itself, the issuing CA by the root, the others by the issuing CA."""
    certificates: dict[str, bytes] = {}
    for purpose, signer in signers.items():
        above = purpose if purpose == "root" else "root" if purpose == "issuing" else "issuing"
        subject, until = subject_of(name, number, above), ends(above, begins)
        order = OwnOrder(
            KINDS_OF[purpose],
            serial_number(),
            subject_of(name, number, purpose),
            spki_of(signer),
            begins,
            ends(purpose, begins),
        )
        certificates[purpose] = signed(Authority(above, subject, signers[above], begins, until), profile, order)
    return certificates


def signed(authority: Authority, profile: Profile, order: OwnOrder) -> bytes:
    """Linted, signed, and the signature checked."""
    certifier = Certifier(authority, profile)
    return certifier.sign(certifier.draft(order))


def serial_number() -> int:
    """127 random bits below a 1, so that all have 16 octets."""
    return int.from_bytes(os.urandom(16), "big") >> 1 | 1 << 126
