"""What a rig runs: services of its own, in namespaces of their own, ended with it."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

PATIENCE = 20.0  # seconds for a service to come up; it takes one


@contextmanager
def service(
    *command: str | Path, log: Path, environment: Mapping[str, str] | None = None, spoken_to: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """It is ended by its process id, and the kernel ends it if this process dies before it could."""
    with log.open("a") as said:
        started = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command],
            stdin=subprocess.PIPE if spoken_to else subprocess.DEVNULL,
            stdout=subprocess.PIPE if spoken_to else said,
            stderr=said,
            env=environment,
            text=True,
        )
    with started:
        try:
            yield started
        finally:
            started.terminate()
            try:
                started.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                started.kill()


def until(happened: Callable[[], object], running: subprocess.Popen[str] | None = None) -> None:
    """Ask again and again, while the service that is waited for runs."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert running is None or running.poll() is None, f"{running.args!r} ended with {running.returncode}"
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def require(*programs: str, root: bool = False) -> None:
    """Skip where something is missing, and say what. A path is a file that must be there."""
    for program in programs:
        if not (Path(program).exists() if program.startswith("/") else shutil.which(program)):
            pytest.skip(f"{program} is not installed")
    if root and not _namespaces_allowed():
        pytest.skip("namespaces of its own need root")


@functools.cache
def _namespaces_allowed() -> bool:
    """Not everybody who is root in a container may have them."""
    tried = ("unshare", "--mount", "--ipc", "--net", "mount", "-t", "tmpfs", "none", "/mnt")
    return os.geteuid() == 0 and subprocess.run(tried, capture_output=True, check=False).returncode == 0
