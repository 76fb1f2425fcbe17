"""One year that everybody shares, today's CA and pages for each process of the tests, and a browser for each walk."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, sync_playwright

from tests.actors import TESTER
from tests.contract.services import require
from tests.desk.conftest import qapp
from tests.interop import running
from tests.interop.running import Authority
from tests.seeds import past
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
            past.live(folder, testbed_store)
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
    with sync_playwright() as running:
        yield running
