"""What a browser has on this PC, looked at without it and without a password: its certificates, which keys are beside
them, the PKCS#11 modules that it loads, and what its administrator has set. Nothing is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from tokenmgr.domain.contents import Contents
from tokenmgr.domain.credential import Key, StoredCertificate, TrustAttributes
from tokenmgr.domain.login_policy import AUTO_SELECT, BY_ITSELF, CHOOSES, AutoSelect, read_auto_select
from tokenmgr.errors import NotACertificate
from tokenmgr.keystore.nss import Database, readable
from tokenmgr.pki.facts import certificate_facts

MODULES = "pkcs11.txt"
PROXY = "p11-kit-proxy"  # the module that brings all of p11-kit's
_CERTIFICATE, _PRIVATE_KEY = (kind.to_bytes(4, "big") for kind in (1, 3))  # CKO_*, as the softoken writes numbers
_NOTHING = b"\xa5\x00\x5a"  # what it writes for an empty value
_CLASS, _LABEL, _VALUE, _ID = "a0", "a3", "a11", "a102"  # CKA_*: its columns are named for their numbers, in hex


@dataclass(frozen=True)
class Module:
    name: str
    path: str

    @property
    def is_proxy(self) -> bool:
        return PurePath(self.path).name.startswith(PROXY)


def contents(database: Database) -> Contents:
    """Its keys are known by their IDs alone: their own bytes are sealed, the rest lies open. What cannot be read is
    an error."""
    keys: list[Key] = []
    certificates: list[StoredCertificate] = []
    with readable(database):
        found = _rows(database, "key4.db", "nssPrivate", _PRIVATE_KEY, (_ID, _LABEL))
        keys = [Key(key_id or b"", _text(label), "", None, TrustAttributes(), 0) for key_id, label in found]
    with readable(database):
        found = _rows(database, "cert9.db", "nssPublic", _CERTIFICATE, (_ID, _LABEL, _VALUE))
        certificates = [_certificate(key_id or b"", _text(label), der or b"") for key_id, label, der in found]
    return Contents(database.name, keys, certificates, [], [])


def _rows(
    database: Database, file: str, table: str, kind: bytes, columns: tuple[str, ...]
) -> list[tuple[bytes | None, ...]]:
    if not (database.path / file).is_file():
        return []
    return database.rows(file, f"SELECT {', '.join(columns)} FROM {table} WHERE {_CLASS} = ?", kind)  # noqa: S608  ours


def _text(label: bytes | None) -> str:
    return "" if label in (None, _NOTHING) else label.decode("utf-8", "replace").rstrip("\0")


def _certificate(key_id: bytes, label: str, der: bytes) -> StoredCertificate:
    try:
        return StoredCertificate(key_id, label, der, certificate_facts(der), 0)
    except NotACertificate:
        return StoredCertificate(key_id, label, der, None, 0)


# --- modules ---


def modules(database: Database) -> list[Module]:
    """NSS's list, a paragraph each; its own has no library."""
    with suppress(OSError):
        text = (database.path / MODULES).read_text(encoding="utf-8", errors="replace")
        told = [dict(re.findall(r"^(\w+)=(.*)$", one, re.M)) for one in re.split(r"\n\s*\n", text)]
        return [Module(one.get("name", ""), one["library"].strip()) for one in told if one.get("library", "").strip()]
    return []


P11_KIT = ("usr/share/p11-kit/modules", "etc/pkcs11/modules")  # below /; a user's own lie in ~/.config/pkcs11/modules
_P11_KIT_FOLDERS = ("usr/lib/x86_64-linux-gnu/pkcs11", "usr/lib/aarch64-linux-gnu/pkcs11", "usr/lib64/pkcs11")


def p11_kit_modules(home: Path, root: Path = Path("/")) -> list[Module]:
    """What its proxy loads. A path that is not whole is one of its own folder's."""
    folders = [*(root / one for one in P11_KIT), home / ".config/pkcs11/modules"]
    found = []
    for file in (one for folder in folders if folder.is_dir() for one in sorted(folder.glob("*.module"))):
        with suppress(OSError):
            told = re.search(r"^\s*module\s*:\s*(\S.*?)\s*$", file.read_text(encoding="utf-8", errors="replace"), re.M)
            if told:
                places = [root / one / told[1] for one in _P11_KIT_FOLDERS]  # a whole path stays what it is
                path = next((one for one in places if one.exists()), places[0])
                found.append(Module(file.stem, str(path)))
    return found


# --- what is set ---


def chooses_by_itself(database: Database) -> bool:
    """Firefox's own setting in this profile; user.js is read after prefs.js."""
    value = ""
    for file in ("prefs.js", "user.js"):
        with suppress(OSError):
            text = (database.path / file).read_text(encoding="utf-8", errors="replace")
            for found in re.findall(rf'^user_pref\("{re.escape(CHOOSES)}",\s*"([^"]*)"\);', text, re.M):
                value = found
    return value == BY_ITSELF


@dataclass(frozen=True)
class FirefoxPolicy:
    modules: tuple[Module, ...] = ()
    by_itself: bool | None = None  # None: it says nothing of that


def firefox_policy(file: Path) -> FirefoxPolicy:
    told = _json(file).get("policies")
    told = told if isinstance(told, dict) else {}
    devices, preferences = (told.get(name) for name in ("SecurityDevices", "Preferences"))
    added = devices.get("Add", devices) if isinstance(devices, dict) else {}
    entries = added.items() if isinstance(added, dict) else ()
    found = tuple(Module(str(name), path) for name, path in entries if isinstance(path, str))
    chosen = preferences.get(CHOOSES) if isinstance(preferences, dict) else None
    if chosen is None:
        return FirefoxPolicy(found)
    return FirefoxPolicy(found, (chosen.get("Value") if isinstance(chosen, dict) else chosen) == BY_ITSELF)


def chromium_policy(folder: Path) -> tuple[list[AutoSelect], Path | None]:
    """What selects certificates, and where it stands. One file has the say, and replaces what others say."""
    entries: list[AutoSelect] = []
    from_file = None
    for file, told in _policies(folder):
        if isinstance(told.get(AUTO_SELECT), list):
            entries = [one for one in map(read_auto_select, map(str, told[AUTO_SELECT])) if one]
            from_file = file
    return entries, from_file


def _policies(folder: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    with suppress(OSError):
        for file in sorted(folder.glob("*.json")):
            yield file, _json(file)


def _json(file: Path) -> dict[str, Any]:
    try:
        told = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
