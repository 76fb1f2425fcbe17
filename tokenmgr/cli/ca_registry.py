"""The registry of a CA that is about to be changed: a CA that is closed stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from tokenmgr import clock
from tokenmgr.ca.folder import CaFolder
from tokenmgr.errors import AuthorityOver
from tokenmgr.sql import marks
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
