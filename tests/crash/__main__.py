"""`python -m tests.crash`, `make crash`: every point of the proof, or those that are asked for.

Without options: each fault of every part, at each place that leaves something behind; of the calls that only look,
at some for each operation, but that a process dies at every one of a medium's. `--all` has every fault at every place,
a good day long.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import re
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import chain, zip_longest

from tests.crash import report
from tests.crash.crew import crew
from tests.crash.points import BETWEEN, ELSEWHERE, PARTS, PLACES, SUBJECTS, Point, Recording, every
from tests.crash.runner import Result

Chosen = tuple[str, Point]
FAULT = rf"(?:(?:{'|'.join(PLACES)}):[^/+ ]+|{'|'.join(BETWEEN)})"
NAMED = re.compile(rf"(?:{'|'.join(SUBJECTS)})/{FAULT}(?:\+{FAULT})*")


def main() -> int:
    told = _arguments()
    found: list[tuple[str, Result]] = []
    recordings: dict[str, Recording] = {}
    begun = time.monotonic()
    with crew(told.jobs) as workers:
        if told.point:
            chosen: Iterable[Chosen] = [("asked", Point.of(name)) for name in told.point]
        else:
            recordings = workers.record(told.subject or SUBJECTS)
            chosen = _drawn(recordings, told.random, told.seed) if told.random else _chosen(recordings, told)
        parts: dict[str, str] = {}
        for result in workers.run(_noted(chosen, parts)):
            found.append((parts[result.point.name], result))
            if result.violations:
                print(report.violation(result), flush=True)
            elif told.verbose:
                print(f"{len(found):>6} {time.monotonic() - begun:>7.0f} s  {result.outcome:<18} {result.point.name}")
    print(*filter(None, (report.table(found), report.places(recordings, found))), sep="\n")
    for name in report.not_reached(found):
        print(f"NOT REACHED {name}")
    print(report.last_line(found))
    return 0 if report.is_proven(found, len(parts)) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--point", action="append", help="this one, by the name that a violation is told with")
    parser.add_argument("--part", action="append", choices=PARTS)
    parser.add_argument("--subject", action="append", choices=SUBJECTS)
    parser.add_argument("--all", action="store_true", help="each fault at each place")
    parser.add_argument("--sample", type=int, metavar="N", help="so many, as many of each part, drawn by --seed")
    parser.add_argument("--random", type=float, metavar="HOURS", help="random schedules of one to four faults")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--jobs", type=int, default=3, help="worlds side by side; they wait often (default: 3)")
    parser.add_argument("--verbose", action="store_true", help="a line for each point")
    told = parser.parse_args()
    for name in told.point or ():
        if not NAMED.fullmatch(name):
            parser.error(f"--point {name}: no point is called so (tests/crash/points.py; {', '.join(SUBJECTS)})")
    if told.seed is None:
        told.seed = random.SystemRandom().randrange(10**6) if told.random else 1
    if told.random or told.sample:
        print(f"seed {told.seed}", flush=True)
    return told


def _chosen(recordings: dict[str, Recording], told: argparse.Namespace) -> list[Chosen]:
    most = sys.maxsize if told.all or told.sample else 0
    found = [
        (part, point)
        for subject in told.subject or SUBJECTS
        for part, (rank, point) in every(recordings[subject])
        if part in (told.part or PARTS) and rank <= most
    ]
    found = list({point.name: (part, point) for part, point in found}.values())
    return _sample(found, told.sample, told.seed) if told.sample else found


def _sample(found: list[Chosen], count: int, seed: int) -> list[Chosen]:
    """As many of each part, where it has as many; the same of a seed, though the CA writes more on one day."""
    found.sort(key=lambda one: hashlib.sha256(f"{seed} {one[1].name}".encode()).digest())
    by_part = [[one for one in found if one[0] == part] for part in PARTS]
    return [one for row in zip_longest(*by_part) for one in row if one is not None][:count]


def _drawn(recordings: dict[str, Recording], hours: float, seed: int) -> Iterator[Chosen]:
    """For so long."""
    draw, end = random.Random(seed), time.monotonic() + hours * 3600
    single: dict[str, list[str]] = {
        subject: [point.faults[0] for _, (_, point) in every(seen)] for subject, seen in recordings.items()
    }
    while time.monotonic() < end:
        subject = draw.choice(list(single))
        faults = [draw.choice(single[subject]) for _ in range(draw.choice((1, 2, 2, 3, 4)))]
        moves = [[ELSEWHERE] if draw.random() < 0.2 else [] for _ in faults]
        schedule = tuple(chain.from_iterable([fault, *move] for fault, move in zip(faults, moves, strict=True)))
        yield "random", Point(subject, schedule)


def _noted(chosen: Iterable[Chosen], parts: dict[str, str]) -> Iterator[Point]:
    for part, point in chosen:
        parts[point.name] = part
        yield point


if __name__ == "__main__":
    sys.exit(main())
