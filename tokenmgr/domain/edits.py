"""One setting in a text that others write, too: found, put in, taken out. Every other byte of it stays, but for JSON,
which is written anew in its own order.

mimeapps.list: a line of a section. pkcs11.txt: a paragraph of NSS's. policies.json: a value below its names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

# --- lines of sections (the desktop entry specification's key files) ---


def line_found(text: str, section: str, key: str) -> str | None:
    at = _line(text, section, key)
    return None if at is None else text[at[0] : at[1]].partition("=")[2].strip()


def with_line(text: str, section: str, key: str, value: str | None) -> str:
    at = _line(text, section, key)
    if value is None:
        return text if at is None else text[: at[0]] + text[at[1] :].removeprefix("\r").removeprefix("\n")
    if at is not None:
        return f"{text[: at[0]]}{key}={value}{text[at[1] :]}"
    head = _head(text, section)
    if head is not None:
        return f"{_ended(text[:head])}{key}={value}\n{text[head:]}"
    return f"{_ended(text)}[{section}]\n{key}={value}\n"


def _head(text: str, section: str) -> int | None:
    """Where the first line of a section begins."""
    found = re.search(rf"^\[{re.escape(section)}\][ \t\r]*(?:\n|\Z)", text, re.M)
    return found.end() if found else None


def _line(text: str, section: str, key: str) -> tuple[int, int] | None:
    head = _head(text, section)
    if head is None:
        return None
    following = re.compile(r"^\[", re.M).search(text, head)
    end = following.start() if following else len(text)
    found = re.compile(rf"^{re.escape(key)}[ \t]*=[^\r\n]*", re.M).search(text, head, end)
    return found.span() if found else None


def _ended(text: str) -> str:
    return f"{text}\n" if text and not text.endswith("\n") else text


# --- paragraphs of pkcs11.txt ---


def paragraph(name: str, library: str) -> str:
    """As NSS writes a module that has no parameters. Nothing in it is quoted, so a path has no line's end."""
    return f"library={library}\nname={name}"


def paragraph_found(text: str, name: str) -> str | None:
    at = _paragraph(text, name)
    return None if at is None else text[at[0] : at[1]].replace("\r\n", "\n")


def with_paragraph(text: str, name: str, value: str | None) -> str:
    ends = "\r\n" if "\r\n" in text else "\n"
    at = _paragraph(text, name)
    if value is None:
        return text if at is None else text[: at[0]] + re.sub(r"\A(\r?\n){0,2}", "", text[at[1] :])
    told = value.replace("\n", ends)
    if at is not None:
        return text[: at[0]] + told + text[at[1] :]
    text = _ended(text)
    return text + ends * bool(text and not re.search(r"\n\r?\n\Z", text)) + told + ends * 2


def _paragraph(text: str, name: str) -> tuple[int, int] | None:
    """Without the line's end after it."""
    for one in re.finditer(r"(?:^[^\r\n]+(?:\r?\n|\Z))+", text, re.M):
        if re.search(rf"^name={re.escape(name)}\r?$", one[0], re.M):
            return one.start(), one.start() + len(one[0].rstrip("\r\n"))
    return None


# --- values of JSON ---


def value_found(text: str, names: Sequence[str]) -> str | None:
    """As JSON. ValueError where the text is none."""
    told: Any = _json(text)
    for name in names:
        if not isinstance(told, dict) or name not in told:
            return None
        told = told[name]
    return json.dumps(told, ensure_ascii=False)


def with_value(text: str, names: Sequence[str], value: str | None) -> str:
    """What is above it is made, and taken away again where it is left with nothing. ValueError where one of those is
    no object."""
    told = _json(text)
    _put(told, names, value)
    return json.dumps(told, ensure_ascii=False, indent=2) + "\n"


def _json(text: str) -> dict[str, Any]:
    told = json.loads(text.removeprefix("\ufeff") or "{}")
    if not isinstance(told, dict):
        raise ValueError("no object")  # noqa: TRY004  to a caller it is as unfit as what is no JSON
    return told


def _put(told: dict[str, Any], names: Sequence[str], value: str | None) -> None:
    name, *below = names
    if not below:
        if value is None:
            told.pop(name, None)
        else:
            told[name] = json.loads(value)
        return
    inside = told.setdefault(name, {})
    if not isinstance(inside, dict):
        raise ValueError(name)  # noqa: TRY004
    _put(inside, below, value)
    if not inside:
        del told[name]
