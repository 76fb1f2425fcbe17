"""One world for all tests here: each has a scene of its own in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.services import require
from tests.crash import world
from tests.crash.world import World


@pytest.fixture(scope="session")
def crashing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    require("gcc", "openssl", "setpriv")
    with world.opened(tmp_path_factory.mktemp("crash"), tmp_path_factory.mktemp("store")) as made:
        yield made
