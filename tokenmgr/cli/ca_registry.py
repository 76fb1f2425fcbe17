"""The registry of a CA that is changed: a CA that is closed stays as it is, and each change is in its trail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from tokenmgr import clock
from tokenmgr.ca.folder import CaFolder
from tokenmgr.domain.audit import Actor
from tokenmgr.domain.lineage import Lineage
from tokenmgr.errors import AuthorityOver, RegistryUnavailable
from tokenmgr.sql import lineage, marks
from tokenmgr.sql.engine import Database


@contextmanager
def registry_of(folder: CaFolder) -> Iterator[Database]:
    with closing(Database.open(folder.database, new=False)) as database:
        database.migrate(clock.now(), new=False)
        yield database


@contextmanager
def open_registry_of(folder: CaFolder) -> Iterator[Database]:
    """Before a change, and so is whoever has none: nothing is changed that nobody could be told of. For whoever is
    alone (ca/changing.py), as a closing is."""
    with registry_of(folder) as database:
        if marks.closed(database):
            raise AuthorityOver(folder=str(folder.path))
        yield database


def lineage_of(folder: CaFolder) -> Lineage:
    authorities = tuple(
        {purpose: f"{one.certificates[purpose].serial:x}" for purpose in one.holdings}
        | {f"{purpose}_key": held.key_id.hex() for purpose, held in one.holdings.items()}
        for one in folder.authorities
    )
    return Lineage(folder.about.library, folder.about.serial, authorities)


def catch_up(folder: CaFolder, database: Database, by: Actor) -> None:
    """What those have left to be told who were cut short."""
    lineage.catch_up(database, by, lineage_of(folder))


def tell_trail(made: CaFolder, database: Database, by: Actor, is_moved: bool = False) -> None:
    """Once a change is done; without the registry it is done all the same, and told of later (domain/lineage.py)."""
    with suppress(RegistryUnavailable):
        lineage.catch_up(database, by, lineage_of(made), is_moved)


def tell_trail_of_new(made: CaFolder, by: Actor) -> None:
    with suppress(RegistryUnavailable), registry_of(made) as database:
        tell_trail(made, database, by)
