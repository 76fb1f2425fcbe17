"""Every text that a person reads, in Japanese and English: ja.toml and en.toml have the same keys (tests hold this).

Errors have what happened, what was kept and the one next step (R14, R15), under their code.
"""

from __future__ import annotations

import functools
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from string import Formatter
from types import SimpleNamespace
from typing import Any

from tokenmgr.clock import japan_time
from tokenmgr.errors import TokenmgrError

_NONE = "—"
_ON_PC = ("nss", "file", "tpm")  # how the names of stores on a PC begin
_NO_OPTION = " \0"  # of a store that is not known: its blank goes with it
# Facts that name a text.
_WORDS = {"who", "kind", "state", "rule", "reason", "way", "unblock", "officer", "wanted", "operation"}
_UNTOLD = re.compile(rf"（{_NONE}）| ?\({_NONE}\)")  # a parenthesis about nothing


def _quoted(name: str, system: str) -> str:
    """As a command line takes it: a shell, or Windows' cmd, where a backslash is special before a quote alone."""
    if system == "windows":
        doubled = re.sub(r"(\\+)$", r"\1\1", name)
        return f'"{doubled}"'
    return shlex.quote(name)


def kind_on_pc(serial: object) -> str:
    """ "nss", "file" or "tpm", of the name of a store on the PC; else ""."""
    kind = str(serial).partition(":")[0]
    return kind if kind in _ON_PC else ""


def _fit(texts: Mapping[str, str], name: str, facts: Mapping[str, object], at_desk: bool = False) -> str:
    """The text that is true of this store, and in the window the one that says what is on the screen."""
    kind = kind_on_pc(facts.get("serial"))
    names = (f"{name}_desk", name) if at_desk else (name,)
    those = (each for one in names for each in ((f"{one}_{kind}", f"{one}_pc", one) if kind else (one,)))
    return next(texts[one] for one in those if one in texts)


_AREA = re.compile(r"^\[([^].]+)", re.MULTILINE)  # a heading; no text has a line that begins like one


class _Areas(Mapping[str, Mapping[str, Any]]):
    """One language's file, an area of it read when a text of it is asked for: to read all takes as long as the rest of
    a small command."""

    def __init__(self, text: str) -> None:
        headings = list(_AREA.finditer(text))
        ends = [*(one.start() for one in headings[1:]), len(text)]
        self._unread: dict[str, str] = {}
        for heading, end in zip(headings, ends, strict=True):
            self._unread[heading[1]] = self._unread.get(heading[1], "") + text[heading.start() : end]
        self._read: dict[str, Mapping[str, Any]] = {}

    def __getitem__(self, area: str) -> Mapping[str, Any]:
        if area not in self._read:
            self._read[area] = tomllib.loads(self._unread[area])[area]
        return self._read[area]

    def __iter__(self) -> Iterator[str]:
        return iter(self._unread)

    def __len__(self) -> int:
        return len(self._unread)


@functools.cache
def _areas(language: str) -> _Areas:
    """Once a process: a CA has texts in five places."""
    return _Areas((Path(__file__).parent / f"{language}.toml").read_text(encoding="utf-8"))


