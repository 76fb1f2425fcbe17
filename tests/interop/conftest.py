"""One CA for all tests here, and the programs of others that meet it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop import running
from tests.interop.openssl import Client, OpenSSL
from tests.interop.running import Authority
from tests.interop.site import Site, opened
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.simulated import SimulatedMedium


@pytest.fixture(scope="module")
def failing_token(tmp_path_factory: pytest.TempPathFactory, testbed_store: Path) -> SimulatedMedium:
    """The token of another CA, which fails by rule."""
    (made,) = Testbed(tmp_path_factory.mktemp("testbed"), os.environ, store=testbed_store, plain=False).up("fresh")
    return made


@pytest.fixture(scope="module")
def failing_ca(tmp_path_factory: pytest.TempPathFactory, failing_token: SimulatedMedium) -> Iterator[Authority]:
    """Its keys are on `failing_token`, and one process alone signs with them."""
    how = ("--library", failing_token.path, "--medium", failing_token.serial)
    with running.authority(tmp_path_factory.mktemp("failing"), failing_token.pin, *how, workers=1) as made:
        yield made


@pytest.fixture
def openssl(tmp_path: Path, ca: Authority) -> OpenSSL:
    return OpenSSL(tmp_path, ca)


@pytest.fixture
def holder(openssl: OpenSSL) -> Client:
    """Somebody with a confirmed certificate."""
    return openssl.acquire()


@pytest.fixture
def site(tmp_path: Path, ca: Authority) -> Iterator[Site]:
    with opened(ca, tmp_path) as bank:
        yield bank
