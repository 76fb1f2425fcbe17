"""The customer's own record of one operation: a line before each step that says what is meant, one after that says what
came of it. Append-only, on the disk before anything is done, one file an operation, readable by a person.

{"v":1,"n":3,"at":"2026-04-01T03:00:00.123456Z","step":"KEY_GENERATED","phase":"intent","facts":{"key_id":"…"},
 "hash":"…"}

A line's hash covers the line before. So one that was altered is found and named, and the file is used for nothing any
more; a last line that has no end is what a power cut leaves, and counts as not written. No secret is ever in it: the
store's PIN, the login PINs and an acquisition's one-time secret are not handed to it (S5).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, Self

from tokenmgr.domain.renewal import Step
from tokenmgr.errors import (
    JournalDamaged,
    JournalInUse,
    JournalNewer,
    JournalUnwritable,
    KeyMissing,
    LibraryError,
    MediumError,
    RenewalError,
    SignatureWrong,
)
from tokenmgr.system import held, hold, private_folder, sync_folder

VERSION = 1
SUFFIX = ".jsonl"
FIRST = "0" * 64
STORE = "store"  # in a heading: on which one
REHEARSAL = "rehearsal"  # in a heading: it is one
SOURCE = "from"  # of what is replaced, where that is another store
RENEWAL, ACQUISITION = "renewal", "acquisition"  # in a heading: which operation it is
OF_A_STORE = (MediumError, LibraryError, KeyMissing, SignatureWrong)  # who raises them knows of no operation
Value = str | int | bool | None
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Phase(Enum):
    INTENT = "intent"
    DONE = "done"
    FAILED = "failed"  # with the error's code: it was tried, and what came of it is to be looked for


@dataclass(frozen=True)
class Line:
    number: int
    at: datetime
    step: Step | None  # None: the heading, or the ending
    phase: Phase
    facts: Mapping[str, Value] = field(default_factory=dict)


class Journal:
    """One operation's file, open for as long as somebody works on it: nobody else may meanwhile."""

    def __init__(self, path: Path, lines: list[Line], last: str, whole: int, held: IO[bytes]) -> None:
        self.path = path
        self.lines = lines
        self._last, self._whole = last, whole
        self._held = held
        self._file = path.open("r+b", buffering=0)  # what could not be written must not come later

    @classmethod
    def create(cls, folder: Path, name: str, facts: Mapping[str, Value], now: datetime) -> Self:
        """Its heading is on the disk, and so is the folder's entry."""
        path = private_folder(folder) / f"{name}{SUFFIX}"
        made = cls(path, [], FIRST, 0, _held(path))
        try:
            made.write(None, Phase.INTENT, facts, now)
            sync_folder(folder)
        except BaseException:
            made.close()
            raise
        return made

    @classmethod
    def open(cls, path: Path) -> Self:
        """JournalDamaged where a line is not what it was."""
        held = _held(path)  # first: somebody may just be writing the last of it
        try:
            return cls(path, *_read(path), held)
        except BaseException:
            held.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self._held.close()

    def write(self, step: Step | None, phase: Phase, facts: Mapping[str, Value], now: datetime) -> None:
        """Durable when it returns. JournalUnwritable where it could not be made so: then nothing may be done."""
        line = Line(len(self.lines) + 1, now.astimezone(UTC), step, phase, dict(facts))
        content = _content(line)
        digest = _hash(self._last, content)
        data = _encode({**content, "hash": digest}).encode() + b"\n"
        try:
            os.ftruncate(self._file.fileno(), self._whole)  # what a cut, or a full disk, has left of a last line
            self._file.seek(self._whole)
            left = memoryview(data)
            while left:
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            raise JournalUnwritable(file=str(self.path), reason=error.strerror or str(error)) from error
        self.lines.append(line)
        self._last, self._whole = digest, self._whole + len(data)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """By a store's own words nothing has changed on it, or nobody knows: here it is known what was kept (R14)."""
        try:
            yield
        except OF_A_STORE as error:
            error.unfinished = bool(self.fact("key_id")) and not self.ending
            raise

    # --- what it knows ---

    @property
    def name(self) -> str:
        return self.path.name.removesuffix(SUFFIX)

    @property
    def heading(self) -> Mapping[str, Value]:
        return self.lines[0].facts if self.lines else {}

    @property
    def ending(self) -> str:
        """How it ended; empty while it has not."""
        last = self.lines[-1]
        return str(last.facts.get("ending", "")) if last.step is None and last.phase is Phase.DONE else ""

    def fact(self, name: str) -> Value:
        """The newest that any line told."""
        return next((line.facts[name] for line in reversed(self.lines) if name in line.facts), None)

    def is_done(self, step: Step) -> bool:
        return any(line.step is step and line.phase is Phase.DONE for line in self.lines)

    def holds(self, step: Step, fact: str) -> bool:
        """Done, and no line after it has told `fact`."""
        told = [line.number for line in self.lines if line.facts.get(fact)]
        return self._last_done(step) > max(told, default=0)

    def is_newer(self, fact: str, other: str) -> bool:
        """Told, and `other` not again after it."""
        told = [[line.number for line in self.lines if name in line.facts] for name in (fact, other)]
        return max(told[0], default=0) > max(told[1], default=0)

    def is_done_since(self, step: Step, before: Step) -> bool:
        return self._last_done(step) > self._last_done(before)

    def _last_done(self, step: Step) -> int:
        return max((line.number for line in self.lines if line.step is step and line.phase is Phase.DONE), default=0)


