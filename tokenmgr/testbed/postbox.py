"""A mail server that delivers nothing: what it takes it keeps as files, each as it came (NUMBER.eml) and as a mail
program shows it (NUMBER.html), and tells of. The only importer of aiosmtpd."""

from __future__ import annotations

import contextlib
import html
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tokenmgr import system

INDEX = "index.html"


@dataclass(frozen=True)
class Caught:
    to: str
    subject: str
    file: Path  # .eml


class Postbox:
    def __init__(self, folder: Path, tell: Callable[[Caught], None] = lambda _: None) -> None:
        self.folder, self._tell = system.private_folder(folder), tell
        self.caught: list[Caught] = []
        self._write_index()

    @property
    def index(self) -> Path:
        """A page of all."""
        return self.folder / INDEX

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  its name
        data = envelope.original_content or b""
        message = message_from_bytes(data, policy=policy.SMTPUTF8)
        assert isinstance(message, EmailMessage)  # noqa: S101  that is what this policy makes
        file = self.folder / f"{len(self.caught) + 1}.eml"
        file.write_bytes(data)
        file.with_suffix(".html").write_text(_shown(message), encoding="utf-8")
        one = Caught(", ".join(envelope.rcpt_tos), str(message["subject"] or ""), file)
        self.caught.append(one)
        self._write_index()
        self._tell(one)
        return "250 kept, and delivered to nobody"

    def _write_index(self) -> None:
        rows = (
            f'<li><a href="{one.file.with_suffix(".html").name}">{html.escape(one.subject)}</a> → {html.escape(one.to)}'
            for one in self.caught
        )
        self.index.write_text(f"{_HEAD}<ol>{''.join(rows)}</ol>", encoding="utf-8")


@contextlib.contextmanager
def serving(postbox: Postbox, host: str, port: int) -> Iterator[None]:
    controller = Controller(postbox, hostname=host, port=port, enable_SMTPUTF8=True)
    controller.start()
    try:
        yield
    finally:
        controller.stop()


_HEAD = (
    '<!doctype html><meta charset="utf-8"><style>body{max-width:46rem;margin:2rem auto;font:1rem sans-serif}</style>'
)


def _shown(message: EmailMessage) -> str:
    """Its HTML as it came, in a frame that runs no script; else its text."""
    head = "".join(f"<p><b>{name}</b> {html.escape(str(message[name] or ''))}" for name in ("From", "To", "Subject"))
    body = message.get_body(("html", "plain"))
    text = "" if body is None else str(body.get_content())
    if body is None or body.get_content_type() != "text/html":
        return f"{_HEAD}{head}<hr><pre>{html.escape(text)}</pre>"
    frame = f'<iframe sandbox style="width:100%;height:44rem;border:0" srcdoc="{html.escape(text)}"></iframe>'
    return f"{_HEAD}{head}<hr>{frame}"
