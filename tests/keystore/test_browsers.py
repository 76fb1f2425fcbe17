"""What is seen of a browser without it: its certificates and keys, its modules, and what its administrator has set."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.browser.pki import Authorities, issue, subscriber
from tests.browser.rig import BrowserHome
from tests.keystore.databases import made
from tests.token.helpers import run
from tokenmgr.domain.login_policy import AutoSelect
from tokenmgr.errors import PcStoreBusy, PcStoreDamaged, PcStoreInUse
from tokenmgr.keystore import browsers
from tokenmgr.keystore.browsers import FirefoxPolicy, Module
from tokenmgr.keystore.nss import FILES, Database, at, databases, require_readable

SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"


@pytest.fixture(scope="module")
def home(authorities: Authorities, tmp_path_factory: pytest.TempPathFactory) -> BrowserHome:
    made = BrowserHome(tmp_path_factory.mktemp("browsers") / "home")
    made.create(authorities)
    return made


def test_certificates_and_the_keys_beside_them_are_seen_without_a_password(
    home: BrowserHome, authorities: Authorities
) -> None:
    """As NSS's own tools have written them, under a password."""
    whose = subscriber()
    home.store("own", (whose, issue(whose, authorities.issuing, number=7)))
    (found,) = databases(home.folder)
    none, password = home.folder / "none", home.folder / "password"
    none.write_text("\n")
    password.write_text("secret 1\n")
    run("certutil", "-W", "-d", f"sql:{home.database}", "-f", none, "-@", password)
    contents = browsers.contents(found)
    (key,) = contents.keys
    by_number = {one.facts.serial_number: one for one in contents.certificates if one.facts}
    assert len(contents.certificates) == 3
    assert (by_number[7].key_id, by_number[7].label, key.label) == (key.key_id, "own", "own")


@pytest.mark.parametrize("file", FILES)
def test_a_database_that_somebody_has_locked_is_told(tmp_path: Path, file: str) -> None:
    database = made(tmp_path)
    with closing(sqlite3.connect(tmp_path / file)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for look in (browsers.contents, require_readable):
            with pytest.raises((PcStoreInUse, PcStoreBusy)) as told:
                look(database)
            assert (told.value.serial, told.value.retriable) == (database.name, True)
    require_readable(database)


def test_a_database_that_is_damaged_is_told_and_one_that_is_not_there_shows_nothing(tmp_path: Path) -> None:
    (tmp_path / "cert9.db").write_bytes(b"SQLite format 3\0" + bytes(100))
    (tmp_path / "key4.db").write_bytes(b"no database")
    for look in (browsers.contents, require_readable):
        with pytest.raises(PcStoreDamaged):
            look(at(tmp_path))
    assert browsers.contents(at(tmp_path / "nowhere")).certificates == []
    assert browsers.modules(at(tmp_path / "nowhere")) == []


def test_modules_are_those_that_modutil_has_registered(home: BrowserHome) -> None:
    run("modutil", "-force", "-dbdir", f"sql:{home.database}", "-add", "a stick", "-libfile", SOFTHSM)
    assert browsers.modules(at(home.database)) == [Module("a stick", SOFTHSM)]


def test_p11_kits_proxy_brings_the_modules_of_its_folders(tmp_path: Path) -> None:
    root, home = tmp_path / "root", tmp_path / "home"
    for folder, name, text in (
        (root / browsers.P11_KIT[0], "one", "# a card\nmodule: /opt/one.so\n"),
        (root / browsers.P11_KIT[1], "two", "module:two.so\ncritical: no\n"),
        (home / ".config/pkcs11/modules", "three", " module : /opt/three.so \n"),
        (root / browsers.P11_KIT[0], "none", "critical: no\n"),
    ):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.module").write_text(text)
    found = {one.name: one.path for one in browsers.p11_kit_modules(home, root)}
    assert found == {"one": "/opt/one.so", "two": found["two"], "three": "/opt/three.so"}
    assert found["two"].endswith("pkcs11/two.so")
    assert Module("", "/usr/lib/x86_64-linux-gnu/p11-kit-proxy.so").is_proxy


def test_firefoxes_own_setting_is_the_last_one_that_was_read(tmp_path: Path) -> None:
    profile = Database("firefox", tmp_path, "firefox")
    assert not browsers.chooses_by_itself(profile)
    (tmp_path / "prefs.js").write_text('user_pref("security.default_personal_cert", "Select Automatically");\n')
    assert browsers.chooses_by_itself(profile)
    (tmp_path / "user.js").write_text('user_pref("security.default_personal_cert", "Ask Every Time");\n')
    assert not browsers.chooses_by_itself(profile)


AUTOMATIC = {"security.default_personal_cert": {"Value": "Select Automatically", "Status": "locked"}}


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"SecurityDevices": {"Add": {"a": "/a.so"}}}, FirefoxPolicy((Module("a", "/a.so"),))),
        ({"SecurityDevices": {"a": "/a.so"}}, FirefoxPolicy((Module("a", "/a.so"),))),
        ({"Preferences": AUTOMATIC}, FirefoxPolicy((), True)),
        ({"Preferences": {"security.default_personal_cert": "Ask Every Time"}}, FirefoxPolicy((), False)),
        ({"SecurityDevices": 1, "Preferences": []}, FirefoxPolicy()),
    ],
)
def test_firefoxes_policy_is_read_as_it_has_it(tmp_path: Path, told: object, found: FirefoxPolicy) -> None:
    file = tmp_path / "policies.json"
    file.write_text(json.dumps({"policies": told}))
    assert browsers.firefox_policy(file) == found
    assert browsers.firefox_policy(tmp_path / "nowhere") == FirefoxPolicy()


def test_of_chromiums_files_the_last_one_has_the_say(tmp_path: Path) -> None:
    """As it was seen: their lists are not put together."""
    entries = [AutoSelect(f"https://{name}.example") for name in "ab"]
    for name, entry in zip(("a.json", "z.json"), entries, strict=True):
        (tmp_path / name).write_text(json.dumps({"AutoSelectCertificateForUrls": [entry.as_text(), "no entry"]}))
    (tmp_path / "zz.json").write_text('{"HomepageLocation": "https://a.example"}')
    (tmp_path / "zzz.json").write_text("damaged")
    assert browsers.chromium_policy(tmp_path) == ([entries[1]], tmp_path / "z.json")
    assert browsers.chromium_policy(tmp_path / "nowhere") == ([], None)