class Texts:
    """The texts of one language, "ja" or "en". Commands in them are for the command line of `system` (system.NAME).

    Where a text is not true of a store on the PC, there is another beside it: `name_pc`, or of its kind, `name_tpm`.
    Where one of an error names a command, there is `name_desk` for the window, in which buttons are named by their own
    texts: {desk.again}. What banks call by names of their own (R16) is {word.login_pin}.
    """

    def __init__(self, language: str, system: str = "linux") -> None:
        self.language, self._system = language, system
        self._entries = _areas(language)
        self._buttons = {area: SimpleNamespace(**self._entries[area]) for area in ("desk", "desk_next")}
        self._buttons["word"] = SimpleNamespace(**self._entries["portal_word"])

    def __call__(self, key: str, /, **facts: object) -> str:
        """`area.name`, its {facts} filled in."""
        area, _, name = key.partition(".")
        return self._filled(_fit(self._entries[area], name, facts), facts)

    def has(self, key: str) -> bool:
        area, _, name = key.partition(".")
        return name in self._entries.get(area, {})

    def error(
        self, error: TokenmgrError, at_desk: bool = False, own: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """what, kept, next. Facts that are lists are written as such; states, rules and reasons as words. `own`: what a
        bank calls things."""
        entry = self._entries["errors"].get(error.code, self._entries["errors"]["X000"])
        facts = error.facts
        if at_desk:
            facts = {name: self._at_desk(value) if name in _WORDS else value for name, value in facts.items()}
        plain = {name: self._joined(name, value) for name, value in facts.items()}
        named = self._buttons | ({"word": SimpleNamespace(**own)} if own else {})
        known = {name: self._fact(name, value, named | plain) for name, value in plain.items()}
        words = named | self._of_store(facts) | known
        parts = {part: _fit(entry, part, facts, at_desk) for part in ("what", "kept", "next")}
        said = {part: _UNTOLD.sub("", self._filled(text, words)) for part, text in parts.items()}
        if error.unfinished:
            said["kept"] = self("words.kept_unfinished")
        elif error.uncertain:
            said["kept"] = self(
                "words.kept_uncertain_desk" if at_desk else "words.kept_uncertain", serial=facts.get("serial")
            )
        return said

    def of_code(self, code: str) -> str:
        """What happened, of an error that somebody else has had: its facts are not known here."""
        text: str = self._entries["errors"].get(code, {}).get("what", "")
        names = {name for _, name, _, _ in Formatter().parse(text) if name}
        known = {"store": self("labels.store"), "serial": self("words.this_one")}
        return _UNTOLD.sub("", text.format(**{name: known.get(name, _NONE) for name in names}))

    def next_of_code(self, code: str) -> str:
        """What somebody else is to do next; "" where that takes facts, or names a command."""
        entry = self._entries["errors"].get(code, {})
        text: str = entry.get("next_desk", entry.get("next", ""))
        return "" if "{" in text or "tokenmgr" in text else text

    def _filled(self, text: str, facts: Mapping[str, object]) -> str:
        filled = text.format(**{**self._buttons, **self._of_store(facts), **facts}).replace(_NO_OPTION, "")
        return filled[:1].upper() + filled[1:] if text.startswith("{store}") else filled

    def _of_store(self, facts: Mapping[str, object]) -> dict[str, object]:
        """Beside a store's name, what it is in words, and the option that names it; none where it is not known."""
        if "serial" not in facts:
            return {"option": _NO_OPTION.strip()}
        serial = str(facts["serial"] or "")
        kind = kind_on_pc(serial)
        named = serial or self._entries["words"]["this_one"]
        store = self._entries["stores"]["pc" if kind else "medium"].format(serial=named)
        option = f"{'--pc' if kind else '--medium'} {_quoted(serial, self._system)}"
        return {"store": store, "option": option if serial else _NO_OPTION.strip()}

    def _fact(self, name: str, value: object, facts: dict[str, object]) -> object:
        if name == "serial" and not value:
            return self("words.this_one")
        if name == "tries_left":
            return self("facts.tries-left" if value else "facts.no-tries-left", tries_left=value)
        if value is None:
            return _NONE
        if isinstance(value, datetime):
            return japan_time(value, self.language)
        if name not in _WORDS:
            return value
        word = self._word(str(value))
        if word == value:  # a text from outside may have braces of its own
            return value
        try:
            return word.format(**facts)
        except KeyError:  # somebody outside says this word of ours without its facts
            return value

    def _at_desk(self, value: object) -> object:
        """The name of a word that has one for the window."""
        named = f"{value}_desk"
        return named if named in self._entries["facts"] else value

    def _joined(self, name: str, value: object) -> object:
        if not isinstance(value, tuple):
            return value
        texts = (self._word(str(item)) if name == "findings" else str(item) for item in value)
        return self("words.and").join(texts) or self("words.none")

    def _word(self, word: str) -> str:
        return next((str(self._entries[a][word]) for a in ("facts", "findings") if word in self._entries[a]), word)
