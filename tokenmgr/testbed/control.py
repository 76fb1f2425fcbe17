"""What a simulated medium is and does at this moment: its state, rules, calls. Changes hold from the next call on.

The state is a page that every process with the medium's library maps (layer.c), so that a PIN counted in one is counted
in all. The words and texts below are its layout; layer.py writes the C structure from them.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tokenmgr import system
from tokenmgr.testbed.faults import Rule
from tokenmgr.token import answers

MAGIC = 0x746B6D67_72000001
RULES = 256  # as many can stand at once; a rule's number is below it
WORDS = (
    "magic",
    "plugged",
    "plugging",  # how often it has been plugged in or pulled
    "rules",  # changes when the rules do
    "user_wrong",  # wrong PINs one after the other
    "so_wrong",
    "user_tries",  # how many wrong PINs lock it; 0: as SoftHSM, which never does
    "so_tries",
    "to_be_changed",
    "read_only",
    "capacity",  # bytes; 0: as SoftHSM, which has no end
    "flags_hidden",  # it counts, and shows nothing of it
    "flags_on",  # in CK_TOKEN_INFO, whatever is true
    "flags_off",
    "longest_pin",  # as it is told; 0: as SoftHSM tells it
    "free_memory",  # as it is told; 0: what is true
    "log",  # whether calls are written down
)
TEXTS = {"maker": 32, "model": 16, "serial": 16, "reader": 64, "softhsm": 512}  # the first four as they are shown
OF_THE_STICK = WORDS[WORDS.index("user_wrong") : WORDS.index("log")]
_ASKED = 8 * len(WORDS) + sum(TEXTS.values())
SIZE = _ASKED + 8 * RULES


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
            self._page = mmap.mmap(file.fileno(), SIZE)

    @classmethod
    def create(cls, folder: Path, softhsm: str) -> Control:
        (folder / "state").write_bytes(bytes(SIZE))
        (folder / "rules").write_text("", encoding="ascii")
        made = cls(folder)
        made.set_text("softhsm", softhsm)
        for word, value in {"plugged": 1, "log": 1, "magic": MAGIC}.items():
            made[word] = value
        return made

    def __getitem__(self, word: str) -> int:
        (value,) = struct.unpack_from("=Q", self._page, 8 * WORDS.index(word))
        return int(value)

    def __setitem__(self, word: str, value: int) -> None:
        struct.pack_into("=Q", self._page, 8 * WORDS.index(word), value)

    def set_text(self, name: str, text: str) -> None:
        """Padded with blanks, as PKCS#11 has it. An empty one is not shown instead of SoftHSM's."""
        size, data = TEXTS[name], text.encode()
        if len(data) > size:
            raise ValueError(f"{name} has at most {size} bytes")
        filler = b" " if data and name != "softhsm" else b"\0"
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
        """Counted from now on. Returns their numbers."""
        with system.locked(self._folder / "rules.lock"):
            standing = {one.number: one.rule for one in self.rules()}
            numbers = [number for number in range(RULES) if number not in standing][: len(rules)]
            if len(numbers) < len(rules):
                raise ValueError(f"at most {RULES} rules")
            for number in numbers:
                struct.pack_into("=Q", self._page, _ASKED + 8 * number, 0)
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
        (value,) = struct.unpack_from("=Q", self._page, _ASKED + 8 * number)
        return int(value)

    # --- calls ---

    def calls(self) -> Iterator[Call]:
        """Every one since the medium was made, by any process. (The file begins anew at 16 MB.)"""
        path = self._folder / "calls"
        if not path.exists():
            return
        with path.open(encoding="ascii") as file:
            for line in file:
                yield call_of(line)


def call_of(line: str) -> Call:
    process, function, answer, milliseconds, rule = line.split()
    return Call(int(process), function, _name(answer), float(milliseconds), int(rule) if rule != "-1" else None)


def _name(answer: str) -> str:
    if not answer.startswith("0x"):
        return answer
    number = int(answer, 16)
    return "CKR_OK" if number == 0 else answers.ANSWERS.get(number, (answer,))[0]
