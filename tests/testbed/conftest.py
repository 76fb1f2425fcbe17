"""What lies in project/ is tests of another project: test_plugin.py runs them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.testbed.raw import Raw
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.simulated import SimulatedMedium

collect_ignore = ["project"]


@pytest.fixture
def bed(tmp_path: Path, testbed_store: Path) -> Testbed:
    """A testbed of this test's own, whose media the settings in `tmp_path` know."""
    return Testbed(tmp_path / "testbed", os.environ, tmp_path / "libraries.d", testbed_store)


@pytest.fixture
def stick(bed: Testbed) -> SimulatedMedium:
    """A fresh one, behind the layer."""
    (made,) = bed.up("fresh", name="stick")
    return made


@pytest.fixture
def raw(stick: SimulatedMedium) -> Iterator[Raw]:
    """Its library, in this process."""
    loaded = Raw(stick.path)
    yield loaded
    stick.control.remove()
    loaded("C_Finalize", None)
