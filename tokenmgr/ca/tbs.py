"""A certificate that is to be signed, taken apart (RFC 5280, 4.1): each part as its own bytes, nothing interpreted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from tokenmgr.pki import der
from tokenmgr.pki.der import Element, Malformed

_VERSION, _EXTENSIONS = 0xA0, 0xA3


@dataclass(frozen=True)
class Extension:
    oid: bytes  # the whole element
    critical: bytes  # the whole BOOLEAN, empty where there is none
    value: bytes  # what is in the OCTET STRING


@dataclass(frozen=True)
class Tbs:
    parts: tuple[Element, ...]  # all of it, in its order
    version: bytes
    serial: Element
    algorithm: bytes
    issuer: bytes
    not_before: Element
    not_after: Element
    subject: bytes
    public_key: bytes
    extensions: tuple[Extension, ...]
    others: tuple[Element, ...]  # what has no place in it

    def values(self, oid: str) -> list[bytes]:
        wanted = der.oid(oid)
        return [extension.value for extension in self.extensions if extension.oid == wanted]

    def value(self, oid: str) -> bytes:
        """Malformed where it is not there exactly once."""
        (found,) = self.values(oid) if len(self.values(oid)) == 1 else (None,)
        if found is None:
            raise Malformed(oid)
        return found


def read_tbs(data: bytes) -> Tbs:
    parts = der.children(data)
    version = parts[0].body if parts and parts[0].tag == _VERSION else b""
    body = parts[1:] if version else parts
    if len(body) < 6:
        raise Malformed("too few parts")
    serial, algorithm, issuer, validity, subject, public_key, *rest = body
    not_before, not_after = two(der.children(validity.whole))
    found = [part for part in rest if part.tag == _EXTENSIONS]
    inside = [one for part in found for one in der.children(part.body)]
    return Tbs(
        parts=tuple(parts),
        version=version,
        serial=serial,
        algorithm=algorithm.whole,
        issuer=issuer.whole,
        not_before=not_before,
        not_after=not_after,
        subject=subject.whole,
        public_key=public_key.whole,
        extensions=tuple(_extension(one) for one in inside),
        others=tuple(part for part in rest if part.tag != _EXTENSIONS or len(found) > 1),
    )


def _extension(element: Element) -> Extension:
    parts = der.children(element.whole)
    if len(parts) not in (2, 3) or parts[0].tag != der.OID or parts[-1].tag != der.OCTET_STRING:
        raise Malformed("an extension")
    return Extension(parts[0].whole, parts[1].whole if len(parts) == 3 else b"", parts[-1].body)


def two(found: list[Element]) -> tuple[Element, Element]:
    if len(found) != 2:
        raise Malformed("two parts are expected")
    return found[0], found[1]


def moment(time: Element) -> datetime:
    """RFC 5280, 4.1.2.5: in UTC, to the second, never more and never less."""
    text = time.body.decode("ascii", errors="replace")
    if time.tag == der.UTC_TIME and len(text) == 13:
        text = ("19" if text[:2] >= "50" else "20") + text
    elif time.tag != der.GENERALIZED_TIME:
        raise Malformed("a time")
    if len(text) != 15 or not text[:14].isdigit() or not text.isascii() or text[14] != "Z":
        raise Malformed("a time")
    year, month, day, hour, minute, second = (int(text[at : at + 2]) for at in (2, 4, 6, 8, 10, 12))
    return datetime(int(text[:2]) * 100 + year, month, day, hour, minute, second, tzinfo=UTC)


def time_of(when: datetime) -> bytes:
    """As it must be written: UTCTime through 2049, GeneralizedTime from 2050 on."""
    text = when.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode("ascii")
    return der.tlv(der.UTC_TIME, text[2:]) if when.astimezone(UTC).year < 2050 else der.tlv(der.GENERALIZED_TIME, text)


def names(name: bytes) -> list[tuple[bytes, Element]]:
    """The attributes of a Name, in order: the type's own bytes, and the value."""
    found = []
    for rdn in der.children(name):
        for pair in der.children(rdn.whole, der.SET):
            kind, value = two(der.children(pair.whole))
            found.append((kind.whole, value))
    return found
