"""Every kind of token, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract import rigs
from tests.contract.rig import Rig


@pytest.fixture(params=rigs.NAMES)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    with rigs.start(request.param, tmp_path / "rig") as started:
        yield started
