"""A PKCS#11 library in a child process, with a time limit for every call.

A library may hang, crash, print, or leave threads behind, and a call under way cannot be cancelled. So it lives in a
process of its own, which is ended when it exceeds its limit and started again by the next call. Whoever holds a session
from before learns so by `epoch`. Child processes and pipes only, read by a thread: the same on every system.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, cast

from tokenmgr import system
from tokenmgr.config import TimeLimits
from tokenmgr.errors import (
    AnswerUnknown,
    ConnectionLost,
    LibraryCrashed,
    LibraryError,
    LibraryHung,
    LibraryMissing,
    LibraryUnusable,
    MediumError,
    MediumGone,
    MediumTroubled,
    NotSupported,
    ObjectMissing,
    RequestRejected,
    TokenmgrError,
)
from tokenmgr.token import wire

log = logging.getLogger(__name__)

CHILD = "tokenmgr.token.child"
SMALLEST_PIPE = 4096  # bytes that every system's pipe takes while nobody reads (Windows' default)
# Verbs that change a medium, and errors after which nobody knows whether they did.
CHANGING = frozenset({"generate", "create", "update", "destroy", "set_pin", "init_pin", "init_token"})
UNCLEAR = (MediumGone, MediumTroubled, ConnectionLost, AnswerUnknown, NotSupported, RequestRejected, ObjectMissing)
LEAVING = 2.0  # seconds for C_Finalize and the exit of a child that was told to leave


class Worker:
    """One library, one child. `translate` makes an error of what the child says went wrong in a call."""

    def __init__(
        self,
        library: str,
        environment: Mapping[str, str],
        limits: TimeLimits,
        translate: Callable[[dict[str, Any]], TokenmgrError],
        initialise: str = "",
    ) -> None:
        self.library = library
        self.limits = limits
        self.epoch = 0
        self.about: dict[str, Any] = {}
        self.doing = ""  # the verb that is being waited for, for whoever shows that
        self._environment = environment
        self._translate = translate
        self._initialise = initialise
        self._child: _Child | None = None
        self._ready = False
        self._lock = threading.RLock()

    def start(self) -> _Child:
        """Begin loading and return at once; the first call waits for the rest. Several libraries load side by side."""
        with self._lock:
            child = self.stand_by()
            child.load()
            return child

    def stand_by(self) -> _Child:
        """Begin the process, which takes longer than most libraries do. It touches the library when that is needed."""
        with self._lock:
            if self._child is None:
                if len(Path(self.library).parts) > 1 and not Path(self.library).exists():
                    raise LibraryMissing(library=self.library)
                try:
                    self._child = _Child(self.library, self._environment, self.limits.load, self._initialise)
                except (OSError, ValueError) as error:  # a NUL in the path, a variable that no system takes
                    raise LibraryUnusable(library=self.library, reason=str(error)) from error
                self._ready = False
                self.epoch += 1
            return self._child

    def load(self) -> _Child:
        """Wait until the library has loaded, or raise what its child says went wrong."""
        with self._lock:
            try:
                return self._loaded()
            except MediumError as error:
                if not error.retriable:
                    raise
            return self._loaded()  # several programs starting at once: now and then CKR_GENERAL_ERROR, cured by this

    def _loaded(self) -> _Child:
        child = self.start()
        if not self._ready:
            answer = self._exchange(child, "C_Initialize", self.limits.load)
            if "error" in answer:
                self.stop()
                raise self._translate(answer["error"])
            self.about = answer["value"]
            self._ready = True
        return child

    def call(self, verb: str, still: Callable[[], None] | None = None, /, **arguments: Any) -> Any:
        """Ask the child. Whatever happens to it, this returns or raises within the verb's limit (after those before it
        in the queue, and after loading), and the next call works. `still` raises if the question has become void."""
        with self._lock:
            if still is not None:
                still()
            child = self.load()
            started, self.doing = time.perf_counter(), verb
            try:
                answer = self._exchange(child, verb, self.limits.of(verb), {"verb": verb, "args": arguments})
            except LibraryError as error:
                error.uncertain = verb in CHANGING
                raise
            finally:
                self.doing = ""
            outcome = answer["error"]["name"] if "error" in answer else "ok"
            log.debug("%s %s %.1f ms", verb, outcome, (time.perf_counter() - started) * 1000)
        if "error" in answer:
            said = self._translate(answer["error"])
            said.uncertain = verb in CHANGING and isinstance(said, UNCLEAR)
            raise said
        return answer["value"]

    def cut(self) -> None:
        """From any thread: the child ends now. Whoever waits for it is told LibraryCrashed, and the next call starts
        another one."""
        if (child := self._child) is not None:
            child.cut()

    def dismiss(self) -> None:
        """Tell the child to leave, without waiting: several leave side by side. `stop` waits."""
        if self._child is not None:
            self._child.dismiss()

    def stop(self) -> None:
        with self._lock:
            if self._child is not None:
                self._child.end()
                self._child = None

    @property
    def process(self) -> int | None:
        """The child's process id, for those who look for who holds a reader, and for tests that end it."""
        return self._child.process if self._child else None

    def _exchange(
        self, child: _Child, verb: str, limit: float, question: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """One question, one answer. Cut short by whatever, the child goes: its answer would be taken for the next.
        In the middle of a change it may finish first; a torn write helps nobody."""
        try:
            end = time.monotonic() + limit
            if question is not None:
                child.send(question, limit)
            answer = child.receive(max(end - time.monotonic(), 0.001))
        except queue.Empty:
            self._drop(child)
            log.info("%s did not answer %s within %g s; its process was ended", self.library, verb, limit)
            raise LibraryHung(library=self.library, call=verb, seconds=limit) from None
        except OSError:
            self._lost(child, verb)
        except BaseException:
            if verb in CHANGING:
                self._child = None
                child.abandon()
            else:
                self._drop(child)
            raise
        if answer is None:
            self._lost(child, verb)
        return answer

    def _lost(self, child: _Child, verb: str) -> NoReturn:
        self._child = None
        status = child.end()
        log.info("the process of %s ended during %s (status %d)", self.library, verb, status)
        raise LibraryCrashed(library=self.library, call=verb, status=status)

    def _drop(self, child: _Child) -> None:
        self._child = None
        child.kill()


def _begun(line: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        line,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # libraries print there, some of them PINs
        bufsize=0,
        env=dict(environment),
        creationflags=system.CHILD_FLAGS,
    )


class _Child:
    """The process, its pipes, and the thread that reads them so that waiting can have an end on every system."""

    def __init__(self, library: str, environment: Mapping[str, str], loading: float, initialise: str) -> None:
        told = [initialise] if initialise else []
        self._process = _begun([*system.how_to_start(CHILD), library, str(loading), *told], environment)
        self._in, self._out = cast(BinaryIO, self._process.stdin), cast(BinaryIO, self._process.stdout)
        self._answers: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, args=(self._out,), daemon=True)
        self._reader.start()
        self._is_told = False

    @property
    def process(self) -> int:
        return self._process.pid

    def load(self) -> None:
        """Once. Where it has ended meanwhile, whoever waits for its answer learns so."""
        if not self._is_told:
            self._is_told = True
            with contextlib.suppress(OSError):
                wire.write(self._in, wire.pack({}))

    def _read(self, stream: BinaryIO) -> None:
        while (message := wire.read(stream)) is not None:
            self._answers.put(message)
        self._answers.put(None)

    def send(self, message: dict[str, Any], limit: float) -> None:
        """A question larger than a pipe waits for its reader: then the child is ended when the limit is over."""
        frame = wire.pack(message)
        if len(frame) <= SMALLEST_PIPE:
            wire.write(self._in, frame)
            return
        given_up = threading.Event()

        def give_up() -> None:
            given_up.set()
            self._process.kill()

        patience = threading.Timer(limit, give_up)
        patience.start()
        try:
            wire.write(self._in, frame)
        except OSError:
            if given_up.is_set():
                raise queue.Empty from None
            raise
        finally:
            patience.cancel()

    def receive(self, limit: float) -> dict[str, Any] | None:
        return self._answers.get(timeout=limit)

    def dismiss(self) -> None:
        """Close its ear: a healthy library leaves by itself."""
        with contextlib.suppress(OSError):
            self._in.close()

    def end(self) -> int:
        """With the time that a healthy one needs. A negative exit status is the signal that ended it."""
        self.dismiss()
        try:
            self._process.wait(LEAVING)
        except subprocess.TimeoutExpired:
            self._process.kill()
        return self._finish()

    def abandon(self) -> None:
        """It ends when its call does, or after its grace (child.py), and is reaped then."""
        self.dismiss()
        threading.Thread(target=self._process.wait, daemon=True).start()

    def cut(self) -> None:
        """Only that: the rest is done by whoever waits for its answer."""
        self._process.kill()

    def kill(self) -> int:
        self._process.kill()
        return self._finish()

    def _finish(self) -> int:
        try:
            status = self._process.wait(LEAVING)
        except subprocess.TimeoutExpired:  # held by a driver that no signal ends; it is not ours any more
            status = -9
        self._reader.join(1)
        for pipe in (self._in, self._out):
            with contextlib.suppress(OSError):  # of an ended process
                pipe.close()
        return status
