"""Certificates alone in a CMS SignedData that nobody signs (RFC 5272, 4.1: a Simple PKI Response)."""

from __future__ import annotations

from collections.abc import Iterable

from tokenmgr.pki import der

_SIGNED_DATA = "1.2.840.113549.1.7.2"
_DATA = "1.2.840.113549.1.7.1"
_EXPLICIT_0 = _CERTIFICATES = 0xA0


def certs_only(certificates: Iterable[bytes]) -> bytes:
    """Version 1 is that of X.509 certificates alone (RFC 5652, 5.1). They are a SET OF, so in DER's order."""
    content = der.tlv(
        der.SEQUENCE,
        der.integer(1),
        der.tlv(der.SET),
        der.tlv(der.SEQUENCE, der.oid(_DATA)),
        der.tlv(_CERTIFICATES, *sorted(set(certificates))),
        der.tlv(der.SET),
    )
    return der.tlv(der.SEQUENCE, der.oid(_SIGNED_DATA), der.tlv(_EXPLICIT_0, content))
