"""An OCSP responder's answers (RFC 6960, 4.2), as its profile for many clients has them (RFC 5019). No I/O: what a
certificate's standing is, and from when to when that is true, is told by whoever asks for an answer.

An answer without a nonce is the same for everybody who asks about the same CertId, whose `der` is therefore its key in
a cache; it may stay there until the earliest `next_update` that went into it (RFC 5019, 6).
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from tokenmgr.ca.certificate import read_certificate
from tokenmgr.ca.keys import CaKey
from tokenmgr.ca.ocsp_request import NONCE, CertId, Status
from tokenmgr.ca.profile import key_identifier
from tokenmgr.ca.signing import scheme_of, signature_over
from tokenmgr.domain.generation import RevocationReason
from tokenmgr.pki import der

_BASIC = der.oid("1.3.6.1.5.5.7.48.1.1")
_SHA1 = "1.3.14.3.2.26"
_HASHES: dict[str, Callable[[bytes], hashlib._Hash]] = {
    _SHA1: functools.partial(hashlib.sha1, usedforsecurity=False),
    "2.16.840.1.101.3.4.2.1": hashlib.sha256,
    "2.16.840.1.101.3.4.2.2": hashlib.sha384,
    "2.16.840.1.101.3.4.2.3": hashlib.sha512,
}
_LARGEST_SERIAL = (1 << 159) - 1  # RFC 5280, 4.1.2.2: 20 octets


@dataclass(frozen=True)
class Good:
    """Issued, and not revoked."""


@dataclass(frozen=True)
class Revoked:
    at: datetime
    reason: RevocationReason | None = None


@dataclass(frozen=True)
class Unknown:
    """Not issued here."""


Standing = Good | Revoked | Unknown


@dataclass(frozen=True)
class Single:
    """What is said of one certificate."""

    cert_id: CertId
    standing: Standing
    this_update: datetime
    next_update: datetime

    def __post_init__(self) -> None:
        if not self.this_update < self.next_update:
            raise ValueError("an answer that is true at no time")


class Responder:
    """Answers for one issuing CA, with a key and a certificate that this CA made for it (RFC 6960, 4.2.2.2)."""

    def __init__(self, ocsp: CaKey, issuing_certificate: bytes) -> None:
        issuing = read_certificate(issuing_certificate)
        _algorithm, key = der.children(issuing.public_key)
        self._ours = {
            oid: (digest(issuing.subject).digest(), digest(key.body[1:]).digest()) for oid, digest in _HASHES.items()
        }
        self._ocsp = ocsp
        self.serial, self.ends = ocsp.facts.serial, ocsp.facts.not_after
        self._usual = der.tlv(der.SEQUENCE, der.oid(_SHA1), der.tlv(der.NULL))
        self._id = der.tlv(0xA2, der.tlv(der.OCTET_STRING, key_identifier(ocsp.facts.public_key)))  # byKey: the shorter
        self._algorithm = scheme_of(ocsp.signer).algorithm
        self._certificates = der.tlv(0xA0, der.tlv(der.SEQUENCE, ocsp.certificate))

    def names(self, cert_id: CertId) -> bool:
        """Whether it is about a certificate that this CA could have issued. A hash that we do not know fits none."""
        hashes = cert_id.name_hash, cert_id.key_hash
        return self._ours.get(cert_id.algorithm) == hashes and 0 < cert_id.serial <= _LARGEST_SERIAL

    def id_of(self, serial: int) -> CertId:
        """As nearly everybody asks about it: by SHA-1, whose parameters are NULL (RFC 5019, 2.1.1)."""
        name_hash, key_hash = self._ours[_SHA1]
        hashes = der.tlv(der.OCTET_STRING, name_hash), der.tlv(der.OCTET_STRING, key_hash)
        whole = der.tlv(der.SEQUENCE, self._usual, *hashes, der.integer(serial))
        return CertId(whole, _SHA1, name_hash, key_hash, serial)

    def says(self, answer: bytes, cert_id: CertId, standing: Standing) -> bool:
        """Whether one of this responder's answers says this of this certificate."""
        return cert_id.der + _standing(standing) in answer and self._ocsp.certificate in answer

    def answer(self, singles: Iterable[Single], nonce: bytes | None, produced_at: datetime) -> bytes:
        """Signed and checked. Moments lose what they have below a second, which an answer cannot say (4.2.2.1)."""
        said = b"".join(map(_single, singles))
        if not said:
            raise ValueError("an answer about nothing")
        body = der.tlv(der.SEQUENCE, self._id, _time(produced_at), der.tlv(der.SEQUENCE, said), _nonce(nonce))
        signature = signature_over(self._ocsp.signer, body, self._ocsp.name)
        signed = der.tlv(
            der.SEQUENCE, body, self._algorithm, der.tlv(der.BIT_STRING, b"\0", signature), self._certificates
        )
        return _response(
            Status.SUCCESSFUL, der.tlv(0xA0, der.tlv(der.SEQUENCE, _BASIC, der.tlv(der.OCTET_STRING, signed)))
        )


@functools.cache
def failure(status: Status) -> bytes:
    """An answer that nobody signs (RFC 6960, 2.3)."""
    if status is Status.SUCCESSFUL:
        raise ValueError("a success says more")
    return _response(status)


def _response(status: Status, *said: bytes) -> bytes:
    return der.tlv(der.SEQUENCE, der.integer(status.value, der.ENUMERATED), *said)


def _single(single: Single) -> bytes:
    return der.tlv(
        der.SEQUENCE,
        single.cert_id.der,
        _standing(single.standing),
        _time(single.this_update),
        der.tlv(0xA0, _time(single.next_update)),
    )


def _standing(standing: Standing) -> bytes:
    match standing:
        case Good():
            return der.tlv(0x80)
        case Unknown():
            return der.tlv(0x82)
        case Revoked(at, reason):
            return der.tlv(0xA1, _time(at), _reason(reason))


def _reason(reason: RevocationReason | None) -> bytes:
    """As in a revocation list (RFC 5280, 5.3.1): unspecified is said by saying nothing."""
    if reason is None or reason is RevocationReason.UNSPECIFIED:
        return b""
    return der.tlv(0xA0, der.integer(reason.value, der.ENUMERATED))


def _nonce(nonce: bytes | None) -> bytes:
    if nonce is None:
        return b""
    value = der.tlv(der.OCTET_STRING, der.tlv(der.OCTET_STRING, nonce))
    return der.tlv(0xA1, der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, NONCE, value)))


@functools.lru_cache(maxsize=256)
def _time(when: datetime) -> bytes:
    """Unlike in certificates and lists always a GeneralizedTime, whatever the year."""
    return der.tlv(der.GENERALIZED_TIME, when.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode("ascii"))
