"""Is a trail as it was written? Entries and checkpoints go by once, in bounded memory; what is wrong is named.

An entry whose hash does not follow from the one before is put aside, and looked at again once all have gone by: it may
be altered, stand in another's place, or only follow one that is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from tokenmgr.domain.audit import FIRST, Action, Checkpoint, Entry

MOST = 100  # findings that are named, and entries that are put aside: the rest is counted
_CHANGES_STATUS = {one.value: int(one.changes_status) for one in Action}


class Forged(ValueError):
    """No key of this CA's has signed that."""


class What(Enum):
    ALTERED = "altered"  # the entry; or the one before was, its hash with it
    MISSING = "missing"
    MISPLACED = "misplaced"  # it was written as `other`; the same number: its line is out of order
    UNSURE = "unsure"  # what it follows is altered, so that nothing holds it any more
    REWRITTEN = "rewritten"  # a right chain, and not what was signed
    CUT = "cut"  # a checkpoint knows more than there is
    FORGED = "forged"  # a checkpoint's signature
    DIFFERENT = "different"  # a checkpoint of this number is another one in the table
    UNKEPT = "unkept"  # a checkpoint of the file that the table has not
    UNFILED = "unfiled"  # checkpoints of the table that the file has not
    UNREADABLE = "unreadable"  # a line
    UNORDERED = "unordered"  # a checkpoint's line
    UNENDED = "unended"  # an exported file without its end, or with less than that says


@dataclass(frozen=True)
class Finding:
    """Of entries or checkpoints `first` to `last`; of the file's line, where it is one of a file."""

    what: What
    first: int
    last: int
    other: int = 0
    line: int = 0

    def __str__(self) -> str:
        numbers = f"{self.first}" if self.first == self.last else f"{self.first}..{self.last}"
        was = f" was {self.other}" if self.what is What.MISPLACED else ""
        return f"{self.what.value} {numbers}{was}" + (f" line {self.line}" if self.line else "")

    def joined(self, later: Finding) -> Finding | None:
        """Neighbours that are wrong in the same way are one finding."""
        is_next = later.first == self.last + 1 and (self.what, self.line) == (later.what, later.line)
        if not is_next or (self.other and later.other - later.first != self.other - self.first):
            return None
        return replace(self, last=later.last)


@dataclass
class Findings:
    kept: list[Finding] = field(default_factory=list)
    count: int = 0
    most: int = 2 * MOST

    def add(self, what: What, first: int, last: int = 0, other: int = 0, line: int = 0) -> None:
        new = Finding(what, first, last or first, other, line)
        if self.kept and (joined := self.kept[-1].joined(new)):
            self.kept[-1] = joined
            return
        self.count += 1
        if len(self.kept) < self.most:
            self.kept.append(new)

    def in_order(self) -> Findings:
        """The first ones, by their numbers."""
        ordered = Findings(most=MOST)
        for one in sorted(self.kept, key=lambda one: (one.first, one.line)):
            ordered.add(one.what, one.first, one.last, one.other, one.line)
        ordered.count += self.count - len(self.kept)
        return ordered


@dataclass(frozen=True)
class Kept:
    """An entry as it is found. `changes_status` is a column beside the hash, which follows from the action; `line` is
    an exported file's."""

    entry: Entry
    changes_status: int | None = None
    line: int = 0

    @property
    def says_its_status(self) -> bool:
        known = _CHANGES_STATUS.get(self.entry.action)
        return known is None or self.changes_status in (None, known)


@dataclass(frozen=True)
class Sealed:
    checkpoint: Checkpoint
    line: int = 0


@dataclass(frozen=True)
class Verdict:
    """`vouched` is the last checkpoint that fits: all up to its number is as it was when that was signed."""

    last: int
    hash: bytes
    vouched: Checkpoint | None
    findings: tuple[Finding, ...]
    count: int


