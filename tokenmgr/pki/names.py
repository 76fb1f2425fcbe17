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
    but C (RFC 5280, 4.1.2.4 and appendix A)."""
    # Not validated: `cryptography` counts the bounds of RFC 5280 in bytes, of which a kanji has three.
    from cryptography import x509 as builder  # here: whoever only reads names starts faster without
    from cryptography.x509.oid import NameOID

    pairs = (
        (NameOID.COUNTRY_NAME, "JP"),
        (NameOID.ORGANIZATION_NAME, bank),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, f"{code}-{contract}"),
        (NameOID.COMMON_NAME, user),
    )
    return builder.Name([builder.NameAttribute(kind, value, _validate=False) for kind, value in pairs]).public_bytes()
