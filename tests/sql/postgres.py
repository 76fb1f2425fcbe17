"""A real PostgreSQL of the tests' own: on a socket only, gone with the tests, and a fresh database for whoever asks.

with Server.started(folder) as server:
    url = server.database()
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from tests import memory

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
PORT = 5432  # of a socket's name only; nothing listens on a network
PATIENCE = 30.0
TEMPLATE = "made"
SETTINGS = ("listen_addresses=", "full_page_writes=off", "deadlock_timeout=50ms")


def missing() -> str:
    """Why there is none; empty where there is."""
    return "" if (PROGRAMS / "postgres").exists() else f"no PostgreSQL 15 in {PROGRAMS}"


def _as_somebody(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: then as somebody who has nothing but this folder."""
    if os.geteuid() != 0:
        return []
    shutil.chown(folder, "nobody", "nogroup")
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]


def _below(process: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


class Server:
    def __init__(self, folder: Path, command: list[str]) -> None:
        self.folder = folder
        self._command = command
        self._numbers = itertools.count(1)
        self.start()

    @classmethod
    @contextlib.contextmanager
    def started(cls, on_disk: bool = False) -> Iterator[Server]:
        """In memory where there is room: its own fsync is not what is tested, and a database a test is a lot of it."""
        where = None if on_disk else memory.place()
        with tempfile.TemporaryDirectory(prefix="tokenmgr-pg-", dir=where) as name:  # a socket's path is short
            folder = Path(name)
            somebody = _as_somebody(folder)
            initdb = f"{PROGRAMS}/initdb --no-sync -A trust -U tokenmgr -E UTF8 --locale C.UTF-8 -D {folder}/data"
            subprocess.run([*somebody, *initdb.split()], check=True, capture_output=True, cwd=folder)
            command = [
                *somebody,
                f"{PROGRAMS}/postgres",
                "-D",
                f"{folder}/data",
                "-c",
                f"unix_socket_directories={folder}",
            ]
            for setting in SETTINGS:
                command += ["-c", setting]
            server = cls(folder, command)
            try:
                server.wait()
                yield server
            finally:
                server.stop()

    def start(self) -> None:
        """Again, too, once it was stopped."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd=self.folder)

    def stop(self) -> None:
        """At once, but in order: whoever is connected is told to go."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(PATIENCE)

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """It takes connections, and says nothing."""
        everybody = [self.process.pid, *_below(self.process.pid)]
        for one in everybody:
            os.kill(one, signal.SIGSTOP)
        try:
            yield
        finally:
            for one in everybody:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(one, signal.SIGCONT)

    def recover(self) -> None:
        """After it was killed: its children go when they notice, and it starts once they have."""
        ends = time.monotonic() + PATIENCE
        while True:
            self.start()
            with contextlib.suppress(AssertionError):
                self.wait()
                return
            assert time.monotonic() < ends, (self.folder / "log").read_text()
            time.sleep(0.1)

    def wait(self) -> None:
        ends = time.monotonic() + PATIENCE
        while True:
            try:
                self.say("SELECT 1")
            except psycopg.OperationalError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < ends, (self.folder / "log").read_text()
                time.sleep(0.02)
            else:
                return

    def say(self, statement: str, database: str = "postgres") -> None:
        connection = psycopg.connect(
            host=str(self.folder), port=PORT, user="tokenmgr", dbname=database, autocommit=True
        )
        with contextlib.closing(connection):
            connection.execute(statement.encode())

    def url(self, database: str) -> str:
        return f"postgresql://tokenmgr@/{database}?host={self.folder}&port={PORT}"

    def database(self, template: str = "template0") -> str:
        name = f"t{next(self._numbers)}"
        self.say(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def drop(self, url: str) -> None:
        name = url.partition("@/")[2].partition("?")[0]
        self.say(f"DROP DATABASE {name} WITH (FORCE)")
