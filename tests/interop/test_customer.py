"""A customer's whole life with our CA, as processes: acquired, logged in with, renewed; and what others make of it."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate

from tests.contract.services import require
from tests.interop.customer import LOGIN_PINS, Customer
from tests.interop.engine import configure
from tests.interop.openssl import Client, OpenSSL
from tests.interop.running import BANK, CONFIRMATION_PIN, CONTRACT, LOGIN_PIN, Authority
from tests.interop.site import Site
from tests.interop.test_status import asked, registry
from tests.interop.test_status import until as until_seen
from tests.renewal.serving import relaying, serving
from tokenmgr import clock
from tokenmgr.domain.credential import Credential
from tokenmgr.domain.generation import RevocationReason, State
from tokenmgr.domain.renewal import Step
from tokenmgr.renewal.journal import STORE, Journal, Phase


@pytest.fixture
def customer(tmp_path: Path, ca: Authority, testbed_store: Path) -> Customer:
    return Customer(tmp_path / "home", ca, testbed_store)


@pytest.fixture
def browser(tmp_path: Path, customer: Customer) -> dict[str, str]:
    """An environment in which curl uses the stick, through OpenSSL's engine."""
    require("curl", "openssl")
    engines = subprocess.run(["openssl", "version", "-e"], capture_output=True, text=True).stdout.split('"')[1]
    require(f"{engines}/pkcs11.so")
    file = configure(tmp_path / "engine.cnf", customer.stick.path)
    return {**os.environ, "OPENSSL_CONF": str(file)}


def log_in(site: Site, browser: dict[str, str], customer: Customer, one: Credential) -> None:
    """The bank's site tells whom it has let in."""
    pin, key_id = customer.stick.pin, "".join(f"%{byte:02x}" for byte in one.key.key_id)
    certificate, key = (f"pkcs11:id={key_id};type={kind};pin-value={pin}" for kind in ("cert", "private"))
    line = ("--engine", "pkcs11", "--cert", certificate, "--key", key, "--cert-type", "ENG", "--key-type", "ENG")
    page = site.curl(*line, env=browser)
    assert pem(one) in page


def pem(one: Credential) -> str:
    assert one.certificate is not None
    return load_der_x509_certificate(one.certificate.der).public_bytes(Encoding.PEM).decode().strip()


@pytest.mark.parametrize("kind", ["p256", "rsa2048"])
def test_acquired_logged_in_with_and_renewed(
    ca: Authority, customer: Customer, openssl: OpenSSL, site: Site, browser: dict[str, str], kind: str
) -> None:
    """The old one logs in while the new one is being written; then the new one does. Where nobody looks nothing is told
    but what came of it."""
    told = customer.acquire(kind)
    (old,) = customer.holdings()
    assert old.facts is not None
    assert int(told["certificate"]["serial_number"], 16) == old.facts.serial_number
    with ThreadPoolExecutor(1) as pool:
        with customer.stick.held("C_CreateObject") as held:
            renewal = pool.submit(customer.renew)
            held.wait()
            assert ca.states(customer.user) == [State.ACTIVE, State.PENDING]
            log_in(site, browser, customer, old)
        done = renewal.result(60)
    held_now = customer.holdings()  # both may be of the same second
    (new,) = (one for one in held_now if one.key.key_id != old.key.key_id)
    assert len(held_now) == 2
    assert new.facts is not None
    assert (done.status, done.err) == (0, "")
    assert f"{new.facts.serial_number:x}" in done.out
    assert ca.states(customer.user) == [State.SUPERSEDED, State.ACTIVE]
    assert (old.key.kind, new.key.kind) == (kind, kind)
    log_in(site, browser, customer, new)
    believed(ca, customer, openssl, new)


