"""A CA that stays on its port, is killed at any moment, and started again."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from argon2 import PasswordHasher

from tests.actors import TESTER
from tests.cli.runner import PROGRAM
from tests.crash.shim import Disk
from tests.interop.running import CONTRACT, OTHER_BANK, POLICY, Authority, founded, free_port
from tokenmgr import clock
from tokenmgr.domain.generation import Generation, RevocationReason, State
from tokenmgr.domain.party import Role
from tokenmgr.domain.policy import OldGeneration
from tokenmgr.sql.engine import Database
from tokenmgr.sql.parties import Enrolment
from tokenmgr.sql.registry import SqlRegistry

# Long, so that none is in a hash or a number by chance; of the right length for a page with four fields.
LOGIN_PIN, CONFIRMATION_PIN = "739150284615", "620481937507"
PATIENCE = 120.0  # seconds for the CA to be up
_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # what is compared costs as its hash says


class Node:
    def __init__(self, authority: Authority, disk: Disk) -> None:
        self.authority, self.disk = authority, disk
        self.port = authority.port = free_port()
        self._users = itertools.count(1)
        self._hashes = _HASHER.hash(LOGIN_PIN), _HASHER.hash(CONFIRMATION_PIN)
        self._process: subprocess.Popen[bytes] | None = None
        self._one_at_a_time = threading.Lock()

    def enrol(self, bank: str) -> str:
        """Somebody who may acquire; the user ID."""
        user = f"user{next(self._users):05d}"
        until = clock.now() + timedelta(days=80)
        self.authority.administration.enrol(Enrolment(bank, CONTRACT, user, Role.USER, "", *self._hashes, until))
        return user

    def take_back(self, those: Sequence[Generation]) -> None:
        """As a CA does it with what is not confirmed in time."""
        with contextlib.closing(Database.open(self.authority.folder.database)) as database:
            for one in those:
                if one.state is State.PENDING:
                    SqlRegistry(database, TESTER).revoke(one.serial, RevocationReason.UNSPECIFIED, clock.now())

    def start(self) -> None:
        ports = (f"127.0.0.1:{self.port}", f"127.0.0.1:{self.authority.status_port}")
        reading, writing = os.pipe()
        os.write(writing, f"{self.authority.pin}\n".encode())
        os.close(writing)
        log = (self.authority.folder.path.parent / "serve.log").open("ab")
        line: list[str | Path] = ["setpriv", "--pdeathsig", "KILL", PROGRAM, "ca", "serve", "--workers", "1"]
        line += ["--listen", ports[0], "--status-listen", ports[1], "--pin-fd", str(reading)]
        with log:
            self._process = subprocess.Popen(
                line,
                env={**self.authority.environment, **self.disk.environment},
                pass_fds=[reading],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        os.close(reading)
        self._wait(self._process)

    @staticmethod
    def _wait(process: subprocess.Popen[bytes]) -> None:
        assert process.stdout
        late = threading.Timer(PATIENCE, process.kill)
        late.start()
        said = process.stdout.readline()
        late.cancel()
        assert said.startswith(b"Serving at"), f"the CA did not come up: {said!r}"

    def kill(self) -> None:
        """The keeper and its workers at once, as the computer's plug does it."""
        with self._one_at_a_time:
            process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGSTOP)  # or it might just be starting a worker, which would keep the port
        for one in [process.pid, *children(process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        process.wait()
        if process.stdout:
            process.stdout.close()

    def ensure_up(self) -> None:
        """As somebody, or systemd, starts it again. Whoever else wants that meanwhile waits until it is."""
        with self._one_at_a_time:
            if self._process is None or self._process.poll() is not None:
                self.disk.arm()
                self.start()


def children(process: int) -> list[int]:
    """And theirs."""
    try:
        found = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return []
    direct = [int(one) for one in found]
    return [*direct, *itertools.chain.from_iterable(children(one) for one in direct)]


@contextlib.contextmanager
def opened(home: Path, store: Path) -> Iterator[Node]:
    home.mkdir(parents=True)
    with founded(home) as authority:
        at_once = dataclasses.replace(POLICY, old_generation=OldGeneration.AT_CONFIRMATION)
        authority.administration.change_bank(OTHER_BANK, lambda bank: dataclasses.replace(bank, policy=at_once))
        node = Node(authority, Disk(home / "disk", ("registry.sqlite",), store))
        node.start()
        try:
            yield node
        finally:
            node.kill()


def environment(home: Path) -> Mapping[str, str]:
    """Of a program whose settings are there, and which sees nothing else of this computer."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONPATH", "TMPDIR")}
    return {**kept, "HOME": str(home), "TOKENMGR_HOME": str(home), "LC_ALL": "C.UTF-8", "no_proxy": "*"}
