"""The revocation list (RFC 5280, 5), its DER written entry by entry: `cryptography`'s builder copies the whole list for
each entry that is added, and so takes the square of their number."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from datetime import datetime

from tokenmgr.ca.certificate import read_certificate
from tokenmgr.ca.keys import CaKey
from tokenmgr.ca.signing import scheme_of, seal
from tokenmgr.ca.tbs import time_of
from tokenmgr.domain.generation import RevocationReason
from tokenmgr.errors import ListUnfit
from tokenmgr.pki import der

Entry = tuple[int, datetime, RevocationReason | None]

_LONGEST_NUMBER = 1 << 159  # RFC 5280, 5.2.3: 20 octets


def build(issuing: CaKey, entries: Iterable[Entry], number: int, this_update: datetime, next_update: datetime) -> bytes:
    """Signed by the issuing CA and checked. Entries may come from a cursor: what is kept of each is its DER."""
    if not this_update < next_update:
        raise ListUnfit(reason="times")
    if not 0 <= number < _LONGEST_NUMBER:
        raise ListUnfit(reason="number")
    issuer = read_certificate(issuing.certificate)
    revoked = _entries(entries)
    body = der.tlv(
        der.SEQUENCE,
        der.integer(1),  # version 2
        scheme_of(issuing.signer).algorithm,
        issuer.subject,
        time_of(this_update),
        time_of(next_update),
        der.tlv(der.SEQUENCE, revoked) if revoked else b"",  # 5.1.2.6: absent where there are none
        der.tlv(0xA0, der.tlv(der.SEQUENCE, _authority_key(issuer.key_id), _number(number))),
    )
    return seal(issuing.signer, body, issuing.name)


def _entries(entries: Iterable[Entry]) -> bytes:
    written = bytearray()
    for serial, revoked_at, reason in entries:
        if serial <= 0 or serial >= _LONGEST_NUMBER:
            raise ListUnfit(reason="serial-number")
        written += der.tlv(der.SEQUENCE, der.integer(serial), _time(revoked_at), _reason(reason))
    return bytes(written)


_time = functools.lru_cache(maxsize=4096)(time_of)


@functools.cache
def _reason(reason: RevocationReason | None) -> bytes:
    """5.3.1: unspecified is said by saying nothing."""
    if reason is None or reason is RevocationReason.UNSPECIFIED:
        return b""
    value = der.integer(reason.value, der.ENUMERATED)
    return der.tlv(der.SEQUENCE, _extension("2.5.29.21", value))


def _authority_key(key_id: bytes) -> bytes:
    return _extension("2.5.29.35", der.tlv(der.SEQUENCE, der.tlv(0x80, key_id)))


def _number(number: int) -> bytes:
    return _extension("2.5.29.20", der.integer(number))


def _extension(oid: str, value: bytes) -> bytes:
    return der.tlv(der.SEQUENCE, der.oid(oid), der.tlv(der.OCTET_STRING, value))
