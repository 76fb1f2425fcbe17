"""A mail server in this process: aiosmtpd where it behaves, lines of a script where it does not."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.browser import pki
from tokenmgr.config import MailServer
from tokenmgr.notices.post import Letter

LOGIN, PASSWORD = "notices", "hunter2-70815"
DAY = datetime(2026, 4, 1, 9, 30, tzinfo=UTC)


def letter(number: int = 1, to: str = "tanaka@mihon.example", **more: object) -> Letter:
    values: dict[str, object] = {
        "message_id": f"<n-{number}@mihon.example>",
        "sender": "ib@mihon.example",
        "sender_name": "みほん信用金庫",
        "to": to,
        "subject": "電子証明書の更新をお願いします",
        "text": "本文です。\n.\n..点で始まる行\n",
        "html": "<p>本文です。</p>",
        "written_at": DAY,
        "return_path": "bounces@mihon.example",
    }
    return Letter(**(values | more))  # type: ignore[arg-type]  # as they are written above


@dataclass(frozen=True)
class Taken:
    sender: str
    to: str
    data: bytes
    login: str
    in_tls: bool

    @property
    def mail(self) -> EmailMessage:
        found = message_from_bytes(self.data, policy=policy.default)
        assert isinstance(found, EmailMessage)
        return found


@dataclass
class House:
    """What it has taken, and what it answers instead of yes: per command, one answer after the other. "" is no answer:
    the connection ends."""

    taken: list[Taken] = field(default_factory=list)
    answers: dict[str, deque[str]] = field(default_factory=dict)
    connections: int = 0
    port: int = 0

    def answer(self, command: str, *said: str) -> None:
        self.answers[command] = deque(said)

    def _said(self, command: str, server: SMTP) -> str | None:
        said = self.answers.get(command)
        if not said:
            return None
        one = said.popleft()
        if not one or one.startswith("421"):
            transport = transport_of(server)
            transport.write(f"{one}\r\n".encode() if one else b"")
            transport.close()
        return one or "250 nobody hears this"

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        said = self._said("MAIL", server)
        if said is None:
            envelope.mail_from = address
        return said or "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        said = self._said("RCPT", server)
        if said is None or said.startswith("251"):
            envelope.rcpt_tos.append(address)
        return said or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        said = self._said("DATA", server)
        if said is None or said.startswith("250"):
            in_tls = transport_of(server).get_extra_info("sslcontext") is not None
            proven: object = session.auth_data
            login = proven.login.decode() if isinstance(proven, LoginPassword) else ""
            assert isinstance(envelope.original_content, bytes)
            for to in envelope.rcpt_tos:
                self.taken.append(Taken(str(envelope.mail_from), to, envelope.original_content, login, in_tls))
        return said or "250 2.0.0 taken, as queue\u00e9 one"


def transport_of(server: SMTP) -> asyncio.Transport:
    assert isinstance(server.transport, asyncio.Transport)
    return server.transport


def authenticate(server: SMTP, session: Session, envelope: Envelope, way: str, data: object) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (LOGIN.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=False, auth_data=data)


class _Smtp(SMTP):
    """In UTF-8, as some servers speak."""

    async def push(self, status: str | bytes) -> None:
        await super().push(status.encode() if isinstance(status, str) else status)


@contextlib.contextmanager
def house(context: ssl.SSLContext | None = None, is_implicit: bool = False, login: bool = False) -> Iterator[House]:
    """On a port of its own, until the end; `context` is for STARTTLS, or for TLS from the beginning."""
    found = House()
    starttls = None if is_implicit else context

    def protocol() -> SMTP:
        found.connections += 1
        made = _Smtp(
            found,
            hostname="localhost",
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=authenticate if login else None,
            auth_required=login and starttls is not None,
            auth_require_tls=starttls is not None,
            loop=asyncio.get_running_loop(),
        )
        served.append(made)
        return made

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=wrap)
        found.port = server.sockets[0].getsockname()[1]
        ending = asyncio.Event()
        ready.set_result((asyncio.get_running_loop(), ending))
        await ending.wait()
        server.close()
        for one in served:
            if one.transport is not None:
                transport_of(one).abort()
        await asyncio.sleep(0)  # they say that they have gone

    wrap = context if is_implicit else None
    served: list[SMTP] = []
    ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    loop, ending = ready.result()
    try:
        yield found
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join()


@contextlib.contextmanager
def scripted(*turns: Sequence[bytes]) -> Iterator[int]:
    """One connection a turn: the first line at once, each other one when something has come. A turn that is over ends
    its connection; None stays silent until the other side gives up."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for lines in turns:
            connection, _ = listening.accept()
            with connection, contextlib.suppress(ConnectionError):
                for number, line in enumerate(lines):
                    if number and not connection.recv(65536):
                        break
                    connection.sendall(line)
                else:
                    connection.recv(65536)
                    if lines[-1] == SILENCE:
                        while connection.recv(65536):
                            pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield int(listening.getsockname()[1])
    finally:
        thread.join(10)
        listening.close()
        assert not thread.is_alive()


SILENCE = b""


@contextlib.contextmanager
def endless(said: bytes, pause: float) -> Iterator[int]:
    """Says the same again and again, until the other side gives up."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listening.accept()
        with connection, contextlib.suppress(ConnectionError):
            connection.settimeout(pause)
            while True:
                with contextlib.suppress(TimeoutError):
                    if not connection.recv(65536):
                        break
                with contextlib.suppress(TimeoutError):
                    connection.sendall(said)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield int(listening.getsockname()[1])
    finally:
        thread.join(10)
        listening.close()
        assert not thread.is_alive()


def settings(port: int, **more: object) -> MailServer:
    """`starttls` unless it says otherwise, as by default; no address but this computer's."""
    values: dict[str, object] = {"host": "localhost", "port": port, "security": "none", "time_limit": 5.0}
    return MailServer(**(values | more))  # type: ignore[arg-type]  # as they are written above


@dataclass(frozen=True)
class Trust:
    """A server's certificate, and the file that says whom to believe."""

    context: ssl.SSLContext
    roots: Path


def trust(folder: Path, host: str = "localhost", days: tuple[int, int] = (-1, 30)) -> Trust:
    authorities = pki.Authorities()
    whose = pki.Party(pki.called(host))
    made = pki.issue(whose, authorities.issuing, days, uses=(pki.SERVER,), host=host)
    folder.mkdir(exist_ok=True)
    (folder / "server.pem").write_bytes(pki.key_pem(whose) + pki.pem(made, authorities.issuing_certificate))
    (folder / "roots.pem").write_bytes(pki.pem(authorities.root_certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return Trust(context, folder / "roots.pem")


def password_file(folder: Path, password: str = PASSWORD, mode: int = 0o600) -> str:
    file = folder / "mail.password"
    file.write_text(f"{password}\n")
    file.chmod(mode)
    return str(file)
