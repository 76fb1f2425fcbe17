"""The way to a mail server (RFC 5321). The only importer of smtplib.

What a server says of one letter is its receipt; what it says of all of them is an error, and the others wait: they are
not lost to a wrong password. A connection is kept for the next letter, and opened again where the server has ended it.
"""

from __future__ import annotations

import contextlib
import io
import logging
import smtplib
import socket
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenmgr import system
from tokenmgr.config import MailServer
from tokenmgr.domain.party import is_sendable
from tokenmgr.errors import (
    MailLoginRefused,
    MailNotSet,
    MailSenderRefused,
    MailServerUnreachable,
    MailServerUntrusted,
    NoticeError,
    SettingsWrong,
)
from tokenmgr.log import Secret
from tokenmgr.notices.mail import as_bytes, on_wire, one_line
from tokenmgr.notices.post import NO_ANSWER, WRONG_ADDRESS, Fate, Letter, Receipt

log = logging.getLogger(__name__)
LOGIN_WANTED = 530  # RFC 4954, 6
WILL_FORWARD = 251  # RFC 5321, 3.4: as good as 250
# RFC 5321, 4.5.3.2.6: who has taken a mail may need ten minutes to say so, and whoever waits less sends it twice.
AFTER_DATA = 10
FOR_ALL = 18  # as many times an answer's limit are all that one letter takes: less than it is ours (sql/outbox.py)
MOST_SAID = 64 * 1024  # of all answers to one letter; a line is 512 (RFC 5321, 4.5.3.1.5)


@dataclass
class _Patience:
    """With one letter: time and bytes that its server has left, however slowly and however much it says."""

    until: float = 0.0
    left: int = 0

    def renew(self, time_limit: float) -> None:
        self.until, self.left = time.monotonic() + time_limit * FOR_ALL, MOST_SAID


class _Answers(io.RawIOBase):
    def __init__(self, connection: socket.socket, patience: _Patience) -> None:
        self._connection, self._patience = connection, patience

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        patience, time_limit = self._patience, self._connection.gettimeout() or 0
        left = patience.until - time.monotonic()
        if left <= 0 or patience.left <= 0:
            raise TimeoutError
        self._connection.settimeout(min(left, time_limit))
        count = self._connection.recv_into(buffer)
        self._connection.settimeout(time_limit)
        patience.left -= count
        return count


class _Smtp(smtplib.SMTP):
    """smtplib itself waits for every single byte anew, and keeps all lines of an answer."""

    def __init__(self, patience: _Patience, *where: Any, **more: Any) -> None:
        self._patience = patience
        super().__init__(*where, **more)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = io.BufferedReader(_Answers(self.sock, self._patience))
        return super().getreply()


class _SmtpInTls(_Smtp, smtplib.SMTP_SSL):
    pass


class _Refused(Exception):
    """`code` is -1 where what was said is no SMTP."""

    def __init__(self, code: int, told: bytes) -> None:
        super().__init__(code)
        self.code, self.told = code, told


