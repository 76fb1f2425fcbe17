"""DER as we write and read it ourselves (X.690, 10 and 11): tags of one byte, definite and shortest lengths.

Ours, because what is about to be signed is read by other code than wrote it, and each part's own bytes are wanted.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID, ENUMERATED = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0A
UTF8, PRINTABLE, IA5, UTC_TIME, GENERALIZED_TIME, SEQUENCE, SET = 0x0C, 0x13, 0x16, 0x17, 0x18, 0x30, 0x31
CONSTRUCTED = 0x20


class Malformed(ValueError):
    """Not DER, or not what is expected at this place."""


class Element(NamedTuple):
    tag: int
    body: bytes
    whole: bytes


def tlv(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return bytes((tag,)) + length(len(body)) + body


def length(size: int) -> bytes:
    if size < 0x80:
        return bytes((size,))
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets


def integer(value: int, tag: int = INTEGER) -> bytes:
    return tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


@functools.cache
def oid(dotted: str) -> bytes:
    """The whole element. Arcs of any size: those below 2.25 have 128 bits (ITU-T X.667)."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    body = bytearray()
    for arc in (first * 40 + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(arc & 0x7F | 0x80)
        body += bytes(reversed(groups))
    return tlv(OID, bytes(body))


def read(data: bytes, at: int = 0) -> tuple[Element, int]:
    """The element that begins here, and where the next one would."""
    try:
        tag, size = data[at], data[at + 1]
        start = at + 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(data[at + 2 : start], "big")
            if data[at + 1 : start] != length(size):
                raise Malformed("a length that is not the shortest")
    except IndexError as error:
        raise Malformed("cut short") from error
    end = start + size
    if end > len(data) or tag & 0x1F == 0x1F:
        raise Malformed("cut short" if end > len(data) else "a tag of more than one byte")
    return Element(tag, data[start:end], data[at:end]), end


def elements(data: bytes) -> list[Element]:
    found, at = [], 0
    while at < len(data):
        element, at = read(data, at)
        found.append(element)
    return found


def only(data: bytes, tag: int) -> Element:
    """One element of this tag, and nothing after it."""
    element, end = read(data)
    if end != len(data) or element.tag != tag:
        raise Malformed(f"one {tag:#04x} is expected")
    return element


def children(data: bytes, tag: int = SEQUENCE) -> list[Element]:
    return elements(only(data, tag).body)


def unsigned(element: Element) -> int:
    """Of an INTEGER that is not negative."""
    if element.tag != INTEGER or not element.body or element.body[0] & 0x80 or faults(element.whole):
        raise Malformed("an INTEGER, not negative, is expected")
    return int.from_bytes(element.body, "big")


@functools.lru_cache(maxsize=4096)
def faults(whole: bytes) -> tuple[str, ...]:
    """Everything that keeps an element from being DER, however deep. What is often the same is looked at once."""
    try:
        element = only(whole, whole[0] if whole else 0)
    except Malformed as error:
        return (str(error),)
    if not element.tag & CONSTRUCTED:
        return _primitive(element)
    try:
        inside = elements(element.body)
    except Malformed as error:
        return (str(error),)
    found = [fault for one in inside for fault in faults(one.whole)]
    encoded = [one.whole for one in inside]
    if element.tag == SET and encoded != sorted(encoded):  # X.690, 11.6
        found.append("a SET OF that is not sorted")
    return tuple(found)


def _primitive(element: Element) -> tuple[str, ...]:
    tag, body = element.tag, element.body
    match tag:
        case 0x01 if body not in (b"\x00", b"\xff"):  # X.690, 11.1
            return ("a BOOLEAN that is neither 00 nor FF",)
        case 0x02 | 0x0A if not body or (len(body) > 1 and body[0] == (0xFF if body[1] & 0x80 else 0)):  # 8.3.2
            return ("an INTEGER that is not the shortest",)
        case 0x03 if not _is_bit_string(body):  # 8.6.2, 11.2.1
            return ("a BIT STRING whose unused bits are not 0",)
        case 0x05 if body:
            return ("a NULL that is not empty",)
        case 0x06 if not body or body[-1] & 0x80 or _has_idle_octet(body):  # 8.19.2
            return ("an OBJECT IDENTIFIER that is not the shortest",)
        case 0x10 | 0x11:
            return ("a SEQUENCE or SET without its parts",)
    return ()


def _is_bit_string(body: bytes) -> bool:
    if not body or body[0] > 7 or (len(body) == 1 and body[0]):
        return False
    return not body[-1] & ((1 << body[0]) - 1) or len(body) == 1


def _has_idle_octet(body: bytes) -> bool:
    begins = True
    for octet in body:
        if begins and octet == 0x80:
            return True
        begins = not octet & 0x80
    return False


@functools.lru_cache(maxsize=256)
def dotted(element: Element) -> str:
    """Of an OBJECT IDENTIFIER."""
    if element.tag != OID or faults(element.whole):
        raise Malformed("an OBJECT IDENTIFIER is expected")
    arcs, arc = [], 0
    for octet in element.body:
        arc = arc << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - first * 40, *arcs[1:])))
