"""A PKCS#10 request (RFC 2986) around any key that `cryptography` can sign with, one on a medium included."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def request(key: PrivateKey, subject: x509.Name) -> bytes:
    """DER, signed with SHA-256; Ed25519 hashes by itself (RFC 8410)."""
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256()
    return x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, digest).public_bytes(Encoding.DER)
