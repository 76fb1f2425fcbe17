"""A bank's policy <-> TOML and words. Every mistake is found before anything is said of the first."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path

from tokenmgr.catalogue.drivers import line_of
from tokenmgr.cli.output import pad, several, width
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.policy import CERTIFIABLE, RANGES, BankPolicy, OldGeneration
from tokenmgr.errors import ValueUnfit
from tokenmgr.wiring.words import t

DEFAULT = BankPolicy()
KEYS = tuple(field.name for field in dataclasses.fields(BankPolicy))
KINDS = tuple(kind.value for kind in KeyKind if kind in CERTIFIABLE)
WAYS = tuple(way.value for way in OldGeneration)
MOST_NOTICES = 8


class _Mistake(Exception):
    """`key` names a text of [bank], the facts fill it in."""

    def __init__(self, key: str, **facts: object) -> None:
        super().__init__(key)
        self.key, self.facts = key, facts


def changed(policy: BankPolicy, file: Path | None, pairs: Iterable[str]) -> BankPolicy:
    """With the keys of the file first, then with each KEY=VALUE."""
    return changing(file, pairs)(policy)


def changing(file: Path | None, pairs: Iterable[str]) -> Callable[[BankPolicy], BankPolicy]:
    """The same, for any policy and any number of times: the file is read now."""
    text = None if file is None else _text(file)
    return lambda policy: _changed(policy, text, str(file), tuple(pairs))


def _changed(policy: BankPolicy, text: str | None, name: str, pairs: Iterable[str]) -> BankPolicy:
    if text is not None:
        try:
            content = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ValueUnfit(what=name, reason=t("bank.takes_toml", said=error)) from error
        places = {key: t("bank.line", line=line_of(text, key), key=key) for key in content}
        policy = _with(policy, content, places, name)
    given: dict[str, object] = {}
    for pair in pairs:
        key, is_pair, value = pair.partition("=")
        if not is_pair:
            raise ValueUnfit(what="--set", reason=t("bank.takes_pair", place=pair))
        given[key.strip()] = _plain(key.strip(), value.strip())
    return _with(policy, given, {key: key for key in given}, "--set")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")  # Notepad puts a mark in front
    except OSError as error:
        raise ValueUnfit(what=str(file), reason=t("bank.csv_unreadable", said=error.strerror or "")) from error
    except UnicodeDecodeError as error:
        raise ValueUnfit(what=str(file), reason=t("facts.not-utf8")) from error


def _plain(key: str, text: str) -> object:
    """Of a command line: as TOML has it, or without its quotation marks and brackets."""
    if isinstance(getattr(DEFAULT, key, None), tuple) and not text.startswith("["):
        return [_plain("", part.strip()) for part in text.split(",") if part.strip()]
    try:
        found = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return found["value"] if len(found) == 1 else text


def _with(policy: BankPolicy, given: Mapping[str, object], places: Mapping[str, str], where: str) -> BankPolicy:
    values: dict[str, object] = {}
    mistakes = []
    for key, value in given.items():
        try:
            values[key] = _read(key, value)
        except _Mistake as mistake:
            mistakes.append(t(f"bank.{mistake.key}", place=places[key], **mistake.facts))
    if not mistakes:
        try:
            return dataclasses.replace(policy, **values)  # type: ignore[arg-type]  # each was read as what it is
        except ValueError as error:  # what only several keys together can be wrong about
            mistakes.append(_together(str(error), vars(policy) | values, places))
    raise ValueUnfit(what=where, reason=several(mistakes))


def _together(fault: str, wanted: Mapping[str, object], places: Mapping[str, str]) -> str:
    """What collides, with its values: one of the two may be as it was."""
    if fault == "pc_allowed":
        return t("bank.takes_store", place=places.get(fault, fault))
    place = places.get("validity_days", places.get(fault, fault))
    days = ", ".join(map(str, wanted[fault]))  # type: ignore[call-overload]  # a tuple, read as one
    return t("bank.takes_notices", place=place, days=days, validity=wanted["validity_days"])


def _read(key: str, value: object) -> object:
    if key not in KEYS:
        raise _Mistake("takes_key", words=", ".join(KEYS))
    if key in RANGES:
        return _number(value, *RANGES[key])
    if key == "old_generation":
        if value not in WAYS:
            raise _Mistake("takes_word", words=", ".join(f'"{way}"' for way in WAYS))
        return OldGeneration(value)
    if key == "key_kinds":
        if not isinstance(value, list) or not value or not all(kind in KINDS for kind in value):
            raise _Mistake("takes_words", words=", ".join(f'"{kind}"' for kind in KINDS))
        return tuple(KeyKind(kind) for kind in dict.fromkeys(value))
    if key in ("notice_days", "escalation_days"):
        return _days(value)
    if not isinstance(value, bool):
        raise _Mistake("takes_bool")
    return value


def _number(value: object, lowest: int, highest: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
        raise _Mistake("takes_number", lowest=lowest, highest=highest)
    return value


def _days(value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > MOST_NOTICES:
        raise _Mistake("takes_days")
    try:
        return tuple(sorted({_number(day, *RANGES["validity_days"]) for day in value}, reverse=True))
    except (_Mistake, TypeError) as error:
        raise _Mistake("takes_days") from error


# --- as TOML --------------------------------------------------------------------------------------------------------


def as_json(policy: BankPolicy) -> dict[str, object]:
    return {key: _simple(getattr(policy, key)) for key in KEYS}


def as_toml(policy: BankPolicy) -> list[str]:
    """Lines that `--policy` takes, each with what it means behind it."""
    lines = [(key, f"{key} = {json.dumps(value)}") for key, value in as_json(policy).items()]
    widest = max(width(line) for _, line in lines)
    return [f"{pad(line, widest)}  # {_words(policy, key)}" for key, line in lines]


def _simple(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    return [_simple(one) for one in value] if isinstance(value, tuple) else value


def _words(policy: BankPolicy, key: str) -> str:
    value = getattr(policy, key)
    if isinstance(value, bool):
        return t(f"bank.{key}_{str(value).lower()}")
    if isinstance(value, OldGeneration):
        return t(f"bank.{key}_{value.value.split()[-1]}")
    return t("bank.grace_days_0") if key == "grace_days" and not value else t(f"bank.{key}", value=value)
