"""Group commit without a thread of its own: whoever comes first leads, whoever comes meanwhile is taken along.

A commit costs a wait for the disk whatever is in it. So the leader performs everything that waits, and by the time it
is through, a next group has gathered, whose first one it makes the leader. Who comes alone waits for nobody.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection

from tokenmgr.errors import RegistryUnavailable

T = TypeVar("T")
MOST = 64  # in one commit: nobody waits for a crowd


class Job(Generic[T]):
    """An act that waits for its turn, and what came of it. It may be performed more than once, of which one counts."""

    def __init__(self, act: Callable[[Connection], T]) -> None:
        self.act = act
        self.leads = False
        self._results: list[T] = []
        self._error: BaseException | None = None
        self._called = threading.Lock()
        self._called.acquire()

    def succeed(self, result: T) -> None:
        self._results = [result]

    def fail(self, error: BaseException) -> None:
        self._error = error

    @property
    def is_settled(self) -> bool:
        return bool(self._results) or self._error is not None

    def wait(self) -> None:
        """Until it is settled, or is to lead."""
        self._called.acquire()

    def call(self) -> None:
        self._called.release()

    def outcome(self) -> T:
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # an exception that holds the frame that holds it is a ring for the collector
        return self._results[0]


class Turns:
    """`perform` settles every job that it is given; one call of it at a time."""

    def __init__(self, perform: Callable[[list[Job[Any]]], None]) -> None:
        self._perform = perform
        self._guard = threading.Lock()
        self._waiting: deque[Job[Any]] = deque()
        self._has_leader = False

    def do(self, act: Callable[[Connection], T]) -> T:
        job = Job(act)
        with self._guard:
            self._waiting.append(job)
            job.leads = not self._has_leader
            self._has_leader = True
        if not job.leads:
            try:
                job.wait()
            except BaseException:  # Ctrl-C: whoever goes must not take the turn along
                self._leave(job)
                raise
        if job.leads:
            self._lead()
        return job.outcome()

    def _leave(self, job: Job[Any]) -> None:
        with self._guard:
            if not job.leads:
                if job in self._waiting:
                    self._waiting.remove(job)
                return
        self._lead()

    def _lead(self) -> None:
        """Its own job is the first of those that wait."""
        with self._guard:
            group = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
        try:
            self._perform(group)
        finally:
            self._hand_over()
            for job in group:
                if not job.is_settled:  # the leader was interrupted: Ctrl-C, or a program that ends
                    job.fail(RegistryUnavailable(reason="interrupted"))
                if not job.leads:
                    job.call()

    def _hand_over(self) -> None:
        with self._guard:
            self._has_leader = bool(self._waiting)
            if self._waiting:
                self._waiting[0].leads = True
                self._waiting[0].call()
