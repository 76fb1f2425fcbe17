"""Who takes part: a CA, a client with an old and a new key, and the headers that they write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tokenmgr.cmp.algorithms import PrivateKey
from tokenmgr.cmp.messages import Body, Header, Kind, Message, assemble, parse
from tokenmgr.cmp.protection import Pbmac1, Protector, SignatureProtector

# OpenSSL compares validity with the day that it is, so these are not of the day that the other tests have.
STARTS = datetime(2020, 1, 1, tzinfo=UTC)
ENDS = STARTS + timedelta(days=3650 * 5)
NOW = datetime(2026, 4, 1, 3, 0, 0, tzinfo=UTC)
SECRET = b"correct horse"
SALT = bytes(range(16))


def name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


@dataclass(frozen=True)
class Party:
    key: PrivateKey
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def subject(self) -> bytes:
        return self.certificate.subject.public_bytes()

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def protector(self) -> Protector:
        return SignatureProtector(self.key, self.der)


KEYS: dict[str, Callable[[], PrivateKey]] = {
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


def authority(kind: str = "rsa") -> Party:
    return _authority(kind)


def holder(kind: str = "p256", number: int = 77, digital_signature: bool = True) -> Party:
    """A client whose certificate is of that CA."""
    return _holder(kind, number, digital_signature)


@cache
def _authority(kind: str) -> Party:
    key = KEYS[kind]()
    return Party(key, certificate(name("CA"), key, name("CA"), key, serial=1, is_ca=True))


@cache
def _holder(kind: str, number: int, digital_signature: bool) -> Party:
    key, ca = KEYS[kind](), authority()
    subject = name("太郎 One")
    return Party(key, certificate(subject, key, name("CA"), ca.key, serial=number, digital_signature=digital_signature))


def certificate(
    subject: x509.Name,
    key: PrivateKey,
    issuer: x509.Name,
    issuer_key: PrivateKey,
    *,
    serial: int,
    is_ca: bool = False,
    digital_signature: bool = True,
) -> x509.Certificate:
    usage = x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        content_commitment=not digital_signature,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(STARTS)
        .not_valid_after(ENDS)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, None if isinstance(issuer_key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )


def pbmac1() -> Pbmac1:
    return Pbmac1(SALT, 1000)


def header(sender: bytes = name("4711").public_bytes(), **changes: object) -> Header:
    """Of a first message."""
    plain = Header(
        sender=sender,
        recipient=name("CA").public_bytes(),
        transaction_id=b"T" * 16,
        sender_nonce=b"N" * 16,
        message_time=NOW,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def message(kind: Kind, body: Body, protector: Protector, said: Header | None = None, *certs: bytes) -> Message:
    return parse(assemble(said or header(), kind, body, protector, certs))
