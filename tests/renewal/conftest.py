"""A CA that runs, as its operator starts it; and one in this process, with a medium before it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.conftest import emptied, quick, rig, url
from tests.api.rig import Rig
from tests.interop import running
from tests.interop.running import Authority
from tests.renewal.world import World
from tokenmgr.testbed.simulated import SimulatedMedium
from tokenmgr.token.module import Library

__all__ = ["emptied", "quick", "rig", "url"]


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with running.authority(tmp_path_factory.mktemp("renewing")) as made:
        yield made


@pytest.fixture
def world(quick: Rig, medium: SimulatedMedium, library: Library, tmp_path: Path) -> Iterator[World]:
    made = World(quick, medium, library, tmp_path / "journal")
    yield made
    made.store.close()
