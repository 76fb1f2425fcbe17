"""What a request may cost once its head is there: a bounded body, so many at once; and where it is from."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from tokenmgr.errors import AuthorityBusy, RequestMalformed

SLOWEST_BODY = 15.0  # seconds for a whole body to arrive
TOO_SLOW = "the body came too slowly"


class Gate:
    """So many at once, once their bodies are in; the next is told to come back (503). Each kind of request has its own:
    no crowd at one shuts another."""

    def __init__(self, most: int) -> None:
        self._free = most

    def __enter__(self) -> None:
        if not self._free:
            raise AuthorityBusy
        self._free -= 1

    def __exit__(self, *_: object) -> None:
        self._free += 1


class Pace:
    """So many in a minute from one address, or of one ID, which the next minute forgets: no crowd at one keeps another
    out."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._minute, self._counts = 0, Counter[str]()

    def take(self, who: str, now: datetime) -> None:
        minute = int(now.timestamp()) // 60
        with self._lock:
            if minute != self._minute:
                self._minute, self._counts = minute, Counter()
            self._counts[who] += 1
            if self._counts[who] > self._most:
                raise AuthorityBusy


def origin(request: Request) -> str:
    """The address that the connection is from: what a header says of it is anybody's word."""
    return request.client.host if request.client else ""


async def body(request: Request, longest: int, kind: str) -> bytes:
    """Never more than `longest` bytes, never for longer than SLOWEST_BODY."""
    if not has_type(request.scope["headers"], kind):
        raise RequestMalformed(reason=f"Content-Type is {kind}")
    try:
        data = await read(request.receive, longest)
    except TimeoutError as error:
        raise RequestMalformed(reason=TOO_SLOW) from error
    if data is None:
        raise ClientDisconnect
    return data


def has_type(headers: Iterable[tuple[bytes, bytes]], kind: str) -> bool:
    for name, value in headers:
        if name == b"content-type":
            return value.partition(b";")[0].strip().lower() == kind.encode("ascii")
    return False


async def read(receive: Receive, longest: int) -> bytes | None:
    """A body. None where its sender has gone; TimeoutError where it came too slowly."""
    pieces = bytearray()
    async with asyncio.timeout(SLOWEST_BODY):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            pieces += message.get("body", b"")
            if len(pieces) > longest:
                raise RequestMalformed(reason=f"more than {longest} bytes")
            if not message.get("more_body", False):
                return bytes(pieces)
