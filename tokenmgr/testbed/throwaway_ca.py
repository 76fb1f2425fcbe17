"""A CA for testers: a root and an issuing CA whose keys come from a seed, no registry. Never for a customer."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class ThrowawayCA:
    """As the real one has it: an issuing CA below a root. The same seed and moment make the same CA, byte for byte."""

    def __init__(self, now: datetime, seed: str = "") -> None:
        self._now = now
        self._seed = seed or os.urandom(16).hex()
        self._root_key, self._key = self.key("root"), self.key("issuing")
        root_name, name = _name("Throw-away Root"), _name("Throw-away Issuing CA")
        self._root = self._authority(root_name, self._root_key, root_name)
        self._certificate = self._authority(name, self._key, root_name)

    @property
    def chain(self) -> list[bytes]:
        """Issuing CA first, then the root."""
        return [c.public_bytes(Encoding.DER) for c in (self._certificate, self._root)]

    @property
    def chain_pem(self) -> bytes:
        return b"".join(c.public_bytes(Encoding.PEM) for c in (self._certificate, self._root))

    def key(self, purpose: str) -> ec.EllipticCurvePrivateKey:
        scalar = int.from_bytes(hashlib.sha512(f"{self._seed}/{purpose}".encode()).digest(), "big")
        return ec.derive_private_key(scalar % (P256_ORDER - 1) + 1, ec.SECP256R1())

    def issue(self, request: bytes, days: int = 365, starts: datetime | None = None) -> bytes:
        """For the key and the name of a PKCS#10 request whose signature holds."""
        wanted = x509.load_der_x509_csr(request)
        if not wanted.is_signature_valid:
            raise ValueError("the request is not signed by its own key")
        start = starts or self._now
        return self._signed(wanted.subject, wanted.public_key(), start, start + timedelta(days=days))

    def certify(self, public_key: bytes, subject: x509.Name, starts: datetime, ends: datetime) -> bytes:
        """Without a request: of a key that nobody asks to prove."""
        return self._signed(subject, cast(CertificatePublicKeyTypes, load_der_public_key(public_key)), starts, ends)

    def revocations(self, certificates: Iterable[bytes]) -> bytes:
        """A CRL, as PEM, of those that are given."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(self._now)
            .next_update(self._now + timedelta(days=3650))
            .add_extension(x509.CRLNumber(1), critical=False)
        )
        for der in certificates:
            number = x509.load_der_x509_certificate(der).serial_number
            entry = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(self._now)
            reason = x509.CRLReason(x509.ReasonFlags.key_compromise)
            builder = builder.add_revoked_certificate(entry.add_extension(reason, critical=False).build())
        return builder.sign(self._key, hashes.SHA256(), ecdsa_deterministic=True).public_bytes(Encoding.PEM)

    def _signed(self, subject: x509.Name, key: CertificatePublicKeyTypes, starts: datetime, ends: datetime) -> bytes:
        return (
            self._certificate_of(subject, key, starts, ends, self._certificate.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(self._key, hashes.SHA256(), ecdsa_deterministic=True)
            .public_bytes(Encoding.DER)
        )

    def _authority(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, issuer: x509.Name) -> x509.Certificate:
        starts, ends = self._now - timedelta(days=3650), self._now + timedelta(days=3650)
        return (
            self._certificate_of(subject, key.public_key(), starts, ends, issuer)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(key_cert_sign=True), critical=True)
            .sign(self._root_key, hashes.SHA256(), ecdsa_deterministic=True)
        )

    def _certificate_of(
        self, subject: x509.Name, key: CertificatePublicKeyTypes, starts: datetime, ends: datetime, issuer: x509.Name
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(self._number(subject, key, ends))
            .not_valid_before(starts)
            .not_valid_after(ends)
        )

    def _number(self, subject: x509.Name, key: CertificatePublicKeyTypes, ends: datetime) -> int:
        """Like a random one (RFC 5280, 4.1.2.2), and the same again for the same certificate."""
        point = x509.SubjectKeyIdentifier.from_public_key(key).digest
        text = f"{self._seed}/{subject.rfc4514_string()}/{point.hex()}/{ends}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big") >> 1 | 1


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


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
