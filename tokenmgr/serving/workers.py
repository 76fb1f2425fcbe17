"""Several processes behind the same sockets: a keeper that starts them, and starts anew whichever ends by itself.

The keeper opens the sockets and holds the PIN; a worker is handed them, the PIN through its standard input, which stays
open: when the keeper is gone, however that came, its workers read the end and finish what they have begun.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import select
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, cast

import uvicorn
from starlette.types import ASGIApp

from tokenmgr.errors import CannotListen, ValueUnfit, WorkerFailed
from tokenmgr.log import Secret
from tokenmgr.serving.bounds import Bounded

log = logging.getLogger(__name__)

FINISHING = 30  # seconds that requests under way may take once the service is told to stop
LEAST_LIFE = 10.0  # seconds; one that ends sooner than this after its start has something wrong with it
LONGEST_WAIT = 60.0  # seconds between two starts of one that ends soon
LONGEST_START = 120.0  # seconds that a new one may take until it serves


NO_CHECK_TIME = ssl.VerifyFlags(0x200000)  # X509_V_FLAG_NO_CHECK_TIME, which Python has no name for

During = Callable[[asyncio.Event], Coroutine[None, None, None]]  # what runs beside the serving, until the event


@dataclass(frozen=True)
class Address:
    host: str
    port: int


def listen(address: Address, option: str = "--listen") -> socket.socket:
    """`option` is where another one is named."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        opened = socket.create_server((address.host, address.port), family=family, backlog=512)
    except OSError as error:
        where = f"{address.host}:{address.port}"
        raise CannotListen(address=where, reason=error.strerror or str(error), option=option) from error
    opened.set_inheritable(True)
    return opened


def check_tls(certificate: str, key: str) -> None:
    """Before anything is started: a pair that TLS can use."""
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ValueUnfit(what=f"{certificate}, {key}", reason=str(error)) from error


class Keeper:
    """`changed` is asked again and again: when it says so, the workers are replaced one after another."""

    def __init__(
        self,
        command: Sequence[str],
        count: int,
        opened: Mapping[str, socket.socket],
        pin: Secret,
        environment: Mapping[str, str],
        changed: Callable[[], bool] = lambda: False,
    ) -> None:
        """`opened` is by the option that tells a worker of it."""
        told = [word for option, one in opened.items() for word in (option, str(one.fileno()))]
        self._command = [sys.executable, "-P", "-m", "tokenmgr", *command, *told]
        self._sockets = tuple(opened.values())
        self._count, self._pin, self._environment = count, pin, dict(environment)
        self._changed = changed
        self._running: list[_Worker] = []
        self._relay = _Relay(self._start, self._running)
        self._soon: dict[int, int] = {}  # by its place: how often one has ended soon after its start
        self._due: dict[int, float] = {}  # when the next one is started there

    def run(self, ready: Callable[[], None], stopping: Callable[[], None] = lambda: None) -> None:
        """Until interrupted. `ready` is called once, when every worker answers; `stopping` before they are told to
        end."""
        try:
            for _ in range(self._count):
                self._running.append(self._start())
            for worker in self._running:
                worker.wait_ready()
            try:
                ready()
                self._keep()
            finally:
                stopping()
        finally:
            self._stop()

    def _keep(self) -> None:
        while True:
            time.sleep(0.2)
            self._look()

    def _look(self) -> None:
        """Whoever ends is started anew, later each time that it ends soon; the others go on."""
        if self._changed():
            self._relay.begin()
        self._relay.go_on()
        for place, worker in enumerate(self._running):
            if worker.ended is None:
                self._due.pop(place, None)  # a hand-over has filled the place meanwhile
            elif place not in self._due:
                self._wait(place, worker)
            elif time.monotonic() >= self._due[place]:
                self._replace(place)

    def _wait(self, place: int, ended: _Worker) -> None:
        self._soon[place] = self._soon.get(place, 0) + 1 if ended.age < LEAST_LIFE else 0
        wait = min(2.0 ** self._soon[place] - 1, LONGEST_WAIT)
        self._due[place] = time.monotonic() + wait
        log.warning("a worker ended", extra={"status": ended.ended, "worker": ended.process, "again_in": wait})

    def _replace(self, place: int) -> None:
        try:
            self._running[place] = self._start()
            del self._due[place]
        except OSError:  # no memory, no processes
            log.exception("a worker could not be started")
            self._due[place] = time.monotonic() + LONGEST_WAIT

    def _start(self) -> _Worker:
        return _Worker(self._command, self._sockets, self._pin, self._environment)

    def _stop(self) -> None:
        for opened in self._sockets:
            opened.close()  # a balancer that asks now is told at once that nobody is here
        every = (*self._running, *self._relay.others)
        for worker in every:
            worker.tell_to_stop()
        end = time.monotonic() + FINISHING + 5
        for worker in every:
            worker.wait_until(end)


