"""The last list of a CA that is closed: read back and checked, while there is still a key to make another with."""

from __future__ import annotations

from datetime import datetime

from cryptography import x509

from tokenmgr.errors import ListUnfit


def check(der: bytes, issuing: bytes, entries: int, number: int, ends: datetime) -> None:
    """By another reader than it was written with. It has so many `entries` at least: what expired stays on one more
    list (RFC 5280, 3.3). `ends`: of the last certificate that it speaks of."""
    try:
        read = x509.load_der_x509_crl(der)
        issuer = x509.load_der_x509_certificate(issuing)
        if read.issuer != issuer.subject or not read.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type]
            raise ListUnfit(reason="list-signature")
        numbered = read.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except (ValueError, TypeError, x509.ExtensionNotFound) as error:
        raise ListUnfit(reason="read-back") from error
    if len(read) < entries or numbered != number:
        raise ListUnfit(reason="read-back")
    if read.next_update_utc is None or read.next_update_utc <= ends:
        raise ListUnfit(reason="times")
