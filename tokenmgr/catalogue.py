"""Reads drivers/: what is known of each family of tokens. Data that the code honours; no `if` on a name anywhere."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenmgr import data, system
from tokenmgr.errors import SettingsWrong

TRUST = frozenset({"sensitive", "local", "always_sensitive", "never_extractable"})
CHARACTERS = frozenset({"any", "digits", "ascii"})


@dataclass(frozen=True)
class Family:
    """One file of drivers/, for this system. The defaults are those of a token that behaves as the standard says."""

    name: str = "unknown"
    title: str = "PKCS#11"
    libraries: tuple[str, ...] = ()
    untruthful: frozenset[str] = frozenset()  # trust attributes reported False for good keys: proof of nothing
    avoid: frozenset[str] = frozenset()  # mechanisms that are listed and do not work
    pin_characters: str = "any"
    spare_slot: bool = False  # always shows one more, uninitialised token


UNKNOWN = Family()


@functools.cache
def families() -> dict[str, Family]:
    return {family.name: family for family in (read(path) for path in sorted(data.folder("drivers").glob("*.toml")))}


def family(name: str) -> Family:
    """By its file's name. A family that is not known would change how keys are judged, without a word."""
    if name == UNKNOWN.name:
        return UNKNOWN
    if name not in families():
        raise SettingsWrong(file=name, reason=f"no such family; known: {', '.join(families())}")
    return families()[name]


def family_of_library(path: str) -> Family:
    """By file name: the same library may stand in several places."""
    name = Path(path).name
    return next((f for f in families().values() if name in {Path(p).name for p in f.libraries}), UNKNOWN)


def installed() -> list[tuple[Family, str]]:
    """The first library of each family that is on this computer."""
    found = ((f, next((path for path in f.libraries if Path(path).exists()), None)) for f in families().values())
    return [(family, path) for family, path in found if path is not None]


def read(path: Path) -> Family:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return _family(path.stem, content)
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise SettingsWrong(file=str(path), reason=str(error)) from error


def _family(name: str, content: dict[str, Any]) -> Family:
    _only_known(content, {"title", "libraries", "trust", "mechanisms", "pin", "slots"})
    trust, pin = content.get("trust", {}), content.get("pin", {})
    mechanisms, slots = content.get("mechanisms", {}), content.get("slots", {})
    _only_known(trust, {"untruthful"})
    _only_known(mechanisms, {"avoid"})
    _only_known(pin, {"characters"})
    _only_known(slots, {"spare"})
    if pin.get("characters", "any") not in CHARACTERS:
        raise ValueError(f"pin.characters is one of {sorted(CHARACTERS)}")
    if not set(trust.get("untruthful", ())) <= TRUST:
        raise ValueError(f"trust.untruthful takes {sorted(TRUST)}")
    return Family(
        name=name,
        title=content["title"],
        libraries=tuple(content.get("libraries", {}).get(system.NAME, ())),
        untruthful=frozenset(trust.get("untruthful", ())),
        avoid=frozenset(mechanisms.get("avoid", ())),
        pin_characters=pin.get("characters", "any"),
        spare_slot=bool(slots.get("spare", False)),
    )


def _only_known(table: dict[str, Any], known: set[str]) -> None:
    if unknown := set(table) - known:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
