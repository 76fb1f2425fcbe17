"""A customer without a medium, as processes: browsers' databases, the encrypted file, and what others make of them."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.cli.runner import PROGRAM, Result
from tests.contract import tpm
from tests.contract.services import require
from tests.interop.customer import LOGIN_PINS, Customer
from tests.interop.running import BANK, CONFIRMATION_PIN, LOGIN_PIN, Authority, another_second
from tests.interop.site import Site
from tests.keystore import databases
from tests.token.helpers import run
from tokenmgr import clock
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.generation import State, StoreKind
from tokenmgr.domain.holding import MARK
from tokenmgr.domain.renewal import Step
from tokenmgr.keystore import file, nss
from tokenmgr.log import Secret
from tokenmgr.renewal.journal import SOURCE, STORE, Journal, Phase

PASSWORD = "長い password 1"
PINS = f"{LOGIN_PIN}\n{CONFIRMATION_PIN}\n"


@pytest.fixture
def customer(tmp_path: Path, ca: Authority, testbed_store: Path) -> Customer:
    """With a Chromium that has no password, and a Firefox that has one."""
    made = Customer(tmp_path / "home", ca, testbed_store)
    home = tmp_path / "user"
    made.environment["HOME"] = str(home)
    databases.made(home / ".pki/nssdb")
    folder = home / ".mozilla/firefox"
    databases.made(folder / "abc.default", "password of Firefox")
    (folder / "profiles.ini").write_text("[Profile0]\nName=default\nPath=abc.default\nDefault=1\n", encoding="utf-8")
    return made


def chromium(customer: Customer) -> nss.Database:
    return nss.at(Path(customer.environment["HOME"]) / ".pki/nssdb")


def fine(done: Result) -> dict[str, Any]:
    assert done.status == 0, done.out + done.err
    told: dict[str, Any] = json.loads(done.out)
    return told


def acquire(customer: Customer, name: str, typed: str = "") -> dict[str, Any]:
    words = ("--pc", name, "--kind", "p256", *LOGIN_PINS, *(("--pin-fd", "0") if typed else ()))
    return fine(customer.run("acquire", *customer.who, *words, "--json", typed=typed + PINS))


def test_no_medium_no_password_one_command(ca: Authority, customer: Customer, site: Site, tmp_path: Path) -> None:
    """What the browser's own tools find logs in: taken out with them, which is why nothing else is promised."""
    require("pk12util", "openssl", "curl")
    told = acquire(customer, "chromium")
    database = chromium(customer)
    assert told["store"] == {"kind": "pc", "name": database.name}
    listed = run("certutil", "-L", "-d", f"sql:{database.path}").stdout.decode()
    assert "u,u,u" in listed  # with its key
    (row,) = json.loads(customer.run("status", "--json").out)["pc"][0]["certificates"]
    assert row["authority"]["store"] == "pc"
    assert page_by(site, taken_out(database, row["label"], tmp_path), tmp_path)
    another_second()
    renewed = fine(customer.run("renew", "--pc", "chromium", "--json"))
    assert ca.states(customer.user) == [State.SUPERSEDED, State.ACTIVE]
    seen = json.loads(customer.run("status", "--json").out)["pc"][0]["certificates"]
    current = [one["serial_number"] for one in seen if one["generation"] == "logs-in"]
    assert current == [renewed["certificate"]["serial_number"]]


def taken_out(database: nss.Database, label: str, folder: Path) -> Path:
    """By NSS's own tool."""
    target = folder / "out.p12"
    run("pk12util", "-o", target, "-d", f"sql:{database.path}", "-n", label, "-W", "taken out")
    return target


def page_by(site: Site, container: Path, folder: Path) -> str:
    pem = folder / "out.pem"
    run("openssl", "pkcs12", "-in", container, "-nodes", "-clcerts", "-passin", "pass:taken out", "-out", pem)
    return site.curl("--cert", str(pem), "--key", str(pem), env=None)


