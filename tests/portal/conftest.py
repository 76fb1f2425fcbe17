from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.portal.rig import ISSUED, Rig
from tests.sql import compiled
from tokenmgr.sql.engine import Database


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with closing(Database.open(f"sqlite:///{tmp_path / 'registry.db'}", clock=lambda: ISSUED)) as database:
        compiled.once(database)
        database.migrate(ISSUED)
        yield Rig(database)
