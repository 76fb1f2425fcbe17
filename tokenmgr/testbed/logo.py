"""A logo for a bank that there is not: a plain shape on its colour, as a PNG (ISO/IEC 15948)."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable
from enum import Enum

SIDE = 96
WHITE = (255, 255, 255)
Colour = tuple[int, int, int]


class Shape(Enum):
    DISC = "disc"
    GATE = "gate"


def logo(colour: Colour, shape: Shape) -> bytes:
    is_white = _SHAPES[shape]
    rows = (b"".join(bytes(WHITE if is_white(x, y) else colour) for x in range(SIDE)) for y in range(SIDE))
    head = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)  # 8 bits each of red, green and blue
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 9)  # each row unfiltered
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _is_disc(x: int, y: int) -> bool:
    """A ring with its middle filled."""
    from_middle = math.hypot(x - 47.5, y - 47.5)
    return from_middle < 14 or 24 < from_middle < 34


def _is_gate(x: int, y: int) -> bool:
    """Two posts under two beams."""
    is_post = 26 <= y < 80 and (28 <= x < 36 or 60 <= x < 68)
    return is_post or (20 <= y < 28 and 14 <= x < 82) or (40 <= y < 46 and 20 <= x < 76)


_SHAPES: dict[Shape, Callable[[int, int], bool]] = {Shape.DISC: _is_disc, Shape.GATE: _is_gate}
