"""Chromium presents what `tokenmgr login` says, and with the policy that it prints the right one of two look-alikes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.browser.pki import Authorities, issue, subscriber
from tests.browser.rig import BrowserHome, Owned, customer, host, policies, verdict
from tests.contract.services import require
from tokenmgr.domain.login import Role

OLD, NEW = 0x40356A192B7913B04C54574D18C28D46E6395428, 0x6F583435DA1D120A20C6502294ADE80757888145


@pytest.fixture(scope="module")
def authorities() -> Authorities:
    for program in ("chromium", "certutil", "pk12util", "openssl"):
        require(program)
    return Authorities()


@pytest.fixture(scope="module")
def empty(authorities: Authorities, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose Chromium knows the bank's CAs; certutil takes a while."""
    home = BrowserHome(tmp_path_factory.mktemp("browser") / "home")
    home.create(authorities)
    return home.folder


@pytest.fixture
def browser(empty: Path, tmp_path: Path) -> BrowserHome:
    return BrowserHome(shutil.copytree(empty, tmp_path / "home"))


@pytest.fixture(scope="module")
def port(authorities: Authorities, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with host(tmp_path_factory.mktemp("host"), authorities, [authorities.root_certificate]) as made:
        yield made.port


def test_of_two_look_alikes_the_printed_policy_makes_it_present_the_right_one(
    browser: BrowserHome, authorities: Authorities, port: int, tmp_path: Path
) -> None:
    """And not one that is over, nor one of another CA of the same root, though that ends last."""
    other, over, whose = subscriber("suzuki"), subscriber(), subscriber()
    browser.store("over", (over, issue(over, authorities.issuing, (-400, -1), 5)))
    browser.store("new", (whose, issue(whose, authorities.issuing, (-1, 360), NEW)))
    before = subscriber()
    browser.store("old", (before, issue(before, authorities.issuing, (-350, 15), OLD)))
    browser.store("other", (other, issue(other, authorities.root, (-1, 400), 7)))
    home = customer(tmp_path, browser.folder, authorities, port)
    printed = home.run("login", "--policy", "chromium", "--certificate", f"{NEW:x}")
    with policies() as file:
        asking = verdict(home)
        file.write_text(printed.out)
        silent = verdict(home)
        assert browser.presented(f"https://localhost:{port}/") == NEW
    assert (asking["outcome"], silent["outcome"], silent["chosen"]) == ("asks", "without-asking", [f"{NEW:x}"])


def one(authorities: Authorities, kind: str) -> Owned:
    whose = subscriber()
    match kind:
        case "not-valid-yet":
            return whose, issue(whose, authorities.issuing, (2, 300))
        case "expired":
            return whose, issue(whose, authorities.issuing, (-400, -1))
        case "not-for-login":
            return whose, issue(whose, authorities.issuing, uses=(ExtendedKeyUsageOID.EMAIL_PROTECTION,))
        case "issuer-not-asked-for":
            another = subscriber(bank="5678")
            return another, issue(another, authorities.foreign)
    return whose, issue(whose, authorities.issuing)


@pytest.mark.parametrize(
    "why", ["", "not-valid-yet", "expired", "not-for-login", "issuer-not-asked-for", "intermediate-missing"]
)
def test_what_is_said_is_what_it_does(
    browser: BrowserHome, authorities: Authorities, port: int, tmp_path: Path, why: str
) -> None:
    """With a policy that takes whatever is offered, so that what is not presented was not offered."""
    whose, certificate = one(authorities, why)
    browser.store("own", (whose, certificate))
    if why == "intermediate-missing":
        browser.forget("issuing")
    home = customer(tmp_path, browser.folder, authorities, port)
    with policies() as file:
        entry = json.dumps({"pattern": f"https://localhost:{port}", "filter": {}})
        file.write_text(json.dumps({"AutoSelectCertificateForUrls": [entry]}))
        judged = verdict(home)
        presented = browser.presented(f"https://localhost:{port}/")
    (row,) = judged["certificates"]
    assert row["hindrance"] == (why or None)
    assert (presented == certificate.serial_number) == row["offered"] == (judged["outcome"] == "without-asking")
    assert presented is None or row["role"] == Role.RIGHT.value
