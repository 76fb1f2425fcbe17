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
