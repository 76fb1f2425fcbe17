"""What lies in project/ is tests of another project: test_plugin.py runs them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tokenmgr.testbed.bed import Testbed

collect_ignore = ["project"]


@pytest.fixture
def bed(tmp_path: Path, testbed_store: Path) -> Testbed:
    """A testbed of this test's own, whose media the settings in `tmp_path` know."""
    return Testbed(tmp_path / "testbed", os.environ, tmp_path / "libraries.d", testbed_store)