class SmtpPost:
    def __init__(self, settings: MailServer) -> None:
        if not settings.host:
            raise MailNotSet(what="[mail] host")
        self._settings = settings
        self._require_files()
        self._server: smtplib.SMTP | None = None
        self._patience = _Patience()

    @property
    def name(self) -> str:
        return f"{self._settings.host}:{self._settings.port}"

    def send(self, letter: Letter) -> Receipt:
        if not is_sendable(letter.to):
            return Receipt(Fate.REFUSED, WRONG_ADDRESS)
        data = as_bytes(letter)
        self._patience.renew(self._settings.time_limit)
        try:
            server = self._begun(on_wire(letter.return_path))
            _ask(server, f"RCPT TO:<{on_wire(letter.to)}>", 250, WILL_FORWARD)
            _ask(server, "DATA", 354)
            receipt = Receipt(Fate.SENT, self._hand_over(server, data))
        except _Refused as refused:
            receipt = self._receipt(refused)
        except OSError as error:  # smtplib's own are some, too
            log.debug("%s: %s", self.name, type(error).__name__)
            self._drop()
            receipt = Receipt(Fate.POSTPONED, NO_ANSWER)
        log.info("%s: %s %s", self.name, receipt.fate.value, letter.message_id)
        return receipt

    def close(self) -> None:
        if self._server is not None:
            with contextlib.suppress(OSError):
                self._server.quit()
        self._drop()

    # --- one letter ---

    def _begun(self, sender: str) -> smtplib.SMTP:
        """Nothing is handed over by MAIL, so where a connection from before has ended, or takes no more, it is said
        again on a new one."""
        command = f"MAIL FROM:<{sender}>"
        if self._server is not None:
            with contextlib.suppress(OSError, _Refused):
                _ask(self._server, "RSET", 250)  # the letter before may have been refused halfway
                _ask(self._server, command, 250)
                return self._server
            self._drop()
        server = self._connected()
        try:
            _ask(server, command, 250)
        except _Refused as refused:
            if refused.code < 500 or refused.code == LOGIN_WANTED:
                raise
            raise MailSenderRefused(server=self.name, sender=sender, told=_words(refused.told)) from refused
        return server

    def _hand_over(self, server: smtplib.SMTP, data: bytes) -> str:
        """A line that begins with a dot gets another one (RFC 5321, 4.5.2)."""
        server.send(data.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        connection: socket.socket = server.sock  # type: ignore[assignment]  # it has just been sent by
        connection.settimeout(self._settings.time_limit * AFTER_DATA)
        code, told = server.getreply()
        connection.settimeout(self._settings.time_limit)
        if code != 250:
            raise _Refused(code, told)
        return _words(told)

    def _receipt(self, refused: _Refused) -> Receipt:
        if refused.code == LOGIN_WANTED:
            raise MailLoginRefused(server=self.name) from refused
        fate = Fate.REFUSED if refused.code >= 500 else Fate.POSTPONED
        return Receipt(fate, one_line(f"{refused.code} {_words(refused.told)}"))

    # --- a connection ---

    def _connected(self) -> smtplib.SMTP:
        settings = self._settings
        context = None if settings.security == "none" else self._trust()
        try:
            if settings.security == "tls":
                server: smtplib.SMTP = _SmtpInTls(
                    self._patience, settings.host, settings.port, timeout=settings.time_limit, context=context
                )
            else:
                server = _Smtp(self._patience, settings.host, settings.port, timeout=settings.time_limit)
            try:
                self._introduce(server, context if settings.security == "starttls" else None)
            except BaseException:
                server.close()
                raise
        except ssl.SSLError as error:
            raise MailServerUntrusted(server=self.name, reason=_of_tls(error)) from error
        except OSError as error:
            raise MailServerUnreachable(server=self.name, reason=_of(error)) from error
        self._server = server
        return server

    def _introduce(self, server: smtplib.SMTP, context: ssl.SSLContext | None) -> None:
        server.ehlo_or_helo_if_needed()
        if context is not None:
            if not server.has_extn("starttls"):  # or somebody on the way has taken it out (RFC 3207, 6)
                raise MailServerUntrusted(server=self.name, reason="no-starttls")
            server.starttls(context=context)
            server.ehlo()
        if self._settings.user:
            self._log_in(server)

    def _log_in(self, server: smtplib.SMTP) -> None:
        with password(Path(self._settings.password_file)) as secret:
            try:
                server.login(self._settings.user, secret.reveal().decode("ascii"))
            except smtplib.SMTPNotSupportedError as error:
                raise MailLoginRefused(server=self.name) from error
            except smtplib.SMTPAuthenticationError as error:
                refusal: NoticeError = MailLoginRefused(server=self.name)
                if error.smtp_code < 500:  # 454: for now (RFC 4954, 4)
                    refusal = MailServerUnreachable(server=self.name, reason=str(error.smtp_code))
                raise refusal from None  # its words may repeat what it was told
            finally:
                server.password = ""  # smtplib keeps it

    def _require_files(self) -> None:
        """Whether or not there is a mail today: whoever sets this up is to hear of it now."""
        if self._settings.security != "none":
            self._trust()
        if self._settings.user:
            with password(Path(self._settings.password_file)):
                pass

    def _trust(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._settings.ca_file or None)
        except OSError as error:  # also: no certificate in it
            raise SettingsWrong(file=self._settings.ca_file, reason=error.strerror or str(error)) from error

    def _drop(self) -> None:
        if self._server is not None:
            self._server.close()
        self._server = None


def password(file: Path) -> Secret:
    """Of a file that is its owner's alone; of Windows' own lists of who may read one, this knows nothing."""
    try:
        if system.NAME != "windows" and file.stat().st_mode & 0o077:
            raise SettingsWrong(file=str(file), reason="password-of-all")
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise SettingsWrong(file=str(file), reason=error.strerror or str(error)) from error
    if not lines or not lines[0].isascii():
        raise SettingsWrong(file=str(file), reason="password-not-ascii")
    return Secret(lines[0])


def _ask(server: smtplib.SMTP, command: str, *wanted: int) -> None:
    code, told = server.docmd(command)
    if code not in wanted:
        raise _Refused(code, told)


def _words(told: bytes) -> str:
    return one_line(told.decode("utf-8", "replace"))


def _of(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        return one_line(f"{error.smtp_code} {said.decode('utf-8', 'replace') if isinstance(said, bytes) else said}")
    return one_line(getattr(error, "strerror", None) or str(error)) or type(error).__name__


def _of_tls(error: ssl.SSLError) -> str:
    return one_line(getattr(error, "verify_message", "") or error.reason or str(error))
