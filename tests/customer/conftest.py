"""A medium, a CA in this process, and what a customer is told of both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.conftest import quick
from tests.api.rig import Rig
from tests.renewal.world import World
from tests.testbed.conftest import bed
from tokenmgr.testbed.simulated import SimulatedMedium
from tokenmgr.token.module import Library

__all__ = ["bed", "quick"]


@pytest.fixture
def world(quick: Rig, medium: SimulatedMedium, library: Library, tmp_path: Path) -> Iterator[World]:
    made = World(quick, medium, library, tmp_path / "journal")
    yield made
    made.store.close()
