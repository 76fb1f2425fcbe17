"""Certificates as CAs hand them out: DER, PEM with words around it, PKCS#7. Its content says which, not its name."""

from __future__ import annotations

import base64
import re

from tokenmgr.errors import BundleUnfit, NotACertificate, PrivateKeyInside
from tokenmgr.pki import der
from tokenmgr.pki.facts import certificate_facts

LONGEST = 1 << 20  # bytes: some hundred certificates
_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 #]+)-----")
_PKCS7_LABELS = {"PKCS7", "PKCS #7 SIGNED DATA", "CMS"}
_CERTIFICATE_LABELS = {"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"}
_SIGNED_DATA = der.oid("1.2.840.113549.1.7.2")


def certificates_in(data: bytes, file: str) -> list[bytes]:
    """DER, in their order, and each of them one that can be read. `file` is for the words of an error."""
    if len(data) > LONGEST:
        raise BundleUnfit(file=file, reason="bundle-long")
    data = _as_bytes(data)
    found = _of_pem(data, file) if _BEGIN.search(data) else _of_der(data, file)
    if not found:
        raise BundleUnfit(file=file, reason="bundle-empty")
    for one in found:
        try:
            certificate_facts(one)
        except NotACertificate as error:
            raise BundleUnfit(file=file, reason="bundle-damaged") from error
    return list(dict.fromkeys(found))


def _as_bytes(data: bytes) -> bytes:
    """Windows PowerShell writes text in UTF-16."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace").encode()
    return data


def _of_pem(data: bytes, file: str) -> list[bytes]:
    """Requests, lists and the like are other people's."""
    found: list[bytes] = []
    for begin in _BEGIN.finditer(data):
        label = begin[1].decode()
        if label.endswith("PRIVATE KEY"):
            raise PrivateKeyInside(file=file)
        if label not in _PKCS7_LABELS | _CERTIFICATE_LABELS:
            continue
        end = data.find(b"-----END " + begin[1] + b"-----", begin.end())
        block = _decoded(data[begin.end() : end], file) if end >= 0 else b""
        if label in _PKCS7_LABELS:
            found += _of_pkcs7(block, file)
        elif label == "TRUSTED CERTIFICATE":  # OpenSSL puts its own words after it
            found.append(_first(block, file))
        else:
            found.append(block)
    return found


def _decoded(text: bytes, file: str) -> bytes:
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except ValueError as error:
        raise BundleUnfit(file=file, reason="bundle-damaged") from error


def _first(data: bytes, file: str) -> bytes:
    try:
        return der.read(data)[0].whole
    except der.Malformed as error:
        raise BundleUnfit(file=file, reason="bundle-damaged") from error


def _of_der(data: bytes, file: str) -> list[bytes]:
    """By the first thing inside: a certificate has a SEQUENCE there, PKCS#7 an OID; PKCS#12 and PKCS#8 a version."""
    if data[:1] != bytes((der.SEQUENCE,)) or len(data) < 4:
        raise BundleUnfit(file=file, reason="bundle-empty")
    inside = 2 + (data[1] & 0x7F if data[1] & 0x80 else 0)
    first = data[inside : inside + 1]
    if first == bytes((der.INTEGER,)):
        raise PrivateKeyInside(file=file)
    return _of_pkcs7(data, file) if first == bytes((der.OID,)) else [data]


def _of_pkcs7(data: bytes, file: str) -> list[bytes]:
    """RFC 5652, 5: what it signs, and who, is nobody's business here. Some write it as BER."""
    from asn1crypto import cms  # here: it takes longer to load than a medium takes to answer

    try:
        content = cms.ContentInfo.load(data, strict=True)
        if content["content_type"].dump() != _SIGNED_DATA:
            raise BundleUnfit(file=file, reason="bundle-empty")
        certificates = content["content"]["certificates"]
        return [one.chosen.dump() for one in certificates if one.name == "certificate"]
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
        raise BundleUnfit(file=file, reason="bundle-damaged") from error
