"""A CA for a demonstration: tokenmgr's own commands, each a process of its own, in a settings folder of their own, as
on a CA's computer. Its PIN is drawn at random, it is reached on loopback only, and it goes with the process that made
it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, cast

from tokenmgr import system
from tokenmgr.errors import CommandFailed
from tokenmgr.testbed import claims

HOST = "127.0.0.1"
PATIENCE = 60.0  # seconds that a service may take to begin, and to finish what it has begun when it is told to end
PORTS = 4  # of the CA's service, its status service, the banks' pages, and the mail server that the banks have


@contextlib.contextmanager
def own_ca(folder: Path, environment: Mapping[str, str], language: str) -> Iterator[OwnCA]:
    """It begins without a CA: `make` and `serve` do that, so that they can be shown."""
    with contextlib.ExitStack() as stack:
        claim = stack.enter_context(claims.aside(folder.parent, ".making-"))
        claim.settle(folder, alive=True)
        stack.callback(claim.drop)
        ports = [stack.enter_context(reserved()) for _ in range(PORTS)]
        ca = OwnCA(Commands(folder, environment, language), [port.getsockname()[1] for port in ports])
        stack.callback(ca.end)
        yield ca


class Commands:
    """tokenmgr's, in one settings folder, each a process of its own."""

    def __init__(self, home: Path, environment: Mapping[str, str], language: str) -> None:
        self.home = home
        self._environment = {**environment, "TOKENMGR_HOME": str(home), "PYTHONUTF8": "1"}
        self._language = ("--lang", language)

    def run(self, *words: str, typed: str = "", fine: tuple[int, ...] = (0,)) -> str:
        """Its output. PINs are typed, and no argument (S5)."""
        child = None
        try:
            with system.interrupts_held_back():
                child = self.start(words)
            out, said = child.communicate(typed)
        except BaseException:
            if child:
                _end(child)  # in order: it takes back what it has begun
            raise
        if child.returncode not in fine:
            command = " ".join(("tokenmgr", *words[:2]))
            raise CommandFailed(command=command, status=child.returncode, said=said.strip())
        return out

    def start(
        self, words: tuple[str, ...], errors: int = subprocess.PIPE, before: tuple[str, ...] = ()
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*before, sys.executable, "-m", "tokenmgr", *words, *self._language],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=self._environment,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is this process's, which ends it in order
        )


class OwnCA:
    def __init__(self, commands: Commands, ports: list[int]) -> None:
        self.home, self.command = commands.home, commands.run
        self.url, self.status_url, self.pages_url = (
            f"{scheme}://{HOST}:{port}" for scheme, port in zip(("https", "http", "https"), ports, strict=False)
        )
        self.mail_port = ports[3]
        self._at = [f"{HOST}:{port}" for port in ports]
        self._commands = commands
        self.pin = drawn_pin()
        self._services: list[subprocess.Popen[str]] = []

    def make(self) -> str:
        where = ("--url", self.url, "--status-url", self.status_url)
        return self.command("ca", "init", *where, "--new-pin-fd", "0", typed=f"{self.pin}\n")

    def serve(self) -> None:
        listen = ("--listen", self._at[0], "--status-listen", self._at[1])
        self._serve("ca", "serve", *listen, "--pin-fd", "0", typed=f"{self.pin}\n")

    def serve_pages(self, keys: Path) -> None:
        """Of its banks, once it serves itself: they have its TLS certificate. `keys`: as `bank serve` wants them."""
        self._serve("bank", "serve", "--listen", self._at[2], "--keys", str(keys))

    def _serve(self, *words: str, typed: str = "") -> None:
        """Until `end`. Returns once it serves; should this process be killed, Linux ends it."""
        file = self.home / f"{words[0]}.log"
        with file.open("w", encoding="utf-8") as log, system.interrupts_held_back():
            service = self._commands.start((*words, "--workers", "1"), log.fileno(), ends_with_parent())
            self._services.append(service)
        told = cast(IO[str], service.stdin)
        with contextlib.suppress(BrokenPipeError), told:
            told.write(typed)
        if not _first_line(service).endswith("\n"):
            said = file.read_text(encoding="utf-8")
            raise CommandFailed(command=f"tokenmgr {words[0]} serve", status=service.wait(), said=said.strip())

    def end(self) -> None:
        while self._services:
            _end(self._services.pop())


def drawn_pin() -> str:
    return str(int.from_bytes(os.urandom(8), "big") % 10**8).zfill(8)


@contextlib.contextmanager
def reserved() -> Iterator[socket.socket]:
    """A free port that stays this demonstration's: bound and silent, so that nobody is given it, and a server that says
    SO_REUSEADDR, as ours do, may listen there."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((HOST, 0))
        yield held


def ends_with_parent() -> tuple[str, ...]:
    """A part of every Debian; elsewhere a service whose demonstration was killed outright is ended by hand."""
    return ("setpriv", "--pdeathsig", "TERM") if shutil.which("setpriv") else ()


def _first_line(service: subprocess.Popen[str]) -> str:
    """Not whole where it has ended, or has said nothing for too long: then it is killed, and had nothing to finish."""
    late = threading.Timer(PATIENCE, service.kill)
    late.start()
    try:
        return cast(IO[str], service.stdout).readline()
    finally:
        late.cancel()


def _end(child: subprocess.Popen[str]) -> None:
    with child:
        child.terminate()
        try:
            child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
