"""What is asked of an OCSP responder (RFC 6960, 4.1): which certificates, and a nonce for the answer (RFC 9654).

By hand, since anybody may send anything: bounds come first, and no part is read that the answer does not depend on.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from enum import Enum

from tokenmgr.pki import der
from tokenmgr.pki.der import Malformed

MAX_REQUEST = 4096  # octets; MAX_IDS ids by SHA-512 and the longest nonce are fewer
MAX_IDS = 16
_MAX_NONCE = 128  # RFC 9654, 2.1

NONCE = der.oid("1.3.6.1.5.5.7.48.1.2")
_VERSION_1 = der.tlv(0xA0, der.integer(0))  # the default, and so not DER; nobody is misled by it
_FALSE, _TRUE = der.tlv(der.BOOLEAN, b"\0"), der.tlv(der.BOOLEAN, b"\xff")


class Status(Enum):
    """OCSPResponseStatus (4.2.1)."""

    SUCCESSFUL = 0
    MALFORMED_REQUEST = 1
    INTERNAL_ERROR = 2
    TRY_LATER = 3
    SIGNATURE_REQUIRED = 5
    UNAUTHORIZED = 6  # also: not able to answer this with authority (2.3)


class Refused(Exception):
    """A request that gets no more than a status. Why is for a log."""

    def __init__(self, status: Status, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True)
class CertId:
    """`der` is all of it, to be given back octet by octet."""

    der: bytes
    algorithm: str  # of the two hashes: its OID
    name_hash: bytes
    key_hash: bytes
    serial: int


@dataclass(frozen=True)
class Request:
    ids: tuple[CertId, ...]
    nonce: bytes | None


def read_request(data: bytes) -> Request:
    """Refused, and nothing else, where there is anything that cannot be answered. A signature is not looked at: what a
    certificate's standing is, anybody may know."""
    try:
        return _request(data)
    except Malformed as error:
        raise Refused(Status.MALFORMED_REQUEST, str(error)) from error


def _request(data: bytes) -> Request:
    if len(data) > MAX_REQUEST:
        raise Malformed("too long")
    asked, _signature = _fields(data, der.SEQUENCE, 0xA0)
    version, _requestor, wanted, extensions = _fields(asked, 0xA0, 0xA1, der.SEQUENCE, 0xA2)
    if version not in (b"", _VERSION_1):
        raise Malformed("not version 1")
    singles = der.children(wanted)
    if not singles:
        raise Malformed("nothing is asked")
    if len(singles) > MAX_IDS:
        raise Refused(Status.UNAUTHORIZED, f"{len(singles)} certificates")
    return Request(tuple([_single(one.whole) for one in singles]), _nonce(extensions))


def _single(data: bytes) -> CertId:
    whole, extensions = _fields(data, der.SEQUENCE, 0xA0)
    if extensions:
        _values(extensions, 0xA0)
    parts = der.children(whole)
    if [part.tag for part in parts] != [der.SEQUENCE, der.OCTET_STRING, der.OCTET_STRING, der.INTEGER]:
        raise Malformed("a CertID")
    algorithm, name_hash, key_hash, serial = parts
    return CertId(whole, _algorithm(algorithm.whole), name_hash.body, key_hash.body, der.unsigned(serial))


@functools.lru_cache(maxsize=16)
def _algorithm(whole: bytes) -> str:
    """It becomes a part of what we sign, and so is read to its depth."""
    parts = der.children(whole)
    if not 1 <= len(parts) <= 2 or der.faults(whole):
        raise Malformed("an algorithm")
    return der.dotted(parts[0])


def _nonce(extensions: bytes) -> bytes | None:
    value = _values(extensions, 0xA2, NONCE).get(NONCE) if extensions else None
    if value is None:
        return None
    nonce = der.only(value, der.OCTET_STRING).body
    if not 1 <= len(nonce) <= _MAX_NONCE:
        raise Malformed("a nonce of wrong length")
    return nonce


def _values(extensions: bytes, tag: int, known: bytes = b"") -> dict[bytes, bytes]:
    """By OID. 4.4: what is not known is passed over, unless it is critical."""
    found: dict[bytes, bytes] = {}
    for one in der.children(der.only(extensions, tag).body):
        oid, critical, value = _fields(one.whole, der.OID, der.BOOLEAN, der.OCTET_STRING)
        if not oid or oid in found or critical not in (b"", _FALSE, _TRUE):
            raise Malformed("an extension")
        if critical == _TRUE and oid != known:
            raise Refused(Status.UNAUTHORIZED, "a critical extension")
        found[oid] = der.only(value, der.OCTET_STRING).body
    return found


def _fields(data: bytes, *tags: int) -> list[bytes]:
    """Of a SEQUENCE whose parts have these tags, in this order: each part, or no bytes where it is left out."""
    parts = der.children(data)
    found, at = [], 0
    for tag in tags:
        there = at < len(parts) and parts[at].tag == tag
        found.append(parts[at].whole if there else b"")
        at += there
    if at < len(parts):
        raise Malformed("a part that has no place here")
    return found
