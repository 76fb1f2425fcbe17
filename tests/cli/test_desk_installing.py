"""`tokenmgr desk install|status|uninstall` in a user's home of its own, as desktops and NSS's own tool see it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.runner import Home
from tests.contract.services import require
from tests.customer.test_installing import tree
from tests.token.helpers import run
from tokenmgr import catalogue, system
from tokenmgr.customer.browser_modules import devices_in_policy, handed_out, named_libraries, registrations
from tokenmgr.errors import ModuleUnfit
from tokenmgr.wiring import installing

SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.environment |= {"HOME": str(tmp_path / "user"), "PATH": "/usr/bin:/bin"}
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        made.environment.pop(variable, None)
    (tmp_path / "user").mkdir()
    return made


def user_of(home: Home) -> Path:
    return Path(home.environment["HOME"])


@pytest.fixture
def database(home: Home) -> Path:
    """Firefox's of this user: by NSS's own tool."""
    require("certutil")
    require("modutil")
    profile = user_of(home) / ".mozilla/firefox/a.default"
    profile.mkdir(parents=True)
    (profile.parent / "profiles.ini").write_text("[Profile0]\nName=default\nIsRelative=1\nPath=a.default\nDefault=1\n")
    run("certutil", "-N", "-d", f"sql:{profile}", "--empty-password")
    return profile


def test_a_desktop_and_nss_find_what_is_installed_and_it_goes_to_the_byte(home: Home, database: Path) -> None:
    require("desktop-file-validate")
    require("xdg-mime")
    before = tree(user_of(home))
    seen = home.run("desk", "install", "--module", SOFTHSM, "--at-login", "--dry-run", "--json")
    planned = json.loads(seen.out)["changes"]
    assert {one["state"] for one in planned} == {"not-installed"}
    assert tree(user_of(home)) == before
    done = home.run("desk", "install", "--module", SOFTHSM, "--at-login")
    assert (done.status, done.err) == (0, "")
    assert all(one["place"] in done.out for one in planned)
    entries = [one["path"] for one in planned if str(one.get("path")).endswith(".desktop")]
    assert len(entries) == 2
    assert run("desktop-file-validate", *entries).stdout == b""
    asked = subprocess.run(
        ["xdg-mime", "query", "default", "x-scheme-handler/tokenmgr"],
        env=home.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert asked.stdout.strip() == "tokenmgr.desktop"
    listed = run("modutil", "-list", "-dbdir", f"sql:{database}").stdout.decode()
    assert "tokenmgr-softhsm" in listed
    assert f"library name: {SOFTHSM}" in listed
    status = json.loads(home.run("desk", "status", "--json").out)
    assert {one["part"]: one["state"] for one in status["parts"]} == dict.fromkeys(
        ["menu", "scheme", "page", "modules", "at-login"], "installed"
    )
    assert home.run("desk", "status").status == 0
    assert home.run("desk", "uninstall").status == 0
    assert tree(user_of(home)) == before
    assert home.run("desk", "status").status == 5


def test_it_writes_the_paragraph_that_nss_writes(home: Home, database: Path) -> None:
    theirs = shutil.copytree(database, database.parent / "theirs")
    run("modutil", "-force", "-dbdir", f"sql:{theirs}", "-add", "tokenmgr-softhsm", "-libfile", SOFTHSM)
    assert home.run("desk", "install", "--module", SOFTHSM).status == 0
    told = (theirs / "pkcs11.txt").read_bytes()
    assert (database / "pkcs11.txt").read_bytes() == told
    run("modutil", "-force", "-dbdir", f"sql:{database}", "-delete", "tokenmgr-softhsm")
    undone = home.run("desk", "uninstall", "--json")
    assert undone.status == 0
    assert "tokenmgr-softhsm" not in (database / "pkcs11.txt").read_text()


@pytest.mark.parametrize(("language", "said"), [("ja", "残しました"), ("en", "left alone")])
def test_what_was_changed_since_is_left_and_said(home: Home, language: str, said: str) -> None:
    assert home.run("desk", "install").status == 0
    file = user_of(home) / ".config/mimeapps.list"
    file.write_text(file.read_text().replace("tokenmgr.desktop", "mine.desktop"))
    seen = home.run("--lang", language, "desk", "status")
    assert seen.status == 5
    assert f"{file} [Default Applications]" in seen.out
    done = home.run("--lang", language, "desk", "uninstall")
    assert done.status == 5
    assert any(said in line and str(file) in line for line in done.out.splitlines())
    assert "mine.desktop" in file.read_text()


@pytest.mark.parametrize("library", ["/nowhere/x.so", "/etc", "/etc/passwd"])
def test_what_is_no_library_is_not_registered_and_nothing_else_is(home: Home, library: str) -> None:
    done = home.run("desk", "install", "--module", library, "--json")
    assert (done.status, json.loads(done.out)["error"]["code"]) == (4, "D114")
    assert tree(user_of(home)) == {}


def test_what_others_can_write_is_not_set_up_for_everybody(home: Home) -> None:
    library = Path(shutil.copy(SOFTHSM, home.folder))
    home.folder.chmod(0o777)
    done = home.run("desk", "install", "--machine", "--module", str(library), "--dry-run", "--json")
    error = json.loads(done.out)["error"]
    assert (done.status, error["code"]) == (4, "D114")
    assert error["facts"] == {"library": str(home.folder), "reason": "written-by-others"}


def test_nor_is_a_program_that_others_can_write(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python = tmp_path / "bin/python"
    python.parent.mkdir()
    python.touch(0o755)
    python.parent.chmod(0o777)
    monkeypatch.setenv("TOKENMGR_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(installing, "libraries", lambda named: {})
    with pytest.raises(ModuleUnfit) as told:
        installing.require_administrators(())
    assert told.value.facts == {"library": str(python.parent), "reason": "written-by-others"}


def test_what_starts_the_program_is_beside_what_runs_or_is_that(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = str(tmp_path / "python")
    monkeypatch.setattr(sys, "executable", own)
    assert system.program() == system.program(window=True) == (own, "-P", "-m", "tokenmgr")
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert system.program() == (own,)
    (tmp_path / "tokenmgr").touch()
    assert system.program() == system.program(window=True) == (str(tmp_path / "tokenmgr"),)
    (tmp_path / "tokenmgr-desk").touch()
    assert system.program() == (str(tmp_path / "tokenmgr"),)
    assert system.program(window=True) == (str(tmp_path / "tokenmgr-desk"),)


# --- which libraries, and where ---


def test_only_what_a_bank_hands_out_is_registered_unasked() -> None:
    """A device of its own on which keys can be made; never SoftHSM, a TPM, NSS, nor what is made for tests. IDPrime's
    cards have eToken's library on Linux, which is one of those."""
    families = catalogue.shipped().families.values()
    assert {family.name for family in families if not handed_out(family)} == {
        "nss", "opencryptoki", "opensc", "piv", "simulated", "softhsm", "thales-idprime", "tpm",
    }  # fmt: skip


