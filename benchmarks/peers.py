"""The peers: processes that make the same PKCS#11 calls without us, and wait for their turn between.

A peer is started with a library's path, is told a PIN on its first line, and then answers each line `OPERATION ROUNDS`
with one line of microseconds. Each has a process of its own, since a library belongs to its process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, cast

from tokenmgr.testbed.simulated import PIN, SimulatedMedium


class Peer:
    def __init__(self, questions: IO[str], answers: IO[str]) -> None:
        self._questions, self._answers = questions, answers

    def measure(self, operation: str, rounds: int) -> list[float]:
        self._questions.write(f"{operation} {rounds}\n")
        self._questions.flush()
        answer = [float(figure) for figure in self._answers.readline().split()]
        if len(answer) != rounds:
            raise RuntimeError(f"a peer broke off during {operation}; it has said why on standard error")
        return answer


@contextmanager
def python(medium: SimulatedMedium) -> Iterator[Peer]:
    """python-pkcs11 alone, in process."""
    with _started([sys.executable, "-m", "benchmarks.inprocess"], medium) as peer:
        yield peer


@contextmanager
def c(medium: SimulatedMedium) -> Iterator[Peer]:
    """The floor: nothing around the calls at all."""
    with TemporaryDirectory() as folder:
        program, source = Path(folder) / "peer", Path(__file__).with_name("peer.c")
        command = ["gcc", "-O2", "-Wall", "-I/usr/include/p11-kit-1", "-o", str(program), str(source), "-ldl"]
        subprocess.run(command, check=True)
        with _started([str(program)], medium) as peer:
            yield peer


@contextmanager
def _started(command: list[str], medium: SimulatedMedium) -> Iterator[Peer]:
    environment = {**os.environ, **medium.environment}
    with subprocess.Popen(
        [*command, medium.path],
        env=environment,
        cwd=Path(__file__).parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        questions, answers = cast(IO[str], process.stdin), cast(IO[str], process.stdout)
        questions.write(f"{PIN}\n")
        yield Peer(questions, answers)
        questions.close()  # its end of the conversation: it leaves by itself
