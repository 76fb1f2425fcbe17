"""doctor: one probe a question, each surviving its own failure, and a support file that names nobody."""

from __future__ import annotations

import json
import logging
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from tokenmgr import __version__, clock, log, system
from tokenmgr.domain import telephone
from tokenmgr.domain.medium import EmptySlot, MediumFacts, SlotTrouble

logger = logging.getLogger(__name__)
RELEASED = datetime(2026, 11, 1, tzinfo=UTC)  # a clock that shows an earlier time is wrong
PACKAGES = ("python-pkcs11", "asn1crypto", "cryptography", "click", "platformdirs")


@dataclass(frozen=True)
class Probe:
    """What one probe found. `state` is ok, note or problem; `next` names a text of [doctor_next], where the finding is
    an error of the program `advice` is that error's own."""

    name: str
    state: str
    detail: str
    next: str = ""
    advice: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LibrarySeen:
    """A library as the wiring found it: what it shows, or why it does not."""

    path: str
    families: tuple[str, ...]
    about: Mapping[str, str]
    slots: tuple[MediumFacts | EmptySlot | SlotTrouble, ...]
    milliseconds: float
    error: str = ""
    reason: str = ""
    processes: tuple[int, ...] = ()
    wanted: bool = True  # somebody set it, or a medium of its families is plugged in


@dataclass(frozen=True)
class DeviceSeen:
    """A medium or reader on the USB bus. `code`, `what` and `advice` say why it cannot be used: empty where it can."""

    name: str
    usb_id: str
    port: str
    known: bool = True
    readable: bool = True
    code: str = ""
    what: str = ""
    advice: str = ""


@dataclass(frozen=True)
class Bus:
    """What the wiring found on the USB bus. `trouble` is why nothing could be found at all."""

    devices: tuple[DeviceSeen, ...] = ()
    trouble: str = ""
    reader_service: str = system.READER_SERVICE
    copies: tuple[tuple[str, str], ...] = ()  # a library that shows a medium again, and that medium's number


def run(home: Path, seen: Iterable[LibrarySeen], bus: Bus = Bus(), settings_error: str = "") -> list[Probe]:
    """Every probe, in the order in which a helper on the telephone would ask."""
    libraries = list(seen)
    looked = not settings_error
    questions: list[Callable[[], Iterable[Probe]]] = [
        lambda: [_environment()],
        lambda: [_settings(home, settings_error)],
        lambda: _libraries(libraries) if looked else [],
        lambda: _usb(bus) if looked else [],
        lambda: [_media(libraries)] if looked else [],
        lambda: [_readers(libraries, bus.reader_service)],
        lambda: _holders(libraries, bus.reader_service),
        lambda: [_clock()],
    ]
    found: list[Probe] = []
    for question in questions:
        try:
            found += question()
        except Exception as error:
            logger.info("a probe failed", exc_info=error)
            found.append(Probe("environment", "problem", type(error).__name__, "failed"))
    return found


def _environment() -> Probe:
    versions = {package: metadata.version(package) for package in PACKAGES}
    facts = {"tokenmgr": __version__, "python": platform.python_version(), "bits": 64 if sys.maxsize > 2**32 else 32}
    place = f"{platform.system()} {platform.release()} {platform.machine()}"
    return Probe(
        "environment", "ok", f"Python {facts['python']}, {place}", facts={**facts, **versions, "system": place}
    )


def _settings(home: Path, error: str) -> Probe:
    if error:
        return Probe("settings", "problem", error, "settings", facts={"home": str(home), "reason": error})
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    if not os.access(existing, os.W_OK):
        return Probe("settings", "problem", str(home), "home", facts={"home": str(home)})
    return Probe("settings", "ok", str(home), facts={"home": str(home)})


def _libraries(libraries: list[LibrarySeen]) -> Iterable[Probe]:
    if not libraries:
        yield Probe("library", "problem", "", "no_library")
    for library in libraries:
        facts = {"path": library.path, "families": list(library.families), "error": library.error, **library.about}
        if library.error:
            remedy = {"L101": "library_missing", "L102": "library_broken", "L106": "library_broken"}.get(
                library.error, "trouble"
            )
            detail = f"{library.path} {library.error} {library.reason}"
            yield Probe(
                "library", "problem" if library.wanted else "note", detail, remedy * library.wanted, facts=facts
            )
            continue
        version = library.about.get("version", "?")
        detail = f"{library.path} {version} ({library.milliseconds:.0f} ms)"
        yield Probe("library", "ok", detail, facts={**facts, "milliseconds": round(library.milliseconds)})


