"""What a host asks for is heard in its handshake, of TLS 1.3 and 1.2; a silent one is said to be silent."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.pki import Authorities
from tests.browser.rig import host
from tests.contract.services import require
from tokenmgr.customer.host import Host, names_asked
from tokenmgr.errors import HostSilent


@pytest.fixture(scope="module")
def authorities() -> Authorities:
    require("openssl")
    return Authorities()


@pytest.fixture(params=["-tls1_3", "-tls1_2"])
def port(request: pytest.FixtureRequest, authorities: Authorities, tmp_path: Path) -> Iterator[int]:
    asks_for = [authorities.root_certificate, authorities.issuing_certificate]
    with host(tmp_path, authorities, asks_for, request.param) as made:
        yield made.port


def test_the_names_of_the_cas_are_heard(authorities: Authorities, port: int) -> None:
    wanted = {one.name.public_bytes() for one in (authorities.root, authorities.issuing)}
    assert set(names_asked(Host("localhost", port, None))) == wanted


def test_a_host_that_asks_for_no_certificate_is_said_to_ask_nothing(authorities: Authorities, tmp_path: Path) -> None:
    with host(tmp_path, authorities, []) as made, pytest.raises(HostSilent) as silent:
        names_asked(Host("localhost", made.port, None))
    assert silent.value.reason == "not-asked"


def test_a_host_that_is_not_there_or_says_nothing_is_waited_for_no_longer_than_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        its = Host("127.0.0.1", deaf.getsockname()[1], None)
        with pytest.raises(HostSilent) as silent:
            names_asked(its, seconds=0.1)
    assert "timed out" in silent.value.reason
    with pytest.raises(HostSilent):
        names_asked(its)
