"""What the CA wants to know of a certificate of its own."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime

from tokenmgr.ca.tbs import moment, names, read_tbs
from tokenmgr.pki import der

_LINE = 64  # RFC 7468, 2


@dataclass(frozen=True)
class Certificate:
    der: bytes
    serial: int
    subject: bytes
    issuer: bytes
    public_key: bytes
    key_id: bytes  # its subjectKeyIdentifier
    not_before: datetime
    not_after: datetime

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.der).hexdigest()

    @property
    def name(self) -> str:
        """Its common name, for people."""
        found = [value.body.decode("utf-8", errors="replace") for kind, value in names(self.subject)]
        return found[-1] if found else ""


def read_certificate(data: bytes) -> Certificate:
    """der.Malformed where it is none, or one without a subjectKeyIdentifier."""
    body, _algorithm, _signature = _three(data)
    tbs = read_tbs(body)
    return Certificate(
        der=data,
        serial=der.unsigned(tbs.serial),
        subject=tbs.subject,
        issuer=tbs.issuer,
        public_key=tbs.public_key,
        key_id=der.only(tbs.value("2.5.29.14"), der.OCTET_STRING).body,
        not_before=moment(tbs.not_before),
        not_after=moment(tbs.not_after),
    )


def _three(data: bytes) -> tuple[bytes, bytes, bytes]:
    parts = der.children(data)
    if len(parts) != 3 or parts[2].tag != der.BIT_STRING:
        raise der.Malformed("a certificate has three parts")
    return parts[0].whole, parts[1].whole, parts[2].body[1:]


def to_pem(data: bytes) -> str:
    text = base64.b64encode(data).decode("ascii")
    lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
    return "\n".join(("-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""))


def from_pem(text: str) -> bytes:
    """Of a file that has one certificate and nothing else. ValueError where it is anything else."""
    lines = text.split()
    if " ".join(lines[:2] + lines[-2:]) != "-----BEGIN CERTIFICATE----- -----END CERTIFICATE-----":
        raise ValueError("not one certificate in PEM")
    return base64.b64decode("".join(lines[2:-2]), validate=True)
