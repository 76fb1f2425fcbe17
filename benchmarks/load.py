"""Asks over HTTP as fast as one process can: requests that are ready as bytes, over several connections at once.

    python -m benchmarks.load HOST PORT CONNECTIONS COUNT keep|once < requests (pickled list of bytes)

Says, as JSON, the seconds from the first byte sent to the last one read, and how many answers were what was asked for.
"""

from __future__ import annotations

import json
import pickle
import selectors
import socket
import sys
import time
from itertools import cycle, islice
from typing import cast

_END = b"\r\n\r\n"
SUCCESSFUL = b"\x0a\x01\x00"  # OCSPResponseStatus


class _Asker:
    """One connection after the other, or one for all."""

    def __init__(self, address: tuple[str, int], keeps: bool, requests: list[bytes]) -> None:
        self._address, self._keeps, self._requests = address, keeps, requests[::-1]
        self.good = 0
        self.open()

    def open(self) -> None:
        self.socket = socket.create_connection(self._address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = b""

    @property
    def is_done(self) -> bool:
        return not self._requests

    def ask(self) -> None:
        self.socket.sendall(self._requests.pop())

    def take(self) -> bool:
        """Whether the answer is whole."""
        data = self.socket.recv(65536)
        self._read += data
        if self._keeps:
            head, end, body = self._read.partition(_END)
            if not end or len(body) < _length(head):
                return False
        elif data:
            return False
        self.good += self._read.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")) and SUCCESSFUL in self._read
        self._read = b""
        return True


def _length(head: bytes) -> int:
    at = head.lower().index(b"content-length: ") + 16
    return int(head[at : at + 6].split(b"\r")[0])


def run(address: tuple[str, int], connections: int, keeps: bool, requests: list[bytes]) -> dict[str, float]:
    started = time.perf_counter()
    askers = [_Asker(address, keeps, requests[number::connections]) for number in range(connections)]
    with selectors.DefaultSelector() as waiting:
        left = len(askers)
        for one in askers:
            one.ask()
            waiting.register(one.socket, selectors.EVENT_READ, one)
        while left:
            for key, _ in waiting.select():
                one = cast(_Asker, key.data)
                if not one.take():
                    continue
                if one.is_done or not keeps:
                    waiting.unregister(one.socket)
                    one.socket.close()
                if one.is_done:
                    left -= 1
                    continue
                if not keeps:  # opened when there is something to ask: a server of one process waits for it
                    one.open()
                    waiting.register(one.socket, selectors.EVENT_READ, one)
                one.ask()
    return {"seconds": time.perf_counter() - started, "good": sum(one.good for one in askers)}


def main(host: str, port: str, connections: str, count: str, how: str) -> None:
    given = pickle.loads(sys.stdin.buffer.read())  # noqa: S301  our own
    asked = list(islice(cycle(given), int(count)))
    print(json.dumps(run((host, int(port)), int(connections), how == "keep", asked)))


if __name__ == "__main__":
    main(*sys.argv[1:])
