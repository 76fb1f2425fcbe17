"""A rig on each of the two databases; `quick` is on one, for what the registry has no part in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.api.est import Est
from tests.api.rig import Rig, hashes
from tests.sql.conftest import KINDS
from tests.sql.postgres import Server
from tokenmgr.ra import passcodes
from tokenmgr.sql.engine import Database
from tokenmgr.sql.schema import METADATA


@pytest.fixture(scope="session")
def emptied(server: Server) -> Iterator[Callable[[], str]]:
    """One database for all the tests: to empty it takes a twentieth of the time that it takes to make another. What few
    rows there are go sooner by themselves than with the files of their tables."""
    url, kept = server.database("made"), {"migration"}
    every = [f'DELETE FROM "{table.name}"' for table in METADATA.sorted_tables if table.name not in kept]  # noqa: S608
    with closing(Database.open(url)) as database:

        def empty() -> str:
            with database.engine.connect() as connection:
                # the trail guards itself, against this too
                connection.exec_driver_sql("SET session_replication_role = replica")
                connection.exec_driver_sql("; ".join(every))
            return url

        yield empty
    server.drop(url)


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'registry.db'}"
    empty: Callable[[], str] = request.getfixturevalue("emptied")
    return empty()


@pytest.fixture
def rig(url: str) -> Iterator[Rig]:
    made = Rig(url)
    yield made
    made.close()


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(f"sqlite:///{tmp_path / 'registry.db'}")
    yield made
    made.close()


@pytest.fixture
def est(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Est:
    """Somebody else's client. An unknown ID's PINs are compared with what costs as little as a known one's here."""
    monkeypatch.setattr(passcodes, "_NOBODY", hashes()[0])
    return Est(rig)


@pytest.fixture
def quick_est(quick: Rig, monkeypatch: pytest.MonkeyPatch) -> Est:
    monkeypatch.setattr(passcodes, "_NOBODY", hashes()[0])
    return Est(quick)
