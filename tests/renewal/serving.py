"""Servers and proxies that do as they are told, behind real sockets."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tokenmgr import clock

DAY = timedelta(days=1)
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


class Maker:
    """A root, and what servers have of it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Root")])
        root = self._built(self.name, self._key, clock.now() - DAY, clock.now() + DAY)
        signed = root.add_extension(x509.BasicConstraints(True, None), True).sign(self._key, hashes.SHA256())
        self.root = signed.public_bytes(Encoding.PEM).decode()

    def server(self, host: str = "127.0.0.1", ends: datetime | None = None) -> ssl.SSLContext:
        key, ends = ec.generate_private_key(ec.SECP256R1()), ends or clock.now() + DAY
        names = [x509.DNSName("localhost"), *(x509.IPAddress(ipaddress.ip_address(one)) for one in (host, "::1"))]
        made = self._built(x509.Name([]), key, ends - 2 * DAY, ends).add_extension(
            x509.SubjectAlternativeName(names), critical=True
        )
        file, private = self.folder / "server.pem", self.folder / "server.key"
        file.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return with_certificate(file, private)

    def _built(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, starts: datetime, ends: datetime
    ) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder(self.name, name, key.public_key(), x509.random_serial_number())
        return made.not_valid_before(starts).not_valid_after(ends)
