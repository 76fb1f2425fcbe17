"""DER in and out through `cryptography.hazmat.asn1`, its errors translated once, and the bounds that come first."""

from __future__ import annotations

from typing import TypeVar

from cryptography.hazmat import asn1

from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.cmp.structures import Anything
from tokenmgr.pki.der import tlv as element

T = TypeVar("T")

MAX_MESSAGE = 64 * 1024
MAX_DEPTH = 16  # a template's subject, the deepest that is meant, is at 11
MAX_ELEMENTS = 4096  # sixteen certificates have some 1500


def check_shape(data: bytes) -> None:
    """The whole message in definite, shortest lengths, and within bounds, before anything is made of it. What stands
    in parts that are never decoded (RFC 4210, 5.1.3: all of it is DER) is walked as well. No recursion."""
    if len(data) > MAX_MESSAGE:
        raise _wrong("the message is too long")
    at, ends, elements = 0, [len(data)], 0
    while ends:
        if at == ends[-1]:
            ends.pop()
            continue
        elements += 1
        start, end = _contents(data, at, ends[-1])
        if data[at] & 0x20:
            ends.append(end)
            at = start
        else:
            at = end
        if len(ends) > MAX_DEPTH + 1 or elements > MAX_ELEMENTS:
            raise _wrong("too deep or too many elements")
        if len(ends) == 1 and at != len(data):
            raise _wrong("bytes after the end")


def _contents(data: bytes, at: int, limit: int) -> tuple[int, int]:
    """Where the contents of the element at `at` begin and end. Tags above 30 do not occur in CMP or X.509."""
    start = at + 2
    if start > limit or data[at] & 0x1F == 0x1F:
        raise _wrong("not DER: a tag")
    length = data[at + 1]
    if length >= 0x80:
        size = length & 0x7F
        if not 1 <= size <= 3 or start + size > limit:
            raise _wrong("not DER: a length")
        length = int.from_bytes(data[start : start + size], "big")
        start += size
        if length < (0x80 if size == 1 else 1 << 8 * (size - 1)):
            raise _wrong("not DER: a length that is not the shortest")
    if start + length > limit:
        raise _wrong("a length beyond the end")
    return start, start + length


def _wrong(text: str) -> ProtocolFault:
    return ProtocolFault(FailInfo.badDataFormat, text)


def decode(what: type[T], data: bytes) -> T:
    try:
        return asn1.decode_der(what, data)
    except (ValueError, OverflowError) as error:
        raise _wrong(f"not a {what.__name__}") from error


def within(what: type[T], element: asn1.TLV) -> T:
    return decode(what, asn1.encode_der(element))


encode = asn1.encode_der


def tlv(data: bytes) -> asn1.TLV:
    """One element as it is."""
    return decode(asn1.TLV, data)


def optional(element: Anything | None) -> bytes | None:
    return None if element is None else encode(element)


def optional_tlv(data: bytes | None) -> asn1.TLV | None:
    return None if data is None else tlv(data)


def wrap(contents: bytes, tag: int = 0x30) -> bytes:
    return element(tag, contents)


def unwrap(data: bytes) -> bytes:
    """The contents of one element."""
    return bytes(tlv(data).data)
