"""Messages between the program and the child process that holds a PKCS#11 library.

A frame is: its length, the length of its head (both 4 bytes, big-endian), the head (JSON), then the byte strings that
the head refers to as {"$": [start, end]}. JSON and slices, so that a library which scribbles over its child's memory
can at worst send nonsense; and a PIN travels in a buffer that is overwritten once it is sent.
"""

from __future__ import annotations

import json
import struct
from typing import IO, Any

from tokenmgr.log import Secret

_LENGTHS = struct.Struct(">II")
LARGEST = 64 * 1024 * 1024


def pack(message: dict[str, Any]) -> bytearray:
    body = bytearray()

    def refer(value: object) -> dict[str, list[int]]:
        if isinstance(value, Secret):
            value = value.reveal()
        if not isinstance(value, bytes | bytearray):
            raise TypeError(f"{type(value).__name__} does not go over the wire")
        start = len(body)
        body.extend(value)
        return {"$": [start, len(body)]}

    head = json.dumps(message, default=refer).encode()
    frame = bytearray(_LENGTHS.pack(_LENGTHS.size + len(head) + len(body), len(head)) + head)
    frame += body
    body[:] = bytes(len(body))
    return frame


def write(stream: IO[bytes], frame: bytearray) -> None:
    """All of it, and then nothing is left of it here."""
    try:
        unsent = memoryview(frame)
        while unsent:  # a raw pipe takes what it takes, on Windows less than was offered
            unsent = unsent[stream.write(unsent) :]
    finally:
        frame[:] = bytes(len(frame))


def read(stream: IO[bytes], kind: type[bytes] | type[bytearray] = bytes) -> dict[str, Any] | None:
    """The next message, or None where the other side has gone or talks nonsense. `kind` is what byte strings become:
    bytearray for the side that is sent PINs, so that it can overwrite them."""
    lengths = bytearray(_LENGTHS.size)
    if not _fill(stream, lengths):
        return None
    total, head_length = _LENGTHS.unpack(lengths)
    if not _LENGTHS.size + head_length <= total <= LARGEST:
        return None
    rest = bytearray(total - _LENGTHS.size)
    if not _fill(stream, rest):
        return None

    def resolve(pairs: dict[str, Any]) -> Any:
        if "$" not in pairs:
            return pairs
        start, end = pairs["$"]
        return kind(memoryview(rest)[head_length + start : head_length + end])

    try:
        message = json.loads(rest[:head_length], object_hook=resolve)
    except (ValueError, TypeError, RecursionError):
        return None
    finally:
        rest[:] = bytes(len(rest))
    return message if isinstance(message, dict) else None


def _fill(stream: IO[bytes], buffer: bytearray) -> bool:
    """Whole or not at all; a raw pipe gives what it has."""
    view = memoryview(buffer)
    while view:
        count = stream.readinto(view)  # type: ignore[attr-defined]
        if not count:
            return False
        view = view[count:]
    return True
