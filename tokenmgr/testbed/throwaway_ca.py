"""A CA for one demonstration or one test: keys in memory, no registry, gone with the process. Never for a customer."""

from __future__ import annotations

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


class ThrowawayCA:
    """A self-signed root and an issuing CA below it, as the real one has."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._root_key, self._key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root_name, name = _name("Throw-away Root"), _name("Throw-away Issuing CA")
        self._root = _authority(now, root_name, self._root_key.public_key(), root_name, self._root_key)
        self._certificate = _authority(now, name, self._key.public_key(), root_name, self._root_key)

    @property
    def chain(self) -> list[bytes]:
        """Issuing CA first, then the root."""
        return [c.public_bytes(Encoding.DER) for c in (self._certificate, self._root)]

    def issue(self, request: bytes, days: int = 365, starts: datetime | None = None) -> bytes:
        """For the key and the name of a PKCS#10 request whose signature holds."""
        wanted = x509.load_der_x509_csr(request)
        if not wanted.is_signature_valid:
            raise ValueError("the request is not signed by its own key")
        start = starts or self._now
        return (
            x509.CertificateBuilder()
            .subject_name(wanted.subject)
            .issuer_name(self._certificate.subject)
            .public_key(wanted.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(self._key, hashes.SHA256())
            .public_bytes(Encoding.DER)
        )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _authority(
    now: datetime,
    subject: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(key_cert_sign=True), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


def _usage(digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
