"""A name as people write it -> DER, and back.

CN=太郎,O=みほん株式会社,C=JP      RFC 4514: what is named last comes first in the name; quotes as Windows has them
/C=JP/O=みほん株式会社/CN=太郎     as for `openssl req -subj`: in its own order
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from tokenmgr.errors import RequestWrong
from tokenmgr.pki import der


@dataclass(frozen=True)
class Type:
    """`longest`: in characters, as RFC 5280, appendix A has it where it does."""

    short: str
    oid: str
    longest: int = 255
    tag: int = der.UTF8


_ID_AT = {
    "CN": (3, 64), "SN": (4, 64), "serialNumber": (5, 64), "C": (6, 2), "L": (7, 128), "ST": (8, 128),
    "STREET": (9, 128), "O": (10, 64), "OU": (11, 64), "title": (12, 64), "description": (13, 1024),
    "businessCategory": (15, 128), "postalCode": (17, 40), "GN": (42, 64), "initials": (43, 64),
    "generationQualifier": (44, 64), "dnQualifier": (46, 64), "pseudonym": (65, 128),
    "organizationIdentifier": (97, 256),
}  # fmt: skip
_PRINTABLE_ONLY = {"C", "serialNumber", "dnQualifier"}  # RFC 5280, appendix A
_TYPES = [
    *(
        Type(short, f"2.5.4.{arc}", longest, der.PRINTABLE if short in _PRINTABLE_ONLY else der.UTF8)
        for short, (arc, longest) in _ID_AT.items()
    ),
    Type("UID", "0.9.2342.19200300.100.1.1", 256),
    Type("DC", "0.9.2342.19200300.100.1.25", 63, der.IA5),
    Type("emailAddress", "1.2.840.113549.1.9.1", 255, der.IA5),
]
_BY_OID = {one.oid: one for one in _TYPES}
_ALSO = {  # as Windows, OpenSSL and LDAP call them too
    "E": "emailAddress", "EMAIL": "emailAddress", "S": "ST", "STREETADDRESS": "STREET", "T": "title",
    "SURNAME": "SN", "GIVENNAME": "GN", "G": "GN", "I": "initials", "COMMONNAME": "CN", "ORGANIZATIONNAME": "O",
    "ORGANIZATIONALUNITNAME": "OU", "COUNTRYNAME": "C", "LOCALITYNAME": "L", "STATEORPROVINCENAME": "ST",
    "USERID": "UID", "DOMAINCOMPONENT": "DC",
}  # fmt: skip
_BY_SHORT = {one.short.upper(): one for one in _TYPES}
_BY_NAME = _BY_SHORT | {name: _BY_SHORT[short.upper()] for name, short in _ALSO.items()}

_KIND = r"\s*(?P<kind>[A-Za-z][A-Za-z0-9-]*|(?:OID\.)?[0-9]+(?:\.[0-9]+)+)\s*=\s*"
_ESCAPED = r"\\(?:[0-9A-Fa-f]{2}|[^0-9A-Za-z])"  # a letter after a backslash is a Windows domain, and no escape
_QUOTED = rf'"(?:{_ESCAPED}|""|[^"\\])*"'
_COMMAS = re.compile(rf'{_KIND}(?P<value>{_QUOTED}|(?:{_ESCAPED}|[^\\,;+"])*?)\s*(?P<next>[,;+]|$)', re.S)
_SLASHES = re.compile(rf"{_KIND}(?P<value>(?:{_ESCAPED}|[^\\/+])*?)\s*(?P<next>[/+]|$)", re.S)
_UNPRINTABLE = re.compile(r"[^A-Za-z0-9 '()+,\-./:=?]")  # X.680, 41.4


class _Pair(NamedTuple):
    kind: Type
    value: bytes  # DER

    @property
    def whole(self) -> bytes:
        return der.tlv(der.SEQUENCE, der.oid(self.kind.oid), self.value)


def read_name(text: str) -> bytes:
    """DER of a Name (RFC 5280, 4.1.2.4). RequestWrong says what of it nobody can read."""
    slashes = text.lstrip().startswith("/")
    rdns = _rdns(text.lstrip()[1:], _SLASHES) if slashes else _rdns(text, _COMMAS)[::-1]
    return der.tlv(der.SEQUENCE, *(der.tlv(der.SET, *sorted(pair.whole for pair in rdn)) for rdn in rdns))


def _rdns(text: str, form: re.Pattern[str]) -> list[list[_Pair]]:
    """An RDN of several values is a set, and so in the order of DER (X.690, 11.6)."""
    if not text.strip():
        raise RequestWrong(reason="request-subject-missing")
    rdns: list[list[_Pair]] = [[]]
    at, is_more = 0, True
    while is_more:
        found = form.match(text, at)
        if found is None:
            raise RequestWrong(reason="request-name", subject=text[at:].strip())
        rdns[-1].append(_pair(found["kind"], found["value"], may_be_hex=form is _COMMAS))
        at, is_more = found.end(), bool(found["next"])
        if is_more and found["next"] != "+":
            rdns.append([])
    return rdns


def _pair(name: str, value: str, may_be_hex: bool) -> _Pair:
    kind = _type(name)
    if may_be_hex and value.startswith("#"):
        return _Pair(kind, _of_hex(value))
    plain = _unescaped(value)
    if wrong := _fault(kind, plain):
        raise RequestWrong(reason=wrong, subject=f"{name}={value}")
    return _Pair(kind, der.tlv(kind.tag, plain.encode()))


def _type(name: str) -> Type:
    dotted = name.upper().removeprefix("OID.")
    known = _BY_NAME.get(dotted) or _BY_OID.get(dotted)
    if known is not None:
        return known
    first, second = [*dotted.split("."), "x"][:2]
    if not first.isdigit() or int(first) > 2 or (int(first) < 2 and int(second) > 39):  # X.660, A.2
        raise RequestWrong(reason="request-type", subject=name)
    return Type(dotted, dotted, 1024)


def _of_hex(value: str) -> bytes:
    """RFC 4514, 2.4: the value's own DER."""
    try:
        found = bytes.fromhex(value[1:])
    except ValueError:
        found = b""
    if der.faults(found):
        raise RequestWrong(reason="request-name", subject=value)
    return found


