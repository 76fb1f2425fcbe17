"""Every text that a person reads, in Japanese and English: ja.toml and en.toml have the same keys (tests hold this).

Errors have what happened, what was kept and the one next step (R14, R15), under their code.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from string import Formatter
from typing import Any

from tokenmgr.clock import japan_time
from tokenmgr.errors import TokenmgrError

_NONE = "—"
_ON_PC = ("nss", "file", "tpm")  # how the names of stores on a PC begin
_UNTOLD = re.compile(rf"（{_NONE}）| ?\({_NONE}\)")  # a parenthesis about nothing


def _quoted(name: str) -> str:
    """As a command line takes it, on Windows too, where a backslash is not special."""
    return name if "\\" in name and " " not in name else f'"{name}"' if "\\" in name else shlex.quote(name)


class Texts:
    """The texts of one language. `language` is "ja" or "en"."""

    def __init__(self, language: str) -> None:
        self.language = language
        path = Path(__file__).parent / f"{language}.toml"
        self._entries: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))

    def __call__(self, key: str, /, **facts: object) -> str:
        """`area.name`, its {facts} filled in."""
        area, _, name = key.partition(".")
        text: str = self._entries[area][name]
        return self._filled(text, facts)

    def has(self, key: str) -> bool:
        area, _, name = key.partition(".")
        return name in self._entries.get(area, {})

    def error(self, error: TokenmgrError) -> dict[str, str]:
        """what, kept, next. Facts that are lists are written as such; states, rules and reasons as words."""
        entry = self._entries["errors"].get(error.code, self._entries["errors"]["X000"])
        plain = {name: self._joined(name, value) for name, value in error.facts.items()}
        words = {name: self._fact(name, value, plain) for name, value in plain.items()}
        said = {part: _UNTOLD.sub("", self._filled(entry[part], words)) for part in ("what", "kept", "next")}
        return said | ({"kept": self("words.kept_uncertain")} if error.uncertain else {})

    def of_code(self, code: str) -> str:
        """What happened, of an error that somebody else has had: its facts are not known here."""
        text: str = self._entries["errors"].get(code, {}).get("what", "")
        names = {name for _, name, _, _ in Formatter().parse(text) if name}
        known = {"store": self("labels.store"), "serial": self("words.this_one")}
        return _UNTOLD.sub("", text.format(**{name: known.get(name, _NONE) for name in names}))

    def _filled(self, text: str, facts: Mapping[str, object]) -> str:
        filled = text.format(**self._with_store(facts))
        return filled[:1].upper() + filled[1:] if text.startswith("{store}") else filled

    def _with_store(self, facts: Mapping[str, object]) -> dict[str, object]:
        """Beside a store's name, what it is in words, and the option that names it."""
        if "serial" not in facts:
            return {**facts}
        serial, entries = str(facts["serial"]), self._entries["stores"]
        kind = serial.partition(":")[0]
        is_on_pc = kind in _ON_PC
        told = {"store": entries["pc" if is_on_pc else "medium"].format(serial=serial)}
        return {**told, "option": f"{'--pc' if is_on_pc else '--medium'} {_quoted(serial)}", **facts}

    def _fact(self, name: str, value: object, facts: dict[str, object]) -> object:
        if name == "serial" and not value:
            return self("words.this_one")
        if name == "tries_left":
            return self("facts.tries-left" if value else "facts.no-tries-left", tries_left=value)
        if value is None:
            return _NONE
        if isinstance(value, datetime):
            return japan_time(value, self.language)
        if name not in {"who", "kind", "state", "rule", "reason", "way", "unblock", "officer", "wanted"}:
            return value
        word = self._word(str(value))
        return word if word == value else word.format(**facts)  # a text from outside may have braces of its own

    def _joined(self, name: str, value: object) -> object:
        if not isinstance(value, tuple):
            return value
        texts = (self._word(str(item)) if name == "findings" else str(item) for item in value)
        return self("words.and").join(texts) or self("words.none")

    def _word(self, word: str) -> str:
        return next((str(self._entries[a][word]) for a in ("facts", "findings") if word in self._entries[a]), word)