def test_a_library_of_several_families_has_one_name_and_a_name_one_library() -> None:
    found = [("a", "/x.so"), ("b", "/x.so"), ("a", "/y.so"), ("日本 b", "/z.so"), ("a", "/w.so")]
    assert named_libraries(found) == {
        "tokenmgr-a": "/x.so", "tokenmgr-a-2": "/y.so", "tokenmgr--b": "/z.so", "tokenmgr-a-3": "/w.so",
    }  # fmt: skip


def test_what_a_browser_has_already_is_not_registered_twice(tmp_path: Path) -> None:
    folder = tmp_path / ".pki/nssdb"
    folder.mkdir(parents=True)
    for name in ("cert9.db", "key4.db"):
        (folder / name).touch()
    (folder / "pkcs11.txt").write_text(
        "library=/elsewhere/liba.so\nname=Bank\n\nlibrary=/old/libb.so\nname=tokenmgr-b\n\n"
    )
    libraries = {"tokenmgr-a": "/usr/lib/liba.so", "tokenmgr-b": "/usr/lib/libb.so"}
    assert [one.name for one in registrations(tmp_path, libraries, "")] == ["tokenmgr-b"]
    modules = tmp_path / ".config/pkcs11/modules"
    modules.mkdir(parents=True)
    (modules / "b.module").write_text("module: /usr/lib/libb.so\n")
    with (folder / "pkcs11.txt").open("a") as file:
        file.write("library=/usr/lib/x86_64-linux-gnu/p11-kit-proxy.so\nname=p11-kit-proxy\n\n")
    assert [one.name for one in registrations(tmp_path, libraries, "")] == []


def test_a_database_that_is_not_there_is_begun_where_there_is_a_browser_for_it(tmp_path: Path) -> None:
    libraries = {"tokenmgr-a": "/usr/lib/liba.so"}
    assert registrations(tmp_path, libraries, "") == []
    browser = tmp_path / "bin/google-chrome"
    browser.parent.mkdir()
    browser.touch(0o755)
    (made,) = registrations(tmp_path, libraries, str(browser.parent))
    assert made.file == tmp_path / ".pki/nssdb/pkcs11.txt"


@pytest.mark.parametrize(
    ("devices", "below"),
    [(None, ("Add",)), ({"Add": {}}, ("Add",)), ({"Delete": []}, ("Add",)), ({"card": "/card.so"}, ()), ([], ("Add",))],
)
def test_firefoxs_older_policy_is_kept_to(tmp_path: Path, devices: object, below: tuple[str, ...]) -> None:
    file = tmp_path / "policies.json"
    file.write_text(json.dumps({"policies": {} if devices is None else {"SecurityDevices": devices}}))
    assert devices_in_policy(file) == ("policies", "SecurityDevices", *below)
    assert devices_in_policy(tmp_path / "none") == ("policies", "SecurityDevices", "Add")
