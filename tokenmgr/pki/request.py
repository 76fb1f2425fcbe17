"""A PKCS#10 request (RFC 2986) around any key that `cryptography` can sign with, one on a medium included.

By hand, for the same reason as names.py: `cryptography` counts the bounds of names in bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tokenmgr.errors import RequestWrong
from tokenmgr.pki import der

T = TypeVar("T")
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

PURPOSES = {  # RFC 5280, 4.2.1.12; RFC 9336; Microsoft's own
    "client-auth": "1.3.6.1.5.5.7.3.2",
    "server-auth": "1.3.6.1.5.5.7.3.1",
    "code-signing": "1.3.6.1.5.5.7.3.3",
    "email-protection": "1.3.6.1.5.5.7.3.4",
    "document-signing": "1.3.6.1.5.5.7.3.36",
    "smartcard-logon": "1.3.6.1.4.1.311.20.2.2",
}
USAGES = {"digital-signature": 0, "content-commitment": 1, "non-repudiation": 1}  # the keys on a medium only sign
_EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
_SAN, _USAGE, _PURPOSE = "2.5.29.17", "2.5.29.15", "2.5.29.37"
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*")
_MAILBOX = re.compile(rf"[!#-'*+\-./0-9=?A-Z^-~]+@{_LABEL}(\.{_LABEL})*")


@dataclass(frozen=True)
class Extras:
    """What is asked for beside the name. Purposes by name or OID, written as RFC 5280 or OpenSSL writes them, too."""

    dns: Sequence[str] = ()
    email: Sequence[str] = ()
    eku: Sequence[str] = ()
    key_usage: Sequence[str] = ()

    def encoded(self) -> list[bytes]:
        """Extensions, DER. RequestWrong for what no CA could take."""
        found = []
        if self.dns or self.email:
            names = [*map(_dns, self.dns), *map(_email, self.email)]
            found.append(_extension(_SAN, der.tlv(der.SEQUENCE, *names)))
        if self.key_usage:
            bits = {_named(one, USAGES, "request-usage") for one in self.key_usage}
            octet = sum(0x80 >> bit for bit in bits)
            value = der.tlv(der.BIT_STRING, bytes((7 - max(bits), octet)))
            found.append(_extension(_USAGE, value, critical=True))  # RFC 5280, 4.2.1.3
        if self.eku:
            oids = dict.fromkeys(map(_purpose, self.eku))
            found.append(_extension(_PURPOSE, der.tlv(der.SEQUENCE, *map(der.oid, oids))))
        return found


def request(key: PrivateKey, subject: x509.Name) -> bytes:
    return signed_request(key, subject.public_bytes())


def signed_request(key: PrivateKey, subject: bytes, extensions: Sequence[bytes] = ()) -> bytes:
    """DER, signed with SHA-256; Ed25519 hashes by itself (RFC 8410)."""
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    wanted = der.tlv(der.SET, der.tlv(der.SEQUENCE, *extensions))
    attributes = der.tlv(der.SEQUENCE, der.oid(_EXTENSION_REQUEST), wanted) if extensions else b""
    body = der.tlv(der.SEQUENCE, der.integer(0), subject, public, der.tlv(0xA0, attributes))
    algorithm, signature = _signed(key, body)
    return der.tlv(der.SEQUENCE, body, algorithm, der.tlv(der.BIT_STRING, b"\0", signature))


def _signed(key: PrivateKey, body: bytes) -> tuple[bytes, bytes]:
    """The algorithm's identifier (RFC 8017, RFC 5758, RFC 8410), and the signature."""
    if isinstance(key, rsa.RSAPrivateKey):
        parts = der.oid("1.2.840.113549.1.1.11"), der.tlv(der.NULL)
        return der.tlv(der.SEQUENCE, *parts), key.sign(body, padding.PKCS1v15(), SHA256())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return der.tlv(der.SEQUENCE, der.oid("1.2.840.10045.4.3.2")), key.sign(body, ec.ECDSA(SHA256()))
    return der.tlv(der.SEQUENCE, der.oid("1.3.101.112")), key.sign(body)


def _extension(oid: str, value: bytes, critical: bool = False) -> bytes:
    flag = der.tlv(der.BOOLEAN, b"\xff") if critical else b""
    return der.tlv(der.SEQUENCE, der.oid(oid), flag, der.tlv(der.OCTET_STRING, value))


def _dns(host: str) -> bytes:
    """An international name comes as its A-label (RFC 5280, 7.2)."""
    if not _HOST.fullmatch(host) or len(host) > 253:
        raise RequestWrong(reason="request-dns", subject=host)
    return der.tlv(0x82, host.encode())


def _email(address: str) -> bytes:
    if not _MAILBOX.fullmatch(address) or len(address) > 254:
        raise RequestWrong(reason="request-email", subject=address)
    return der.tlv(0x81, address.encode())


def _purpose(name: str) -> str:
    if re.fullmatch(r"[0-2](\.(0|[1-9][0-9]*)){2,}", name):
        return name
    return _named(name, PURPOSES, "request-eku")


def _named(name: str, known: Mapping[str, T], reason: str) -> T:
    """clientAuth and client-auth are the same."""
    wanted = name.replace("-", "").lower()
    for one, value in known.items():
        if one.replace("-", "") == wanted:
            return value
    raise RequestWrong(reason=reason, subject=name)
