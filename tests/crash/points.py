"""A point: an operation, and what goes wrong in it, where. Its name says all of it, and repeats it:

renew-p256/call:C_Sign:3:kill                       the computer's power fails before the third C_Sign
acquire-rsa2048/net:2:answer:0.5:stays+elsewhere    half of the second answer comes; then another PC goes on
renew-p256/disk:write:7:full+call:C_Login:1:crash   two in a row: the second one hits the resume
renew-p256/disk:write:9:kill-after+late             and the CA has taken back what is not confirmed
renew-p256/disk:write:9:kill-after+lost             and whatever it has made is gone from the store

call:FUNCTION:N:WHAT       the N-th call of this function: kill, kill-after (power), alone (the program without its
                           library's process), crash, crash-after (the library's process), unplug, unplug-after,
                           hang, torn, lie, or CKR_… and CKR_…-after
disk:write|sync:N:WHAT     the N-th of the journal: kill-before, kill-within, kill-after, full, partly-full, fails
net:N:WHERE:SHARE[:stays]  the N-th exchange with the CA: hello, request, answer; the network may stay away
ca:N:WHERE                 the CA is killed when the N-th request has come, when it has it, or when it has answered
registry:write|sync:N:WHAT the same, at the N-th of its registry
store:write|sync|rename:N:WHAT  of a store on the PC, the N-th: as of the journal; or crash (the process that writes)
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from tests.crash.answers import ANSWERS, CHANGING
from tests.interop.running import BANK, OTHER_BANK
from tokenmgr.testbed.faults import LIARS, TORN

ELSEWHERE, LATE, LOST = "elsewhere", "late", "lost"
BETWEEN = (ELSEWHERE, LATE, LOST)  # what else may happen before it is gone on with
SUBJECTS = {  # and of the calls that only look, one in so many at first
    "renew-p256": 6,
    "acquire-p256": 10,
    "renew-rsa2048": 20,
    "acquire-rsa2048": 20,
    "renew-nss": 20,
    "acquire-nss": 20,
    "renew-file": 20,
    "acquire-file": 20,
    "move-nss-medium": 20,
    "move-medium-file": 20,
}
STORES = ("medium", "nss", "file")
AT_ONCE = ("renew-p256", "renew-file", "move-nss-medium", "move-medium-file")  # goes what is replaced; else it stays
PARTS = (
    "kills", "plug", "answers", "hangs", "lies", "journal", "store", "network", "authority", "elsewhere", "undone",
    "twice",
)  # fmt: skip
PLACES = {  # by the first word of a fault
    "call": "PKCS#11 calls",
    "disk": "journal writes",
    "net": "exchanges",
    "ca": "exchanges",
    "registry": "registry writes",
    "store": "store writes",
}
LASTING = ("C_GenerateKeyPair", "C_CreateObject", "C_DestroyObject", "C_SetAttributeValue", "C_Login", "C_Sign")
FEW = 20  # writes, of which each is hit in every way at once
SHARES = (0.01, 0.2, 0.5, 0.9, 0.999, 1.0)  # of a message, so much gets through


@dataclass(frozen=True)
class Point:
    subject: str
    faults: tuple[str, ...]  # the first hits the operation, each other one a resume; or is one of BETWEEN

    @property
    def name(self) -> str:
        return f"{self.subject}/{'+'.join(self.faults)}"

    @classmethod
    def of(cls, name: str) -> Self:
        subject, _, faults = name.partition("/")
        return cls(subject, tuple(faults.split("+")))

    @property
    def place(self) -> tuple[str, str]:
        """Of the first fault, whatever it is: among which ones, and which."""
        kind, *words = self.faults[0].split(":")
        at = words[: 1 if kind in ("net", "ca") else 2]
        return PLACES[kind], f"{self.subject}/{':'.join(at)}"

    @property
    def operation(self) -> str:
        return self.subject.partition("-")[0]

    @property
    def kind(self) -> str:
        return "rsa2048" if self.subject.endswith("rsa2048") else "p256"

    @property
    def bank(self) -> str:
        """R12: one has the generation before go as soon as the new one is confirmed, the other one has it stay."""
        return OTHER_BANK if self.subject in AT_ONCE else BANK

    @property
    def stores(self) -> tuple[str, ...]:
        """Where it is, or from where to where it goes."""
        return tuple(word for word in self.subject.split("-") if word in STORES) or ("medium",)


@dataclass(frozen=True)
class Recording:
    """What an undisturbed run does."""

    subject: str
    calls: tuple[str, ...]  # names of functions, in their order
    writes: int  # of the journal
    syncs: int
    exchanges: int
    registry_writes: int
    registry_syncs: int
    store: Mapping[str, int] = field(default_factory=dict)  # of one on the PC: writes, syncs, renames

    @property
    def is_on_a_medium(self) -> bool:
        """And nowhere else."""
        return Point(self.subject, ()).stores == ("medium",)

    def places(self) -> list[tuple[str, int]]:
        """Each call by its function and number."""
        seen: Counter[str] = Counter()
        found = []
        for function in self.calls:
            seen[function] += 1
            found.append((function, seen[function]))
        return found

    def first(self, more: int = 1) -> list[tuple[str, int]]:
        """Those that are looked at first: what leaves something behind, and of the rest one in so many, others for each
        operation."""
        stride, offset = SUBJECTS[self.subject] * more, list(SUBJECTS).index(self.subject)
        places = enumerate(self.places())
        return [place for number, place in places if place[0] in LASTING or number % stride == offset]


Ranked = tuple[int, Point]  # rank 0 is what is done without `--all`


def every(seen: Recording) -> Iterator[tuple[str, Ranked]]:
    """All points of one operation by their part."""
    single = {
        "kills": _calls(seen, ("kill", "kill-after", "crash", "alone", "crash-after"), is_each=seen.is_on_a_medium),
        "plug": _calls(seen, ("unplug", "unplug-after")),
        "answers": _answers(seen),
        "hangs": _calls(seen, ("hang",), 3),
        "lies": _lies(seen),
        "journal": _journal(seen),
        "store": _store(seen),
        "network": _network(seen),
        "authority": _authority(seen),
    }
    for part, faults in single.items():
        for rank, fault in faults:
            yield part, (rank, Point(seen.subject, (fault,)))
    for fault in _power_cuts(seen):
        yield "elsewhere", (0, Point(seen.subject, (fault, ELSEWHERE)))
    for number in range(1, seen.writes + 1):
        for then in (LATE, LOST):
            yield "undone", (0, Point(seen.subject, (f"disk:write:{number}:kill-after", then)))
    for number, first in enumerate(_power_cuts(seen)):
        for rank, second in _seconds(seen, number):
            yield "twice", (rank, Point(seen.subject, (first, second)))


def pairs(rows: int, columns: int) -> Iterator[tuple[int, int, int]]:
    """All of them, with a rank: those of one rank have every row and every column."""
    together = math.lcm(rows, columns)
    for number in range(rows * columns):
        yield number // max(rows, columns), number % rows, (number + number // together) % columns


def _calls(seen: Recording, actions: Sequence[str], more: int = 1, is_each: bool = False) -> Iterator[tuple[int, str]]:
    """Every action at once where something lasting is done; elsewhere they take turns. `is_each`: at each call one."""
    first = seen.first(more)
    for rank, row, column in pairs(len(first), len(actions)):
        function, number = first[row]
        yield 0 if function in LASTING else rank, f"call:{function}:{number}:{actions[column]}"
    for row, (function, number) in enumerate(sorted(set(seen.places()) - set(first))):
        for column, action in enumerate(actions):
            is_first = is_each and column == row % len(actions)
            yield int(not is_first), f"call:{function}:{number}:{action}"


def _answers(seen: Recording) -> Iterator[tuple[int, str]]:
    """Each answer of a function, and each of its first places, at least once."""
    for function, count in Counter(seen.calls).items():
        assert function in ANSWERS, f"answers.py does not say what {function} may answer"
        after = [f"{name}-after" for name in ANSWERS[function]] if function in CHANGING else []
        told = [*ANSWERS[function], *after]
        first = [number for name, number in seen.first() if name == function] or [1]
        for rank, row, column in pairs(len(first), len(told)):
            is_later = SUBJECTS[seen.subject] > 10 and function not in CHANGING  # the kind of key is nothing to it
            yield rank + is_later, f"call:{function}:{first[row]}:{told[column]}"
        for number in sorted(set(range(1, count + 1)) - set(first)):
            for name in told:
                yield 1, f"call:{function}:{number}:{name}"


def _lies(seen: Recording) -> Iterator[tuple[int, str]]:
    first = seen.first(2)
    for function, number in seen.places():
        for action, those in (("torn", TORN), ("lie", LIARS)):
            if function in those:
                yield int((function, number) not in first), f"call:{function}:{number}:{action}"


def _journal(seen: Recording) -> Iterator[tuple[int, str]]:
    for number in range(1, seen.writes + 1):
        for place, action in enumerate(("kill-within", "kill-after", "full", "kill-before", "partly-full")):
            yield int(place > 2 and SUBJECTS[seen.subject] > 10), f"disk:write:{number}:{action}"
    for number in range(1, seen.syncs + 1):
        for action in ("kill-before", "fails"):
            yield 0, f"disk:sync:{number}:{action}"


def _store(seen: Recording) -> Iterator[tuple[int, str]]:
    """In turns where there are many: what is written once may be a hundred writes of SQLite."""
    whole = ("kill-before", "kill-after", "fails", "crash")
    turns = {"write": ("kill-within", "kill-after", "full", "crash", "partly-full"), "sync": whole, "rename": whole}
    for kind, count in seen.store.items():
        for rank, row, column in pairs(count, len(turns[kind])):
            yield rank if count > FEW else 0, f"store:{kind}:{row + 1}:{turns[kind][column]}"


def _network(seen: Recording) -> Iterator[tuple[int, str]]:
    wheres = [(where, share) for where in ("request", "answer") for share in (0.0, *SHARES)]
    for number in range(1, seen.exchanges + 1):
        for where, share in (*([("hello", 0.0)] if number == 1 else []), *wheres):  # one connection serves all
            yield 0, f"net:{number}:{where}:{share:g}"
            yield int(share not in (0.0, 0.5, 1.0)), f"net:{number}:{where}:{share:g}:stays"


def _authority(seen: Recording) -> Iterator[tuple[int, str]]:
    for number in range(1, seen.exchanges + 1):
        for where in ("asked", "working", "answered"):
            yield 0, f"ca:{number}:{where}"
    for number in range(1, seen.registry_writes + 1):
        for place, action in enumerate(("kill-before", "kill-within", "kill-after")):
            yield int(number % 6 != 2 * place), f"registry:write:{number}:{action}"
        yield int(number % 6 != 1), f"registry:write:{number}:full"
    for number in range(1, seen.registry_syncs + 1):
        yield 0, f"registry:sync:{number}:kill-{('before', 'after')[number % 2]}"


def _power_cuts(seen: Recording) -> list[str]:
    """Where something lasting has just changed: at each line of the journal, and around each change of the medium."""
    changing = ("C_GenerateKeyPair", "C_CreateObject", "C_DestroyObject", "C_SetAttributeValue")
    cuts = [f"disk:write:{number}:kill-after" for number in range(1, seen.writes + 1)]
    cuts += [f"call:{function}:{number}:kill-after" for function, number in seen.places() if function in changing]
    return cuts + [f"store:rename:{number}:kill-after" for number in range(1, seen.store.get("rename", 0) + 1)]


def _seconds(seen: Recording, shift: int) -> Iterator[tuple[int, str]]:
    """What hits the resume: a few of each kind, others after each first one."""
    places, most = seen.places(), 2 if SUBJECTS[seen.subject] <= 10 else 1
    written = seen.store.get("write", 0)
    kinds = ("kill", "CKR_DEVICE_ERROR", "unplug", "crash", "CKR_SESSION_HANDLE_INVALID", "kill-after")
    for turn in range(6):
        rank = int(turn >= most)
        if places:
            function, number = places[(7 * shift + turn * len(places) // 6) % len(places)]
            yield rank, f"call:{function}:{number}:{kinds[(shift + turn) % len(kinds)]}"
        if written:
            number = (7 * shift + turn * written // 6) % written + 1
            yield rank, f"store:write:{number}:{('kill-after', 'kill-within', 'full')[(shift + turn) % 3]}"
        line = (shift + 2 * turn) % max(seen.writes, 1) + 1
        yield rank, f"disk:write:{line}:{('kill-after', 'kill-within', 'full')[turn % 3]}"
        yield rank, f"net:{turn % max(seen.exchanges, 1) + 1}:{('answer', 'request')[turn % 2]}:0.5:stays"