class _Relay:
    """One worker after another hands over to a new one: it finishes what it has begun once the new one is ready. One
    that does not come up takes nobody's place, and is tried again later."""

    def __init__(self, start: Callable[[], _Worker], running: list[_Worker]) -> None:
        self._start, self._running = start, running
        self._places: list[int] = []  # of those that are still to be replaced
        self._coming: _Worker | None = None
        self._leaving: dict[_Worker, float] = {}
        self._not_before = 0.0

    @property
    def others(self) -> tuple[_Worker, ...]:
        """Beside those that serve."""
        return (*((self._coming,) if self._coming else ()), *self._leaving)

    def begin(self) -> None:
        """Anew, where one is under way: what comes up now may have read what was there before."""
        if self._coming is not None:
            self._dismiss(self._coming)
            self._coming = None
        self._places, self._not_before = list(range(len(self._running))), 0.0

    def go_on(self) -> None:
        """A step, where one can be taken without waiting."""
        for worker, end in list(self._leaving.items()):
            if worker.ended is not None or time.monotonic() > end:
                worker.wait_until(end)
                del self._leaving[worker]
        if self._coming is not None:
            self._hand_over(self._coming)
        elif self._places and time.monotonic() >= self._not_before:
            try:
                self._coming = self._start()
            except OSError:  # no memory, no processes
                log.exception("a worker could not be started")
                self._not_before = time.monotonic() + LONGEST_WAIT

    def _hand_over(self, coming: _Worker) -> None:
        if coming.is_ready:
            place, self._coming = self._places.pop(0), None
            before, self._running[place] = self._running[place], coming
            self._dismiss(before)
            log.info("a worker was replaced", extra={"worker": coming.process, "before": before.process})
        elif coming.ended is not None:
            coming.wait_until(time.monotonic())
            self._coming, self._not_before = None, time.monotonic() + LONGEST_WAIT
            told = {"status": coming.ended, "again_in": LONGEST_WAIT}
            log.error("what has changed cannot be served with; the workers go on as they are", extra=told)
        elif coming.age > LONGEST_START:
            self._dismiss(coming)
            self._coming, self._not_before = None, time.monotonic() + LONGEST_WAIT
            told = {"worker": coming.process, "again_in": LONGEST_WAIT}
            log.error("a new worker does not begin to serve; the workers go on as they are", extra=told)

    def _dismiss(self, worker: _Worker) -> None:
        worker.tell_to_stop()
        self._leaving[worker] = time.monotonic() + FINISHING + 5


class _Worker:
    def __init__(
        self, command: Sequence[str], opened: Sequence[socket.socket], pin: Secret, environment: dict[str, str]
    ) -> None:
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[one.fileno() for one in opened],
            env=environment,
            start_new_session=True,  # Ctrl-C is the keeper's: it tells its workers by itself
        )
        self._started = time.monotonic()
        told = cast(IO[bytes], self._child.stdin)
        with contextlib.suppress(BrokenPipeError):  # ended at once: wait_ready and the keeper see that
            told.write(bytes(pin.reveal()) + b"\n")
            told.flush()

    def wait_ready(self) -> None:
        """Its first line says so; its end says that it never will be."""
        if not cast(IO[bytes], self._child.stdout).readline():
            raise WorkerFailed(status=self._child.wait())

    @property
    def is_ready(self) -> bool:
        """What is written after its first line stays there for nobody. At its end there is no line."""
        told = cast(IO[bytes], self._child.stdout)
        return bool(select.select([told], [], [], 0)[0]) and told.readline() != b""

    @property
    def ended(self) -> int | None:
        return self._child.poll()

    @property
    def process(self) -> int:
        return self._child.pid

    @property
    def age(self) -> float:
        return time.monotonic() - self._started

    def tell_to_stop(self) -> None:
        with contextlib.suppress(OSError):
            cast(IO[bytes], self._child.stdin).close()

    def wait_until(self, end: float) -> None:
        try:
            self._child.wait(max(end - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self.tell_to_stop()
        cast(IO[bytes], self._child.stdout).close()


@dataclass(frozen=True)
class Served:
    """An application on a socket; over TLS where there is a certificate. A client's certificate, where it has one, is
    checked by `anchors` (DER): with a foreign one it gets no further than the handshake, nor with an expired one unless
    `takes_expired`, where the application tells its holder."""

    app: ASGIApp
    descriptor: int
    certificate: str = ""
    key: str = ""
    anchors: tuple[bytes, ...] = ()
    takes_expired: bool = False


def work(served: Sequence[Served], during: During) -> None:
    """One worker: serves until its standard input ends, then finishes what it has begun and returns."""
    starting = set(range(len(served)))

    def started(number: int) -> None:
        starting.discard(number)
        if not starting:
            sys.stdout.write("ready\n")
            sys.stdout.flush()

    servers = [_Server(_config(one), functools.partial(started, number)) for number, one in enumerate(served)]
    opened = [socket.socket(fileno=one.descriptor) for one in served]
    asyncio.run(_serve(servers, opened, during))


def _config(served: Served) -> uvicorn.Config:
    def context(_config: uvicorn.Config, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        made = default()
        if served.anchors:
            made.load_verify_locations(cadata=b"".join(served.anchors))
            made.verify_mode = ssl.CERT_OPTIONAL
            if served.takes_expired:
                made.verify_flags |= NO_CHECK_TIME
        return made

    return uvicorn.Config(
        served.app,
        http=Bounded,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ssl_certfile=served.certificate or None,
        ssl_keyfile=served.key or None,
        ssl_context_factory=context if served.certificate else None,
        timeout_graceful_shutdown=FINISHING,
        timeout_keep_alive=15,
        limit_concurrency=1024,
    )


class _Server(uvicorn.Server):
    """One that says when it serves, and leaves signals alone: its keeper has the terminal."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._started = started

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._started()


async def _serve(servers: Sequence[_Server], opened: Sequence[socket.socket], during: During) -> None:
    loop, ending = asyncio.get_running_loop(), asyncio.Event()

    def wait_for_end() -> None:
        sys.stdin.buffer.read()
        for server in servers:
            server.should_exit = True
        loop.call_soon_threadsafe(ending.set)

    threading.Thread(target=wait_for_end, daemon=True).start()
    jobs = asyncio.create_task(during(ending))
    await asyncio.gather(*(server.serve(sockets=[one]) for server, one in zip(servers, opened, strict=True)))
    ending.set()
    await jobs
