"""The revocation list (RFC 5280, 5), its DER written entry by entry: `cryptography`'s builder copies the whole list for
each entry that is added, and so takes the square of their number."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from datetime import datetime
from enum import Enum

from tokenmgr.ca.certificate import read_certificate
from tokenmgr.ca.keys import CaKey
from tokenmgr.ca.signing import scheme_of, seal
from tokenmgr.ca.tbs import time_of
from tokenmgr.domain.generation import RevocationReason
from tokenmgr.errors import ListUnfit
from tokenmgr.pki import der


class Removal(Enum):
    """What only a delta says of a certificate, and nobody of a revocation (5.3.1): it is on the list no longer."""

    FROM_LIST = 8


Entry = tuple[int, datetime, RevocationReason | None]
DeltaEntry = tuple[int, datetime, RevocationReason | Removal | None]

_LONGEST_NUMBER = 1 << 159  # RFC 5280, 5.2.3: 20 octets
_TRUE = der.tlv(der.BOOLEAN, b"\xff")


def build(
    issuing: CaKey,
    entries: Iterable[Entry],
    number: int,
    this_update: datetime,
    next_update: datetime,
    delta_url: str = "",
) -> bytes:
    """A complete list. Signed by the issuing CA and checked. Entries may come from a cursor: what is kept of each is
    its DER. `delta_url`: where the newest delta to it is found (5.2.6)."""
    _require_number(number)
    freshest = _extension("2.5.29.46", _point(delta_url)) if delta_url else b""
    return _signed(issuing, entries, this_update, next_update, _number(number), freshest)


def build_delta(
    issuing: CaKey,
    entries: Iterable[DeltaEntry],
    number: int,
    base: int,
    this_update: datetime,
    next_update: datetime,
) -> bytes:
    """What has changed since the complete list with the number `base`. It has the number of the complete list that is
    issued with it (5.2.3), and with any complete list from `base` on says the same as that one (5.2.4)."""
    _require_number(number)
    if not 0 <= base < number:
        raise ListUnfit(reason="number")
    indicator = _extension("2.5.29.27", der.integer(base), _TRUE)
    return _signed(issuing, entries, this_update, next_update, _number(number), indicator)


def _signed(
    issuing: CaKey, entries: Iterable[DeltaEntry], this_update: datetime, next_update: datetime, *extensions: bytes
) -> bytes:
    if not this_update < next_update:
        raise ListUnfit(reason="times")
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
        der.tlv(0xA0, der.tlv(der.SEQUENCE, _authority_key(issuer.key_id), *extensions)),
    )
    return seal(issuing.signer, body, issuing.name)


def _require_number(number: int) -> None:
    if not 0 <= number < _LONGEST_NUMBER:
        raise ListUnfit(reason="number")


def _entries(entries: Iterable[DeltaEntry]) -> bytes:
    written = bytearray()
    for serial, revoked_at, reason in entries:
        if serial <= 0 or serial >= _LONGEST_NUMBER:
            raise ListUnfit(reason="serial-number")
        written += der.tlv(der.SEQUENCE, der.integer(serial), _time(revoked_at), _reason(reason))
    return bytes(written)


_time = functools.lru_cache(maxsize=4096)(time_of)


@functools.cache
def _reason(reason: RevocationReason | Removal | None) -> bytes:
    """5.3.1: unspecified is said by saying nothing."""
    if reason is None or reason is RevocationReason.UNSPECIFIED:
        return b""
    value = der.integer(reason.value, der.ENUMERATED)
    return der.tlv(der.SEQUENCE, _extension("2.5.29.21", value))


def _authority_key(key_id: bytes) -> bytes:
    return _extension("2.5.29.35", der.tlv(der.SEQUENCE, der.tlv(0x80, key_id)))


def _number(number: int) -> bytes:
    return _extension("2.5.29.20", der.integer(number))


def _point(url: str) -> bytes:
    """CRLDistributionPoints with one point, whose fullName is one URI (4.2.1.13)."""
    name = der.tlv(0xA0, der.tlv(0xA0, der.tlv(0x86, url.encode("ascii"))))
    return der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, name))


def _extension(oid: str, value: bytes, critical: bytes = b"") -> bytes:
    return der.tlv(der.SEQUENCE, der.oid(oid), critical, der.tlv(der.OCTET_STRING, value))
