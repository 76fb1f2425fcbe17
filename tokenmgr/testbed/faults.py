"""Rules: what a simulated medium does wrong, when. Typed by a person, in a rule file, or made by a test.

C_CreateObject answer CKR_DEVICE_ERROR --after     the certificate is written, and the answer is lost
C_Sign hang --skip 1 --times 1                     the second signature never returns
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from tokenmgr.errors import FaultWrong, RuleFileWrong
from tokenmgr.testbed.functions import FUNCTIONS
from tokenmgr.testbed.page import SETTABLE, WORDS
from tokenmgr.token import answers

ALL = "all"
# What each takes: an answer of PKCS#11, a time, a number, or nothing.
ACTIONS = {
    "answer": "answer",  # instead of the call; with `after`, the call is made and its answer lost
    "delay": "seconds",
    "hang": "",  # until the rule is removed
    "crash": "",  # the process that called
    "exit": "status",
    "unplug": "",  # pulled at this very call
    "lie": "",  # CKR_OK, and nothing is done
    "set": "word",  # something of the medium is otherwise from this call on: user_wrong=3, capacity=1 …
    "torn": "answer",  # half of it is written, then this answer
}
TORN = ("C_CreateObject", "C_GenerateKeyPair")
LIARS = (
    "C_CreateObject", "C_CopyObject", "C_DestroyObject", "C_SetAttributeValue", "C_GenerateKey", "C_GenerateKeyPair",
    "C_FindObjects", "C_Sign", "C_SignFinal", "C_SetPIN", "C_InitPIN", "C_Login", "C_Logout",
)  # fmt: skip
_ANSWERS = {name: number for number, (name, _) in answers.ANSWERS.items()} | {"CKR_OK": 0}
_FEW = 20  # words that are all told where none is near
_LARGEST = 2**63
_LARGEST_WORD = 2**32 - 1  # by a rule: more would not fit beside the word that it is for


@dataclass(frozen=True)
class Rule:
    """`skip` calls go by, then it holds `times` times, in whatever process; 0 times is for ever."""

    function: str
    action: str
    value: int = 0  # an answer's number, milliseconds, or an exit status
    after: bool = False  # the work is done first
    skip: int = 0
    times: int = 0

    @classmethod
    def read(
        cls, function: str, action: str, value: object = None, after: bool = False, skip: int = 0, times: int = 0
    ) -> Rule:
        """As a person writes it; whatever is wrong is said with the nearest right word."""
        if function not in (*FUNCTIONS, ALL):
            raise _unknown("function", function, (*FUNCTIONS, ALL))
        if action not in ACTIONS:
            meant = action in _ANSWERS or f"CKR_{action}" in _ANSWERS  # and the word before it forgotten
            raise _unknown("action", "answer" if meant else action, tuple(ACTIONS), action)
        allowed = {"torn": TORN, "lie": LIARS}.get(action, (*FUNCTIONS, ALL))
        if function not in allowed:
            raise FaultWrong(reason="not-with", subject=f"{function} {action}", nearest=allowed)
        if after and action in ("torn", "lie"):
            raise FaultWrong(reason="not-after", subject=action)
        for count in (skip, times):
            if not 0 <= count < _LARGEST:
                raise FaultWrong(reason="not-a-count", subject=str(count))
        return cls(function, action, _value(action, value), after, skip, times)

    @classmethod
    def of_line(cls, line: str) -> Rule:
        function, action, value, when, skip, times = line.split()
        return cls(function, action, int(value), when == "after", int(skip), int(times))

    @property
    def line(self) -> str:
        """As c/rules.c reads it."""
        when = "after" if self.after else "before"
        return f"{self.function} {self.action} {self.value} {when} {self.skip} {self.times}"

    @property
    def shown(self) -> str:
        """As a person writes it."""
        kind = ACTIONS[self.action]
        seconds = f"{Decimal(self.value).scaleb(-3):f}".rstrip("0").rstrip(".") or "0"  # each digit, and no exponent
        value = {"answer": answer_name(self.value), "seconds": seconds, "status": str(self.value)}
        if kind == "word":
            value["word"] = f"{WORDS[self.value >> 32]}={self.value & _LARGEST_WORD}"
        words = [self.function, self.action, *([value[kind]] if kind else []), *(["--after"] if self.after else [])]
        words += [f"--skip {self.skip}"] if self.skip else []
        words += [f"--times {self.times}"] if self.times else []
        return " ".join(words)


def read_file(path: Path) -> list[Rule]:
    """A table [[rule]] each: function, action, and what the action takes."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # of what is no text, no TOML, or has a number of 5,000 digits
        raise RuleFileWrong(file=str(path), reason=getattr(error, "strerror", None) or str(error)) from error
    tables = content.get("rule")
    if set(content) != {"rule"} or not isinstance(tables, list):
        raise RuleFileWrong(file=str(path), reason="only-rules")
    return [_of_table(path, number, table) for number, table in enumerate(tables, 1)]


