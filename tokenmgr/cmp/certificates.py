"""The few things that CMP asks of a certificate."""

from __future__ import annotations

import functools

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from tokenmgr.cmp import structures as spec
from tokenmgr.cmp.der import decode, encode
from tokenmgr.cmp.faults import FailInfo, ProtocolFault

_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


@functools.lru_cache(maxsize=1024)  # one message asks several times, and the next one of its sender again
def load(der: bytes) -> x509.Certificate:
    """One whose key and extensions can be read, too: `cryptography` looks at those only when asked."""
    if decode(spec.Certificate, der).tbsCertificate.serialNumber <= 0:  # it would warn, and load it (RFC 5280, 4.1.2.2)
        raise ProtocolFault(FailInfo.badDataFormat, "a certificate with a serial number that is not positive")
    try:
        certificate = x509.load_der_x509_certificate(der)
        certificate.public_key()
        certificate.extensions  # noqa: B018
    except _UNREADABLE as error:
        raise ProtocolFault(FailInfo.badDataFormat, "a certificate that cannot be read") from error
    return certificate


def subject_of(certificate: x509.Certificate) -> bytes:
    """Its own bytes: names are compared as they stand (RFC 9483, 3.1)."""
    return encode(decode(spec.TBSCertificate, certificate.tbs_certificate_bytes).subject)


def issuer_of(certificate: x509.Certificate) -> bytes:
    return encode(decode(spec.TBSCertificate, certificate.tbs_certificate_bytes).issuer)


def key_id(certificate: x509.Certificate) -> bytes | None:
    """The SubjectKeyIdentifier, which senderKID repeats."""
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return None


def may_sign(certificate: x509.Certificate) -> bool:
    """RFC 9483, 3.2: keyUsage, if there is one, has digitalSignature."""
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    except x509.ExtensionNotFound:
        return True


def hash_of(certificate: x509.Certificate) -> hashes.HashAlgorithm:
    """For certHash: that of the signature on it; Ed25519 has SHA-512 inside (RFC 4210 5.3.18, RFC 9481 3.3)."""
    try:
        return certificate.signature_hash_algorithm or hashes.SHA512()
    except UnsupportedAlgorithm as error:
        raise ProtocolFault(FailInfo.badAlg, "a certificate signed by an unknown algorithm") from error
