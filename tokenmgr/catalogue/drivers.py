"""One file of drivers/ -> a Family, or every mistake in it with its line. domain/family.py is the schema."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from tokenmgr import data
from tokenmgr.domain import family as schema
from tokenmgr.domain.family import Family

TABLES: dict[str, type] = {
    "usb": schema.Usb,
    "libraries": schema.Libraries,
    "token": schema.Token,
    "keys": schema.Keys,
    "certificates": schema.Certificates,
    "labels": schema.Labels,
    "pin": schema.Pin,
    "space": schema.Space,
    "time": schema.Time,
}
TOP = {"title": str, "maker": str, "base": str, "general": bool, "picture": str}
# Of [token], where the rest recognises.
HABITS_OF_A_TOKEN = ("ignored_labels", "spare_slot", "format", "on_pc", "numbered")
LONGEST_TIME, LARGEST_NUMBER = 3600, 2**32
NAME = "[a-z0-9]+(-[a-z0-9]+)*"  # of a file
INHERITED = ("libraries", "keys", "certificates", "labels", "pin", "space", "time")  # how it is recognised is its own

_LISTS = {"tuple[str, ...]": str, "tuple[int, ...]": int}
_TYPES: dict[str, type | tuple[type, ...]] = {"bool": bool, "str": str, "int": int, "float": (int, float)}
CHOICES = {
    ("keys", "by"): ("user", "officer", "nobody"),
    ("keys", "untruthful"): ("sensitive", "local", "always_sensitive", "never_extractable"),
    ("keys", "omit"): ("PRIVATE", "SENSITIVE", "EXTRACTABLE", "SIGN", "LABEL"),
    ("token", "format"): ("always", "blank", "never"),
    ("pin", "characters"): ("any", "digits", "ascii"),
    ("pin", "never_shown"): ("low", "final try", "locked", "to be changed"),
    ("pin", "unblock"): ("officer", "elsewhere", "lockout", "nobody"),
    ("pin", "officer"): ("pin", "key"),
}
_FORMS = {
    ("usb", "ids"): ("not-a-usb-id", re.compile(r"[0-9a-f]{4}:[0-9a-f]{4}")),
    ("keys", "avoid"): ("not-a-mechanism", re.compile(r"(?!CKM_)[A-Z0-9_]+|0x[0-9a-f]+")),
    ("keys", "places"): ("not-a-key-id", re.compile(r"([0-9a-f]{2}){1,32}")),
    ("space", "full"): ("not-an-answer", re.compile(r"CKR_[A-Z0-9_]+|0x[0-9a-f]+")),
}
_PATHS = {"linux": PurePosixPath, "macos": PurePosixPath, "windows": PureWindowsPath}


@dataclass(frozen=True)
class Mistake:
    """`reason` names a text of the messages; `subject` and `allowed` fill it in."""

    file: str
    line: int
    reason: str
    subject: str = ""
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Driver:
    """One file as it was read. `family` is None while the file has mistakes."""

    path: Path
    text: str
    content: Mapping[str, Any]
    mistakes: tuple[Mistake, ...]

    @property
    def name(self) -> str:
        return self.path.stem

    def family(self, *bases: Driver) -> Family:
        """`bases` are those that it builds on, the nearest first."""
        tables: dict[str, dict[str, Any]] = {name: {} for name in TABLES}
        for one in (*reversed(bases), self):
            for name in TABLES:
                told = one.content.get(name, {})
                if name not in INHERITED and one.name != self.name:  # how it is recognised is its own
                    told = {key: value for key, value in told.items() if key in HABITS_OF_A_TOKEN}
                tables[name] |= told
        made = {name: _made(TABLES[name], table) for name, table in tables.items()}
        own = [one.content for one in (*reversed(bases), self) if one.name == self.name]
        top = {key: content[key] for content in own for key in TOP if key in content}
        return Family(name=self.name, **top, **made)

    def mistake(self, reason: str, key: str = "", subject: str = "", allowed: tuple[str, ...] = ()) -> Mistake:
        """`key` is `name` or `table.name`; the line is the subject's where it is written there, else the key's."""
        return Mistake(str(self.path), line_of(self.text, key, subject), reason, subject or key, allowed)


def read(path: Path) -> Driver:
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = tomllib.loads(text)
    except UnicodeDecodeError:
        return Driver(path, "", {}, (Mistake(str(path), 1, "not-utf8"),))
    except tomllib.TOMLDecodeError as error:
        return Driver(path, text, {}, (_syntax(path, text, error),))
    except OSError as error:
        return Driver(path, "", {}, (Mistake(str(path), 0, "not-readable", error.strerror or ""),))
    driver = Driver(path, text, content, ())
    return Driver(path, text, content, tuple(_mistakes(driver)))


def _syntax(path: Path, text: str, error: tomllib.TOMLDecodeError) -> Mistake:
    said = re.fullmatch(r"(.*?) \(at (?:line (\d+), column \d+|end of document)\)", str(error), re.S)
    line = int(said[2]) if said and said[2] else text.count("\n") + 1
    return Mistake(str(path), line, "syntax", said[1] if said else str(error))


def _mistakes(driver: Driver) -> Iterator[Mistake]:
    content = driver.content
    for key in content.keys() - TOP.keys() - TABLES.keys():
        yield driver.mistake("unknown-key", key, key, (*TOP, *TABLES))
    for key, kind in TOP.items():
        if key in content and not isinstance(content[key], kind):
            yield driver.mistake("wrong-type", key, allowed=(_word(kind.__name__),))
    if not str(content.get("title", "")).strip():
        yield driver.mistake("missing", "title")
    if not any(content.get(name) for name in ("usb", "token", "libraries", "base")):
        yield driver.mistake("recognises-nothing")
    picture = content.get("picture")
    folders = (driver.path.parent, data.folder("drivers"))
    if isinstance(picture, str) and not any((folder / "pictures" / picture).is_file() for folder in folders):
        yield driver.mistake("no-picture", "picture", picture)
    if not re.fullmatch(NAME, driver.name):
        yield driver.mistake("not-a-name", "", driver.path.name)
    for name, kind in TABLES.items():
        if isinstance(content.get(name, {}), dict):
            yield from _mistakes_in_table(driver, name, kind, content.get(name, {}))
        else:
            yield driver.mistake("wrong-type", name, allowed=("[table]",))


def _mistakes_in_table(driver: Driver, name: str, kind: type, table: Mapping[str, Any]) -> Iterator[Mistake]:
    known = {field.name: str(field.type) for field in fields(kind)}
    for key, value in table.items():
        place = f"{name}.{key}"
        if key == "source":
            if not isinstance(value, str):
                yield driver.mistake("wrong-type", place, allowed=(_word("str"),))
        elif key not in known:
            yield driver.mistake("unknown-key", place, key, (*known, "source"))
        elif not _is(value, known[key]):
            yield driver.mistake("wrong-type", place, allowed=(_word(known[key]),))
        else:
            yield from _mistakes_in_values(driver, name, key, value if isinstance(value, list) else [value])
    shortest, longest = table.get("shortest"), table.get("longest")
    if isinstance(shortest, int) and isinstance(longest, int) and shortest > longest > 0:
        yield driver.mistake("not-in-order", f"{name}.longest")
    if table and not str(table.get("source", "")).strip():  # what nobody can check again is not a fact
        yield driver.mistake("no-source", name)


def _mistakes_in_values(driver: Driver, table: str, key: str, values: list[Any]) -> Iterator[Mistake]:
    place = f"{table}.{key}"
    for value in values:
        if isinstance(value, str) and (not value.strip() or not value.isprintable()):
            if (table, key) != ("libraries", "get"):
                yield driver.mistake("empty-text", place, place)
        elif (table, key) in CHOICES and value not in CHOICES[table, key]:
            yield driver.mistake("not-one-of", place, value, CHOICES[table, key])
        elif (table, key) in _FORMS and not _FORMS[table, key][1].fullmatch(value):
            yield driver.mistake(_FORMS[table, key][0], place, value)
        elif table == "libraries" and key in _PATHS and not _PATHS[key](value).is_absolute():
            yield driver.mistake("not-a-full-path", place, value)
        elif (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and not 0 <= value <= (LONGEST_TIME if table == "time" else LARGEST_NUMBER)
        ):
            yield driver.mistake("out-of-range", place, str(value))
    if repeated := {str(value) for value in values if values.count(value) > 1}:
        yield driver.mistake("twice", place, min(repeated))


def _is(value: object, kind: str) -> bool:
    if kind in _LISTS:
        return isinstance(value, list) and all(_is(item, _LISTS[kind].__name__) for item in value)
    return isinstance(value, _TYPES[kind]) and (kind == "bool" or not isinstance(value, bool))


def _word(kind: str) -> str:
    """A type as TOML writes one."""
    lists = {"tuple[str, ...]": '["text", …]', "tuple[int, ...]": "[1, …]"}
    return {"str": '"text"', "bool": "true / false", **lists}.get(kind, "0, 1, 2, …")


def _made(kind: type, table: Mapping[str, Any]) -> Any:
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    values.pop("source", None)
    return kind(**values)


def line_of(text: str, key: str, subject: str = "") -> int:
    """tomllib keeps no positions: the line of `table.name`, or of the subject among its values. 1 where it is nowhere,
    the table's own line where the key is not in it."""
    table, _, name = key.rpartition(".")
    here, found = "", 1
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line):
            if found > 1 and here == table and name:
                break
            here = header[1].strip("\"'")
            if here in (key, table) and here:
                found = number
        elif here == table and re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=", line):
            found = number
            rest = text.splitlines()[number - 1 :]
            quoted = (f'"{subject}"', f"'{subject}'", f'"{subject}'.encode("unicode_escape").decode() + '"')
            return next((number + n for n, one in enumerate(rest) if subject and any(q in one for q in quoted)), found)
    return found
