"""`tokenmgr login`: a medium and the stores of two browsers, what is said of them, and what is set up as is said."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.pki import Authorities, Party, issue, pem, subscriber
from tests.browser.rig import FIREFOX_POLICY, BrowserHome, undisturbed
from tests.cli.runner import Home
from tests.keystore.kept import filled, made
from tests.token.helpers import run

OLD, NEW = 0x40356A192B7913B04C54574D18C28D46E6395428, 0x6F583435DA1D120A20C6502294ADE80757888145
PROFILES = "[Profile0]\nName=default\nIsRelative=1\nPath=a.default\nDefault=1\n"


@pytest.fixture(scope="module")
def look_alikes(authorities: Authorities, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A browser's home with two of one subscriber's, and the old one stored first."""
    home = BrowserHome(tmp_path_factory.mktemp("browsers") / "user")
    home.create(authorities)
    for name, days, number in (("old", (-350, 15), OLD), ("new", (-1, 360), NEW)):
        whose = subscriber()
        home.store(name, (whose, issue(whose, authorities.issuing, days, number)))
    return home.folder


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.environment["HOME"] = str(tmp_path / "user")
    (tmp_path / "user").mkdir()
    return made


@pytest.fixture
def no_policy() -> Iterator[None]:
    with undisturbed(FIREFOX_POLICY):
        yield


def user_of(home: Home) -> Path:
    return Path(home.environment["HOME"])


def know(home: Home, authorities: Authorities, login: str = "https://ib.example") -> None:
    folder = home.folder / "banks.d"
    folder.mkdir()
    (folder / "1234.toml").write_text(
        f'code = "1234"\nname = "みほん信用金庫"\naddress = "https://127.0.0.1:1"\nproxy = "none"\n'
        f'login = "{login}"\nroots = """\n{pem(authorities.root_certificate).decode()}"""\n',
        encoding="utf-8",
    )


def told(home: Home, *arguments: str) -> tuple[int, dict[str, Any]]:
    result = home.run("login", *arguments, "--offline", "--json")
    return result.status, json.loads(result.out)


def of_browser(seen: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [one for one in seen["hosts"][0]["browsers"] if one["browser"] == name]
    return dict(found)


def test_a_medium_is_offered_once_its_library_is_registered_by_the_command_that_is_told(
    home: Home, authorities: Authorities
) -> None:
    assert home.run("testbed", "up", "look-alike").status == 0
    status, seen = told(home, "ib.example")
    before = of_browser(seen, "chromium")
    assert (status, before["outcome"], before["next"]) == (5, "nothing", "register")
    said = home.run("login", "ib.example", "--offline").out
    (command,) = [one.strip() for one in said.splitlines() if one.strip().startswith("tokenmgr desk install")]
    database = user_of(home) / ".pki" / "nssdb"
    database.mkdir(parents=True)
    run("certutil", "-N", "-d", f"sql:{database}", "--empty-password")
    assert home.run(*shlex.split(command)[1:]).status == 0
    status, seen = told(home, "ib.example")
    after = of_browser(seen, "chromium")
    newest = max(after["certificates"], key=lambda one: str(one["not_after"]))
    assert (status, after["outcome"], after["chosen"]) == (0, "asks", [newest["serial_number"]])
    assert [one["hindrance"] for one in after["certificates"] if one is not newest] == ["expired"]
    (device,) = seen["policies"]["firefox"]["policies"]["SecurityDevices"]["Add"].values()
    assert device == seen["browsers"][0]["modules"][0]["path"]
    assert json.loads(home.run("login", "ib.example", "--offline", "--policy", "firefox").out) == {
        "policies": {"SecurityDevices": {"Add": {"tokenmgr-simulated": device}}}
    }


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("ja", ["尋ねます", "古い世代です", "信用金庫の設定ファイルによります", "ウィンドウをすべて閉じて"]),
        ("en", ["The browser will ask", "an older generation", "by the bank's file", "Close all of its windows"]),
    ],
)
@pytest.mark.usefixtures("no_policy")
def test_of_two_look_alikes_both_are_named_as_the_dialog_names_them(
    home: Home, authorities: Authorities, look_alikes: Path, language: str, said: list[str]
) -> None:
    """The newer one first; Firefox has colons in its numbers."""
    know(home, authorities)
    shutil.copytree(look_alikes, user_of(home), dirs_exist_ok=True)
    profile = user_of(home) / ".mozilla" / "firefox" / "a.default"
    shutil.copytree(look_alikes / ".pki" / "nssdb", profile)
    (profile.parent / "profiles.ini").write_text(PROFILES)
    result = home.run("login", "--offline", "--lang", language)
    assert result.status == 0, result.err
    assert [one for one in said if one not in result.out] == []
    for number in (f"{NEW:X}", f"{OLD:X}"):
        assert number in result.out
        assert ":".join(number[at : at + 2] for at in range(0, len(number), 2)) in result.out
    assert result.out.index(f"{NEW:X}") < result.out.index(f"{OLD:X}")
    status, seen = told(home)
    assert [of_browser(seen, name)["chosen"] for name in ("firefox", "chromium")] == [[f"{NEW:x}"]] * 2
    assert "Preferences" not in seen["policies"]["firefox"]["policies"]
    (profile / "user.js").write_text('user_pref("security.default_personal_cert", "Select Automatically");\n')
    status, seen = told(home)
    assert (status, of_browser(seen, "firefox")["outcome"]) == (5, "takes-another")


