"""What anybody's HTTP cache may keep, and for how long (RFC 9111; RFC 5019, 5 and 6.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

Headers = list[tuple[bytes, bytes]]

UNCACHED: Headers = [(b"cache-control", b"no-store")]
_SECOND = timedelta(seconds=1)


class Lasting:
    """A body that stays true until a moment. `longest` is for how many seconds a cache may give it out unasked: what
    it says may change before. And where that may be within the second that it is from, a date does not tell the two
    apart (RFC 9110, 8.8.2.2): only what is `unchanging` is known by it."""

    def __init__(
        self, body: bytes, kind: str, since: datetime, until: datetime, longest: int, unchanging: bool = False
    ) -> None:
        self.body = body
        self.until = until
        self.longest = longest
        self._since = since.replace(microsecond=0) if unchanging else None
        self._tag = f'"{hashlib.sha256(body).hexdigest()}"'.encode("ascii")
        self._validators = [
            (b"etag", self._tag),
            (b"last-modified", _date(since)),
            (b"expires", _date(until)),
        ]
        self._headers = [
            (b"content-type", kind.encode("ascii")),
            (b"content-length", str(len(body)).encode("ascii")),
            *self._validators,
        ]

    def answer(self, asked: Iterable[tuple[bytes, bytes]], now: datetime) -> tuple[int, Headers, bytes]:
        """To a GET with these headers: 304 to whoever has it (RFC 9110, 13.2.2)."""
        if self._is_known(asked):
            return 304, [*self._validators, self._control(now)], b""
        return 200, self.headers(now), self.body

    def headers(self, now: datetime) -> Headers:
        return [*self._headers, self._control(now)]

    def _control(self, now: datetime) -> tuple[bytes, bytes]:
        left = (self.until - now) // _SECOND
        age = max(min(left, self.longest), 0)
        return b"cache-control", b"max-age=%d, public, no-transform, must-revalidate" % age

    def _is_known(self, asked: Iterable[tuple[bytes, bytes]]) -> bool:
        tags: list[bytes] = []
        since = b""
        for name, value in asked:
            if name == b"if-none-match":
                tags += (one.strip().removeprefix(b"W/") for one in value.split(b","))
            elif name == b"if-modified-since":
                since = value
        if tags:
            return self._tag in tags or b"*" in tags
        return self._since is not None and _is_unchanged_since(self._since, since)


def _is_unchanged_since(since: datetime, said: bytes) -> bool:
    try:
        moment = parsedate_to_datetime(said.decode("ascii"))
        return since <= (moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError, TypeError, IndexError):  # RFC 9110, 13.1.3: no date is as if not sent
        return False


def _date(moment: datetime) -> bytes:
    return format_datetime(moment.astimezone(UTC), usegmt=True).encode("ascii")
