"""NSS's databases: where Firefox, and Chromium on Linux, look for certificates to log in with.

A folder with cert9.db and key4.db (SQLite). NSS's softoken opens it as a PKCS#11 token, so this file only knows where
they are, what the softoken has to be told, and who has one open. Nothing of non-exportable is promised for them:
NSS's own tool takes keys out (S1).
"""

from __future__ import annotations

import configparser
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tokenmgr import system
from tokenmgr.errors import PcStoreBusy, PcStoreDamaged, PcStoreInUse

KIND = "nss"
FILES = ("cert9.db", "key4.db")
LONGEST = 32  # bytes: CK_TOKEN_INFO.label
_FIREFOX = {
    "linux": (
        ".mozilla/firefox",
        ".config/mozilla/firefox",
        "snap/firefox/common/.mozilla/firefox",
        ".var/app/org.mozilla.firefox/.mozilla/firefox",
    ),
    "windows": ("AppData/Roaming/Mozilla/Firefox",),
    "macos": ("Library/Application Support/Firefox",),
}
_CHROMIUM = {"linux": (".pki/nssdb", ".local/share/pki/nssdb"), "windows": (), "macos": ()}
_PRIVATE_KEY = bytes.fromhex("00000003")  # CKO_PRIVATE_KEY, as the softoken writes numbers


@dataclass(frozen=True)
class Database:
    """`nick` is how a person names it: "firefox", "firefox:work", "chromium"; else its folder's name."""

    nick: str
    path: Path
    browser: str = ""

    @property
    def name(self) -> str:
        return f"{KIND}:{self.path}"

    @property
    def is_there(self) -> bool:
        return all((self.path / file).is_file() for file in FILES)

    def rows(self, file: str, asked: str, *values: bytes) -> list[tuple[bytes | None, ...]]:
        """By a look past the softoken, without a password."""
        with closing(sqlite3.connect(f"{(self.path / file).as_uri()}?mode=ro", uri=True, timeout=2)) as opened:
            return opened.execute(asked, values).fetchall()

    @property
    def has_keys(self) -> bool:
        """By a look past the softoken, which takes 50 ms for each database; a doubt counts as yes."""
        if not self.is_there:
            return False
        try:
            return bool(self.rows("key4.db", "SELECT a0 FROM nssPrivate WHERE a0 = ? LIMIT 1", _PRIVATE_KEY))
        except sqlite3.Error:
            return True

    @property
    def label(self) -> str:
        """What the token is to call itself: short, and enough to know it by in an error."""
        return self.nick.encode()[-LONGEST:].decode(errors="ignore")


def at(path: Path) -> Database:
    return Database(path.name, path.resolve())


def databases(home: Path) -> list[Database]:
    """This user's, by browser; the profile that a browser starts with comes first."""
    found = [one for folder in _FIREFOX[system.NAME] for one in _profiles(home / folder)]
    found += [Database("chromium", home / folder, "chromium") for folder in _CHROMIUM[system.NAME]]
    there = [replace(one, path=one.path.resolve()) for one in found if one.is_there]
    before = [[known for other in there[:number] for known in (other.nick, other.name)] for number in range(len(there))]
    return [one for one, known in zip(there, before, strict=True) if not {one.nick, one.name} & {*known}]


def _profiles(folder: Path) -> Iterator[Database]:
    """Firefox's profiles.ini: [Install…] names the profile of each installation, [Profile…] lists all."""
    listed = configparser.ConfigParser(interpolation=None, strict=False)
    with suppress(OSError, configparser.Error, UnicodeError):
        listed.read_string((folder / "profiles.ini").read_text(encoding="utf-8-sig"))
    usual = [listed[one].get("Default", "") for one in listed.sections() if one.startswith("Install")]
    profiles = [listed[one] for one in listed.sections() if one.startswith("Profile") and listed[one].get("Path")]
    if not usual:
        usual = [one["Path"] for one in profiles if one.get("Default") == "1"]
    for path in [*usual, *(one["Path"] for one in profiles)]:
        name = next((one.get("Name", "") for one in profiles if one["Path"] == path), "")
        yield Database(
            "firefox" if path in usual[:1] else f"firefox:{name or Path(path).name}", folder / path, "firefox"
        )


def told(database: Database, write: bool = False) -> str:
    """What C_Initialize is told: NSS's module parameters. Read only, it makes no file that is not there."""
    quoted = "".join(f"\\{letter}" if letter in "\\'\"" else letter for letter in f"sql:{database.path}")
    flags = "" if write else "readOnly"
    label = database.label.replace("\\", "").replace("'", "")
    parts = f"configdir='{quoted}'", "certPrefix=''", "keyPrefix=''", "secmod='secmod.db'", f"flags={flags}"
    return " ".join([*parts, f"dbTokenDescription='{label}'"])


@contextmanager
def readable(database: Database) -> Iterator[None]:
    """What stands in the way of a look, in words: the softoken's own for all of it is one. What a crash has left half
    done, and tables that are not there, the softoken mends."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            if others := programs(database):
                raise PcStoreInUse(serial=database.name, programs=others) from error
            raise PcStoreBusy(serial=database.name, place=str(database.path)) from error
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_CANTOPEN):
            raise PcStoreDamaged(serial=database.name, place=str(database.path), reason="store-not-whole") from error


def require_readable(database: Database) -> None:
    for file in FILES:
        with readable(database):
            database.rows(file, "SELECT name FROM sqlite_master")


def programs(database: Database) -> tuple[str, ...]:
    """Who has it open, and would not see what we change. Where a system does not tell, Firefox's own lock does."""
    found = system.openers([database.path / file for file in FILES])
    if found is not None:
        others = [one for one in found if one.name != system.CHILD_NAME[:15]]
        return tuple(dict.fromkeys(f"{one.name} ({one.process})" for one in others))
    if system.is_locked_elsewhere(database.path / ".parentlock"):  # on macOS
        return ("Firefox",)
    try:
        with (database.path / "parent.lock").open("r+b"):  # on Windows, where nobody else may open it meanwhile
            return ()
    except FileNotFoundError:
        return ()
    except OSError:
        return ("Firefox",)
