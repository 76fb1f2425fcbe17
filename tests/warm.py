"""A Python process that need not begin at nothing: a fork of one that has imported what every command imports.

done = warm.run("import sys; sys.exit(3)", environment={...})
with warm.started("print('up'); input()", environment={...}) as running:
    running.stdout.readline()

It is a process of its own in all else: its arguments, environment, standard streams, signals and end are its own. What
reads the environment while it is imported (the rooms of the command line) is not imported before. Whoever must see the
program begin, or says something to the interpreter or the dynamic linker, starts a real one.

So is the process in which a PKCS#11 library is loaded, of which a renewal begins four: of each command that `run` and
`started` begin, and of the tests' own where conftest.py says so. The library itself is loaded after the fork.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tokenmgr import system
from tokenmgr.token import worker

ROOT = Path(__file__).parents[1]
BEGUN_IN = {**os.environ, "LC_ALL": "C.UTF-8"}
STDERR = 2
LIMIT = 120  # seconds; then SIGALRM ends who is waited for
LONGEST = 1 << 17  # bytes of a request
GIVEN, MOST = 64, 8  # the first number, and how many at most, of more descriptors than the three
PIPE = 1 << 16  # bytes that a pipe takes while nobody reads
ROOMS = (
    *("ca", "catalogue", "cmp", "customer", "domain", "errors", "keystore", "messages", "pki", "ra", "renewal", "sql"),
    *("testbed", "token", "usb"),
)
OTHERS = (
    "click",
    "platformdirs",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.sqlite",
    "starlette.applications",
    "uvicorn",
)
# Each is loaded by a child of the program, or only where pytest is.
LEFT_OUT = {"tokenmgr.token.gate", "tokenmgr.token.child", "tokenmgr.testbed.pytest_tokenmgr"}
OF_A_LIBRARY = ("tokenmgr.token.child", "tokenmgr.token.gate")
CHILD = "from tokenmgr.token.child import main\nmain()"
Done = subprocess.CompletedProcess[str]
_really = worker._begun


class Running:
    """As much of subprocess.Popen as there is need of."""

    def __init__(self, told: socket.socket, stdout: IO[str] | None = None) -> None:
        self.pid, self.stdout = int(told.recv(16)), stdout
        self.returncode: int | None = None
        self._told = told.detach()  # which the collector may not close before

    def __del__(self) -> None:
        os.close(self._told)

    def poll(self, timeout: float | None = 0) -> int | None:
        if self.returncode is None and select.select([self._told], [], [], timeout)[0]:
            told = socket.socket(fileno=self._told)
            self.returncode = int(told.recv(16, socket.MSG_PEEK))  # another thread may ask, too
            told.detach()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if (status := self.poll(timeout)) is None:
            raise subprocess.TimeoutExpired("a fork", timeout or 0)
        return status

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


class Child(Running):
    """As much as token/worker.py has need of."""

    def __init__(self, told: socket.socket, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        super().__init__(told)
        self.stdin, self.stdout = stdin, stdout  # type: ignore[assignment]


def run(script: str, *arguments: str, environment: Mapping[str, str], typed: str = "") -> Done:
    """Python code as `python -c` has it; `arguments` are sys.argv[1:]."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        streams = out.fileno(), err.fileno()
        with _typed(typed) as reading:
            status = _server().begin(script, *arguments, environment=environment, streams=(reading, *streams)).wait()
        for said in (out, err):
            said.seek(0)
        return Done([script, *arguments], status, out.read(), err.read())


@contextlib.contextmanager
def started(script: str, *arguments: str, environment: Mapping[str, str], typed: str = "") -> Iterator[Running]:
    """One that goes on beside the test, and is told to end where it has not by then."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as said:
        try:
            with _typed(typed) as reading:
                streams = reading, writing, STDERR
                running = _server().begin(script, *arguments, environment=environment, streams=streams, limit=0)
        finally:
            os.close(writing)
        running.stdout = said
        try:
            yield running
        finally:
            running.terminate()
            running.wait(LIMIT)


def library(server: socket.socket, line: list[str], environment: Mapping[str, str]) -> Child | subprocess.Popen[bytes]:
    """In the place of worker._begun. What is told to the interpreter or the linker is told to one that begins."""
    if _read_at_the_beginning(environment, "LD_", "PYTHON") != _read_at_the_beginning(BEGUN_IN, "LD_", "PYTHON"):
        return _really(line, environment)
    arguments = line[len(system.how_to_start(worker.CHILD)) :]
    (heard, asking), (reading, said) = os.pipe(), os.pipe()
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        told = _asked(server, CHILD, arguments, environment, 0, [heard, said, nowhere.fileno()])
    for one in (heard, said):
        os.close(one)
    return Child(told, os.fdopen(asking, "wb", buffering=0), os.fdopen(reading, "rb", buffering=0))


@contextlib.contextmanager
def _typed(text: str) -> Iterator[int]:
    assert len(text) < PIPE // 4
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    os.close(writing)
    yield reading
    os.close(reading)


def _asked(
    server: socket.socket,
    script: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    limit: int,
    descriptors: Sequence[int],
) -> socket.socket:
    """Where its number is told, and its end."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        request = json.dumps([script, arguments, dict(environment), str(Path.cwd()), limit]).encode()
        socket.send_fds(server, [request], [its.fileno(), *descriptors])
    return ours