@dataclass(frozen=True)
class Begun:
    """An operation, looked at while somebody may be at it. All but the path is empty where its file cannot be believed,
    and `trouble` says why: somebody has to look at that one."""

    path: Path
    store: str = ""
    operation: str = ""
    bank: str = ""
    key_id: str = ""  # hex
    at: datetime | None = None
    last: Step | None = None  # done
    is_over: bool = False
    source: str = ""  # the store of what is replaced, where that is another
    is_rehearsal: bool = False
    trouble: RenewalError | None = None

    @property
    def is_unfinished(self) -> bool:
        """One that was cut short before a key was named is not: nothing was touched. (A rehearsal is: the store is to
        be as it was to the last object, and a look for room may have left one.)"""
        return bool(self.trouble) or ((bool(self.key_id) or self.is_rehearsal) and not self.is_over)


def heading_of(path: Path) -> Mapping[str, Value]:
    """Whatever has become of the rest; empty where it cannot be believed. Nobody is kept from it."""
    try:
        raw = path.read_bytes().partition(b"\n")[0]
        return _line(path, 1, raw, FIRST)[0].facts
    except (OSError, JournalDamaged, JournalNewer):
        return {}


def store_of(path: Path) -> str:
    return str(heading_of(path).get(STORE, ""))


def looked(folder: Path) -> list[Begun]:
    """All that were ever begun here, the oldest first."""
    return [_looked(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]


def begun(folder: Path) -> list[Begun]:
    return [one for one in looked(folder) if one.is_unfinished]


def unfinished(folder: Path) -> list[Path]:
    return [one.path for one in begun(folder)]


def _looked(path: Path) -> Begun:
    try:
        lines, _, _ = _read(path)
    except (JournalDamaged, JournalNewer) as error:
        return Begun(path, trouble=error)
    if not lines:
        return Begun(path)
    told = {name: str(value) for line in lines for name, value in line.facts.items()}
    store, operation, bank, key_id = (told.get(name, "") for name in (STORE, "operation", "bank", "key_id"))
    done = [line.step for line in lines if line.step and line.phase is Phase.DONE]
    is_over = lines[-1].step is None and lines[-1].phase is Phase.DONE
    last, source = done[-1] if done else None, told.get(SOURCE, "")
    is_rehearsal = bool(lines[0].facts.get(REHEARSAL))
    return Begun(path, store, operation, bank, key_id, lines[0].at, last, is_over, source, is_rehearsal)


def durations(folder: Path, store: str) -> Mapping[Step, float]:
    """Seconds that a step has usually taken on this store, in operations with a key of the newest one's kind: the
    median of those that went through at the first try."""
    taken: dict[Step, list[float]] = defaultdict(list)
    kind: Value = None
    for path in sorted(folder.glob(f"*{SUFFIX}"), reverse=True):
        heading = heading_of(path)
        kind = kind or (heading.get("kind") if heading.get(STORE) == store else None)
        if not kind or (heading.get(STORE), heading.get("kind")) != (store, kind):
            continue
        with suppress(JournalDamaged, JournalNewer):
            for before, line in pairwise(_read(path)[0]):
                if line.step and (before.step, before.phase, line.phase) == (line.step, Phase.INTENT, Phase.DONE):
                    taken[line.step].append((line.at - before.at).total_seconds())
    return {step: sorted(times)[len(times) // 2] for step, times in taken.items()}


def _held(path: Path) -> IO[bytes]:
    """By a file beside it: on Windows nobody can read one that is locked, and everybody may look at a journal."""
    try:
        path.touch(mode=0o600)
        return hold(path.with_suffix(".lock"))
    except BlockingIOError as error:
        raise JournalInUse(file=str(path)) from error
    except OSError as error:  # nobody is waited for: a place that takes no locks, such as some on a server, never will
        raise JournalUnwritable(file=str(path), reason=error.strerror or str(error)) from error


def is_held(path: Path) -> bool:
    """By a program that is at it now. In a place that takes no locks nobody has one."""
    with suppress(OSError), held(path.with_suffix(".lock")) as is_free:
        return not is_free
    return False


def _read(path: Path) -> tuple[list[Line], str, int]:
    """Its whole lines, the hash of the last, and where they end."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise JournalDamaged(file=str(path), line=0, reason=error.strerror or str(error)) from error
    lines: list[Line] = []
    last, whole = FIRST, 0
    for raw in data.split(b"\n")[:-1]:  # what has no end is torn; splitlines() would see ends that nobody has written
        line, last = _line(path, len(lines) + 1, raw, last)
        lines.append(line)
        whole += len(raw) + 1
    return lines, last, whole


def _line(path: Path, number: int, raw: bytes, before: str) -> tuple[Line, str]:
    try:
        told = json.loads(raw)
        version = told["v"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise JournalDamaged(file=str(path), line=number, reason="no-line") from error
    if version != VERSION:
        raise JournalNewer(file=str(path), version=str(version))
    digest = told.pop("hash", "")
    if digest != _hash(before, told) or told.get("n") != number:
        raise JournalDamaged(file=str(path), line=number, reason="altered")
    step = Step[told["step"]] if told["step"] else None
    at = datetime.fromisoformat(told["at"])
    return Line(number, at, step, Phase(told["phase"]), told["facts"]), digest


def _content(line: Line) -> dict[str, Any]:
    return {
        "v": VERSION,
        "n": line.number,
        "at": line.at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "step": line.step.name if line.step else "",
        "phase": line.phase.value,
        "facts": dict(line.facts),
    }


def _hash(before: str, content: Mapping[str, Any]) -> str:
    return hashlib.sha256(f"{before}\n{_encode(content)}".encode()).hexdigest()
