"""Settings and catalogue -> the libraries to look into, loading side by side.

They take longest of all, so `begin` starts them while click and the commands are still being imported: 25 ms of 110.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tokenmgr import catalogue, config
from tokenmgr.catalogue import Catalogue
from tokenmgr.domain.family import UNKNOWN
from tokenmgr.errors import LibraryError
from tokenmgr.token.module import Library

# Commands that look into every library. Anything that these options change is left to the command itself.
_LOOKING = (
    "media",
    "medium",
    "pin",
    "verify",
    "doctor",
    "acquire",
    "renew",
    "resume",
    "status",
    "clean",
    "csr",
    "import",
    "login",
)
_DECIDING = ("--library", "--pc", "--help", "-h")

_begun: list[Library] = []
_kept: list[Library] = []


@functools.cache
def settings() -> config.Settings:
    """Read once a run."""
    return config.load()


@functools.cache
def known() -> Catalogue:
    """The families of tokens: ours, and the user's own."""
    return catalogue.load(settings().driver_folder)


def begin(arguments: list[str]) -> None:
    """Before anything is parsed. A command that ends otherwise leaves them to end with it, untouched."""
    if not arguments or arguments[0] not in _LOOKING or any(a.startswith(_DECIDING) for a in arguments):
        return
    with suppress(Exception):  # the command will meet it again, and say it
        _begun.extend(_started(_configured(None)))


@contextmanager
def libraries(only: str | None) -> Iterator[list[Library]]:
    """Every library that is set, or known and on this computer; stopped at the end, where they are not kept."""
    if _kept and not only:
        yield [*_kept]
        return
    found = [*_begun] if _begun and not only else list(_started(_configured(only)))
    _begun.clear()
    try:
        yield found
    finally:
        _stop(found)


@contextmanager
def kept() -> Iterator[None]:
    """They stay loaded between one look and the next: a stick takes seconds for it. For a program that stays, and lets
    one thread at a time do anything with them."""
    _kept.extend(_started(_configured(None)))
    try:
        yield
    finally:
        found = [*_kept]
        _kept.clear()
        _stop(found)


def _stop(found: list[Library]) -> None:
    for library in found:
        library.worker.dismiss()
    for library in found:
        library.worker.stop()


def _started(found: Iterator[Library]) -> Iterator[Library]:
    for library in found:
        with suppress(LibraryError):  # said when it is asked
            library.start()
        yield library


def _configured(only: str | None) -> Iterator[Library]:
    entries = _entries()
    named = [entry for entry in entries if entry.path == only] or [config.LibraryEntry(only)] if only else entries
    for entry in named:
        families = (known().family(entry.family),) if entry.family else known().of_library(entry.path)
        environment = {**settings().environment, **entry.environment}
        *others, usual = families or (UNKNOWN,)
        yield Library(entry.path, environment, usual, settings().time_limits, others, entry.initialise)


def _entries() -> list[config.LibraryEntry]:
    """What the user set, then what the catalogue knows and is here; the same one is not loaded twice."""
    own = settings().libraries
    if not settings().catalogue:
        return list(own)
    set_ = {entry.path for entry in own if not entry.environment}
    return [*own, *(config.LibraryEntry(path) for path in known().installed() if path not in set_)]