def test_the_encrypted_file_acquires_renews_and_is_taken_out_for_a_browser(
    ca: Authority, customer: Customer, site: Site, tmp_path: Path
) -> None:
    password = f"{PASSWORD}\n"
    assert customer.run("pc", "make", "--new-pin-fd", "0", typed=password).status == 0
    acquire(customer, "file", password)
    renewed = fine(customer.run("renew", "--pc", "file", "--pin-fd", "0", "--json", typed=password))
    assert ca.states(customer.user) == [State.SUPERSEDED, State.ACTIVE]
    target, number = tmp_path / "browser.p12", renewed["certificate"]["serial_number"]
    words = ("--out", str(target), "--certificate", number, "--pin-fd", "0", "--new-pin-fd", "0")
    assert customer.run("pc", "export", *words, typed=f"{password}taken out\n").status == 0
    assert page_by(site, target, tmp_path)


def test_from_the_browser_to_a_medium_and_into_the_other_browser(ca: Authority, customer: Customer) -> None:
    acquire(customer, "chromium")
    into = ("renew", "--pc", "chromium", "--to-medium", customer.serial, "--to-pin-fd", "0", "--json")
    assert fine(customer.run(*into, typed=f"{customer.stick.pin}\n"))["store"]["kind"] == "medium"
    seen = json.loads(customer.run("status", "--json").out)
    assert (seen["verdict"], seen["pc"][0]["certificates"][0]["why"]) == ("due", "moved")
    back = ("renew", "--medium", customer.serial, "--pin-fd", "0", "--to-pc", "firefox", "--to-pin-fd", "0", "--json")
    wrong = customer.run(*back, typed=f"{customer.stick.pin}\nwrong\n")
    assert (wrong.status, "S104" in wrong.err + wrong.out) == (4, True)
    assert fine(customer.run(*back, typed=f"{customer.stick.pin}\npassword of Firefox\n"))["store"]["kind"] == "pc"
    assert ca.states(customer.user) == [State.SUPERSEDED, State.SUPERSEDED, State.ACTIVE]


def stores(customer: Customer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(customer.run("status", "--json").out)["pc"]
    return found


def test_a_store_that_is_lost_on_the_way_out_of_it_stands_in_nobodys_way(
    ca: Authority, customer: Customer, tmp_path: Path
) -> None:
    """Cut at the last step, and next year before anything was asked; the browser's database is gone both times."""
    password, into = f"{PASSWORD}\n", ("--pc", "file", "--pin-fd", "0", "--json")
    assert customer.run("pc", "make", "--new-pin-fd", "0", typed=password).status == 0
    acquire(customer, "chromium")
    moved = customer.run("renew", "--pc", "chromium", "--to-pc", "file", "--to-pin-fd", "0", "--json", typed=password)
    journal, name = Path(fine(moved)["journal"]), chromium(customer).name
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-2]))
    chromium(customer).path.rename(tmp_path / "lost")
    assert "J115" in customer.run("renew", *into, typed=password).out
    fine(customer.run("resume", *into, typed=password))
    another_second()
    fine(customer.run("renew", *into, typed=password))
    store = file.FileStore(customer.folder / "certificates.store", Secret(PASSWORD))
    key = store.generate(KeyKind.P256, b"\x07", MARK)
    heading = {STORE: store.name, SOURCE: name, "operation": "renewal", "bank": BANK, "kind": "p256", "old": "1"}
    with Journal.create(customer.folder / "journal", "20990101T000000-7", heading, clock.now()) as begun:
        begun.write(Step.KEY_GENERATED, Phase.INTENT, {"key_id": key.key_id.hex()}, clock.now())
        begun.write(Step.KEY_GENERATED, Phase.DONE, {}, clock.now())
    for words in (("resume", *into), ("renew", "--pc", name, "--to-pc", "file", "--json")):
        done = customer.run(*words, typed=password)
        assert (done.status, json.loads(done.out)["error"]["code"]) == (3, "J136")
    assert {one["name"]: one["error"] is None for one in stores(customer)} == {name: False, store.name: True}
    assert json.loads(customer.run("resume", "--give-up", *into, typed=password).out)["operation"] == "given-up"
    again = customer.run("resume", "--give-up", *into, typed=password)
    assert json.loads(again.out)["error"]["facts"]["reason"] == "cmp-not-begun"
    assert key not in store.contents().keys
    fine(customer.run("renew", *into, typed=password))
    assert ca.states(customer.user)[-1] is State.ACTIVE
    assert [one["name"] for one in stores(customer)] == [store.name]  # nothing needs the other any more


