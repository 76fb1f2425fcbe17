"""One year that everybody shares, today's CA and pages for each process of the tests, and a browser for each walk."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect, sync_playwright
from pytestqt.qtbot import QtBot

from tests.actors import TESTER
from tests.contract.services import require
from tests.desk.conftest import qapp
from tests.desk.rig import PATIENCE, Hands
from tests.interop import running
from tests.interop.running import Authority
from tests.seeds import past, rig
from tests.seeds.rig import Office
from tokenmgr import system
from tokenmgr.ca.folder import open_folder
from tokenmgr.sql.administration import Administration
from tokenmgr.sql.engine import Database

__all__ = ["qapp"]


@pytest.fixture(scope="package")
def year(testbed_store: Path) -> Path:
    """What was a year ago: once, for all processes of pytest-xdist."""
    require("chromium", "certutil", "gcc")
    folder = testbed_store.with_name("seeds")
    folder.mkdir(parents=True, exist_ok=True)
    with system.locked(folder / "lock"):
        if not (folder / past.FINISHED).exists():
            past.lived(folder, testbed_store)
    return folder


@pytest.fixture(scope="package")
def ca(year: Path) -> Iterator[Authority]:
    """Today's node; where there are several processes, each has its own before the one registry."""
    folder = open_folder(year / "ca" / "ca")
    environment = {**os.environ, "TOKENMGR_HOME": str(year / "ca"), "LC_ALL": "C.UTF-8", "no_proxy": "*"}
    with contextlib.closing(Database.open(folder.database)) as database:
        made = Authority(folder, environment, Administration(database, TESTER))
        with running.serving(made, workers=1) as made.port:
            yield made


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        expect.set_options(timeout=PATIENCE)
        yield started
        expect.set_options(timeout=None)


@pytest.fixture(scope="package")
def site(ca: Authority, year: Path) -> Iterator[str]:
    """Where the banks' pages are."""
    with rig.serving(ca, year / past.KEYS) as found:
        yield found


@pytest.fixture
def office(
    request: pytest.FixtureRequest, year: Path, ca: Authority, site: str, playwright: Playwright, testbed_store: Path
) -> Iterator[Office]:
    """Of the bank whose procedure the test's module is about."""
    there = past.pc(year, request.module.PROCEDURE)
    with contextlib.closing(Office(there, ca, site, playwright, testbed_store)) as made:
        yield made


@pytest.fixture
def hands(office: Office, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hands]:
    """The customer's program, at that computer."""
    with office.window(qtbot, monkeypatch) as found:
        yield found