def believed(ca: Authority, customer: Customer, openssl: OpenSSL, one: Credential) -> None:
    """By its chain, by the list, by OCSP; and by none of them once it is revoked."""
    client = Client(customer.user, "", openssl.name("pem"))
    client.certificate.write_text(pem(one))
    assert openssl.do("x509", "-in", client.certificate, "-noout", "-checkend", str(19 * 86400))
    with_list = ("-crl_check", "-CRLfile", str(newest_list(ca, openssl)))
    assert openssl.verify(client, "-purpose", "sslclient", *with_list).endswith(": OK\n")
    assert ": good" in asked(ca, openssl, client)
    registry(ca).revoke(client.read.serial_number, RevocationReason.KEY_COMPROMISE, clock.now())
    until_seen(lambda: ": revoked" in asked(ca, openssl, client))


def newest_list(ca: Authority, openssl: OpenSSL) -> Path:
    der, text = openssl.name("crl"), openssl.name("pem")
    der.write_bytes(ca.fetch("/ca.crl"))
    openssl.do("crl", "-inform", "DER", "-in", der, "-out", text)
    return text


def known(customer: Customer, bank: str) -> Path:
    """Another bank's file beside this one's."""
    file = customer.profile.with_name(f"{bank}.toml")
    told = customer.profile.read_text(encoding="utf-8").replace(f'code = "{BANK}"', f'code = "{bank}"')
    file.write_text(told, encoding="utf-8")
    return file


def test_where_two_banks_are_known_login_pins_go_to_the_named_one_only(ca: Authority, customer: Customer) -> None:
    """What is on the medium tells whose renewal it is, and not whose customer somebody becomes."""
    customer.acquire()
    known(customer, "9999")
    somebody = ca.enrol().user
    typed = f"{customer.stick.pin}\n{LOGIN_PIN}\n{CONFIRMATION_PIN}\n"
    who = ("--contract", CONTRACT, "--user", somebody)
    refused = customer.run("acquire", *who, "--pin-fd", "0", *LOGIN_PINS, typed=typed)
    assert (refused.status, "J112" in refused.err) == (2, True)
    assert ca.states(somebody) == []
    assert customer.renew().status == 0


def test_of_several_banks_unfinished_they_are_named_and_of_one_it_goes_on(ca: Authority, customer: Customer) -> None:
    """The file of a bank that something is unfinished at may be gone: that holds up no other."""
    customer.acquire()
    there = known(customer, "9999")
    customer.stick.fault("C_CreateObject", "unplug", after=True, times=1)
    assert customer.renew().status != 0
    customer.stick.control.remove()
    customer.stick.plug()
    told = {STORE: customer.serial, "bank": "9999", "operation": "renewal", "kind": "p256"}
    with Journal.create(customer.folder / "journal", "of another bank", told, clock.now()) as journal:
        journal.write(Step.KEY_GENERATED, Phase.INTENT, {"key_id": "0a0b"}, clock.now())
    refused = customer.resume()
    assert (refused.status, "J112" in refused.err, BANK in refused.err, "9999" in refused.err) == (2, True, True, True)
    there.unlink()
    assert customer.resume().status == 0
    assert ca.states(customer.user) == [State.SUPERSEDED, State.ACTIVE]
    refused = customer.resume()
    assert ("J112" in refused.err, "9999" in refused.err) == (True, True)
    known(customer, "8888")
    assert "J110" in customer.resume().err


def test_through_the_companys_proxy_and_not_where_that_refuses(ca: Authority, customer: Customer) -> None:
    """By the bank's profile; then by the environment."""
    asked: list[bytes] = []
    with serving(relaying(asked), None) as port:
        with customer.profile.open("a", encoding="utf-8") as more:
            more.write(f'proxy = "http://127.0.0.1:{port}"\n')
        customer.acquire()
        assert asked
        customer.profile.write_text(customer.profile.read_text(encoding="utf-8").rpartition("proxy")[0], "utf-8")
    customer.environment["no_proxy"] = ""
    refused: list[bytes] = []
    with serving(relaying(refused, "407 Proxy Authentication Required"), None) as port:
        customer.environment["https_proxy"] = f"http://127.0.0.1:{port}"
        done = customer.renew()
    assert (done.status, "J130" in done.err, len(refused)) == (4, True, 1)
    assert len(customer.holdings()) == 1
    assert ca.states(customer.user) == [State.ACTIVE]
