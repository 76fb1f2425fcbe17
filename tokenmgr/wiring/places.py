"""Which store is meant: a medium, or a store on this PC by the name that a person gives it.

    firefox  firefox:work  chromium  nss:/a/folder     an NSS database (keystore/nss.py)
    file  file:/a/place                                an encrypted file (keystore/file.py)
    tpm  tpm:LABEL                                     the chip of this computer

A medium is what is meant where nothing is said: a store on the PC is chosen, never fallen into (S3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tokenmgr import catalogue
from tokenmgr.domain.medium import MediumFacts
from tokenmgr.errors import LibraryNotReady, PcStoreMissing, PcStoreSoftware, PcStoreUnknown, TokenmgrError
from tokenmgr.keystore import nss
from tokenmgr.keystore.form import name_of
from tokenmgr.token.module import Library
from tokenmgr.wiring import libraries
from tokenmgr.wiring.libraries import settings

FILE, TPM = "file", "tpm"
KINDS = (nss.KIND, FILE, TPM)


@dataclass(frozen=True)
class Where:
    """As it was named. `pin_fd` and `option`: how its PIN comes, where it comes by a command line."""

    serial: str | None = None
    pc: str | None = None
    pin_fd: int | None = None
    final_try: bool = False
    option: str = "--pin-fd"

    @property
    def is_named(self) -> bool:
        return bool(self.serial or self.pc)


def by_name(name: str, like: Where) -> Where:
    """By a store's own name, as journals have it (StorePort.name); the rest as there."""
    return replace(like, serial=None if is_on_pc(name) else name, pc=name if is_on_pc(name) else None)


def canonical(name: str) -> str:
    """Of a store on this PC: two names of one place are one store (S4)."""
    if path := file_named(name):
        return name_of(path)
    return database_named(name).name if name.startswith(f"{nss.KIND}:") else name


def name_of_token(library: Library, facts: MediumFacts) -> str:
    """A chip has the same by --medium as by --pc."""
    return f"{TPM}:{facts.label}" if library.family_of(facts).name == TPM else facts.serial


def is_on_pc(name: str) -> bool:
    return ":" in name and name.partition(":")[0] in KINDS


def file_named(name: str) -> Path | None:
    """`file`, where the settings have it, or `file:PLACE`; None of any other."""
    kind, colon, place = name.partition(":")
    if kind != FILE or (colon and not place):
        return None
    try:
        path = Path(place).expanduser() if place else settings().store_file
        return path.parent.resolve() / path.name  # a link in its place is refused: it is not followed here either
    except RuntimeError as error:  # nobody is called so
        raise PcStoreUnknown(serial=name, known=(FILE, f"{FILE}:PATH")) from error


@dataclass(frozen=True)
class Token:
    """A store on the PC that is reached as a token is."""

    library: Library
    facts: MediumFacts
    name: str
    label: str
    programs: Callable[[], tuple[str, ...]] = tuple


@contextmanager
def token_named(name: str, write: bool = False) -> Iterator[Token]:
    if name.partition(":")[0] == TPM:
        with _tpm(name) as token:
            yield token
        return
    database = database_named(name)
    if not database.is_there:
        raise PcStoreMissing(serial=name, place=str(database.path))
    nss.require_readable(database)
    with _library(nss.KIND, database.name, lambda _: database.name, nss.told(database, write)) as library:
        (facts,) = library.media()
        yield Token(library, facts, database.name, database.label, lambda: nss.programs(database))


def database_named(name: str) -> nss.Database:
    kind, _, path = name.partition(":")
    here = nss.databases(settings().user_home)
    for one in here:
        if name in (one.nick, one.name):
            return one
    if kind == nss.KIND and path:
        with suppress(RuntimeError):  # nobody is called so
            at = nss.at(Path(path).expanduser().resolve())
            return next((one for one in here if one.path == at.path), at)
    raise PcStoreUnknown(serial=name, known=tuple(one.nick for one in here))


@contextmanager
def _tpm(name: str) -> Iterator[Token]:
    label = name.partition(":")[2]
    with _library(TPM, name, lambda told: f"{TPM}:{told}") as library:
        try:
            made = [one for one in library.media() if one.initialised and label in ("", one.label)]
        except LibraryNotReady as error:  # its word for a computer that has none
            raise PcStoreMissing(serial=name, place=library.path) from error
        if not made:
            raise PcStoreMissing(serial=name, place=library.path)
        if len(made) > 1:
            raise PcStoreUnknown(serial=name, known=tuple(f"{TPM}:{one.label}" for one in made))
        yield Token(library, made[0], made[0].serial, made[0].label)


def chips() -> list[str]:
    """By name. A library that is installed says nothing of a chip that is."""
    with suppress(TokenmgrError), _library(TPM, TPM, lambda label: f"{TPM}:{label}") as library:
        return [f"{TPM}:{one.label}" for one in library.media() if one.initialised]
    return []


def _library(family_name: str, store: str, named: Callable[[str], str], initialise: str = "") -> Library:
    """What it says of its token, it says by the store's own name."""
    family = libraries.known().family(family_name)
    path = catalogue.library(family)
    if path is None:
        raise PcStoreSoftware(serial=store, software=family.title, get=family.libraries.get)
    return Library(path, settings().environment, family, settings().time_limits, (), initialise, named)
