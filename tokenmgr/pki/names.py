"""A Name as one line, in the short forms that people know: CN=…, O=…, C=JP (RFC 4514, 3), in its own order."""

from __future__ import annotations

from asn1crypto import x509

_SHORT = {
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
            parts.append(f"{_SHORT.get(kind, kind)}={pair['value'].native}")
    return ", ".join(parts)


def subscriber_name(bank: str, code: str, contract: str, user: str) -> bytes:
    """The subject of a subscriber's certificate, DER: readable on a screen, and of nobody else in this CA. UTF8String,
    but C (RFC 5280, 4.1.2.4 and appendix A). By hand, since `cryptography` counts the bounds of RFC 5280 in bytes, of
    which a kanji has three."""
    pairs = ((6, 0x13, "JP"), (10, 0x0C, bank), (11, 0x0C, f"{code}-{contract}"), (3, 0x0C, user))
    return _tlv(0x30, b"".join(_tlv(0x31, _tlv(0x30, _attribute(*one))) for one in pairs))


def _attribute(kind: int, tag: int, text: str) -> bytes:
    """id-at (2.5.4) and its value (RFC 5280, appendix A)."""
    return bytes((0x06, 3, 0x55, 4, kind)) + _tlv(tag, text.encode())


def _tlv(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size + content