def check(
    rows: Iterable[Kept],
    table: Iterable[Sealed],
    file: Iterable[Sealed] | None,
    genuine: Callable[[Checkpoint], None],
    filed_until: datetime,
    found: Findings | None = None,
) -> Verdict:
    """Entries, and checkpoints of the table and of the file beside it, each in the order of their numbers. `genuine`
    raises Forged. The file follows the table a little later: what is newer than `filed_until` need not be in it.
    `found`: what whoever reads the lines adds to."""
    found = Findings() if found is None else found
    chain, marks = _Chain(found), _Marks(table, file, genuine, filed_until, found)
    for row in rows:
        is_sound = chain.take(row)
        marks.pass_by(row.entry.number, row.entry.hash if is_sound else b"")
    marks.end(chain.next - 1)
    chain.settle()
    named = found.in_order()
    return Verdict(chain.next - 1, chain.previous, marks.vouched, tuple(named.kept), named.count)


# --- entries --------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class _Stray:
    row: Kept
    is_late: bool = False
    follows_gap: bool = False
    place: int = 0  # where it belongs, once that is known

    @property
    def number(self) -> int:
        return self.row.entry.number


class _Chain:
    def __init__(self, found: Findings) -> None:
        self.next, self.previous = 1, FIRST
        self._found = found
        self._strays: list[_Stray] = []
        self._holes: dict[int, set[bytes]] = {}  # numbers without a sound entry, and what may stand before each
        self._unsound: set[int] = set()  # the last one that was put aside

    def take(self, row: Kept) -> bool:
        """Whether it is in its place and whole."""
        one = row.entry
        if one.number < self.next:
            return self._put_aside(_Stray(row, is_late=True))
        follows_gap = one.number > self.next
        if follows_gap:
            self._gap(self.next, one.number - 1)
        is_sound = not follows_gap and one.digest(self.previous) == one.hash
        if not is_sound:
            self._put_aside(_Stray(row, follows_gap=follows_gap), set() if follows_gap else {self.previous})
        elif not row.says_its_status:
            self._found.add(What.ALTERED, one.number, line=row.line)
        self.next, self.previous = one.number + 1, one.hash
        return is_sound

    def _gap(self, first: int, last: int) -> None:
        known = min(last, first + 2 * MOST - len(self._holes) - 1)
        self._holes |= {number: set() for number in range(first, known + 1)}
        if first in self._holes:
            self._holes[first].add(self.previous)
        if known < last:
            self._found.add(What.MISSING, known + 1, last)

    def _put_aside(self, stray: _Stray, before: set[bytes] | None = None) -> bool:
        if len(self._strays) < MOST:
            self._strays.append(stray)
            if before is not None:
                self._holes[stray.number] = before
        elif not stray.follows_gap:
            what = What.MISPLACED if stray.is_late else _unfit(stray.number, self._unsound)
            self._found.add(what, stray.number, line=stray.row.line)
        self._unsound = {stray.number}
        return False

    def settle(self) -> None:
        """Which of those put aside belongs into which hole, and what is wrong with the others."""
        self._found.most += 5 * MOST  # all of them: they come before what has been told as it went by
        self._holes.setdefault(self.next, set()).add(self.previous)  # one of them may have been the last
        filled = {number for number in sorted(self._holes) if self._fill(number)} | {self.next}
        in_place = {one.number for one in self._strays if not one.is_late}
        for number in sorted(self._holes.keys() - filled - in_place):
            self._found.add(What.MISSING, number)
        unfit = {one.number for one in self._strays if not (one.is_late or one.place or one.follows_gap)}
        for stray in self._strays:
            self._judge(stray, unfit)

    def _fill(self, number: int) -> bool:
        """By its hash, each entry knows its number and the hash before it."""
        own = [one for one in self._strays if one.number == number]
        others = [one for one in self._strays if one.number != number and not one.place]
        after: set[bytes] = set()
        for stray in own + others:
            made = {replace(stray.row.entry, number=number).digest(before) for before in self._holes[number]}
            if stray.row.entry.hash in made:
                stray.place = number
                self._lead(number, {stray.row.entry.hash})
                return True
            if stray in own:  # its hash may be all that is altered
                after |= made
        self._lead(number, after)
        return False

    def _lead(self, number: int, hashes: set[bytes]) -> None:
        if number + 1 in self._holes:
            self._holes[number + 1] |= hashes

    def _judge(self, stray: _Stray, unfit: set[int]) -> None:
        number, line = stray.number, stray.row.line
        if stray.is_late or stray.place not in (0, number):
            self._found.add(What.MISPLACED, number, other=stray.place or number, line=line)
        elif stray.place == number:
            if not stray.row.says_its_status:
                self._found.add(What.ALTERED, number, line=line)
        elif not stray.follows_gap:
            self._found.add(_unfit(number, unfit), number, line=line)


