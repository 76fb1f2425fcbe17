"""The cheapest verb beside the physical limit of any child process: a pipe there and back, with nothing said.

Twice: as the system places the processes, and all of them on one core. Waking a process on another core costs more than
all that we do, and where processes land differs from run to run; on one core only the work is left, and it is steady.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

from benchmarks import peers
from benchmarks.bench import in_turns, ratio, spread, table, timed
from benchmarks.calls import ThroughChild
from benchmarks.media import medium_with

TURNS = 20
ROUNDS = 100  # in each turn
SIZE = 100  # bytes, about a question for the cheapest verb
ECHO = f"import os\nwhile said := os.read(0, {SIZE}): os.write(1, said)"


def run() -> None:
    usual = os.sched_getaffinity(0)
    rows = _rows("placed by the system")
    os.sched_setaffinity(0, {min(usual)})  # inherited by every process that is started from here on
    try:
        rows += _rows("on one core")
    finally:
        os.sched_setaffinity(0, usual)
    headings = ("processes", "figure", "time", "to a bare pipe")
    table("The round trip: median and quartiles; ratios within each turn", headings, rows)


def _rows(placing: str) -> list[list[str]]:
    with (
        medium_with(1) as (medium, serial),
        medium.library() as library,
        peers.c(medium) as c,
        _echo() as (there, back),
    ):
        ours = ThroughChild(library, serial)
        contenders = {
            "verb": functools.partial(ours.measure, "token", ROUNDS),
            "c": functools.partial(c.measure, "token", ROUNDS),
            "pipe": functools.partial(timed, functools.partial(_there_and_back, there, back), ROUNDS),
        }
        taken = in_turns(TURNS, contenders)
    verb, c_alone, pipe = taken["verb"], taken["c"], taken["pipe"]
    added = verb.by_turn(c_alone, lambda a, b: a - b)
    return [
        [placing, "token information through the child", str(verb), ratio(verb, pipe)],
        ["", "the same in C, without a child", str(c_alone), ratio(c_alone, pipe)],
        ["", "the first less the second: what the child adds", f"{spread(added)} µs", ""],
        ["", "a bare pipe to a child and back", str(pipe), "the limit"],
    ]


def _there_and_back(there: IO[bytes], back: IO[bytes]) -> None:
    there.write(bytes(SIZE))
    back.read(SIZE)


@contextmanager
def _echo() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    command = [sys.executable, "-c", ECHO]
    with subprocess.Popen(command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as p:
        there, back = cast(IO[bytes], p.stdin), cast(IO[bytes], p.stdout)
        yield there, back
        there.close()  # the end that it waits for
