"""What every test may ask for: a simulated medium, its library, a session, a CA, and a day that is always the same."""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings

from tests import formatted, java, memory, warm
from tests.browser.pki import Authorities
from tests.contract.services import require
from tests.interop import running
from tests.interop.running import Authority
from tests.sql import postgres
from tests.sql.postgres import Server
from tokenmgr.domain.medium import MediumFacts
from tokenmgr.log import Secret
from tokenmgr.sql.engine import Database
from tokenmgr.testbed.simulated import PIN, SimulatedMedium
from tokenmgr.testbed.throwaway_ca import ThrowawayCA
from tokenmgr.token import worker
from tokenmgr.token.module import Library
from tokenmgr.token.session import Session

if place := memory.place():
    os.environ.setdefault("TMPDIR", place)
    tempfile.tempdir = None  # somebody may have asked where that is

BEGIN_COLD = {"contract", "crash", "test_diagnostics", "token"}  # rooms and files

# The same examples on every run and every computer; nothing is remembered from the last one.
settings.register_profile("tokenmgr", max_examples=50, derandomize=True, deadline=None, database=None)
settings.load_profile("tokenmgr")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-tokens", action="store_true", help="write what the tokens are seen doing to docs/tokens.md"
    )
    parser.addoption(
        "--write-pictures", action="store_true", help="make docs/situations.md and the pictures of the window anew"
    )


@pytest.fixture(autouse=True, scope="module")
def _libraries_begin_warm(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each in a process of its own all the same (warm.py), but where that process is what is tested."""
    with pytest.MonkeyPatch.context() as here:
        if not {request.path.parent.name, request.path.stem} & BEGIN_COLD:
            here.setattr(worker, "_begun", functools.partial(warm.library, warm.libraries().asked))
        yield


@pytest.fixture(scope="session")
def now() -> datetime:
    return datetime(2026, 4, 1, 3, 0, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def authority(now: datetime) -> ThrowawayCA:
    return ThrowawayCA(now)


@pytest.fixture(scope="session")
def server(now: datetime) -> Iterator[Server]:
    """One PostgreSQL for all that neither stop it nor look at the whole of it."""
    if reason := postgres.missing():
        pytest.skip(reason)
    with Server.started() as started:
        url = started.url(postgres.TEMPLATE)
        started.say(f"CREATE DATABASE {postgres.TEMPLATE} TEMPLATE template0")
        database = Database.open(url)
        database.migrate(now)
        database.close()
        yield started


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """One that runs, as its operator starts it, for all that leave it as it is."""
    with running.authority(tmp_path_factory.mktemp("authority")) as made:
        yield made


@pytest.fixture(scope="session")
def classes(testbed_store: Path) -> str:
    """The class path of our programs in Java."""
    return java.compiled(testbed_store.with_name("classes"))


@pytest.fixture(scope="session")
def authorities() -> Authorities:
    """A bank's, whose certificates are in the stores of browsers."""
    require("certutil", "pk12util", "modutil")
    return Authorities()


@pytest.fixture
def medium(tmp_path: Path) -> SimulatedMedium:
    return formatted.medium(tmp_path / "medium")[0]


@pytest.fixture
def library(medium: SimulatedMedium) -> Iterator[Library]:
    with medium.library() as opened:
        yield opened


@pytest.fixture
def facts(library: Library) -> MediumFacts:
    """The medium as it shows itself before anybody did anything."""
    (found,) = library.media()
    return found


@pytest.fixture
def session(library: Library, facts: MediumFacts) -> Iterator[Session]:
    """Logged in, for writing."""
    with Session.open(library, facts.serial, write=True) as opened:
        opened.login(Secret(PIN))
        yield opened
