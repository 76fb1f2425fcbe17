"""Between the program and the CA: a wire that is cut at one exchange.

It ends the TLS of both sides, with the CA's own certificate, so that it sees where a request begins and ends. Else it
passes bytes on as they are.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

SECONDS = 150.0  # longer than anybody waits for an answer


@dataclass(frozen=True)
class Cut:
    """At the n-th exchange, from 1. `share` of the bytes get through, of the request or of its answer."""

    exchange: int
    where: str  # hello, request, answer
    share: float = 0.0
    stays: bool = False  # and nobody gets through any more
    then: Callable[[], None] | None = None  # what happens at this very moment
    whole: bool = False  # nothing is cut: `then` is all

    def bytes_of(self, message: bytes) -> bytes:
        return message if self.whole else message[: int(len(message) * self.share)]


class _Gone(Exception):
    """One side has hung up, or is to be hung up on."""


@dataclass
class Wire:
    to: int  # the CA's port
    server: ssl.SSLContext
    client: ssl.SSLContext
    port: int = 0
    cut: Cut | None = None
    exchanges: int = 0
    hits: int = 0
    is_down: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def arm(self, cut: Cut | None = None) -> None:
        """Exchanges are counted from now on."""
        with self._lock:
            self.cut, self.exchanges, self.hits, self.is_down = cut, 0, 0, False

    def serve(self, listening: socket.socket) -> None:
        while True:
            try:
                plain, _ = listening.accept()
            except OSError:
                return  # closed: it is over
            threading.Thread(target=self._connection, args=(plain,), daemon=True).start()

    def _connection(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError, _Gone), plain:
            plain.settimeout(SECONDS)
            self._may_come(plain)
            with self.server.wrap_socket(plain, server_side=True) as near, self._far() as far:
                while True:
                    self._exchange(near, far)

    def _may_come(self, plain: socket.socket) -> None:
        """A cut before the first word of TLS is at the exchange that would have been the next."""
        with self._lock:
            cut = self.cut
            is_hit = bool(cut and cut.where == "hello" and self.exchanges + 1 == cut.exchange and not self.hits)
            self.hits += is_hit
            self.is_down |= is_hit and bool(cut and cut.stays)
        if is_hit or self.is_down:
            _reset(plain)

    def _far(self) -> ssl.SSLSocket:
        return self.client.wrap_socket(socket.create_connection(("127.0.0.1", self.to), SECONDS))

    def _exchange(self, near: ssl.SSLSocket, far: ssl.SSLSocket) -> None:
        request = _message(near)
        with self._lock:
            self.exchanges += 1
            number = self.exchanges
        self._pass(request, far, "request", number, near)
        self._pass(_message(far), near, "answer", number, near)

    def _pass(self, message: bytes, to: ssl.SSLSocket, where: str, number: int, near: ssl.SSLSocket) -> None:
        cut = self.cut
        if self.is_down:
            _reset(near)
        if cut is None or (cut.exchange, cut.where) != (number, where):
            to.sendall(message)
            return
        self.hits += 1
        to.sendall(cut.bytes_of(message))
        if cut.then is not None:
            cut.then()
        if not cut.whole:
            self.is_down |= cut.stays
            _reset(near)


def _reset(near: socket.socket) -> None:
    """As a cable that is pulled: no word of goodbye."""
    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise _Gone


def _message(side: ssl.SSLSocket) -> bytes:
    """One HTTP message, whole."""
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _more(side)
    sizes = [line.split(b":")[1] for line in data[:end].lower().split(b"\r\n") if line.startswith(b"content-length:")]
    whole = end + 4 + int(sizes[0] if sizes else 0)
    while len(data) < whole:
        data += _more(side)
    return data


def _more(side: ssl.SSLSocket) -> bytes:
    data = side.recv(65536)
    if not data:
        raise _Gone
    return data


@contextlib.contextmanager
def opened(to: int, certificate: str, key: str) -> Iterator[Wire]:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE  # the CA is ours, and the program checks it
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        wire = Wire(to, server, client, listening.getsockname()[1])
        thread = threading.Thread(target=wire.serve, args=(listening,), daemon=True)
        thread.start()
        yield wire
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(SECONDS)
