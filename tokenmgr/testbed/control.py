"""What a simulated medium is and does at this moment: its state, rules, calls. Changes hold from the next call on.

The state is a page (page.py) that every process with the medium's library maps (c/), so that a PIN counted in one
is counted in all.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tokenmgr import system
from tokenmgr.errors import FaultWrong, MediumOutdated
from tokenmgr.testbed.faults import Rule
from tokenmgr.testbed.page import ASKED, MAGIC, OF_THE_STICK, RULES, SHOWN, SIZE, TEXTS, WORDS
from tokenmgr.token import answers


@dataclass(frozen=True)
class Applied:
    """A rule that stands, and how often it was asked."""

    number: int
    rule: Rule
    asked: int

    @property
    def hits(self) -> int:
        beyond = max(0, self.asked - self.rule.skip)
        return min(beyond, self.rule.times) if self.rule.times else beyond


@dataclass(frozen=True)
class Call:
    process: int
    function: str
    answer: str  # CKR_*, or what ended the call: hang, crash, exit
    milliseconds: float
    rule: int | None


class Control:
    """In the folder of one medium. Words are attributes: `control["user_wrong"] = 2`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with (folder / "state").open("r+b") as file:
            if file.read(8) not in (struct.pack("=Q", MAGIC), bytes(8)) or file.seek(0, os.SEEK_END) != SIZE:
                raise MediumOutdated(name=folder.name)
            self._page = mmap.mmap(file.fileno(), SIZE)

    @classmethod
    def create(cls, folder: Path, softhsm: str) -> Control:
        (folder / "state").write_bytes(bytes(SIZE))
        for name in ("rules", "calls", "plug.lock", "token.lock"):  # the layer makes none: the folder may just be going
            (folder / name).touch()
        made = cls(folder)
        made.set_text("softhsm", softhsm)
        for word, value in {"plugged": 1, "log": 1, "magic": MAGIC}.items():
            made[word] = value
        return made

    def __getitem__(self, word: str) -> int:
        return self._read(8 * WORDS.index(word))

    def __setitem__(self, word: str, value: int) -> None:
        self._put(8 * WORDS.index(word), value)

    def set_text(self, name: str, text: str) -> None:
        """Padded with blanks, as PKCS#11 has it. An empty one is not shown instead of SoftHSM's."""
        size, data = TEXTS[name], text.encode()
        if len(data) > size:
            raise ValueError(f"{name} has at most {size} bytes")
        filler = b" " if data and name in SHOWN else b"\0"
        self._page[self._place(name)] = data.ljust(size, filler)

    def text(self, name: str) -> str:
        return bytes(self._page[self._place(name)]).rstrip(b" \0").decode()

    @staticmethod
    def _place(name: str) -> slice:
        names = list(TEXTS)
        at = 8 * len(WORDS) + sum(TEXTS[other] for other in names[: names.index(name)])
        return slice(at, at + TEXTS[name])

    def swap(self, other: Control) -> None:
        """What belongs to the stick and not to its slot."""
        for word in OF_THE_STICK:
            self[word], other[word] = other[word], self[word]
        for name in ("maker", "model", "serial"):
            mine, theirs = self._place(name), other._place(name)
            self._page[mine], other._page[theirs] = other._page[theirs], self._page[mine]

    # --- rules ---

    def rules(self) -> list[Applied]:
        lines = (self._folder / "rules").read_text(encoding="ascii").splitlines()
        numbered = [(int(number), Rule.of_line(rest)) for number, _, rest in (line.partition(" ") for line in lines)]
        return [Applied(number, rule, self._asked(number)) for number, rule in numbered]

    def add(self, *rules: Rule) -> list[int]:
        """Counted from now on. Returns their numbers, which nobody had lately: who hangs by a rule that is removed does
        not hang by the next one."""
        with system.locked(self._folder / "rules.lock"):
            standing = {one.number: one.rule for one in self.rules()}
            begin = self["next_rule"]
            in_turn = [(begin + number) % RULES for number in range(RULES)]
            numbers = [number for number in in_turn if number not in standing][: len(rules)]
            if len(numbers) < len(rules):
                raise FaultWrong(reason="too-many", subject=str(RULES))
            if numbers:
                self["next_rule"] = (numbers[-1] + 1) % RULES
            for number in numbers:
                self._put(ASKED + 8 * number, 0)
            self._write(standing | dict(zip(numbers, rules, strict=True)))
        return numbers

    def remove(self, *numbers: int) -> None:
        """A call that hangs by one of them goes on. Without numbers: all."""
        with system.locked(self._folder / "rules.lock"):
            standing = {one.number: one.rule for one in self.rules()}
            self._write({number: rule for number, rule in standing.items() if numbers and number not in numbers})

    def _write(self, rules: dict[int, Rule]) -> None:
        new = self._folder / "rules.new"
        new.write_text("".join(f"{number} {rule.line}\n" for number, rule in rules.items()), encoding="ascii")
        os.replace(new, self._folder / "rules")  # noqa: PTH105  whole, under whoever reads it now
        self["rules"] += 1

    def _asked(self, number: int) -> int:
        return self._read(ASKED + 8 * number)

    # At once and not byte by byte, as struct's "=Q" would be: other processes read them meanwhile.
    def _read(self, place: int) -> int:
        (value,) = struct.unpack_from("Q", self._page, place)
        return int(value)

    def _put(self, place: int, value: int) -> None:
        struct.pack_into("Q", self._page, place, value)

    # --- calls ---

    def calls(self) -> Iterator[Call]:
        """Every one since the medium was made, by any process. (The file begins anew at 16 MB.)"""
        path = self._folder / "calls"
        if not path.exists():
            return
        with path.open(encoding="ascii") as file:
            for line in file:
                if line.endswith("\n"):  # the last one may still be written
                    yield call_of(line)


def call_of(line: str) -> Call:
    process, function, answer, milliseconds, rule = line.split()
    return Call(int(process), function, _name(answer), float(milliseconds), int(rule) if rule != "-1" else None)


def _name(answer: str) -> str:
    if not answer.startswith("0x"):
        return answer
    number = int(answer, 16)
    return "CKR_OK" if number == 0 else answers.ANSWERS.get(number, (answer,))[0]
