"""Before a renewal begins: what the bank allows, and which stores are here to choose from (R5). A job: it asks the CA
and looks at disks. Nothing is chosen here (S3). No Qt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenmgr import catalogue
from tokenmgr.customer.profiles import Profile, profiles
from tokenmgr.domain.generation import StoreKind
from tokenmgr.errors import ProfileMissing
from tokenmgr.keystore import nss
from tokenmgr.wiring import places
from tokenmgr.wiring.libraries import known, settings
from tokenmgr.wiring.places import FILE

if TYPE_CHECKING:  # it brings an HTTP client
    from tokenmgr.renewal.authority import Offer


@dataclass(frozen=True)
class Place:
    """`name` as journals have it. `is_made`: else it is made when it is chosen."""

    name: str
    kind: StoreKind
    label: str = ""
    is_made: bool = True


@dataclass(frozen=True)
class Prepared:
    profile: Profile
    offer: Offer
    here: tuple[Place, ...]

    @property
    def kinds(self) -> list[StoreKind]:
        """That the bank allows."""
        return [one for one in StoreKind if one.value in self.offer.stores]

    def of(self, kind: StoreKind) -> list[Place]:
        return [one for one in self.here if one.kind is kind]


def prepare(bank: str) -> Prepared:
    from tokenmgr.wiring.glimpse import glimpse  # here: it takes longer to load than the window to open

    found = profiles(settings().bank_folder).named(bank)
    if not found:
        raise ProfileMissing(bank=bank, folder=str(settings().bank_folder))
    with glimpse(found[0]) as authority:
        return Prepared(found[0], authority.offer(), tuple(_here()))


def _here() -> Iterator[Place]:
    yield from _media()
    yield from on_pc()


def on_pc() -> Iterator[Place]:
    """A browser's where NSS is here to open it with."""
    if catalogue.library(known().family(nss.KIND)) is not None:
        for one in nss.databases(settings().user_home):
            yield Place(one.name, StoreKind.PC, one.nick)
    path = places.file_named(FILE)
    yield Place(places.canonical(FILE), StoreKind.PC, is_made=path is not None and path.exists())
    for name in places.chips():
        yield Place(name, StoreKind.PC)


def _media() -> Iterator[Place]:
    from tokenmgr.wiring import around

    with around.surroundings(None) as seen:
        for library, facts in seen.media:
            if facts.initialised and not library.family_of(facts).token.on_pc:
                yield Place(facts.serial, StoreKind.MEDIUM, facts.label)
