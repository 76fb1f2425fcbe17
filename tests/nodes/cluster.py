"""Several nodes of one CA on one PostgreSQL, each as its operator starts it, and customers who reach them by HTTPS."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from tests import warm
from tests.actors import TESTER
from tests.api.rig import Customer, Rig, granted, new_key
from tests.interop import running
from tests.interop.running import BANK, CONTRACT, PIN, Authority
from tokenmgr import clock
from tokenmgr.cmp.messages import Kind, Message, certificate_request, confirmation, parse
from tokenmgr.domain.generation import StoreKind
from tokenmgr.ra.ports import Ticket
from tokenmgr.sql.engine import Database
from tokenmgr.sql.registry import SqlRegistry

PATIENCE = 60.0  # seconds for a customer to be served by somebody


@dataclass
class Node:
    """`ca serve`, with all its processes."""

    process: warm.Running
    port: int
    status_port: int

    def kill(self) -> None:
        """As a power cut does it: all at once, and nobody says goodbye."""
        everybody = [self.process.pid, *_below(self.process.pid)]
        for one in everybody:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        self.process.wait(PATIENCE)


def _below(process: int) -> list[int]:
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except FileNotFoundError:
        return []
    return [one for child in map(int, children) for one in (child, *_below(child))]


@contextlib.contextmanager
def node(ca: Authority) -> Iterator[Node]:
    at = ("--listen", "127.0.0.1:0", "--status-listen", "127.0.0.1:0")
    with running.keeper(ca, *at, "--workers", "2") as process:
        yield Node(process, *running.ports_of(process))


@dataclass
class Cluster:
    ca: Authority
    database: Database
    nodes: list[Node]
    keeping: contextlib.ExitStack
    names: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def mend(self) -> None:
        """Whoever was killed comes back."""
        for number, one in enumerate(self.nodes):
            if one.process.poll() is not None:
                self.nodes[number] = self.keeping.enter_context(node(self.ca))

    @property
    def registry(self) -> SqlRegistry:
        return SqlRegistry(self.database, TESTER)

    @property
    def now(self) -> datetime:
        return clock.now()

    @property
    def service(self) -> Any:
        """As much of it as a client knows: the name of the CA's CMP certificate."""
        facts = self.ca.folder.current.certificates["cmp"]
        return SimpleNamespace(keys=SimpleNamespace(cmp=SimpleNamespace(facts=facts)))

    def post(self, number: int, data: bytes) -> tuple[int, bytes]:
        """To one node, once; OSError where there is none."""
        port = self.nodes[number % len(self.nodes)].port
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=PATIENCE, context=self.ca.context)
        with contextlib.closing(connection):
            connection.request("POST", f"/.well-known/cmp/p/{BANK}", data, {"Content-Type": "application/pkixcmp"})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def ask(self, number: int, data: bytes) -> Message:
        """As a client behind a balancer: the same bytes, to the next node where one is gone or says to come again."""
        ends = time.monotonic() + PATIENCE
        for turn in itertools.count(number):
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, said = self.post(turn, data)
                if status == 200:
                    return parse(said)
                assert status == 503, said
            assert time.monotonic() < ends, "nobody answers"
            time.sleep(0.05)
        raise AssertionError

    def customer(self) -> Customer:
        """With a proven claim."""
        who = self.ca.enrol()
        reference = f"t{next(self.names)}x{os.getpid()}"
        until = clock.now() + timedelta(minutes=5)
        ticket = Ticket(reference, b"secret", BANK, who.id, StoreKind.MEDIUM, until)
        self.registry.open_ticket(ticket, CONTRACT, who.user)
        return Customer(cast(Rig, self), who.user, ticket=(reference, b"secret"))

    def certified(self, customer: Customer, turn: int = 0) -> Customer:
        """Request and confirmation, each to the next node; whom it makes."""
        customer.transaction, customer.last = os.urandom(16), None
        key = new_key()
        kind = Kind.IR if customer.ticket else Kind.KUR
        customer.last = self.ask(turn, customer.build(kind, certificate_request(key, customer.subject)))
        certificate = granted(customer.last)
        answer = self.ask(turn + 1, customer.build(Kind.CERTCONF, confirmation(certificate)))
        assert answer.kind is Kind.PKICONF, answer.body
        return Customer(cast(Rig, self), customer.user, key=key, certificate=certificate)

    def rounds(self) -> list[float]:
        """How many rounds of its jobs each node has made."""
        return [self._rounds(one) for one in self.nodes]

    def _rounds(self, one: Node) -> float:
        connection = http.client.HTTPSConnection("127.0.0.1", one.port, timeout=PATIENCE, context=self.ca.context)
        with contextlib.closing(connection):
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        found = re.findall(r'^tokenmgr_jobs_total\{job="rounds?",outcome="(?:done|elsewhere)"\} ([0-9.]+)', text, re.M)
        return sum(map(float, found))

    def wait_for_rounds(self, more: int) -> None:
        """Of each node."""
        ends, wanted = time.monotonic() + PATIENCE, [have + more for have in self.rounds()]
        while any(have < want for have, want in zip(self.rounds(), wanted, strict=True)):
            assert time.monotonic() < ends
            time.sleep(0.2)


@contextlib.contextmanager
def cluster(home: Path, url: str, size: int = 2) -> Iterator[Cluster]:
    with contextlib.ExitStack() as stack:
        ca = stack.enter_context(running.founded(home, PIN, "--database", url))
        nodes = [stack.enter_context(node(ca)) for _ in range(size)]
        database = Database.open(url)
        stack.callback(database.close)
        yield Cluster(ca, database, nodes, stack)