def _usb(bus: Bus) -> Iterable[Probe]:
    if bus.trouble:
        yield Probe("usb", "note", "–", bus.trouble, facts={"trouble": bus.trouble})
        return
    for device in bus.devices:
        where = f"{device.name} ({device.usb_id}{', ' * bool(device.port)}{device.port})"
        facts = {"device": device.usb_id, "port": device.port, "error": device.code}
        if device.code:
            yield Probe("usb", "problem", f"{where} {device.code} {device.what}", "", device.advice, facts)
        elif not device.readable:
            yield Probe("usb", "note", where, "forbidden", facts=facts)
        elif not device.known:
            yield Probe("usb", "note", where, "unknown_device", facts=facts)
        else:
            yield Probe("usb", "ok", where, facts=facts)
    for library, serial in bus.copies:
        yield Probe("copies", "note", f"{serial}: {library}", "copies", facts={"library": library})
    if not bus.devices:
        yield Probe("usb", "ok", "–")


def _media(libraries: list[LibrarySeen]) -> Probe:
    media = [slot for library in libraries for slot in library.slots if isinstance(slot, MediumFacts)]
    troubles = [slot for library in libraries for slot in library.slots if isinstance(slot, SlotTrouble)]
    facts = {
        "media": [
            {"serial": m.serial, "label": m.label, "model": m.model, "family": m.family, "pin": m.pin.value}
            for m in media
        ],
        "troubles": [{"slot": item.slot, "answer": item.answer} for item in troubles],
    }
    detail = ", ".join(f"{m.serial} ({m.model})" for m in media) or "–"
    if troubles:
        return Probe("media", "problem", ", ".join(item.answer for item in troubles), "trouble", facts=facts)
    return Probe("media", "ok" if media else "note", detail, "" if media else "no_media", facts=facts)


def _readers(libraries: list[LibrarySeen], reader_service: str) -> Probe:
    """The card reader service, and the readers that are there with nothing in them."""
    empty = sorted({slot.reader for library in libraries for slot in library.slots if isinstance(slot, EmptySlot)})
    running = system.reader_service(reader_service)
    facts = {"service": running, "empty": empty}
    detail = ", ".join([*(["pcscd"] if running else []), *(f"{reader} (–)" for reader in empty)]) or "–"
    if running is False and not empty:
        return Probe("readers", "note", detail, "no_reader_service", facts=facts)
    return Probe("readers", "ok", detail, facts=facts)


def _holders(libraries: list[LibrarySeen], reader_service: str) -> Iterable[Probe]:
    """A program that has a library open, or speaks to card readers, may hold the medium; our own children do not."""
    files = {str(Path(library.path).resolve()) for library in libraries if library.path}
    found = system.holders(files.__contains__)
    if found is None:
        yield Probe("holders", "note", "–", "holders_untold")
        return
    own = {process for library in libraries for process in library.processes}
    seen = (*found, *system.reader_programs(reader_service))
    others = [one for one in seen if one.process not in own and not system.is_child(one.process)]
    for holder in dict.fromkeys(others):
        facts = {"name": holder.name, "file": holder.file}
        yield Probe("holders", "note", f"{holder.name} ({holder.process}): {holder.file}", "held", facts=facts)
    if not others:
        yield Probe("holders", "ok", "–")


def _clock() -> Probe:
    now = clock.now()
    state = "ok" if now >= RELEASED else "problem"
    facts = {"utc": now.isoformat(timespec="seconds"), "zone": time.strftime("%z")}
    return Probe("clock", state, clock.japan_time(now, "en"), "" if state == "ok" else "clock", facts=facts)


def code(probes: Iterable[Probe], error: str = "") -> str:
    """To be read out on the telephone. `error`: the code of the last one that somebody was shown."""
    states: dict[str, list[str]] = {}
    for one in probes:
        states.setdefault(one.name, []).append(one.state)
    worst = {name: telephone.worst(those) for name, those in states.items()}
    return telephone.spell(telephone.Findings(__version__, worst, error))


def bundle(probes: Iterable[Probe], home: Path) -> str:
    """The support file: JSON, with medium numbers, labels, names and folders masked. No PIN ever reaches this room."""
    content = {
        "made": clock.now().isoformat(timespec="seconds"),
        "probes": [
            {"name": p.name, "state": p.state, "next": p.next, "facts": _masked(dict(p.facts), home)} for p in probes
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


_IDENTIFYING = {"serial", "label"}


def _masked(value: Any, home: Path, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _masked(item, home, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item, home, name) for item in value]
    if isinstance(value, str):
        return log.mask_identifier(value) if name in _IDENTIFYING else _without_folders(value, home)
    return value


def _without_folders(text: str, home: Path) -> str:
    """A user's folders carry the user's name."""
    for folder, word in ((str(home), "<TOKENMGR_HOME>"), (str(Path.home()), "<HOME>")):
        if folder not in ("/", ""):
            text = text.replace(folder, word)
    text = re.sub(r"\d{6,}", "…", text)  # readers carry their serial number in their name
    return re.sub(r"(?i)((?:/home/|/users/|\\users\\))[^/\\]+", r"\1<USER>", text)
