"""Which libraries of media go into which browser's database, so that a login works there: each library once, and none
that a browser has by another name already."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Any

from tokenmgr import system
from tokenmgr.domain.family import Family
from tokenmgr.domain.installation import Registration
from tokenmgr.errors import ModuleUnfit
from tokenmgr.keystore import browsers, nss
from tokenmgr.token.binary import HEAD, processors, this_processor

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "brave-browser")
_FIRST_DATABASE = ".pki/nssdb"  # every Chromium looks there, newer ones elsewhere only where it is not there


def handed_out(family: Family) -> bool:
    """A bank hands it out: a device of its own, on which keys can be made, and no part of the PC."""
    is_device = bool(family.usb.ids or family.usb.readers)
    return is_device and family.libraries.automatic and not family.token.on_pc and family.keys.by != "nobody"


def named_libraries(found: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Families and libraries -> libraries by the names that browsers are to call them. Several families may share one
    library; the first gives it its name."""
    told: dict[str, str] = {}
    for family, library in found:
        if library not in told.values():
            name = f"tokenmgr-{re.sub(r'[^A-Za-z0-9.-]+', '-', family)}"
            more = (f"{name}-{number}" for number in range(2, 100))
            told[name if name not in told else next(one for one in more if one not in told)] = library
    return told


def require_loadable(library: str) -> None:
    if not library.isprintable():
        raise ModuleUnfit(library=library, reason="not-printable")
    try:
        with Path(library).open("rb") as file:
            made_for = processors(file.read(HEAD))
    except OSError as error:
        raise ModuleUnfit(library=library, reason=error.strerror or "") from error
    if not made_for:
        raise ModuleUnfit(library=library, reason="no-library")
    if this_processor() not in made_for:
        raise ModuleUnfit(library=library, reason="other-processor")


def registrations(home: Path, libraries: Mapping[str, str], path: str | None) -> list[Registration]:
    """For every database of this user's, and for one that Chromium will complete itself at its first use: it wants no
    more of it than our paragraph (tried). `path` is where programs are looked for."""
    found = nss.databases(home)
    files = [one.path / browsers.MODULES for one in found]
    if not any(one.browser == "chromium" for one in found) and _has_chromium(path):
        files.append((home / _FIRST_DATABASE).resolve() / browsers.MODULES)
    return [one for file in files for one in _for_one(file, libraries, home)]


def _has_chromium(path: str | None) -> bool:
    return system.NAME == "linux" and any(shutil.which(one, path=path) for one in _CHROMIUM)


def _for_one(file: Path, libraries: Mapping[str, str], home: Path) -> Iterator[Registration]:
    loaded = browsers.modules(nss.at(file.parent))
    if any(one.is_proxy for one in loaded):
        loaded = [*loaded, *browsers.p11_kit_modules(home)]
    for name, library in libraries.items():
        others = {PurePath(one.path).name.casefold() for one in loaded if one.name != name}
        if PurePath(library).name.casefold() not in others:
            yield Registration(file, name, library)


def devices_in_policy(file: Path) -> tuple[str, ...]:
    """Where libraries stand in Firefox's policy: a table without Add and Delete has them itself, as it was once."""
    told: Any = None
    with suppress(OSError, ValueError, RecursionError, AttributeError, TypeError):
        told = json.loads(file.read_text(encoding="utf-8-sig")).get("policies").get("SecurityDevices")
    is_old = isinstance(told, dict) and bool(told) and not {"Add", "Delete"} & told.keys()
    return ("policies", "SecurityDevices", *(() if is_old else ("Add",)))
