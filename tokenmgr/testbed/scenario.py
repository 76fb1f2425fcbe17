"""Scenarios: softhsm_config/scenarios.toml, read and put together. Several named together are one medium that is all
of them; where two say something else of the same thing, that is said and nothing is made."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tokenmgr import data
from tokenmgr.errors import FaultWrong, ScenarioFileWrong, ScenariosConflict, ScenarioUnknown
from tokenmgr.testbed.faults import Rule, nearest, of_table


@dataclass(frozen=True)
class Put:
    """A key pair and its certificate."""

    ends: int = 365  # days from the day that it is made for; at 23:59:59 in Japan
    days: int = 365  # that it is valid for (R1)
    key: str = "own"  # own, none, another (under the same ID), readable (it can be taken out)
    certificate: str = "own"  # own, none, cut
    chain: bool = True
    revoked: bool = False
    bank: str = "9999"
    contract: str = "0000001"
    user: str = ""  # empty: the administrator
    label: str = ""
    id: str = "new"  # new, or "as before": that of the one before it
    copies: int = 1  # of as many users, one after the other


@dataclass(frozen=True)
class Pin:
    set: bool = True
    wrong: int = 0
    officer_wrong: int = 0
    to_be_changed: bool = False
    shown: bool = True  # whether it tells of wrong entries


@dataclass(frozen=True)
class Memory:
    free: int | None = None  # bytes; None: as much as its stick has


@dataclass(frozen=True)
class Appearance:
    """How it shows itself, and what it counts: softhsm_config/stick.toml."""

    maker: str
    model: str
    reader: str
    pin_tries: int
    officer_tries: int
    memory: int
    usb_vendor: int
    usb_product: int
    usb_maker: str
    usb_name: str


@dataclass(frozen=True)
class Scenario:
    """What one medium is to be."""

    names: tuple[str, ...]
    stick: Appearance
    pin: Pin = Pin()
    memory: Memory = Memory()
    blank: bool = False
    read_only: bool = False
    plugged: bool = True
    put: tuple[Put, ...] = ()
    faults: tuple[Rule, ...] = ()

    @property
    def needs_layer(self) -> bool:
        """Whether SoftHSM alone could not be it."""
        plain = Scenario(self.names, self.stick, put=self.put, plugged=self.plugged, pin=Pin(set=self.pin.set))
        return self != plain

    @property
    def contents(self) -> dict[str, Any]:
        """What lies on its token: two of the same contents differ in nothing that SoftHSM keeps."""
        return {"blank": self.blank, "pin": self.pin.set, "put": [asdict(put) for put in self.put]}


def scenarios(names: Iterable[str], own: Mapping[str, Any] | None = None) -> list[Scenario]:
    """What these are together: one medium, or as many as one of them says."""
    tables = {**known(), **(own or {})}
    names = list(dict.fromkeys(names)) or ["fresh"]
    for name in names:
        if name not in tables:
            raise ScenarioUnknown(name=name, nearest=nearest(name, tuple(tables)))
    several = [name for name in names if "media" in tables[name]]
    if len(several) > 1:
        raise ScenariosConflict(subject="media", first=several[0], second=several[1])
    each = [name for name in names if name not in several]
    desks = tables[several[0]]["media"] if several else [[]]
    return [_merged(tables, dict.fromkeys([*desk, *each])) for desk in desks]


@functools.cache
def known() -> Mapping[str, dict[str, Any]]:
    path = data.folder("softhsm_config") / "scenarios.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def read(path: Path) -> dict[str, Any]:
    """Somebody's own scenarios, in a file like ours."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        for name, table in tables.items():
            _check(name, table, {*known(), *tables})
            for rule in table.get("fault", ()):
                of_table(rule)
    except FaultWrong as error:
        error.place = f"{path}, {name}: "
        raise
    except (OSError, ValueError, TypeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ScenarioFileWrong(file=str(path), reason=reason) from error
    return tables


def _check(name: str, table: object, names: Collection[str]) -> None:
    if not isinstance(table, dict):
        raise TypeError(f"{name} is no table")
    for key, value in table.items():
        place = f"{name}.{key}"
        if key in ("put", "fault"):
            if not (isinstance(value, list) and all(isinstance(one, dict) for one in value)):
                raise ValueError(f"{place}: tables [[{place}]] are wanted")
            for one in value if key == "put" else ():
                _check_part(place, one, _PUT)
        elif key in _PARTS:
            if not isinstance(value, dict):
                raise ValueError(f"{place}: a table is wanted")
            _check_part(place, value, _PARTS[key])
        elif key == "media":
            lists = isinstance(value, list) and value and all(isinstance(one, list) for one in value)
            if not lists or any(other not in names for one in value for other in one):
                raise ValueError(f"{place}: lists of names of scenarios are wanted")
        elif key not in _TOP or not isinstance(value, _TOP[key]):
            raise ValueError(f"{place} = {value!r}: this is not known, or of the wrong kind")


def _check_part(place: str, part: Mapping[str, object], allowed: Mapping[str, Any]) -> None:
    for key, value in part.items():
        if key not in allowed:
            raise ValueError(f"{place}.{key} is not known; known are {', '.join(allowed)}")
        rule = allowed[key]
        if rule is bool:
            fits, wanted = isinstance(value, bool), "true or false"
        elif isinstance(rule, range):
            fits, wanted = type(value) is int and value in rule, f"a number from {rule[0]} to {rule[-1]}"
        elif isinstance(rule, tuple):
            fits, wanted = value in rule, f"one of {', '.join(rule)}"
        else:
            fits, wanted = isinstance(value, str) and bool(re.fullmatch(rule, value)), f"text like {rule}"
        if not fits:
            raise ValueError(f"{place}.{key} = {value!r}: {wanted} is wanted")


_COUNT, _BYTES, _TEXT = range(101), range(2**31), "[ -~]"  # printable ASCII: PKCS#11's fields are so many bytes
_TOP = {"en": str, "ja": str, "blank": bool, "read_only": bool, "plugged": bool}
_PUT: dict[str, Any] = {
    "ends": range(-3650, 3651),
    "days": range(1, 3651),
    "key": ("own", "none", "another", "readable"),
    "certificate": ("own", "none", "cut"),
    "chain": bool,
    "revoked": bool,
    "bank": "[0-9]{4}",
    "contract": "[0-9]{1,12}",
    "user": "[0-9]{0,2}",
    "label": ".{0,64}",
    "id": ("new", "as before"),
    "copies": range(1, 1001),
}
_PARTS: dict[str, dict[str, Any]] = {
    "pin": {"set": bool, "wrong": _COUNT, "officer_wrong": _COUNT, "to_be_changed": bool, "shown": bool},
    "memory": {"free": _BYTES},
    "stick": {
        "maker": f"{_TEXT}{{0,32}}",
        "model": f"{_TEXT}{{0,16}}",
        "reader": f"{_TEXT}{{0,31}}",
        "pin_tries": _COUNT,
        "officer_tries": _COUNT,
        "memory": _BYTES,
        "usb_vendor": range(2**16),
        "usb_product": range(2**16),
        "usb_maker": f"{_TEXT}{{0,64}}",
        "usb_name": f"{_TEXT}{{0,64}}",
    },
}


@functools.cache
def usual() -> Appearance:
    path = data.folder("softhsm_config") / "stick.toml"
    return Appearance(**tomllib.loads(path.read_text(encoding="utf-8")))


# What a scenario says -> what cannot be said beside it: nobody can write on a blank one, or try a PIN that is not set.
_IMPOSSIBLE = {
    ("blank", True): ("put", "pin.", "memory."),
    ("pin.set", False): ("put", "pin.wrong", "pin.to_be_changed"),
}


def _merged(tables: Mapping[str, dict[str, Any]], names: Iterable[str]) -> Scenario:
    said: dict[str, tuple[str, object]] = {}  # what -> who said it first, and what
    put: list[Put] = []
    faults: list[Rule] = []
    for name in names:
        rules = [of_table(one) for one in tables[name].get("fault", ())]
        once = [(rule.function, rule) for rule in rules if rule.action != "delay"]  # the next call can go wrong once
        for key, value in [*_flat(tables[name]), *once]:
            first, other = said.setdefault(key, (name, value))
            if other != value:
                raise ScenariosConflict(subject=key, first=first, second=name)
        if "put" in tables[name]:
            put += [Put(**one) for one in tables[name]["put"]]
            said.setdefault("put", (name, None))
        faults += rules
    for (key, value), others in _IMPOSSIBLE.items():
        for other in said:
            if key in said and said[key][1] == value and other.startswith(others):
                raise ScenariosConflict(subject=other, first=said[key][0], second=said[other][0])
    values = {key: value for key, (_, value) in said.items()}
    parts = {table: _of_table(values, table) for table in ("pin", "memory", "stick")}
    return Scenario(
        names=tuple(names),
        stick=Appearance(**{**asdict(usual()), **parts["stick"]}),
        pin=Pin(**parts["pin"]),
        memory=Memory(**parts["memory"]),
        put=tuple(put),
        faults=tuple(faults),
        **{name: bool(values[name]) for name in ("blank", "read_only", "plugged") if name in values},
    )


def _flat(table: Mapping[str, Any]) -> Iterable[tuple[str, object]]:
    for key, value in table.items():
        if key in ("en", "ja", "put", "fault", "media"):
            continue
        if isinstance(value, dict):
            yield from ((f"{key}.{inner}", one) for inner, one in value.items())
        else:
            yield key, value


def _of_table(values: Mapping[str, object], table: str) -> dict[str, Any]:
    return {key.partition(".")[2]: value for key, value in values.items() if key.startswith(f"{table}.")}
