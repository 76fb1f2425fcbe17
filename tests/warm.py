"""A Python process that need not begin at nothing: a fork of one that has imported what every command imports.

done = warm.run("import sys; sys.exit(3)", environment={...})

It is a process of its own in all else: its arguments, environment, standard streams, signals and end are its own. What
reads the environment while it is imported (the rooms of the command line) is not imported before. Whoever must see the
program begin, or says something to the interpreter or the dynamic linker, starts a real one.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
BEGUN_IN = {**os.environ, "LC_ALL": "C.UTF-8"}
LIMIT = 120  # seconds; then SIGALRM ends it
LONGEST = 1 << 17  # bytes of a request
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
Done = subprocess.CompletedProcess[str]


def run(script: str, *arguments: str, environment: Mapping[str, str], typed: str = "") -> Done:
    """Python code as `python -c` has it; `arguments` are sys.argv[1:]."""
    assert _read_at_the_beginning(environment) == _read_at_the_beginning(BEGUN_IN)
    assert len(typed) < PIPE // 4
    reading, writing = os.pipe()
    os.write(writing, typed.encode())
    os.close(writing)
    ours, its = socket.socketpair()
    request = json.dumps([script, arguments, dict(environment), str(Path.cwd())]).encode()
    with ours, its, tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        socket.send_fds(_server().asked, [request], [reading, out.fileno(), err.fileno(), its.fileno()])
        os.close(reading)
        its.close()
        status = int(ours.recv(16))
        for said in (out, err):
            said.seek(0)
        return Done([script, *arguments], status, out.read(), err.read())


def _read_at_the_beginning(environment: Mapping[str, str]) -> dict[str, str]:
    """By the interpreter and the dynamic linker."""
    return {name: value for name, value in environment.items() if name.startswith(("LC_", "LD_", "PYTHON"))}


@dataclass(frozen=True)
class Server:
    process: subprocess.Popen[bytes]
    asked: socket.socket


@functools.cache
def _server() -> Server:
    """One for each process of the tests; it ends with it."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", "tests.warm", str(its.fileno())]
    nothing = subprocess.DEVNULL
    process = subprocess.Popen(command, env=BEGUN_IN, cwd=ROOT, pass_fds=[its.fileno()], stdin=nothing, stdout=nothing)
    its.close()
    return Server(process, ours)


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
        texts(language)
    gc.freeze()


def serve(asked: socket.socket) -> None:
    """For each request a process, and one that waits for its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        request, descriptors, _, _ = socket.recv_fds(asked, LONGEST, 4)
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
    *streams, told = descriptors
    if not (process := os.fork()):
        os.close(told)
        _become(request, streams)
        return
    for one in streams:
        os.close(one)
    _, status = os.waitpid(process, 0)
    os.write(told, str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(request: bytes, streams: list[int]) -> None:
    script, arguments, environment, folder = json.loads(request)
    for number, one in enumerate(streams):
        os.dup2(one, number)
        os.close(one)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    signal.alarm(LIMIT)
    sys.argv = ["-c", *arguments]
    exec(compile(script, "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102


if __name__ == "__main__":
    _import()
    serve(socket.socket(fileno=int(sys.argv[1])))
