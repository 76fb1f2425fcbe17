"""A certificate's bytes -> CertificateFacts. What plain.py leaves is asn1crypto's, which hands out each part's own
bytes, too."""

from __future__ import annotations

from datetime import datetime

from tokenmgr.domain.arc import REHEARSAL
from tokenmgr.domain.credential import CertificateFacts
from tokenmgr.errors import NotACertificate
from tokenmgr.pki import plain
from tokenmgr.pki.names import one_line


def certificate_facts(der: bytes) -> CertificateFacts:
    """Raises NotACertificate for all that is not one whole DER certificate (RFC 5280, 4.1), trailing bytes included."""
    try:
        return plain.facts(bytes(der))
    except plain.Unusual:
        return thorough_facts(der)


def thorough_facts(der: bytes) -> CertificateFacts:
    from asn1crypto import x509  # here: it takes longer to load than a medium takes to answer
    from asn1crypto.core import Integer

    try:
        certificate = x509.Certificate.load(bytes(der), strict=True)
        body = certificate["tbs_certificate"]
        starts, ends = (body["validity"][name].native for name in ("not_before", "not_after"))
        if body["version"].native not in ("v1", "v2", "v3") or not all(_is_moment(one) for one in (starts, ends)):
            raise ValueError("a version or a time that X.509 does not have")
        return CertificateFacts(
            der=bytes(der),
            subject=one_line(body["subject"]),
            issuer=one_line(body["issuer"]),
            serial_number=body["serial_number"].native,
            not_before=starts,
            not_after=ends,
            public_key=body["subject_public_key_info"].dump(),
            is_authority=bool(certificate.ca),
            subject_der=body["subject"].dump(),
            issuer_der=body["issuer"].dump(),
            serial_der=Integer(body["serial_number"].native).dump(),
            is_rehearsal=any(one.dotted == REHEARSAL for one in certificate.extended_key_usage_value or ()),
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, IndexError) as error:
        raise NotACertificate(reason=type(error).__name__) from error


def _is_moment(value: object) -> bool:
    """A time with its zone, in the years that there are; asn1crypto has stand-ins for the others."""
    return type(value) is datetime and value.tzinfo is not None
