"""Where browsers keep their keys, what the softoken is told, and who has a database open."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.keystore.databases import made, softoken
from tokenmgr import system
from tokenmgr.domain.credential import KeyKind
from tokenmgr.errors import LibraryError
from tokenmgr.keystore import nss
from tokenmgr.log import Secret
from tokenmgr.token.session import Session

INI = """\ufeff[Install4F96D1932A9F858E]
Default=Profiles/abc.default-release

[Profile1]
Name=経理
IsRelative=1
Path=Profiles/xyz.keiri

[Profile0]
Name=default-release
IsRelative=1
Path=Profiles/abc.default-release
"""
OLD_INI = "[Profile0]\nName=first\nPath=one\n\n[Profile1]\nName=usual\nPath=two\nDefault=1\n"


def empty(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for file in nss.FILES:
        (folder / file).touch()
    return folder


def found(home: Path) -> dict[str, Path]:
    return {one.nick: one.path for one in nss.databases(home)}


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("linux", ".mozilla/firefox"),
        ("linux", "snap/firefox/common/.mozilla/firefox"),
        ("windows", "AppData/Roaming/Mozilla/Firefox"),
        ("macos", "Library/Application Support/Firefox"),
    ],
)
def test_firefox_is_the_profile_that_it_starts_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, folder: str
) -> None:
    monkeypatch.setattr(system, "NAME", name)
    usual, other = (empty(tmp_path / folder / "Profiles" / one) for one in ("abc.default-release", "xyz.keiri"))
    (tmp_path / folder / "profiles.ini").write_text(INI, encoding="utf-8")
    assert found(tmp_path) == {"firefox": usual, "firefox:経理": other}


def test_one_that_no_installation_names_is_the_default_one(tmp_path: Path) -> None:
    folder = tmp_path / ".mozilla/firefox"
    first, usual = empty(folder / "one"), empty(folder / "two")
    (folder / "profiles.ini").write_text(OLD_INI, encoding="utf-8")
    assert found(tmp_path) == {"firefox": usual, "firefox:first": first}


@pytest.mark.parametrize("text", [b"", b"Path=outside of any section", b"\xff\xfe broken", b"[Profile0]\nName=x\n"])
def test_a_list_of_profiles_that_cannot_be_read_has_none(tmp_path: Path, text: bytes) -> None:
    folder = tmp_path / ".mozilla/firefox"
    folder.mkdir(parents=True)
    (folder / "profiles.ini").write_bytes(text)
    chromium = empty(tmp_path / ".pki/nssdb")
    assert found(tmp_path) == {"chromium": chromium}


def test_a_profile_without_a_database_is_none(tmp_path: Path) -> None:
    folder = tmp_path / ".mozilla/firefox"
    (folder / "one").mkdir(parents=True)
    (folder / "profiles.ini").write_text(OLD_INI, encoding="utf-8")
    assert found(tmp_path) == {}
    assert not nss.at(folder / "one").has_keys


@pytest.mark.parametrize("name", ["plain", 'it\'s "a folder"', "信用金庫 と 空白", "back\\slash"])
def test_the_softoken_opens_what_it_is_told(tmp_path: Path, name: str) -> None:
    database = made(tmp_path / name)
    assert not database.has_keys
    with softoken(database) as library:
        (facts,) = library.media()
        assert facts.serial == database.name
        assert facts.needs_pin is False
        assert len(facts.label.encode()) <= nss.LONGEST
        with Session.open(library, facts.serial, write=True) as session:
            session.prove(session.generate_key(KeyKind.P256, b"\x01", "made"))
    assert nss.at(database.path).has_keys
    with softoken(database, write=False) as library, Session.open(library, library.media()[0].serial) as session:
        assert [key.label for key in session.contents().keys] == ["made"]


def test_one_with_a_password_wants_it(tmp_path: Path) -> None:
    with softoken(made(tmp_path / "locked", "password 1")) as library:
        (facts,) = library.media()
        assert facts.needs_pin
        with Session.open(library, facts.serial, write=True) as session:
            session.login(Secret("password 1"))
            session.generate_key(KeyKind.P256, b"\x01", "made")


def test_a_look_makes_no_files(tmp_path: Path) -> None:
    with softoken(nss.at(tmp_path), write=False) as library, pytest.raises(LibraryError):
        library.media()
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_database_counts_as_one_with_keys(tmp_path: Path) -> None:
    """Then the softoken is asked, and says what is wrong."""
    folder = empty(tmp_path / "broken")
    (folder / "key4.db").write_bytes(b"no database at all")
    assert nss.at(folder).has_keys


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has a file open")
def test_whoever_has_it_open_is_named_and_our_own_child_is_not(tmp_path: Path) -> None:
    database = made(tmp_path / "db")
    assert nss.programs(database) == ()
    script = f"import sys; held = open({str(database.path / 'cert9.db')!r}); print(flush=True); sys.stdin.read()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", script], stdin=pipe, stdout=pipe) as browser:
        assert browser.stdout
        browser.stdout.readline()
        (told,) = nss.programs(database)
        assert told.endswith(f"({browser.pid})")
        browser.communicate()
    with softoken(database) as library, Session.open(library, library.media()[0].serial, write=True) as session:
        session.generate_key(KeyKind.P256, b"\x01", "made")
        assert nss.programs(database) == ()
    assert not os.path.lexists(database.path / "lock")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has a file open")
def test_one_that_sees_it_under_another_name_is_named_too(tmp_path: Path) -> None:
    """As in a mount namespace of its own; a second name of the file is as good, and needs no privilege."""
    database = made(tmp_path / "db")
    other = tmp_path / "elsewhere.db"
    other.hardlink_to(database.path / "cert9.db")
    script = f"import sys; held = open({str(other)!r}); print(flush=True); sys.stdin.read()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", script], stdin=pipe, stdout=pipe) as browser:
        assert browser.stdout
        browser.stdout.readline()
        assert [told.endswith(f"({browser.pid})") for told in nss.programs(database)] == [True]
        browser.communicate()


def test_where_a_system_does_not_tell_firefoxs_own_lock_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, where nobody else can open it meanwhile."""
    monkeypatch.setattr(system, "openers", lambda _files: None)
    database = nss.at(tmp_path)
    assert nss.programs(database) == ()
    (tmp_path / "parent.lock").touch()
    assert nss.programs(database) == ()
    (tmp_path / "parent.lock").unlink()
    (tmp_path / "parent.lock").mkdir()  # it cannot be opened
    assert nss.programs(database) == ("Firefox",)


def test_where_a_system_does_not_tell_firefoxs_own_lock_does_on_macos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As macOS's Firefox holds it: by fcntl, in another process."""
    monkeypatch.setattr(system, "openers", lambda _files: None)
    database = nss.at(tmp_path)
    file = tmp_path / ".parentlock"
    file.touch()
    assert nss.programs(database) == ()
    hold = "import fcntl, sys; f = open(sys.argv[1], 'ab'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", hold, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert nss.programs(database) == ("Firefox",)
        holder.communicate(b"\n")
    assert nss.programs(database) == ()