def _read_at_the_beginning(environment: Mapping[str, str], *names: str) -> dict[str, str]:
    """By the interpreter and the dynamic linker."""
    names = names or ("LC_", "LD_", "PYTHON")
    return {name: value for name, value in environment.items() if name.startswith(names)}


@dataclass(frozen=True)
class Server:
    process: subprocess.Popen[bytes]
    asked: socket.socket
    begun_in: Mapping[str, str]

    def begin(
        self,
        script: str,
        *arguments: str,
        environment: Mapping[str, str],
        streams: tuple[int, int, int],
        given: Sequence[int] = (),
        limit: int = LIMIT,
    ) -> Running:
        """Goes on beside us. `given` are its descriptors from GIVEN on."""
        assert _read_at_the_beginning(environment) == _read_at_the_beginning(self.begun_in)
        assert len(given) <= MOST
        return Running(_asked(self.asked, script, arguments, environment, limit, [*streams, *given]))


@functools.cache
def _server() -> Server:
    """One for each process of the tests; it ends with it."""
    return _begun(BEGUN_IN, "commands", libraries().asked)


@functools.cache
def libraries() -> Server:
    """Of their processes, for the tests and for the commands that they have forked."""
    return _begun(BEGUN_IN, "libraries")


@contextlib.contextmanager
def server(environment: Mapping[str, str]) -> Iterator[Server]:
    """One more, begun in another environment."""
    made = _begun(environment, "commands")
    try:
        yield made
    finally:
        made.asked.close()
        made.process.wait(LIMIT)


def _begun(environment: Mapping[str, str], of: str, *given: socket.socket) -> Server:
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    numbers = [one.fileno() for one in (its, *given)]
    command = [sys.executable, "-m", "tests.warm", of, *map(str, numbers)]
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=ROOT,
        pass_fds=numbers,
        stdin=subprocess.DEVNULL,
        stdout=its.fileno(),  # nothing can be sought in it, nor in the pipe that a fork may have there
    )
    its.close()
    return Server(process, ours, environment)


# --- in the process that is forked ----------------------------------------------------------------------------------


def _import() -> None:
    for room in ROOMS:
        package = importlib.import_module(f"tokenmgr.{room}")
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if module.name not in LEFT_OUT:
                importlib.import_module(module.name)
    for name in OTHERS:
        importlib.import_module(name)
    texts = importlib.import_module("tokenmgr.messages").Texts
    for language in ("ja", "en"):
        dict(texts(language)._entries)  # all of them


def serve(asked: socket.socket) -> None:
    """For each request a process, and one that waits for its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        request, descriptors, _, _ = socket.recv_fds(asked, LONGEST, 4 + MOST)
        if not request:
            return
        if not os.fork():
            asked.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _wait_for(request, descriptors)
            return
        for one in descriptors:
            os.close(one)


def _wait_for(request: bytes, descriptors: list[int]) -> None:
    told, *streams = descriptors
    if not (process := os.fork()):
        os.close(told)
        _become(request, streams)
        return
    for one in streams:
        os.close(one)
    os.write(told, str(process).encode())
    _, status = os.waitpid(process, 0)
    os.write(told, str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(request: bytes, streams: list[int]) -> None:
    script, arguments, environment, folder, limit = json.loads(request)
    for number, one in zip([0, 1, 2, *range(GIVEN, GIVEN + MOST)], streams, strict=False):
        os.dup2(one, number)
        os.close(one)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    signal.alarm(limit)  # 0: no end is set
    sys.argv = ["-c", *arguments]
    try:
        exec(compile(script, "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102
        _status.append(0)
    except SystemExit as ended:
        if isinstance(ended.code, int):
            _status.append(ended.code)
        raise


_status: list[int] = []  # with which it is about to end, where nothing has gone wrong


def _leave() -> None:
    """After everybody who has something to do at the exit. The interpreter is not taken apart: that would touch, and so
    copy, each page of what was imported, and cost four times what all else of a short command does."""
    if _status:
        with contextlib.suppress(OSError, ValueError):  # then the interpreter says so
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(_status[0])


if __name__ == "__main__":
    atexit.register(_leave)  # the first is the last to be called
    of, *numbers = sys.argv[1:]
    asked, *given = (socket.socket(fileno=int(number)) for number in numbers)
    if of == "commands":
        _import()
    else:
        for name in OF_A_LIBRARY:
            importlib.import_module(name)
    if given:
        worker._begun = functools.partial(library, given[0])  # type: ignore[assignment]
    gc.freeze()
    serve(asked)
