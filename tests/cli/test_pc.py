"""`tokenmgr pc make|passphrase|export`, as a person at a terminal has them and as a script has."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.cli.runner import Home
from tests.cli.test_prompts import finish, terminal
from tests.keystore.conftest import desktop
from tests.keystore.kept import filled, made, opened
from tokenmgr import clock
from tokenmgr.keystore import file
from tokenmgr.renewal.journal import STORE, Journal, Value

__all__ = ["desktop"]

FIRST, SECOND, OUTSIDE = "the first one", "まったく別のもの", "for the browser"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def store_of(home: Home) -> Path:
    return home.folder / "certificates.store"


def prepared(home: Home) -> str:
    """A store with a certificate, whose passphrase costs nothing to try; the certificate's serial number."""
    one = filled(made(store_of(home), FIRST))
    assert one.facts is not None
    return f"{one.facts.serial_number:x}"


def test_at_a_terminal_a_passphrase_is_asked_for_twice_and_never_shown(home: Home) -> None:
    child = terminal(home, "pc", "make")
    child.expect("New password of the store file:.*certificates.store")
    child.sendline(FIRST)
    child.expect("New password again")
    child.sendline(FIRST)
    shown, status = finish(child)
    assert status == 0
    assert "was made" in shown
    assert FIRST not in shown
    assert opened(store_of(home), FIRST).contents().keys == []
    assert store_of(home).stat().st_mode & 0o777 == 0o600


def test_two_entries_that_differ_make_nothing(home: Home) -> None:
    child = terminal(home, "pc", "make")
    for answer in (FIRST, SECOND):
        child.expect("assword.*: ")
        child.sendline(answer)
    shown, status = finish(child)
    assert "S111" in shown
    assert status == 4
    assert not store_of(home).exists()


def test_what_a_script_is_told(home: Home, tmp_path: Path) -> None:
    place = f"file:{tmp_path / 'elsewhere' / 'mine'}"
    done = home.run("pc", "make", "--pc", place, "--json", "--new-pin-fd", "0", typed=f"{FIRST}\n")
    assert (done.status, json.loads(done.out)) == (0, {"store": place, "opened_by": "passphrase"})
    again = home.run("pc", "make", "--pc", place, "--json", "--new-pin-fd", "0", typed=f"{FIRST}\n")
    assert json.loads(again.out)["error"]["code"] == "S110"
    short = home.run("pc", "make", "--json", "--new-pin-fd", "0", typed="1234567\n")
    assert json.loads(short.out)["error"]["facts"]["shortest"] == 8
    nobody = home.run("pc", "make", "--json")
    assert json.loads(nobody.out)["error"]["code"] == "P107"
    assert not store_of(home).exists()


@pytest.mark.parametrize("name", ["firefox", "file:"])
def test_only_a_file_is_made(home: Home, name: str) -> None:
    done = home.run("pc", "make", "--pc", name, "--new-pin-fd", "0", typed=f"{FIRST}\n")
    assert (done.status, "S101" in done.err) == (4, True)


def test_another_passphrase(home: Home) -> None:
    prepared(home)
    before = file.contents(store_of(home))
    options = ("--pin-fd", "0", "--new-pin-fd", "0")
    wrong = home.run("pc", "passphrase", *options, typed=f"not this one\n{SECOND}\n")
    assert (wrong.status, "S104" in wrong.err) == (4, True)
    done = home.run("pc", "passphrase", *options, "--lang", "ja", typed=f"{FIRST}\n{SECOND}\n")
    assert done.status == 0
    assert "鍵と電子証明書は元のままです" in done.out
    assert opened(store_of(home), SECOND).contents() == before


def test_a_certificate_for_a_browser(home: Home, tmp_path: Path) -> None:
    number, target = prepared(home), tmp_path / "out.p12"
    arguments = ("pc", "export", "--out", str(target), "--pin-fd", "0", "--new-pin-fd", "0")
    typed = f"{FIRST}\n{OUTSIDE}\n"
    done = home.run(*arguments, "--json", typed=typed)
    assert done.status == 0
    assert json.loads(done.out) == {
        "store": f"file:{store_of(home)}",
        "file": str(target),
        "serial_number": number,
    }
    assert "copy of the private key outside" in done.err
    assert target.stat().st_mode & 0o777 == 0o600
    read = ["openssl", "pkcs12", "-in", str(target), "-passin", "stdin", "-nodes", "-nokeys", "-clcerts"]
    assert b"BEGIN CERTIFICATE" in subprocess.run(read, input=OUTSIDE.encode(), capture_output=True, check=True).stdout
    before = target.read_bytes()
    again = home.run(*arguments, typed=typed)
    assert (again.status, "U107" in again.err) == (2, True)
    assert target.read_bytes() == before
    unknown = home.run(*arguments[:3], str(tmp_path / "other"), *arguments[4:], "--certificate", "abc", typed=typed)
    assert (unknown.status, "S113" in unknown.err, number in unknown.err) == (4, True, True)
    assert not (tmp_path / "other").exists()