def _unescaped(value: str) -> str:
    if value.startswith('"'):
        value = value[1:-1].replace('""', '"')
    try:
        escape = re.compile(rb"\\([0-9A-Fa-f]{2}|.)", re.S)
        return escape.sub(_octet, value.encode()).decode()
    except UnicodeError as error:
        raise RequestWrong(reason="request-characters", subject=value) from error


def _octet(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode()) if len(found[1]) == 2 else found[1]


def _fault(kind: Type, text: str) -> str:
    """What a CA would refuse it for; names a text."""
    if not text.strip():
        return "request-empty"
    if not text.isprintable() or (kind.tag == der.PRINTABLE and _UNPRINTABLE.search(text)):
        return "request-characters"
    if kind.tag == der.IA5 and not text.isascii():
        return "request-characters"
    if kind.short == "C" and not re.fullmatch("[A-Z]{2}", text):
        return "request-country"
    return "request-long" if len(text) > kind.longest else ""


def written_name(name: bytes) -> str:
    """RFC 4514, so that `read_name` makes the same bytes of it: what it would write otherwise is written in hex."""
    return ",".join("+".join(map(_written, der.children(rdn.whole, der.SET))) for rdn in der.children(name)[::-1])


def _written(pair: der.Element) -> str:
    oid, value = der.elements(pair.body)
    kind = _BY_OID.get(der.dotted(oid))
    text = value.body.decode(errors="replace")
    if kind is None or value.tag != kind.tag or text.encode() != value.body or _fault(kind, text):
        return f"{kind.short if kind else der.dotted(oid)}=#{value.whole.hex()}"
    escaped = re.sub(r'(["+,;<>\\]|^[# ]| $)', r"\\\1", text)
    return f"{kind.short}={escaped}"
