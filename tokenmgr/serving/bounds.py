"""What a connection may cost before and after a request is worked on: uvicorn bounds neither headers nor patience."""

from __future__ import annotations

import asyncio
from ssl import SSLObject

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LONGEST_HEAD = 16 * 1024  # bytes of request line and headers
MOST_AT_ONCE = 256 * 1024  # what one read may bring beside a head: the body that follows it
SLOWEST_HEAD = 15.0  # seconds until they are all there, from the connection's or the last answer's beginning
SLOWEST_READER = 30.0  # seconds for which a client may take nothing of its answer
PEER = "tokenmgr.peer"  # of a request's scope: the TLS client's certificate, DER, where there is one


class Bounded(HttpToolsProtocol):
    """Closes whoever sends an endless head, no head, or takes no answer. Tells whose certificate TLS has checked."""

    _head = 0  # bytes, since the last whole one
    _in_head = True
    _timer: asyncio.TimerHandle | None = None
    _reader: asyncio.TimerHandle | None = None
    _peer: bytes | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        tls: SSLObject | None = transport.get_extra_info("ssl_object")
        self._peer = tls.getpeercert(binary_form=True) if tls else None
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._timer, self._reader):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._peer is not None:
            self.scope[PEER] = self._peer  # type: ignore[literal-required]  # beside what ASGI has

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._expect_head()
            self._head += len(data)
            if self._head > LONGEST_HEAD + MOST_AT_ONCE:
                self._give_up()
                return
        super().data_received(data)

    def on_headers_complete(self) -> None:
        self._in_head, self._head = False, 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head = True

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reader = self._reader or self.loop.call_later(SLOWEST_READER, self._give_up)

    def resume_writing(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None
        super().resume_writing()

    def _expect_head(self) -> None:
        self._timer = self._timer or self.loop.call_later(SLOWEST_HEAD, self._give_up)

    def _give_up(self) -> None:
        self.transport.abort()
