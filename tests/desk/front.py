"""What stands before a CA and is not always in order: a gateway of the bank's."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from tests.interop.running import Authority
from tests.renewal import serving
from tests.renewal.serving import whole_request, with_certificate

AWAY = "503 Service Unavailable"


class Front:
    """`goes_on`: whether an answer of the CA's is passed on; else it says to come back after these seconds. `heard`:
    the first lines of requests, as they came."""

    def __init__(self, ca: Authority, goes_on: Callable[[], bool], seconds: int) -> None:
        self._ca, self._goes_on, self._seconds = ca, goes_on, seconds
        self.heard: list[str] = []

    @contextmanager
    def open(self) -> Iterator[str]:
        """Its address."""
        with serving.serving(self._answer, self._tls()) as port:
            yield f"https://localhost:{port}"

    def _tls(self) -> ssl.SSLContext:
        own = self._ca.folder.path / "tls"
        return with_certificate(own / "chain.pem", own / "key.pem")

    def _answer(self, connection: socket.socket) -> None:
        head, _, body = whole_request(connection).partition(b"\r\n\r\n")
        if not head:
            return
        first, *lines = head.decode().split("\r\n")
        self.heard.append(first)
        status, kind, said = self._ask(first, dict(line.split(": ", 1) for line in lines), body)
        if not self._goes_on():
            status, said = AWAY, b"{}"
        connection.sendall(serving.http(status, kind, said, Connection="close", Retry_After=self._seconds))

    def _ask(self, first: str, headers: dict[str, str], body: bytes) -> tuple[str, str, bytes]:
        method, path, _ = first.split()
        with closing(http.client.HTTPSConnection("127.0.0.1", self._ca.port, context=self._ca.context)) as onward:
            onward.request(method, path, body or None, headers)
            got = onward.getresponse()
            return f"{got.status} {got.reason}", got.getheader("Content-Type", ""), got.read()
