"""Several worlds side by side, each in a process of its own with its own CA, that take points from one list."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.queues
import os
import queue
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, TypeAlias

from tests.crash import world
from tests.crash.points import Point, Recording
from tests.crash.runner import Result, record, run

Queue: TypeAlias = "multiprocessing.queues.Queue[Any]"
LEAVING = 120.0  # seconds for one who has a point under way


class Ended(Exception):
    """A worker, by something of its own."""


class Crew:
    def __init__(self, asked: Queue, told: Queue, everybody: list[SpawnProcess]) -> None:
        self._asked, self._told, self._everybody = asked, told, everybody

    def record(self, subjects: Iterable[str]) -> dict[str, Recording]:
        wanted = list(subjects)
        for one in wanted:
            self._asked.put(one)
        return dict(self._answer() for _ in wanted)

    def run(self, points: Iterable[Point]) -> Iterator[Result]:
        """As they are done. No more than a few are handed out at a time, so that an endless list is one too."""
        under_way = 0
        for point in points:
            self._asked.put(point)
            under_way += 1
            if under_way >= 2 * len(self._everybody):
                yield self._answer()
                under_way -= 1
        for _ in range(under_way):
            yield self._answer()

    def _answer(self) -> Any:
        """One who is killed tells nothing."""
        while True:
            ended = [one for one in self._everybody if one.exitcode is not None]
            with contextlib.suppress(queue.Empty):
                answer = self._told.get(timeout=1.0)
                if isinstance(answer, Ended):
                    raise Ended(*answer.args)
                return answer
            if ended:
                raise Ended(f"a worker ended with {ended[0].exitcode}")


@contextlib.contextmanager
def crew(workers: int) -> Iterator[Crew]:
    context = multiprocessing.get_context("spawn")
    asked, told = context.Queue(), context.Queue()
    folder = Path(tempfile.mkdtemp(prefix="tokenmgr-crash-"))
    everybody = [
        context.Process(target=_work, args=(folder / f"{number}", folder / "store", asked, told))
        for number in range(workers)
    ]
    try:
        for one in everybody:
            one.start()
        yield Crew(asked, told, everybody)
    finally:
        for _ in everybody:
            asked.put(None)
        for one in everybody:
            one.join(LEAVING)
            one.kill()  # who was killed may have kept the list locked for all others
            one.join()
        shutil.rmtree(folder, ignore_errors=True)


def _next(asked: Queue) -> Any:
    """None where nobody is left who would ask."""
    starter = multiprocessing.parent_process()
    while starter is not None and starter.is_alive():
        with contextlib.suppress(queue.Empty):
            return asked.get(timeout=1.0)
    return None


def _work(folder: Path, store: Path, asked: Queue, told: Queue) -> None:
    folder.mkdir()
    with (folder / "log").open("wb") as log:
        os.dup2(log.fileno(), 1)  # what a CA says while it is made, and its tokens' library
        os.dup2(log.fileno(), 2)
    try:
        with world.opened(folder, store) as mine:
            while (wanted := _next(asked)) is not None:
                told.put((wanted, record(mine, wanted)) if isinstance(wanted, str) else run(mine, wanted))
    except BaseException as error:
        told.put(Ended(f"{type(error).__name__}: {error}"))
        raise