def test_what_is_here_is_listed_as_journals_have_it(home: Home, tmp_path: Path) -> None:
    """With the files elsewhere that a journal knows, and with no chip where none is."""
    known = [store_of(home), tmp_path / "elsewhere"]
    for number, path in enumerate([*known, tmp_path / "gone"]):
        heading: dict[str, Value] = {STORE: f"file:{path}"}
        Journal.create(home.folder / "journal", str(number), heading, clock.now()).close()
    for path in known:
        made(path, FIRST)
    found = json.loads(home.run("pc", "list", "--json").out)["stores"]
    listed = {(one["pc"], one["name"]) for one in found if not one["browser"]}
    assert listed == {("file", f"file:{known[0]}"), (f"file:{known[1]}", f"file:{known[1]}")}


def test_the_keyring_instead_of_a_passphrase(home: Home, desktop: dict[str, str], tmp_path: Path) -> None:
    home.environment |= desktop
    made_by = home.run("pc", "make", "--keyring", "--json")
    assert (made_by.status, made_by.err) == (0, "")
    assert json.loads(made_by.out)["opened_by"] == "keyring"
    empty = home.run("pc", "export", "--out", str(tmp_path / "out.p12"))
    assert "S113" in empty.err  # opened, and nobody was asked
    done = home.run("pc", "passphrase", "--new-pin-fd", "0", typed=f"{FIRST}\n")
    assert done.status == 0
    assert not file.is_by_keyring(store_of(home))
    back = home.run("pc", "passphrase", "--keyring", "--pin-fd", "0", typed=f"{FIRST}\n")
    assert (back.status, file.is_by_keyring(store_of(home))) == (0, True)
    home.environment["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={tmp_path / 'nobody'}"
    alone = home.run("pc", "passphrase", "--new-pin-fd", "0", typed=f"{FIRST}\n")
    assert (alone.status, "S109" in alone.err) == (3, True)


def test_the_most_talkative_run_does_not_say_a_passphrase(home: Home, tmp_path: Path) -> None:
    prepared(home)
    arguments = ("--pin-fd", "0", "--new-pin-fd", "0", "-v", "-v", "--json")
    done = home.run("pc", "export", "--out", str(tmp_path / "out.p12"), *arguments, typed=f"{FIRST}\n{OUTSIDE}\n")
    assert done.status == 0
    changed = home.run("pc", "passphrase", *arguments, typed=f"{FIRST}\n{SECOND}\n")
    assert "locked anew" in changed.err  # it does talk
    for secret in (FIRST, SECOND, OUTSIDE):
        assert secret not in done.out + done.err + changed.out + changed.err
        for path in home.folder.rglob("*"):
            assert path.is_dir() or secret.encode() not in path.read_bytes()


def test_what_is_in_the_file_is_verified(home: Home) -> None:
    """Every key signs; what a store on the PC does not promise is a note."""
    prepared(home)
    done = home.run("verify", "--pc", "file", "--json", "--pin-fd", "0", typed=f"{FIRST}\n")
    told = json.loads(done.out)
    assert told["name"] == f"file:{store_of(home)}"
    assert [one["certificate"]["subject"] for one in told["keys"]] != []
    assert {one["code"] for one in told["findings"] if not one["problem"]} == {"medium-exports-keys"}
    said = home.run("verify", "--pc", "file", "--pin-fd", "0", typed=f"{FIRST}\n")
    assert f"store file:{store_of(home)}" in said.out.lower()
    assert "medium" not in said.out.lower()
    wrong = home.run("verify", "--pc", "file", "--json", "--pin-fd", "0", typed=f"{SECOND}\n")
    assert json.loads(wrong.out)["error"]["code"] == "S104"


def test_a_damaged_file_leads_out_of_its_circle(home: Home) -> None:
    """What S105 names is typed as it stands, and each step works."""
    prepared(home)
    place = store_of(home)
    place.write_text("{")
    for command in (("pc", "make", "--new-pin-fd", "0"), ("verify", "--pc", "file", "--pin-fd", "0")):
        refused = home.run(*command, "--lang", "en", typed=f"{FIRST}\n")
        assert "S105" in refused.err
    make = next(part for part in re.findall(r"\((tokenmgr [^)]*)\)", refused.err) if "pc make" in part)
    place.rename(place.with_suffix(".damaged"))
    done = home.run(*shlex.split(make)[1:], "--new-pin-fd", "0", typed=f"{FIRST}\n")
    assert done.status == 0, done.err
    assert opened(place, FIRST).contents().keys == []
