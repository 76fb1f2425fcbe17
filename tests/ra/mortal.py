"""A CA that is killed at its k-th step: `python -m tests.ra.mortal` reads jobs, JSON a line, and forks for each.

Steps are counted before and after each durable verb of the registry and each signature. What was signed, what was
sent and what was answered is in the job's folder before the next step is taken.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, TypeVar, cast

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.actors import TESTER
from tests.api.rig import Customer, Rig, authority, granted
from tokenmgr.api.cmp import Front
from tokenmgr.ca.issuer import Draft, Issuer
from tokenmgr.cmp.algorithms import PrivateKey
from tokenmgr.cmp.messages import Kind, confirmation, parse
from tokenmgr.domain.generation import Generation
from tokenmgr.domain.reissue import Cause
from tokenmgr.ra.ports import Asked, Exchange
from tokenmgr.sql.registry import SqlRegistry

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Job:
    """`key` and `certificate`, or `ticket`, are the customer's; `request` is what it sends, all but those in hex."""

    url: str
    now: str
    user: str
    folder: str
    dies_at: int
    request: str
    ticket: tuple[str, str] | None
    key: str
    certificate: str


class Life:
    def __init__(self, folder: Path, dies_at: int) -> None:
        self.folder, self._left = folder, dies_at

    def around(self, act: Callable[[], T]) -> T:
        self._step()
        done = act()
        self._step()
        return done

    def _step(self) -> None:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1

    def note(self, name: str, data: bytes) -> None:
        (self.folder / name).write_bytes(data)


class MortalRegistry(SqlRegistry):
    life: Life

    def record(self, generation: Generation, exchange: Exchange, displaced: Generation | None, now: datetime) -> None:
        self.life.around(lambda: super(MortalRegistry, self).record(generation, exchange, displaced, now))

    def sign_off(self, serial: int, certificate: bytes) -> None:
        self.life.around(lambda: super(MortalRegistry, self).sign_off(serial, certificate))

    def bind(self, exchange: Exchange) -> None:
        self.life.around(lambda: super(MortalRegistry, self).bind(exchange))

    def reissue(self, subscriber: int, cause: Cause, until: datetime, asked: Asked | None, now: datetime) -> bool:
        return self.life.around(lambda: super(MortalRegistry, self).reissue(subscriber, cause, until, asked, now))

    def confirm(self, exchange: Exchange, confirm_digest: bytes, now: datetime, retire: bool) -> None:
        self.life.around(lambda: super(MortalRegistry, self).confirm(exchange, confirm_digest, now, retire))


class MortalIssuer(Issuer):
    life: Life

    def sign(self, draft: Draft) -> bytes:
        return self.life.around(lambda: self._noted(draft))

    def _noted(self, draft: Draft) -> bytes:
        certificate = super().sign(draft)
        self.life.note(f"signed-{draft.serial:x}", certificate)
        return certificate


def live(job: Job) -> None:
    """The request and its confirmation, or as far as it comes."""
    life = Life(Path(job.folder), job.dies_at)
    keys, plain = authority()
    issuer = MortalIssuer(keys, plain.profile)
    issuer.life = life
    rig = Rig(job.url, made=(keys, issuer))
    rig.now = datetime.fromisoformat(job.now)
    registry = MortalRegistry(rig.database, TESTER)
    registry.life = life
    rig.registry = registry
    rig.service = dataclasses.replace(rig.service, registry=registry)
    rig.front = Front(rig.service)
    customer = customer_of(job, rig)
    request = bytes.fromhex(job.request)
    customer.transaction = parse(request).header.transaction_id or b""
    answer = customer.send(request)
    if answer.kind is Kind.GENP:  # one message, and one answer
        life.note("sent", answer.raw)
        rig.close()
        return
    life.note("sent", granted(answer))
    confirming = customer.build(Kind.CERTCONF, confirmation(granted(answer)))
    life.note("confirming", confirming)
    assert customer.send(confirming).kind is Kind.PKICONF
    life.note("confirmed", b"")
    rig.close()


def customer_of(job: Job, rig: Rig) -> Customer:
    key = cast(PrivateKey, load_pem_private_key(job.key.encode(), None))
    ticket = (job.ticket[0], bytes.fromhex(job.ticket[1])) if job.ticket else None
    return Customer(rig, job.user, ticket=ticket, key=key, certificate=bytes.fromhex(job.certificate))


class Zygote:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._to, self._from = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)

    def run(self, job: Job) -> int:
        """The signal that ended it; 0 where it came to its end."""
        self._to.write(json.dumps(dataclasses.asdict(job)).encode() + b"\n")
        self._to.flush()
        return int(self._from.readline())


@contextmanager
def zygote() -> Iterator[Zygote]:
    command = [sys.executable, "-m", "tests.ra.mortal"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Zygote(process)


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            live(Job(**json.loads(line)))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        sys.stdout.write(f"{os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
