"""Who may do something with the libraries: one thread at a time, and a person's job before a look. No Qt."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE = 3.0  # seconds that a job waits for a look that is at a token; then the look is given up


class Bench:
    def __init__(self, give_up: Callable[[], object], patience: float = PATIENCE) -> None:
        """`give_up` ends the call that a look is at: the look fails, and is made again later."""
        self._lock = threading.Lock()
        self.patience = patience
        self._idle = threading.Event()  # nobody wants it for a job
        self._idle.set()
        self._give_up = give_up

    @property
    def is_wanted(self) -> bool:
        """For a job: a look that has not begun yet waits, one that is under way ends as soon as it can."""
        return not self._idle.is_set()

    @contextmanager
    def for_job(self, waits: Callable[[], object]) -> Iterator[None]:
        """`waits` is called where a look is at it still."""
        self._idle.clear()
        try:
            if not self._lock.acquire(blocking=False):
                waits()
                while not self._lock.acquire(timeout=self.patience):
                    self._give_up()
            try:
                yield
            finally:
                self._lock.release()
        finally:
            self._idle.set()

    @contextmanager
    def for_look(self) -> Iterator[None]:
        while True:
            self._idle.wait()
            with self._lock:
                if self._idle.is_set():
                    yield
                    return