def test_the_policy_names_the_ca_and_the_subscriber_only_where_there_are_several(
    home: Home, authorities: Authorities, look_alikes: Path
) -> None:
    know(home, authorities, "https://ib.example https://ib.example:8443")
    shutil.copytree(look_alikes, user_of(home), dirs_exist_ok=True)
    entry = '{"pattern": "https://ib.example", "filter": {"ISSUER": {"CN": "Bank CA"}}}'
    policy = json.loads(home.run("login", "--offline", "--policy", "chromium").out)
    assert policy == {"AutoSelectCertificateForUrls": [entry, entry.replace("ib.example", "ib.example:8443")]}
    second: Party = subscriber("suzuki")
    BrowserHome(user_of(home)).store("second", (second, issue(second, authorities.issuing, number=7)))
    refused = home.run("login", "--offline", "--policy", "chromium")
    assert (refused.status, "J152" in refused.err, refused.out) == (2, True, "")
    named = home.run("login", "--offline", "--policy", "chromium", "--certificate", f"{NEW:X}")
    first = json.loads(json.loads(named.out)["AutoSelectCertificateForUrls"][0])
    assert first["filter"]["SUBJECT"] == {"OU": "1234-0012345", "CN": "tanaka"}


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ((), 2, "J151"),
        (("http://ib.example",), 2, "HOST"),
        (("--bank", "9999"), 2, "J110"),
        (("ib.example", "--certificate", "xyz"), 2, "xyz"),
        (("ib.example", "--offline", "--policy", "chromium"), 3, "J153"),
        (("ib.example", "--offline", "--policy", "firefox"), 3, "J153"),
        (("ib.example", "--offline"), 3, "M117"),
    ],
)
def test_where_nothing_can_be_told_it_says_why(home: Home, arguments: tuple[str, ...], status: int, said: str) -> None:
    result = home.run("login", *arguments)
    assert (result.status, said in result.err) == (status, True), result.err


def test_a_host_that_does_not_answer_is_said_and_the_banks_roots_are_taken(
    home: Home, authorities: Authorities, look_alikes: Path
) -> None:
    know(home, authorities, "https://127.0.0.1:1")
    shutil.copytree(look_alikes, user_of(home), dirs_exist_ok=True)
    result = home.run("login", "--json")
    (host,) = json.loads(result.out)["hosts"]
    assert (result.status, host["asked_by"], host["error"]["code"]) == (0, "roots", "J150")
    assert "CN=Bank Root" in " ".join(host["asked"])


def test_what_lies_in_a_file_is_in_no_browser(home: Home) -> None:
    """And one that cannot be read hides no other."""
    one = filled(made(home.folder / "certificates.store", "the first one"))
    assert one.facts is not None
    status, seen = told(home, "ib.example")
    (row,) = of_browser(seen, "chromium")["certificates"]
    assert (status, row["serial_number"], row["hindrance"]) == (5, f"{one.facts.serial_number:x}", "in-another-store")
    (home.folder / "certificates.store").write_bytes(b"damaged")
    (place,) = told(home, "ib.example")[1]["places"]
    assert (place["name"], place["error"]["code"][0]) == (f"file:{home.folder / 'certificates.store'}", "S")
