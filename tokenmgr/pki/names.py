"""A Name as one line, in the short forms that people know: CN=…, O=…, C=JP (RFC 4514, 3), in its own order."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tokenmgr.domain.holding import Whose
from tokenmgr.pki import der, plain

if TYPE_CHECKING:
    from asn1crypto import x509

SHORT = {
    "common_name": "CN",
    "organization_name": "O",
    "organizational_unit_name": "OU",
    "country_name": "C",
    "state_or_province_name": "ST",
    "locality_name": "L",
    "serial_number": "serialNumber",
    "email_address": "emailAddress",
}


def one_line(name: x509.Name) -> str:
    parts = []
    for rdn in name.chosen:
        for pair in rdn:
            kind = pair["type"].native
            parts.append(f"{SHORT.get(kind, kind)}={pair['value'].native}")
    return ", ".join(parts)


def holder_of(subject: bytes) -> Whose | None:
    """Of a name that `subscriber_name` has written; None for any other."""
    told = dict(pairs_of(subject))
    found = re.fullmatch(r"([0-9]{4})-(.+)", told.get("organizational_unit_name", ""))
    if not found or set(told) != {"country_name", "organization_name", "organizational_unit_name", "common_name"}:
        return None
    return Whose(found[1], found[2], told["common_name"], bank_name=told["organization_name"])


def common_name(name: bytes) -> str:
    """The last one; empty where there is none."""
    return dict(pairs_of(name)).get("common_name", "")


def pairs_of(subject: bytes) -> plain.Pairs:
    try:
        return plain.pairs(subject)
    except plain.Unusual:
        from asn1crypto import x509  # here: it takes longer to load than a medium takes to answer

        found = [pair for rdn in x509.Name.load(subject).chosen for pair in rdn]
        return [(pair["type"].native, str(pair["value"].native)) for pair in found]


def subscriber_name(bank: str, code: str, contract: str, user: str) -> bytes:
    """The subject of a subscriber's certificate, DER: readable on a screen, and of nobody else in this CA. UTF8String,
    but C (RFC 5280, 4.1.2.4 and appendix A). By hand, since `cryptography` counts the bounds of RFC 5280 in bytes, of
    which a kanji has three."""
    pairs = ((6, der.PRINTABLE, "JP"), (10, der.UTF8, bank), (11, der.UTF8, f"{code}-{contract}"), (3, der.UTF8, user))
    return der.tlv(der.SEQUENCE, *(der.tlv(der.SET, der.tlv(der.SEQUENCE, _attribute(*one))) for one in pairs))


def _attribute(kind: int, tag: int, text: str) -> bytes:
    """id-at (2.5.4) and its value (RFC 5280, appendix A)."""
    return bytes((der.OID, 3, 0x55, 4, kind)) + der.tlv(tag, text.encode())
