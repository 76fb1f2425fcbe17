"""A CA that runs, as its operator starts it: `tokenmgr ca init` and `tokenmgr ca serve`, and the registry beside it."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests import warm
from tests.actors import TESTER
from tests.api import rig
from tests.cli.runner import MAIN
from tokenmgr import clock
from tokenmgr.ca.folder import CaFolder, open_folder
from tokenmgr.domain.generation import Generation, State, StoreKind
from tokenmgr.domain.party import Bank, Role, Subscriber
from tokenmgr.domain.policy import BankPolicy
from tokenmgr.sql.administration import Administration
from tokenmgr.sql.engine import Database
from tokenmgr.sql.parties import Contract, Enrolment
from tokenmgr.testbed.own_ca import reserved

PIN = "of the CA 135"
BANK, OTHER_BANK, CONTRACT = "1234", "5678", "0012345"
LOGIN_PIN, CONFIRMATION_PIN = rig.LOGIN_PIN, rig.CONFIRMATION_PIN
# Certificates whose renewal is open from their first day on.
POLICY = BankPolicy(validity_days=20, renewal_days=30, notice_days=(10,))
PATIENCE = 30.0  # seconds for the CA to be up, or to have ended


@dataclass(frozen=True)
class Ticket:
    """What the four fields bring."""

    user: str
    reference: str
    secret: str


@dataclass
class Authority:
    """Its folder, where it listens, and its registry as the bank's own tools see it."""

    folder: CaFolder
    environment: Mapping[str, str]
    administration: Administration
    pin: str = PIN
    port: int = 0
    est_port: int = 0
    status_port: int = 0
    _users: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def root(self) -> Path:
        return self.folder.path / "root.pem"

    @property
    def issuing(self) -> Path:
        return self.folder.path / "issuing.pem"

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def status_url(self) -> str:
        """As it stands in every certificate."""
        return f"http://127.0.0.1:{self.status_port}"

    @property
    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.root))

    def policy_of(self, store: StoreKind) -> str:
        about = self.folder.about
        return about.policy_medium if store is StoreKind.MEDIUM else about.policy_pc

    def enrol(self, role: Role = Role.USER, bank: str = BANK) -> Subscriber:
        until = clock.now() + timedelta(days=80)
        user = f"user{next(self._users):02d}"
        return self.administration.enrol(Enrolment(bank, CONTRACT, user, role, "", *rig.hashes(), until))

    def ticket(self, store: StoreKind = StoreKind.MEDIUM, user: str = "") -> Ticket:
        """POST /banks/{bank}/acquisitions; for somebody new where nobody is named."""
        user = user or self.enrol().user
        asked = {"contract": CONTRACT, "user": user, "login_pin": LOGIN_PIN, "confirmation_pin": CONFIRMATION_PIN}
        body = json.dumps(asked | {"store": store.value}).encode()
        told: dict[str, Any] = json.loads(
            self.fetch(f"/banks/{BANK}/acquisitions", body, {"Content-Type": "application/json"})
        )
        return Ticket(user, told["reference"], told["secret"])

    def fetch(self, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> bytes:
        asked = urllib.request.Request(f"{self.url}{path}", body, dict(headers or {}))  # noqa: S310
        with urllib.request.urlopen(asked, context=self.context, timeout=PATIENCE) as answer:  # noqa: S310
            data: bytes = answer.read()
        return data

    def generations(self, user: str, bank: str = BANK) -> list[Generation]:
        """All that the registry has of somebody, the oldest first, by the moment of the request: a certificate has
        whole seconds."""
        found = self.administration.history(self.administration.find(bank, CONTRACT, user).id)
        return sorted(found, key=lambda one: one.confirm_by or one.not_before)

    def states(self, user: str) -> list[State]:
        return [one.state for one in self.generations(user)]


@contextlib.contextmanager
def authority(home: Path, pin: str = PIN, *how: str, workers: int = 2) -> Iterator[Authority]:
    """Made, and serving."""
    with founded(home, pin, *how) as made, serving(made, workers, made.status_port, made.est_port) as port:
        made.port = port
        yield made


@contextlib.contextmanager
def founded(home: Path, pin: str = PIN, *how: str) -> Iterator[Authority]:
    """With two banks and a contract in each. `how` is more of `tokenmgr ca init`."""
    with contextlib.ExitStack() as ports:
        held = [ports.enter_context(reserved()).getsockname()[1] for _ in range(2)]
        environment = {**os.environ, "TOKENMGR_HOME": str(home), "LC_ALL": "C.UTF-8", "no_proxy": "*"}
        descriptor, status = "--pin-fd" if "--library" in how else "--new-pin-fd", held[0]
        at = ("--status-url", f"http://127.0.0.1:{status}")
        made = warm.run(MAIN, "ca", "init", *at, *how, descriptor, "0", environment=environment, typed=f"{pin}\n")
        assert made.returncode == 0, made.stderr
        folder = open_folder(home / "ca")
        database = Database.open(folder.database)
        database.migrate(clock.now())
        administration = Administration(database, TESTER)
        for code, name in ((BANK, "みほん信用金庫"), (OTHER_BANK, "となりの信用金庫")):
            administration.add_bank(Bank(code, name, POLICY, contact="03-0000-0000"))
            administration.add_contract(Contract(code, CONTRACT, "株式会社みほん"))
        with contextlib.closing(database):
            yield Authority(folder, environment, administration, pin, status_port=status, est_port=held[1])


@contextlib.contextmanager
def serving(ca: Authority, workers: int = 2, status_port: int = 0, est_port: int = 0) -> Iterator[int]:
    """One node that serves; the port. A second one beside it has the same registry, as behind a balancer."""
    with node(ca, workers, status_port, est_port) as (port, _status_port):
        yield port


@contextlib.contextmanager
def node(ca: Authority, workers: int = 2, status_port: int = 0, est_port: int = 0) -> Iterator[tuple[int, int]]:
    """The same with the port of its status service."""
    ports = {"--listen": 0, "--status-listen": status_port, "--est-listen": est_port}
    at = [word for option, port in ports.items() for word in (option, f"127.0.0.1:{port}")]
    with keeper(ca, *at, "--workers", str(workers)) as node:
        yield ports_of(node)
        node.terminate()
        assert node.wait(PATIENCE) == 0


def keeper(ca: Authority, *options: str) -> contextlib.AbstractContextManager[warm.Running]:
    """`tokenmgr ca serve`; its workers are processes that it begins."""
    words = ("ca", "serve", *options, "--pin-fd", "0")
    return warm.started(MAIN, *words, environment=ca.environment, typed=f"{ca.pin}\n")


def ports_of(node: warm.Running) -> tuple[int, int]:
    assert node.stdout
    late = threading.Timer(PATIENCE, node.terminate)
    late.start()
    try:
        said = node.stdout.readline()
    finally:
        late.cancel()
    found = re.search(r"Serving at https://127\.0\.0\.1:(\d+)/ and http://127\.0\.0\.1:(\d+)/", said)
    assert found, f"the CA did not come up: {said!r}"
    return int(found[1]), int(found[2])


def another_second() -> None:
    """Certificates have whole seconds: which of two is the newer one cannot be told where both are of the same."""
    before = clock.now()
    while clock.now().replace(microsecond=0) <= before:
        time.sleep(0.01)


def free_port() -> int:
    """What is chosen before there is anybody to listen there."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        number: int = found.getsockname()[1]
    return number
