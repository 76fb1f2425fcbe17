"""Servers and proxies that do as they are told, behind real sockets."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

Answering = Callable[[socket.socket], None]


@contextlib.contextmanager
def serving(answer: Answering, tls: ssl.SSLContext | None, listening: socket.socket | None = None) -> Iterator[int]:
    """One connection after another; the port."""
    with listening or socket.create_server(("127.0.0.1", 0)) as place:
        ending = threading.Event()
        thread = threading.Thread(target=_serve, args=(place, answer, tls, ending), daemon=True)
        thread.start()
        yield place.getsockname()[1]
        ending.set()
        with contextlib.suppress(OSError):
            socket.create_connection(place.getsockname()[:2]).close()
        thread.join(10)


def _serve(place: socket.socket, answer: Answering, tls: ssl.SSLContext | None, ending: threading.Event) -> None:
    while not ending.is_set():
        connection, _ = place.accept()
        with contextlib.suppress(OSError, ssl.SSLError), connection:
            if tls is None:
                answer(connection)
                continue
            with tls.wrap_socket(connection, server_side=True) as secured:
                answer(secured)


def with_certificate(chain: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context


def saying(answer: bytes, heard: list[bytes] | None = None) -> Answering:
    """The same to every request, until nobody asks any more."""

    def say(connection: socket.socket) -> None:
        while asked := whole_request(connection):
            if heard is not None:
                heard.append(asked)
            connection.sendall(answer)

    return say


def http(status: str, kind: str, body: bytes, **headers: object) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def relaying(asked: list[bytes], refusing: str = "") -> Answering:
    """A proxy. `refusing` is its answer to every CONNECT, such as "403 Forbidden"."""

    def relay(connection: socket.socket) -> None:
        wanted = until(connection, b"\r\n\r\n")
        found = re.match(rb"CONNECT \[?([^\s\]]+)\]?:(\d+) ", wanted)
        if not found:
            return
        asked.append(wanted)
        if refusing:
            connection.sendall(f"HTTP/1.1 {refusing}\r\nContent-Length: 0\r\n\r\n".encode())
            return
        with socket.create_connection((found[1].decode(), int(found[2]))) as onward:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=copy, args=(onward, connection), daemon=True)
            back.start()
            copy(connection, onward)

    return relay


def whole_request(connection: socket.socket) -> bytes:
    """Empty where there is none any more."""
    head = until(connection, b"\r\n\r\n")
    if not head:
        return b""
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    body = head.partition(b"\r\n\r\n")[2]
    while len(body) < length:
        body += connection.recv(length - len(body))
    return head.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body


def until(connection: socket.socket, mark: bytes) -> bytes:
    read = b""
    while mark not in read:
        more = connection.recv(1000)
        if not more:
            break
        read += more
    return read


def copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
