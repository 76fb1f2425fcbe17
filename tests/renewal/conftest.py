"""A CA that runs, as its operator starts it; and one in this process, with a medium before it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.conftest import emptied, quick, rig, url
from tests.api.rig import Rig
from tests.renewal.world import World
from tokenmgr.testbed.simulated import SimulatedMedium
from tokenmgr.token.module import Library

__all__ = ["emptied", "quick", "rig", "url"]


@pytest.fixture
def world(quick: Rig, medium: SimulatedMedium, library: Library, tmp_path: Path) -> Iterator[World]:
    made = World(quick, medium, library, tmp_path / "journal")
    yield made
    made.store.close()
