"""One piece of work at a time, in a thread of its own: the window never waits for a token."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from tokenmgr.desk.bench import Bench
from tokenmgr.desk.person import AtDesk, Event, LookEnds
from tokenmgr.errors import LeftForLater, TokenmgrError

log = logging.getLogger(__name__)

Job = Callable[[AtDesk], object]


class Work(QObject):
    """Signals arrive in the window's thread, whichever thread they come from."""

    happened = Signal(object)  # an Event of person.py
    finished = Signal(object)  # what the job has returned
    failed = Signal(object)  # a TokenmgrError
    left = Signal()
    _ended = Signal(object)  # which of these it is to be: called in the window's thread

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self._bench = bench
        self._person: AtDesk | None = None
        self._thread: threading.Thread | None = None
        self.is_busy = False  # until the window is told of the end: from then on another may begin
        self._ended.connect(self._tell_end)

    @property
    def is_held(self) -> bool:
        """Something has not let go of the thread."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def doing(self) -> str:
        """The call that the medium is at."""
        return self._person.doing() if self._person else ""

    def start(self, job: Job) -> None:
        assert not self.is_busy  # noqa: S101  the pages see to it
        self.is_busy = True
        self._person = person = AtDesk(self._post)
        self._thread = threading.Thread(target=self._run, args=(job, person), name="work", daemon=True)
        self._thread.start()

    def answer(self, value: object) -> None:
        if self._person:
            self._person.answer(value)

    def leave(self, patience: float = 0.0) -> bool:
        """At the next step. Whether it has ended within this time; if not, it is as if the plug were pulled (R13)."""
        if self._person:
            self._person.leave()
        if self._thread:
            self._thread.join(patience)
        return not self.is_held

    def _post(self, event: Event) -> None:
        self.happened.emit(event)

    def _run(self, job: Job, person: AtDesk) -> None:
        end: Callable[[], object] = self.left.emit
        try:
            with self._bench.for_job(lambda: person.post(LookEnds())):
                found = job(person)
        except LeftForLater:
            pass
        except TokenmgrError as error:
            end = functools.partial(self.failed.emit, error)
        except Exception as error:
            log.info("unexpected", exc_info=error)
            end = functools.partial(self.failed.emit, TokenmgrError())
        else:
            end = functools.partial(self.finished.emit, found)
        self._ended.emit(end)

    def _tell_end(self, end: Callable[[], object]) -> None:
        """What was only a look ends unseen where somebody has left it; what has done something is told."""
        self.is_busy = False
        if self._person and self._person.has_left_a_look:
            self.left.emit()
        else:
            end()
