"""Two nodes on one PostgreSQL, the same for all tests here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.nodes.cluster import Cluster, cluster
from tests.sql import postgres
from tests.sql.postgres import Server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Not everybody's: it is stopped here, and killed."""
    if reason := postgres.missing():
        pytest.skip(reason)
    with Server.started() as started:
        yield started


@pytest.fixture(scope="module")
def nodes(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("nodes"), server.database()) as made:
        yield made


@pytest.fixture
def pair(nodes: Cluster) -> Cluster:
    """Both of them up, whatever the test before did."""
    nodes.mend()
    return nodes
