"""The customer's keys on a SoftHSM token, and OpenSSL's engine for it: what a medium without our program can do."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.contract.services import require
from tests.interop.engine import configure
from tests.interop.openssl import Client, OpenSSL
from tests.interop.running import Authority
from tests.interop.site import Site
from tokenmgr.domain.generation import State
from tokenmgr.domain.party import Role
from tokenmgr.testbed.simulated import PIN, SimulatedMedium, softhsm

TYPES = {"p256": "EC:prime256v1", "p384": "EC:secp384r1", "rsa2048": "rsa:2048"}


@pytest.fixture
def token(tmp_path: Path) -> SimulatedMedium:
    require("pkcs11-tool", "openssl")
    engines = subprocess.run(["openssl", "version", "-e"], capture_output=True, text=True).stdout.split('"')[1]
    require(f"{engines}/pkcs11.so")
    made = SimulatedMedium(tmp_path / "token", os.environ)
    made.create("Customer")
    return made


@pytest.fixture
def openssl(tmp_path: Path, ca: Authority, token: SimulatedMedium) -> OpenSSL:
    configuration = str(configure(tmp_path / "engine.cnf", softhsm()))
    return OpenSSL(tmp_path, ca, {**os.environ, **token.environment, "OPENSSL_CONF": configuration})


def new_key(token: SimulatedMedium, kind: str, number: str) -> str:
    """Generated there; its URI (RFC 7512)."""
    made = ("--keypairgen", "--key-type", TYPES[kind], "--id", number, "--label", f"key{number}")
    tool(token, *made)
    return uri(f"id=%{number};type=private")


def uri(what: str) -> str:
    return f"pkcs11:token=Customer;{what};pin-value={PIN}"


def tool(token: SimulatedMedium, *line: str) -> None:
    done = subprocess.run(
        ["pkcs11-tool", "--module", softhsm(), "--token-label", "Customer", "--login", "--pin", "env:PIN", *line],
        env={**os.environ, **token.environment, "PIN": PIN},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


BY_ENGINE = ("-engine", "pkcs11", "-keyform", "engine")


@pytest.mark.parametrize("kind", TYPES)
def test_a_renewal_with_both_keys_on_the_token(
    ca: Authority, openssl: OpenSSL, token: SimulatedMedium, kind: str
) -> None:
    first = openssl.acquire(*BY_ENGINE, key=new_key(token, kind, "01"))
    first.options = BY_ENGINE
    second = openssl.renew(first, key=new_key(token, kind, "02"))
    assert openssl.verify(second).endswith(": OK\n")
    assert ca.states(first.user) == [State.SUPERSEDED, State.ACTIVE]
    openssl.cmp("rr", *openssl.by(second), "-oldcert", str(second.certificate), "-revreason", "5")
    assert ca.states(first.user) == [State.SUPERSEDED, State.REVOKED]


def test_an_administrators_key_on_the_token_acts_for_its_user(
    ca: Authority, openssl: OpenSSL, token: SimulatedMedium
) -> None:
    """R10, with nothing but `openssl cmp -cmd rr`: on hold, released, revoked; and never another administrator's."""
    ticket = ca.ticket(user=ca.enrol(Role.ADMINISTRATOR).user)
    administrator = openssl.acquire(*BY_ENGINE, key=new_key(token, "p256", "01"), ticket=ticket)
    administrator.options = BY_ENGINE
    user = openssl.acquire(*BY_ENGINE, key=new_key(token, "p256", "02"))
    for reason, state in ((6, State.HELD), (8, State.ACTIVE), (6, State.HELD), (1, State.REVOKED)):
        asked = ("-oldcert", str(user.certificate), "-revreason", str(reason))
        openssl.cmp("rr", *openssl.by(administrator), *asked)
        assert ca.states(user.user) == [state]
    ticket = ca.ticket(user=ca.enrol(Role.ADMINISTRATOR).user)
    other = openssl.acquire(*BY_ENGINE, key=new_key(token, "p256", "03"), ticket=ticket)
    said = openssl.cmp("rr", *openssl.by(administrator), "-oldcert", str(other.certificate), status=1)
    assert "notAuthorized" in said.text
    assert ca.states(other.user) == [State.ACTIVE]


def test_a_bank_lets_it_in_by_curl(openssl: OpenSSL, token: SimulatedMedium, site: Site) -> None:
    """What all of it is for: the certificate stands beside its key, and both log in."""
    require("curl")
    client = openssl.acquire(*BY_ENGINE, key=new_key(token, "p256", "01"))
    put(openssl, token, client)
    line = ("--engine", "pkcs11", "--cert", uri("id=%01;type=cert"), "--key", uri("id=%01;type=private"))
    page = site.curl(*line, "--cert-type", "ENG", "--key-type", "ENG", env=openssl.environment)
    assert client.certificate.read_text().strip() in page


def put(openssl: OpenSSL, token: SimulatedMedium, client: Client) -> None:
    der = str(openssl.name("der"))
    openssl.do("x509", "-in", client.certificate, "-outform", "DER", "-out", der)
    tool(token, "--write-object", der, "--type", "cert", "--id", "01", "--label", "key01")
