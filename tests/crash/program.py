"""`tokenmgr` as somebody starts it: a process of its own, its PINs through file descriptors, no terminal. It is
forked of one that has imported what every command imports (tests/warm.py), which is most of what a start costs.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests import warm
from tests.cli.runner import MAIN
from tests.crash.node import children

PATIENCE = 600  # seconds for one command, hangs and pauses included; then SIGALRM ends it
KILLED = -signal.SIGKILL
ALONE = f"import os\nos.setsid()\n{MAIN}"  # a group of its own: what a power cut ends


@dataclass(frozen=True)
class Ended:
    line: tuple[str, ...]
    status: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"$ tokenmgr {' '.join(self.line)}\n{self.out}{self.err}=> {self.status}"


class Running:
    def __init__(
        self,
        server: warm.Server,
        folder: Path,
        environment: Mapping[str, str],
        line: tuple[str, ...],
        pins: Mapping[str, str],
    ) -> None:
        self.line, self._out, self._err = line, folder / "out", folder / "err"
        told = [word for number, option in enumerate(pins, warm.GIVEN) for word in (option, str(number))]
        with Path(os.devnull).open("rb") as nothing, self._out.open("wb") as out, self._err.open("wb") as err:
            streams = nothing.fileno(), out.fileno(), err.fileno()
            ends = [_through_pipe(pin) for pin in pins.values()]
            self._process = server.begin(
                ALONE, *line, *told, environment=environment, streams=streams, given=ends, limit=PATIENCE
            )
        for end in ends:
            os.close(end)

    @property
    def is_over(self) -> bool:
        return self._process.poll() is not None

    def cut_power(self) -> None:
        """It and its library's process, at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def kill_alone(self) -> list[int]:
        """Its library's process stays, and is told by its pipe; their numbers."""
        left = children(self._process.pid)
        self._process.kill()
        return left

    def ended(self) -> Ended:
        status = self._process.wait()
        assert status != -signal.SIGALRM, f"hangs: {self.line}"
        return Ended(self.line, status, self._out.read_text(errors="replace"), self._err.read_text(errors="replace"))


def _through_pipe(pin: str) -> int:
    reading, writing = os.pipe()
    os.write(writing, f"{pin}\n".encode())
    os.close(writing)
    return reading


def wait_gone(processes: list[int], seconds: float = 120.0) -> None:
    """Of another process's children, which nobody can wait for."""
    end = time.monotonic() + seconds
    while any(_lives(one) for one in processes):
        assert time.monotonic() < end, "a library's process has outlived its program"
        time.sleep(0.005)


def _lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
