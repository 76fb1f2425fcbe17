"""A node of its own process: `python -m tests.ra.node`. Hex in, hex out, a line each; "busy" where it is.

One process for many tests, as it takes a second to start: "open URL NOW" is another registry, on another day.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import IO, cast

from tests.api.rig import Rig
from tokenmgr.errors import AuthorityBusy


class Node:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._to, self._from = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)

    def open(self, url: str, now: datetime) -> None:
        assert self._asked(f"open {url} {now.isoformat()}") == "ready"

    def close(self) -> None:
        """The registry, which may go now."""
        assert self._asked("close") == "closed"

    def answer(self, data: bytes) -> bytes:
        said = self._asked(data.hex())
        if said == "busy":
            raise AuthorityBusy
        return bytes.fromhex(said)

    def _asked(self, line: str) -> str:
        self._to.write(f"{line}\n".encode())
        self._to.flush()
        return self._from.readline().strip().decode()


@contextmanager
def another() -> Iterator[Node]:
    command = [sys.executable, "-m", "tests.ra.node"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Node(process)
        cast(IO[bytes], process.stdin).close()
        assert process.wait(30) == 0


def main() -> None:
    rig: Rig | None = None
    for line in sys.stdin:
        match line.split():
            case ["open", url, now]:
                rig = Rig(url)
                rig.now = datetime.fromisoformat(now)
                say("ready")
            case ["close"] if rig:
                rig.close()
                say("closed")
            case [data] if rig:
                try:
                    say(rig.answer(bytes.fromhex(data)).hex())
                except AuthorityBusy:
                    say("busy")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
