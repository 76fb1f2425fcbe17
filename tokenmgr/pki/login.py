"""What a login by TLS looks at: what a certificate may be used for, the parts of a name, and the CAs that a server asks
for."""

from __future__ import annotations

from collections.abc import Mapping

from tokenmgr.pki import der
from tokenmgr.pki.names import SHORT, pairs_of

CERTIFICATE_REQUEST = 13  # a handshake message (RFC 8446, 4)
_CERTIFICATE_AUTHORITIES = 47  # an extension of it (RFC 8446, 4.2.4)


def may_log_in(certificate: bytes) -> bool:
    """By its uses, as browsers read them: without any all are allowed; anyExtendedKeyUsage alone is not enough."""
    from asn1crypto import x509  # here: it takes longer to load than all of this file

    try:
        read = x509.Certificate.load(certificate, strict=True)
        uses, key = (one.native if one else None for one in (read.extended_key_usage_value, read.key_usage_value))
    except (ValueError, TypeError, KeyError):
        return False
    return (uses is None or "client_auth" in uses) and (key is None or "digital_signature" in key)


def parts(name: bytes) -> Mapping[str, tuple[str, ...]]:
    """What a Name, DER, says of each kind."""
    try:
        found = pairs_of(name)
    except (ValueError, TypeError, KeyError):
        return {}
    return {kind: tuple(text for each, text in found if each == kind) for kind, _ in found}


def one_line_of(name: bytes) -> str:
    """A Name, DER, for people; its hex where it is none. A stranger may have written it: nothing in it moves a
    terminal's cursor."""
    try:
        told = ", ".join(f"{SHORT.get(kind, kind)}={text}" for kind, text in pairs_of(name))
    except (ValueError, TypeError, KeyError):
        return name.hex()
    return "".join(one if one.isprintable() else "?" for one in told)


def authorities_asked(message: bytes, is_13: bool) -> list[bytes]:
    """The names in a CertificateRequest, DER; none: of any CA. Raises Malformed."""
    try:
        body = _vector(message, 1, 3)[0]
        return _of_13(body) if is_13 else _of_12(body)
    except IndexError as error:
        raise der.Malformed("cut short") from error


def _of_13(body: bytes) -> list[bytes]:
    """RFC 8446, 4.3.2: a context, and extensions."""
    _, at = _vector(body, 0, 1)
    extensions, _ = _vector(body, at, 2)
    at = 0
    while at < len(extensions):
        content, end = _vector(extensions, at + 2, 2)
        if int.from_bytes(extensions[at : at + 2], "big") == _CERTIFICATE_AUTHORITIES:
            return _names(_vector(content, 0, 2)[0])
        at = end
    return []


def _of_12(body: bytes) -> list[bytes]:
    """RFC 5246, 7.4.4: kinds of certificates, algorithms, names."""
    _, at = _vector(body, 0, 1)
    _, at = _vector(body, at, 2)
    return _names(_vector(body, at, 2)[0])


def _names(found: bytes) -> list[bytes]:
    names, at = [], 0
    while at < len(found):
        name, at = _vector(found, at, 2)
        names.append(name)
    return names


def _vector(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    """What is preceded by its length of so many bytes (RFC 8446, 3.4), and where it ends."""
    begin = at + size
    end = begin + int.from_bytes(data[at:begin], "big")
    if begin > len(data) or end > len(data):
        raise der.Malformed("cut short")
    return data[begin:end], end
