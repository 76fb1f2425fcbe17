"""A node of its own process: `python -m tests.ra.node URL NOW`. Hex in, hex out, a line each; "busy" where it is."""

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
        assert self._from.readline() == b"ready\n"

    def answer(self, data: bytes) -> bytes:
        self._to.write(data.hex().encode() + b"\n")
        self._to.flush()
        said = self._from.readline().strip().decode()
        if said == "busy":
            raise AuthorityBusy
        return bytes.fromhex(said)


@contextmanager
def another(url: str, now: datetime) -> Iterator[Node]:
    command = [sys.executable, "-m", "tests.ra.node", url, now.isoformat()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Node(process)
        cast(IO[bytes], process.stdin).close()
        assert process.wait(30) == 0


def main(url: str, now: str) -> None:
    rig = Rig(url)
    rig.now = datetime.fromisoformat(now)
    say("ready")
    for line in sys.stdin:
        try:
            say(rig.answer(bytes.fromhex(line)).hex())
        except AuthorityBusy:
            say("busy")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
