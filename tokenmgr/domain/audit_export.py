"""An exported trail: a line an entry, then a line a checkpoint, and a last line that says how many there are of both.

Whoever has it needs no registry to check it: a root certificate is enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tokenmgr.domain.audit import Checkpoint, Entry
from tokenmgr.domain.audit_check import Findings, Kept, Sealed, What
from tokenmgr.domain.audit_lines import (
    CHECKPOINT,
    END,
    checkpoint_of_line,
    end_line,
    entry_line,
    entry_of_line,
    exported_checkpoint_line,
)


def lines_of(entries: Iterable[Entry], checkpoints: Iterable[Checkpoint]) -> Iterator[str]:
    """Without what was signed after the entries were read."""
    count = last = sealed = 0
    for one in entries:
        count, last = count + 1, one.number
        yield entry_line(one)
    for mark in checkpoints:
        if mark.number <= last:
            sealed += 1
            yield exported_checkpoint_line(mark)
    yield end_line(count, sealed)


def entries_of(lines: Iterable[str], found: Findings) -> Iterator[Kept]:
    """Those that are some, and what the other lines are. A line has its line feed, or was cut."""
    number = count = sealed = 0
    ended = ""
    for number, line in enumerate(lines, start=1):
        if ended:
            found.add(What.UNREADABLE, number, line=number)
        elif line.startswith(CHECKPOINT):
            sealed += 1
        elif line.startswith(END) and line.endswith("\n"):
            ended = line[:-1]
        elif (one := _entry(line)) is None:
            found.add(What.UNREADABLE, number, line=number)
        else:
            count += 1
            if sealed:
                found.add(What.UNORDERED, one.number, line=number)
            yield Kept(one, line=number)
    if ended != end_line(count, sealed):
        found.add(What.UNENDED, number, line=number)


def _entry(line: str) -> Entry | None:
    try:
        return entry_of_line(line.removesuffix("\n")) if line.endswith("\n") else None
    except ValueError:
        return None


def checkpoints_of(lines: Iterable[str], found: Findings) -> Iterator[Sealed]:
    for number, line in enumerate(lines, start=1):
        if line.startswith(CHECKPOINT):
            try:
                yield Sealed(checkpoint_of_line(line.removesuffix("\n")), number)
            except ValueError:
                found.add(What.UNREADABLE, number, line=number)
