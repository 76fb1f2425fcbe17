"""The fixtures of the token's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.token.helpers import FaultyMedium
from tokenmgr.testbed import layer
from tokenmgr.testbed.simulated import SimulatedMedium


@pytest.fixture
def faulty(medium: SimulatedMedium, testbed_store: Path) -> FaultyMedium:
    medium.put_layer(layer.built(testbed_store))
    return FaultyMedium(medium)
