"""A CA that runs, as its operator starts it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop import running
from tests.interop.running import Authority


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with running.authority(tmp_path_factory.mktemp("renewing")) as made:
        yield made
