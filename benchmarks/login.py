"""A login at a bank's pages through a real `tokenmgr bank serve --workers 1`: the TLS handshake with a client
certificate and the login page, whose status is the registry's own, read for each; beside the bare handshake with the
same server.

    python -m benchmarks login

A core's figure is by the processor time that the worker took: whoever asks runs beside it. The PIN's comparison is
argon2id's, which is slow by design (ra/passcodes.py); its share is measured by itself.
"""

from __future__ import annotations

import contextlib
import functools
import socket
import ssl
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from benchmarks.bench import spread, table
from benchmarks.ocsp_http import TICKS, _processor
from tests.interop import running
from tests.interop.openssl import OpenSSL
from tests.interop.running import BANK, CONFIRMATION_PIN, CONTRACT, LOGIN_PIN
from tests.portal.served import serving
from tokenmgr import clock
from tokenmgr.domain.party import Role
from tokenmgr.log import Secret
from tokenmgr.ra import passcodes
from tokenmgr.sql.parties import Enrolment

TURNS = 5
HANDSHAKE, KEPT = "the bare TLS handshake, with a client certificate", "the login page, on a kept connection"
PAGE, PIN = "a login: handshake and login page", "the same and the login PIN, to the main page's door"
ARGON = "argon2id by itself: one comparison"
COUNTS = {HANDSHAKE: 60, PAGE: 60, KEPT: 120, PIN: 3, ARGON: 5}  # of one ID no more than 20 in a minute


@dataclass(frozen=True)
class Taken:
    """Seconds for one, as its visitor waits, and of the processor."""

    waited: float
    spent: float


class Visitor:
    def __init__(self, port: int, trusted: Path, certificate: Path, key: str) -> None:
        self._port = port
        self._context = ssl.create_default_context(cafile=str(trusted))
        self._context.load_cert_chain(str(certificate), key)
        self._head = f"Host: localhost:{port}\r\nOrigin: https://localhost:{port}\r\n"

    def handshake(self) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self._port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        return self._context.wrap_socket(plain, server_hostname="localhost")

    def bare(self) -> None:
        self.handshake().close()

    def page(self) -> None:
        with self.handshake() as connection:
            self.ask(connection)

    def ask(self, connection: ssl.SSLSocket) -> None:
        _told(connection, f"GET /{BANK}/ HTTP/1.1\r\n{self._head}\r\n", b" 200 ")

    def log_in(self) -> None:
        form = f"login_pin={LOGIN_PIN}"
        head = f"{self._head}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}\r\n"
        with self.handshake() as connection:
            self.ask(connection)
            _told(connection, f"POST /{BANK}/login HTTP/1.1\r\n{head}\r\n{form}", b" 303 ")


def run() -> None:
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ca = stack.enter_context(running.authority(home / "ca", workers=1))
        pages = stack.enter_context(serving(ca, home, workers=1))
        hashed, other = (passcodes.hashed(Secret(pin)) for pin in (LOGIN_PIN, CONFIRMATION_PIN))
        until = clock.now() + timedelta(days=1)
        user = ca.administration.enrol(Enrolment(BANK, CONTRACT, "tanaka", Role.USER, "", hashed, other, until)).user
        who = OpenSSL(home, ca).acquire(ticket=ca.ticket(user=user))
        visitor = Visitor(pages.port, ca.root, who.certificate, who.key)
        acts: dict[str, Callable[[], Callable[[], object]]] = {  # made anew for each turn: nobody keeps a connection
            HANDSHAKE: lambda: visitor.bare,
            PAGE: lambda: visitor.page,
            KEPT: lambda: functools.partial(visitor.ask, stack.enter_context(visitor.handshake())),
            PIN: lambda: visitor.log_in,
            ARGON: lambda: lambda: passcodes.is_login(Secret(LOGIN_PIN), hashed),
        }
        turns: dict[str, list[Taken]] = {name: [] for name in acts}
        for turn in range(TURNS):
            for name in list(acts)[:: -1 if turn % 2 else 1]:
                worker = None if name == ARGON else list(pages.workers)
                turns[name].append(_measured(acts[name](), COUNTS[name], worker))
    rows = [_row(name, taken, turns[HANDSHAKE]) for name, taken in turns.items()]
    headings = ("login", "waited", "a second and core", "the core's time, to the bare handshake's")
    table("Logins, one worker, one after another; medians, and quartiles of the ratio within each turn", headings, rows)


def _row(name: str, taken: list[Taken], bare: list[Taken]) -> list[str]:
    middle = sorted(taken, key=lambda one: one.spent)[len(taken) // 2]
    against = spread([mine.spent / its.spent for mine, its in zip(taken, bare, strict=True)]) + " ×"
    return [name, f"{middle.waited * 1000:.1f} ms", f"{1 / middle.spent:,.0f}", against]


def _measured(act: Callable[[], object], count: int, processes: list[int] | None) -> Taken:
    """Of the server's processor time, or of this process's own."""
    act()
    spent, started = _spent(processes), time.perf_counter()
    for _ in range(count):
        act()
    waited = time.perf_counter() - started
    return Taken(waited / count, max(_spent(processes) - spent, 1 / TICKS) / count)


def _spent(processes: list[int] | None) -> float:
    return time.process_time() if processes is None else _processor(processes)


def _told(connection: ssl.SSLSocket, asked: str, status: bytes) -> None:
    """The whole answer: by its Content-Length, as a browser reads it."""
    connection.sendall(asked.encode("ascii"))
    data = connection.recv(65_536)
    while b"\r\n\r\n" not in data:
        data += connection.recv(65_536) or _gone()
    head, _, rest = data.partition(b"\r\n\r\n")
    assert status in head.splitlines()[0], head
    length = next(int(line[15:]) for line in head.lower().splitlines() if line.startswith(b"content-length:"))
    while len(rest) < length:
        rest += connection.recv(65_536) or _gone()


def _gone() -> bytes:
    raise ConnectionError("the server has closed in the middle of an answer")