def of_table(table: Mapping[str, Any]) -> Rule:
    """As a rule file or a scenario has it."""
    kinds = {"function": (str,), "action": (str,), "value": (str, int, float), "after": (bool,)}
    kinds |= {"skip": (int,), "times": (int,)}
    for name, value in table.items():
        if name not in kinds:
            raise _unknown("rule-key", name, tuple(kinds))
        if not isinstance(value, kinds[name]) or (isinstance(value, bool) and name != "after"):
            raise FaultWrong(reason="not-a-value", subject=f"{name} = {value!r}")
    for name in ("function", "action"):
        if name not in table:
            raise FaultWrong(reason="missing", subject=name)
    return Rule.read(**table)


def _of_table(path: Path, number: int, table: object) -> Rule:
    if not isinstance(table, dict):
        raise RuleFileWrong(file=str(path), reason="only-rules")
    try:
        return of_table(table)
    except FaultWrong as error:
        error.place = f"{path}, rule {number}: "
        raise


def answer_name(number: int) -> str:
    if number == 0:
        return "CKR_OK"
    return answers.ANSWERS.get(number, (hex(number),))[0]


def _value(action: str, value: object) -> int:
    kind = ACTIONS[action]
    if not kind:
        if value is not None:
            raise FaultWrong(reason="takes-nothing", subject=f"{action} {value}")
        return 0
    if action == "torn" and value is None:
        return _ANSWERS["CKR_DEVICE_ERROR"]
    if value is None:
        raise FaultWrong(reason=f"takes-{kind}", subject=action)
    if kind == "word":
        word, number = setting(str(value))
        return WORDS.index(word) << 32 | number
    if kind == "answer" and isinstance(value, str) and not value[:1].isdigit():
        name = value if value.startswith("CKR_") else f"CKR_{value}"
        if name not in _ANSWERS:
            raise _unknown("answer", value, tuple(_ANSWERS))
        return _ANSWERS[name]
    try:
        whole = Decimal(str(value)) * 1000 if kind == "seconds" else int(str(value), 0)
        fits = 0 <= whole < (256 if kind == "status" else _LARGEST)
    except (ValueError, ArithmeticError) as error:
        raise FaultWrong(reason=f"takes-{kind}", subject=f"{action} {value}") from error
    if not fits:
        raise FaultWrong(reason=f"takes-{kind}", subject=f"{action} {value}")
    return int(whole)


def setting(text: str) -> tuple[str, int]:
    """`user_wrong=2`, as a rule or a person sets it."""
    word, _, number = text.partition("=")
    if word not in SETTABLE:
        raise _unknown("word", word, SETTABLE)
    try:
        whole = int(number, 0)
    except ValueError as error:
        raise FaultWrong(reason="takes-word", subject=text) from error
    if not 0 <= whole <= _LARGEST_WORD:
        raise FaultWrong(reason="takes-word", subject=text)
    return word, whole


def _unknown(what: str, word: str, known: tuple[str, ...], said: str = "") -> FaultWrong:
    near = nearest(word, known) or (known if len(known) <= _FEW else ())
    return FaultWrong(reason=f"unknown-{what}", subject=said or word, nearest=near)


def nearest(word: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """The likeliest meant; a word that is part of known ones means them."""
    containing = [name for name in known if word and word.casefold() in name.casefold()]
    lower = {name.casefold(): name for name in known}
    close = [lower[name] for name in difflib.get_close_matches(word.casefold(), lower, n=4, cutoff=0.5)]
    return tuple(dict.fromkeys([*close, *containing]))[:5]