def _unfit(number: int, unfit: set[int]) -> What:
    return What.UNSURE if number - 1 in unfit else What.ALTERED


# --- checkpoints ----------------------------------------------------------------------------------------------------


class _Marks:
    """Both sources side by side."""

    def __init__(
        self,
        table: Iterable[Sealed],
        file: Iterable[Sealed] | None,
        genuine: Callable[[Checkpoint], None],
        filed_until: datetime,
        found: Findings,
    ) -> None:
        self.vouched: Checkpoint | None = None
        self._table, self._file = _Ordered(table, found), _Ordered(file or (), found)
        self._has_file, self._filed_until = file is not None, filed_until
        self._genuine = genuine
        self._found = found
        self._checked = 0  # the last number that a checkpoint has spoken of
        self._unfiled: tuple[int, int] | None = None

    def pass_by(self, number: int, entry_hash: bytes) -> None:
        """Without a hash where the entry itself is not whole: that has been told."""
        while (known := self._next()) is not None and known <= number:
            one, is_kept = self._speaking(known)
            if one is None:
                continue
            if not is_kept:
                self._found.add(What.UNKEPT, known, line=one.line)
            self._hold(one.checkpoint, entry_hash if known == number else b"")

    def end(self, last: int) -> None:
        furthest = 0
        while (known := self._next()) is not None:
            if self._speaking(known)[0]:
                furthest = known
        if furthest:
            self._found.add(What.CUT, last + 1, furthest)
        self._tell_unfiled()

    def _next(self) -> int | None:
        numbers = [one.checkpoint.number for one in (self._table.head, self._file.head) if one]
        return min(numbers) if numbers else None

    def _speaking(self, number: int) -> tuple[Sealed | None, bool]:
        """One that is genuine, if any of the two is; and whether the table has one."""
        kept, filed = self._table.at(number), self._file.at(number)
        genuine = [one for one in (filed, kept) if one is not None and self._is_genuine(one)]
        if kept and filed and replace(kept.checkpoint, chain=b"") != replace(filed.checkpoint, chain=b""):
            self._found.add(What.DIFFERENT, number, line=filed.line)
        if filed or not self._has_file:
            self._tell_unfiled()
        elif kept and (self._file.head or kept.checkpoint.at <= self._filed_until):
            self._unfiled = (self._unfiled or (number, number))[0], number
        return (genuine[0] if genuine else None), kept is not None

    def _is_genuine(self, one: Sealed) -> bool:
        try:
            self._genuine(one.checkpoint)
        except Forged:
            self._found.add(What.FORGED, one.checkpoint.number, line=one.line)
            return False
        return True

    def _hold(self, one: Checkpoint, entry_hash: bytes) -> None:
        first, self._checked = self._checked + 1, one.number
        if not entry_hash:
            return
        if one.hash == entry_hash:
            self.vouched = one
        else:
            self._found.add(What.REWRITTEN, first, one.number)

    def _tell_unfiled(self) -> None:
        if self._unfiled:
            self._found.add(What.UNFILED, *self._unfiled)
        self._unfiled = None


class _Ordered:
    def __init__(self, sealed: Iterable[Sealed], found: Findings) -> None:
        self._rest = self._rising(iter(sealed), found)
        self.head = next(self._rest, None)

    def at(self, number: int) -> Sealed | None:
        if self.head is None or self.head.checkpoint.number != number:
            return None
        found, self.head = self.head, next(self._rest, None)
        return found

    @staticmethod
    def _rising(sealed: Iterator[Sealed], found: Findings) -> Iterator[Sealed]:
        last = 0
        for one in sealed:
            if one.checkpoint.number <= last:
                found.add(What.UNORDERED, one.checkpoint.number, line=one.line)
                continue
            last = one.checkpoint.number
            yield one
