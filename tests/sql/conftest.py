"""Every test of the registry runs on both databases; each has a fresh one of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.sql import compiled, postgres
from tests.sql.postgres import Server
from tests.sql.world import DAY, World
from tokenmgr.sql.engine import Database

KINDS = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Fresh:
    """`empty` and `made` give the URL of a new database: without tables, and with them."""

    empty: Callable[[], str]
    made: Callable[[], str]


def sqlite_at(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def fresh(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fresh]:
    if kind == "sqlite":
        numbers = iter(range(100))

        def empty() -> str:
            return sqlite_at(tmp_path / f"registry-{next(numbers)}.db")

        def made() -> str:
            url = empty()
            database = Database.open(url)
            database.migrate(DAY)
            database.close()
            return url

        yield Fresh(empty, made)
        return
    running: Server = request.getfixturevalue("server")
    given: list[str] = []

    def give(template: str) -> str:
        given.append(running.database(template))
        return given[-1]

    yield Fresh(lambda: give("template0"), lambda: give(postgres.TEMPLATE))
    for url in given:
        running.drop(url)


@pytest.fixture
def url(fresh: Fresh) -> str:
    return fresh.made()


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = compiled.once(Database.open(url))
    yield opened
    opened.close()


@pytest.fixture
def world(database: Database) -> World:
    return World.founded(database)
