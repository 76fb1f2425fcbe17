"""Certificates as a bank's customers have them, valid or not at this very moment: a browser goes by the real clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tokenmgr import clock

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


@dataclass
class Party:
    name: x509.Name
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))


def called(common_name: str, **more: str) -> x509.Name:
    """O and OU as `pki/names.py` writes a subscriber's."""
    kinds = {"o": NameOID.ORGANIZATION_NAME, "ou": NameOID.ORGANIZATIONAL_UNIT_NAME}
    parts = [(NameOID.COUNTRY_NAME, "JP"), *((kinds[kind], text) for kind, text in more.items())]
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in [*parts, (NameOID.COMMON_NAME, common_name)]])


def subscriber(user: str = "tanaka", bank: str = "1234") -> Party:
    return Party(called(user, o="みほん信用金庫", ou=f"{bank}-0012345"))


def issue(
    whose: Party,
    issuer: Party,
    days: tuple[int, int] = (-10, 300),
    number: int = 0,
    uses: Sequence[x509.ObjectIdentifier] = (CLIENT,),
    is_authority: bool = False,
    host: str = "",
    now: datetime | None = None,
) -> x509.Certificate:
    """Valid from and until so many days from now."""
    starts, ends = (clock.now() if now is None else now) + timedelta(days[0]), timedelta(days[1] - days[0])
    builder = (
        x509.CertificateBuilder()
        .subject_name(whose.name)
        .issuer_name(issuer.name)
        .public_key(whose.key.public_key())
        .serial_number(number or x509.random_serial_number())
        .not_valid_before(starts)
        .not_valid_after(starts + ends)
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
    )
    if uses and not is_authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    if host:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    return builder.sign(issuer.key, SHA256())


class Authorities:
    """A bank's root and issuing CA, and one that nobody asks for."""

    def __init__(self) -> None:
        self.root, self.issuing, self.foreign = (Party(called(name)) for name in ("Bank Root", "Bank CA", "Other CA"))
        self.root_certificate = issue(self.root, self.root, (-100, 3000), is_authority=True)
        self.issuing_certificate = issue(self.issuing, self.root, (-100, 2000), is_authority=True)


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def key_pem(party: Party) -> bytes:
    return party.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def p12(name: str, party: Party, certificate: x509.Certificate, password: bytes) -> bytes:
    return pkcs12.serialize_key_and_certificates(
        name.encode(), party.key, certificate, None, BestAvailableEncryption(password)
    )
