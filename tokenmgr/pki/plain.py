"""The usual certificate, read by hand: X.509 v3, one attribute an RDN, names and times as RFC 5280 has them.

`asn1crypto` takes longer to load than a medium takes to answer. So what is usual is read here, and all else is left to
it by raising Unusual: nothing is refused here, and what both read they read alike (a test holds that).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from tokenmgr.domain.arc import REHEARSAL
from tokenmgr.domain.credential import CertificateFacts
from tokenmgr.pki import der

Pairs = list[tuple[str, str]]

_KINDS = {
    "2.5.4.3": "common_name",
    "2.5.4.10": "organization_name",
    "2.5.4.11": "organizational_unit_name",
    "2.5.4.6": "country_name",
    "2.5.4.8": "state_or_province_name",
    "2.5.4.7": "locality_name",
}
_BASIC_CONSTRAINTS, _PURPOSES = "2.5.29.19", "2.5.29.37"
# Those that CAs put in; what others say may be anything.
_EXTENSIONS = {_BASIC_CONSTRAINTS, *(f"2.5.29.{n}" for n in (14, 15, 17, 31, 32, 35, 37)), "1.3.6.1.5.5.7.1.1"}
_TIMES = {der.UTC_TIME: re.compile(rb"\d{12}Z"), der.GENERALIZED_TIME: re.compile(rb"\d{14}Z")}
_VERSION_3 = bytes((0xA0, 3, 2, 1, 2))


class Unusual(ValueError):
    """For the other reader to judge."""


def facts(data: bytes) -> CertificateFacts:
    try:
        return _facts(data)
    except (ValueError, IndexError, RecursionError) as error:
        raise Unusual(str(error)) from error


def pairs(name: bytes) -> Pairs:
    """Of a Name: kind and text, in their order."""
    try:
        return [_pair(rdn) for rdn in der.children(name)]
    except (ValueError, IndexError, RecursionError) as error:
        raise Unusual(str(error)) from error


def one_line(found: Pairs, short: dict[str, str]) -> str:
    return ", ".join(f"{short.get(kind, kind)}={text}" for kind, text in found)


def _facts(data: bytes) -> CertificateFacts:
    from tokenmgr.pki.names import SHORT

    body, _, signature = der.children(data)
    if signature.tag != der.BIT_STRING:
        raise Unusual("signature")
    version, serial, _, issuer, validity, subject, key, *rest = der.elements(body.body)
    if version.whole != _VERSION_3 or key.tag != der.SEQUENCE or body.tag != der.SEQUENCE:
        raise Unusual("no v3")
    starts, ends = map(_moment, der.children(validity.whole))
    extensions = _extensions(rest)
    return CertificateFacts(
        der=data,
        subject=one_line(pairs(subject.whole), SHORT),
        issuer=one_line(pairs(issuer.whole), SHORT),
        serial_number=der.unsigned(serial),
        not_before=starts,
        not_after=ends,
        public_key=key.whole,
        is_authority=_is_authority(extensions),
        subject_der=subject.whole,
        issuer_der=issuer.whole,
        serial_der=serial.whole,
        is_rehearsal=_is_rehearsal(extensions),
    )


def _pair(rdn: der.Element) -> tuple[str, str]:
    (attribute,) = der.children(rdn.whole, der.SET)
    kind, value = der.children(attribute.whole)
    if value.tag not in (der.UTF8, der.PRINTABLE):
        raise Unusual("a string of another kind")
    named = _KINDS.get(der.dotted(kind))
    if named is None:
        raise Unusual("another attribute")
    return named, value.body.decode("utf-8" if value.tag == der.UTF8 else "ascii")


def _moment(element: der.Element) -> datetime:
    form = _TIMES.get(element.tag)
    if form is None or not form.fullmatch(element.body):
        raise Unusual("a time of another form")
    text = element.body.decode("ascii")
    if element.tag == der.UTC_TIME:  # RFC 5280, 4.1.2.5.1
        text = ("19" if text >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _extensions(rest: list[der.Element]) -> dict[str, bytes]:
    if len(rest) != 1 or rest[0].tag != 0xA3:
        raise Unusual("no extensions, or unique identifiers")
    found: dict[str, bytes] = {}
    for extension in der.children(rest[0].body):
        kind, *critical, value = der.children(extension.whole)
        name = der.dotted(kind)
        wrong = value.tag != der.OCTET_STRING or any(one.whole != b"\x01\x01\xff" for one in critical)
        if wrong or name not in _EXTENSIONS or name in found or len(critical) > 1 or der.faults(value.body):
            raise Unusual("an extension")
        found[name] = value.body
    return found


def _is_rehearsal(found: dict[str, bytes]) -> bool:
    purposes = der.children(found[_PURPOSES]) if _PURPOSES in found else []
    if any(one.tag != der.OID for one in purposes):
        raise Unusual("purposes")
    return any(one.whole == der.oid(REHEARSAL) for one in purposes)


def _is_authority(found: dict[str, bytes]) -> bool:
    told = der.children(found[_BASIC_CONSTRAINTS]) if _BASIC_CONSTRAINTS in found else []
    if any(one.tag not in (der.BOOLEAN, der.INTEGER) for one in told[:2]) or len(told) > 2:
        raise Unusual("basic constraints")
    return bool(told) and told[0].whole == b"\x01\x01\xff"
