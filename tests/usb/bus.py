"""The made-up bus of the testbed (tokenmgr/testbed/usb_bus.py) as tests use it: with programs that run on it.

stick = Stick(0x096E, 0x0807, "EnterSafe", "ePass2003", "0123")
with MockBus(stick) as bus:
    bus.run(["tokenmgr", "media"])
    bus.unplug(stick)
"""

from __future__ import annotations

import functools
import os
import queue
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from tokenmgr.testbed.usb_bus import Stick, UsbBus

STAGE = Path(__file__).parents[2]  # what the programs of this folder are imported from
BOUND = 60.0  # seconds: only what never happens takes so long


class Program:
    """One that goes on while the test does something. What it says on standard error goes to the test's."""

    def __init__(self, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, env=environment, cwd=STAGE, text=True, stdin=pipe, stdout=pipe)
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def line(self) -> str:
        """The next one that it says, which may take it a while."""
        if (line := self._lines.get(timeout=BOUND)) is None:
            raise EOFError("it has ended")
        return line

    def say(self, line: str) -> None:
        given = cast(IO[str], self._process.stdin)
        given.write(line + "\n")
        given.flush()

    def end(self) -> list[str]:
        """Closes its standard input, waits for it to leave by itself, and returns what it still said."""
        cast(IO[str], self._process.stdin).close()
        rest = list(iter(functools.partial(self._lines.get, timeout=BOUND), None))
        if self._process.wait(BOUND):
            raise RuntimeError(f"it left with {self._process.returncode}")
        return rest

    def kill(self) -> None:
        """Does nothing to one that has ended."""
        with self._process:
            self._process.kill()
            self._reader.join()

    def _read(self) -> None:
        for line in cast(IO[str], self._process.stdout):
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)


class MockBus(UsbBus):
    """For every user of this computer, since some programs give up root's rights."""

    def __init__(self, *sticks: Stick) -> None:
        super().__init__(os.environ, *sticks)
        self._programs: list[Program] = []

    def __enter__(self) -> Self:
        super().__enter__()
        for folder in (self.root.parent, self.root):
            folder.chmod(0o777)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for program in self._programs:
            program.kill()
        super().__exit__(kind, error, tb)

    def run(
        self, command: Sequence[str | Path], environment: Mapping[str, str] | None = None, **how: Any
    ) -> subprocess.CompletedProcess[str]:
        """A program on this bus, to its end. `environment` comes on top."""
        given = {**self.environment, **(environment or {})}
        how = {"cwd": STAGE, "timeout": 120, **how}
        return subprocess.run(command, env=given, text=True, capture_output=True, check=False, **how)

    def start(self, command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Program:
        """A program on this bus that goes on; with the bus it is ended."""
        program = Program(command, {**self.environment, **(environment or {})})
        self._programs.append(program)
        return program