def test_what_cannot_be_is_said_and_loses_nothing(customer: Customer) -> None:
    """Names that are none, two stores at once, one into itself, a chip that is not there."""
    acquire(customer, "chromium")
    refused = {
        ("--pc", "netscape"): "S101",
        ("--pc", "nss:/nowhere"): "S102",
        ("--pc", "file"): "S102",
        ("--pc", "chromium", "--medium", "1"): "--pc",
        ("--pc", "chromium", "--to-pc", "chromium"): "U117",
        ("--pc", "chromium", "--to-pc", f"{chromium(customer).name}/../nssdb"): "U117",
    }
    for words, said in refused.items():
        done = customer.run("renew", *words)
        assert (done.status in (2, 4), said in done.err) == (True, True), (words, done.err)
    with closing(sqlite3.connect(chromium(customer).path / "cert9.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert "S103" in customer.run("renew", "--pc", "chromium").err
        assert [one["error"]["code"] for one in stores(customer)] == ["S103"]
        assert "S103" in customer.run("login", "https://bank.example", "--offline").err
    assert json.loads(customer.run("status", "--json").out)["verdict"] == "due"


def test_a_medium_is_meant_where_nothing_is_said(customer: Customer) -> None:
    """S3: there is one on the PC, and it is not fallen into."""
    acquire(customer, "chromium")
    customer.stick.unplug()
    done = customer.run("renew")
    assert (done.status, "M117" in done.err) == (3, True)
    assert customer.ca.states(customer.user) == [State.ACTIVE]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has a file open")
def test_a_browser_that_is_open_is_waited_for_and_the_store_agreed_to(ca: Authority, customer: Customer) -> None:
    database, pipe = chromium(customer), subprocess.PIPE
    script = f"import sys; held = open({str(database.path / 'cert9.db')!r}); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=pipe, stdout=pipe) as browser:
        assert browser.stdout
        browser.stdout.readline()
        done = customer.run("acquire", *customer.who, "--pc", "chromium", *LOGIN_PINS, typed=PINS)
        assert (done.status, "S103" in done.err, str(browser.pid) in done.err) == (3, True, True)
        words = ["acquire", *customer.who, "--pc", "chromium", "--kind", "p256"]
        child = pexpect.spawn(str(PROGRAM), words, env=customer.environment, encoding="utf-8", timeout=60)
        child.expect("S103")
        child.expect("goes on")
        browser.communicate()
    child.expect("Store: .*nssdb")
    child.expect(r"\[Y/n\]")
    child.sendline("")
    child.expect("ogin PIN")
    child.sendline(LOGIN_PIN)
    child.expect("onfirmation PIN")
    child.sendline(CONFIRMATION_PIN)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert ca.states(customer.user) == [State.ACTIVE]


def test_a_chip_is_a_place_on_the_pc_and_no_medium(ca: Authority, customer: Customer, tmp_path: Path) -> None:
    """A TPM in software: named by --pc, or by its label where settings show it as a token."""
    (tmp_path / "chip").mkdir()
    with tpm.running(tmp_path / "chip") as rig:
        customer.environment.update({one: value for one, value in rig.environment.items() if one not in os.environ})
        told = acquire(customer, "tpm", f"{rig.pin}\n")
        assert told["store"] == {"kind": "pc", "name": f"tpm:{rig.serial}"}
        assert [one.store for one in ca.generations(customer.user)] == [StoreKind.PC]
        customer.stick.unplug()
        entry = f'path = "{rig.path}"\nfamily = "tpm"\n'
        (customer.folder / "libraries.d" / "chip.toml").write_text(entry, encoding="utf-8")
        assert "M117" in customer.run("renew").err  # it is not fallen into
        renewed = fine(customer.run("renew", "--medium", rig.serial, "--pin-fd", "0", "--json", typed=f"{rig.pin}\n"))
        assert renewed["store"] == told["store"]  # one store has one name (S4)
        assert [one["name"] for one in stores(customer)] == [told["store"]["name"]]
        listed = json.loads(customer.run("pc", "list", "--json").out)["stores"]
        assert [one["name"] for one in listed if one["pc"] == "tpm"] == [told["store"]["name"]]
        assert ca.states(customer.user) == [State.SUPERSEDED, State.ACTIVE]
