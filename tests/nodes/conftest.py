"""Two nodes on one PostgreSQL, for all tests here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.nodes.cluster import Cluster, cluster
from tests.sql import postgres
from tests.sql.postgres import Server


@pytest.fixture
def server() -> Iterator[Server]:
    if reason := postgres.missing():
        pytest.skip(reason)
    with Server.started() as started:
        yield started


@pytest.fixture
def pair(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("nodes"), server.database()) as made:
        yield made
