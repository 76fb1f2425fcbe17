"""Certificates made for one test, of every shape that a chain can have."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tokenmgr.domain.credential import CertificateFacts
from tokenmgr.pki.facts import certificate_facts

DAY = datetime(2026, 4, 1, tzinfo=UTC)


@dataclass
class Party:
    """A name and a key."""

    name: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def subject(self) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])


def issue(
    subject: Party, issuer: Party, authority: bool = True, name: x509.Name | None = None, number: int = 4711
) -> bytes:
    return (
        x509.CertificateBuilder()
        .subject_name(subject.subject if name is None else name)
        .issuer_name(issuer.subject)
        .public_key(subject.key.public_key())
        .serial_number(number)
        .not_valid_before(DAY)
        .not_valid_after(DAY + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .sign(issuer.key, SHA256())
        .public_bytes(Encoding.DER)
    )


def facts(subject: Party, issuer: Party, authority: bool = True) -> CertificateFacts:
    return certificate_facts(issue(subject, issuer, authority))
