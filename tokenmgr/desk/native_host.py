"""The program's end of the way from a bank's page: one message of the browser's, one answer, and the end.

    page -> content.js -> worker.js -> the browser -> this -> the window        handovers.py: how far it is, back again

A browser starts it anew for each message, so it is quick to begin: no click, no Qt, and what only one command needs is
imported by that command. Whatever comes in, it answers, and what it answers has no detail: a page learns nothing here
that its bank has not told it. (docs/handover.md)
"""

from __future__ import annotations

import json
import re
import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from tokenmgr import __version__, clock, config, system
from tokenmgr.desk.handovers import Handovers
from tokenmgr.domain.extension import CHROMIUM_ORIGIN, FIREFOX_ID, SCHEME
from tokenmgr.domain.handover import Act, Progress, Unreadable, place_of, read_object
from tokenmgr.errors import TokenmgrError

if TYPE_CHECKING:
    from tokenmgr.customer.profiles import Banks

LONGEST = 16 * 1024  # bytes of a message
_LENGTH = struct.Struct("=I")
_TICKET = re.compile(r"[A-Za-z0-9_.-]{1,4096}")
_FIELDS = {"hello": {"do", "origin"}, "begin": {"do", "origin", "ticket"}, "progress": {"do", "origin", "ticket"}}
Answer = Mapping[str, str | int]


class Refusal(Exception):
    """The whole answer: one word."""


MALFORMED, REFUSED, UNAVAILABLE = "malformed", "refused", "unavailable"


def main(caller: list[str], incoming: BinaryIO | None = None, outgoing: BinaryIO | None = None) -> int:
    """`caller` is what a browser says of whose extension asks."""
    outgoing = outgoing or sys.stdout.buffer
    try:
        answer = _answer(caller, incoming or sys.stdin.buffer)
    except Refusal as refusal:
        answer = {"error": str(refusal)}
    except Exception:  # noqa: BLE001  the last line of defence: a traceback is no answer
        answer = {"error": UNAVAILABLE}
    outgoing.write(framed(answer))
    outgoing.flush()
    return 0


def is_ours(caller: list[str]) -> bool:
    """Chromium names the extension's origin first; Firefox its id second, after its manifest's path."""
    return caller[:1] == [CHROMIUM_ORIGIN] or caller[1:] == [FIREFOX_ID]


# --- messages ---


@dataclass(frozen=True)
class Asked:
    do: str
    origin: str  # by the browser's word
    ticket: str = ""


def framed(answer: Answer) -> bytes:
    data = json.dumps(answer).encode()
    return _LENGTH.pack(len(data)) + data


def read(incoming: BinaryIO) -> Asked:
    """One message, strictly: what is not known here is not passed over."""
    head = incoming.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise Refusal(MALFORMED)
    (length,) = _LENGTH.unpack(head)
    if length > LONGEST or len(data := incoming.read(length)) < length:
        raise Refusal(MALFORMED)
    try:
        told = read_object(data)
    except Unreadable as error:
        raise Refusal(MALFORMED) from error
    if set(told) != _FIELDS.get(str(told.get("do"))) or not all(isinstance(one, str) for one in told.values()):
        raise Refusal(MALFORMED)
    asked = Asked(**told)
    if place_of(asked.origin) is None or ("ticket" in told and not _TICKET.fullmatch(asked.ticket)):
        raise Refusal(MALFORMED)
    return asked


# --- commands ---


def _answer(caller: list[str], incoming: BinaryIO) -> Answer:
    if not is_ours(caller):
        raise Refusal(REFUSED)
    asked = read(incoming)
    settings = config.load()
    host = _Host(settings.bank_folder, Handovers(settings.home), clock.now())
    match asked.do:
        case "hello":
            return host.hello(asked.origin)
        case "begin":
            return host.begin(asked.origin, asked.ticket)
    return host.progress(asked.origin, asked.ticket)


@dataclass(frozen=True)
class _Host:
    bank_folder: Path
    handovers: Handovers
    now: datetime

    def hello(self, origin: str) -> Answer:
        """That the program is here, for a bank's site of this computer; any other is not told even that."""
        if not _has_site(self._banks(), origin):
            raise Refusal(REFUSED)
        return {"version": __version__}

    def begin(self, origin: str, ticket: str) -> Answer:
        """Opens the window and leaves. The same again opens nothing, and is told how far it is."""
        from tokenmgr.customer.handover import errand_of

        banks = self._banks()
        if not _has_site(banks, origin):
            self.handovers.refuse(origin, self.now)
            raise Refusal(REFUSED)
        try:
            errand = errand_of(ticket, banks, self.now)
        except TokenmgrError as error:
            raise Refusal(REFUSED) from error
        if errand.origin != origin:
            raise Refusal(REFUSED)
        if self.handovers.begin(errand.jti, origin, self.now):
            try:
                open_window(errand.act, ticket)
            except OSError:
                self.handovers.forget(errand.jti)
                raise
        return self._told(errand.jti, origin)

    def progress(self, origin: str, ticket: str) -> Answer:
        """By the file alone: whoever knows the ticket and is its site."""
        from tokenmgr.pki import handover

        try:
            return self._told(handover.read(ticket).claims.jti, origin)
        except TokenmgrError as error:
            raise Refusal(REFUSED) from error

    def _banks(self) -> Banks:
        from tokenmgr.customer.profiles import profiles

        return profiles(self.bank_folder)

    def _told(self, jti: str, origin: str) -> Answer:
        progress = self.handovers.progress(jti, origin)
        if progress is None:
            raise Refusal(REFUSED)
        return as_told(progress)


def _has_site(banks: Banks, origin: str) -> bool:
    place = place_of(origin)
    return any(place in bank.login for bank in banks.known)


def as_told(progress: Progress) -> Answer:
    told: dict[str, str | int] = {"state": progress.state.value, "step": progress.step, "code": progress.code}
    return {name: value for name, value in told.items() if value}


def open_window(act: Act, ticket: str) -> None:
    """It lives on when this process, and the browser, have ended. A ticket is good once, and for minutes; but a
    command line is everybody's to read, so it is told on its standard input."""
    command, told = [*system.program(window=True), "desk", "-"], f"{SCHEME}://{act.value}?t={ticket}"
    for number, flags in enumerate(system.DETACHED_FLAGS, start=1):
        try:
            started = _start(command, flags)
        except PermissionError:
            if number == len(system.DETACHED_FLAGS):
                raise
        else:
            with started:
                started.write(told.encode("ascii"))
            return


def _start(command: Sequence[str], flags: int) -> IO[bytes]:
    import subprocess

    nothing = subprocess.DEVNULL
    started = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=nothing, stderr=nothing, start_new_session=True, creationflags=flags
    )
    return cast(IO[bytes], started.stdin)
