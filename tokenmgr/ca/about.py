"""ca.toml: what a CA is, and which of the keys on its token and of the files beside it are its own.

Whatever changes a CA writes this file whole, at its end: what it does not name is not the CA's, or not yet.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tokenmgr.ca.profile import POLICIES_REHEARSED
from tokenmgr.errors import AuthorityDamaged

PURPOSES = ("root", "issuing", "cmp", "ocsp")
VERSION = 1


@dataclass(frozen=True)
class Held:
    """A key of the CA's: its CKA_ID, and the file of its certificate, beside ca.toml."""

    key_id: bytes
    file: str


Holdings = Mapping[str, Held]  # by purpose: all that one authority has


@dataclass(frozen=True)
class About:
    """ca.toml. `library` and `database` are empty where the CA has its own in its folder."""

    name: str
    created: datetime
    url: str
    status_url: str
    database: str
    library: str
    serial: str
    policy_medium: str
    policy_pc: str
    authorities: tuple[Holdings, ...]  # the oldest first; the newest is the one in service

    @property
    def key_ids(self) -> frozenset[bytes]:
        return frozenset(held.key_id for one in self.authorities for held in one.values())

    @property
    def files(self) -> frozenset[str]:
        """Those of certificates, those that cross from one root to the next included."""
        crossed = (file for number in range(2, len(self.authorities) + 1) for file in crossing_files(number))
        return frozenset((*(held.file for one in self.authorities for held in one.values()), *crossed))


def file_of(purpose: str, number: int) -> str:
    """A first certificate's; what renews it has a number of its own (tokenmgr.ca.renewing)."""
    return f"{purpose}.pem" if number == 1 else f"{purpose}-{number}.pem"


def crossing_files(number: int) -> tuple[str, str]:
    """Of this root and the one before it: the new with the old, the old with the new (RFC 4210, 4.4)."""
    return f"root-{number}-by-{number - 1}.pem", f"root-{number - 1}-by-{number}.pem"


def read_about(file: Path) -> About:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise AuthorityDamaged(file=str(file), reason="syntax", subject=str(error)) from error
    if content.get("version") != VERSION:
        raise AuthorityDamaged(file=str(file), reason="other-version", subject=str(content.get("version")))
    try:
        return About(
            name=_text(content, "name"),
            created=_moment(content),
            url=_address(content, "url", "http", "https"),
            status_url=_address(content, "status_url", "http"),
            database=_text(content, "database"),
            library=_text(content["token"], "library"),
            serial=_text(content["token"], "serial"),
            policy_medium=_policy(content["policies"], "medium"),
            policy_pc=_policy(content["policies"], "pc"),
            authorities=_authorities(content),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise AuthorityDamaged(file=str(file), reason="missing-or-wrong", subject=str(error).strip("'")) from error


def _text(table: Mapping[str, Any], key: str) -> str:
    if not isinstance(table[key], str):
        raise TypeError(key)
    return str(table[key])


def _policy(table: Mapping[str, Any], key: str) -> str:
    """A rehearsal's would make one of every certificate."""
    told = _text(table, key)
    if told in POLICIES_REHEARSED.values():
        raise ValueError(f"policies.{key}")
    return told


def _address(content: Mapping[str, Any], key: str, *schemes: str) -> str:
    parts = urlsplit(_text(content, key))
    if parts.scheme not in schemes or not parts.hostname or parts.port == 0:  # which raises where it is none
        raise ValueError(key)
    return _text(content, key)


def _moment(content: Mapping[str, Any]) -> datetime:
    created = content["created"]
    if not isinstance(created, datetime) or created.tzinfo is None:
        raise TypeError("created")
    return created


def _authorities(content: Mapping[str, Any]) -> tuple[Holdings, ...]:
    found = tuple({purpose: _held(one[purpose], purpose) for purpose in PURPOSES} for one in content["authorities"])
    if not found:
        raise ValueError("authorities")
    return found


def _held(table: Mapping[str, Any], purpose: str) -> Held:
    file = _text(table, "file")
    if Path(file).name != file or not file.endswith(".pem"):
        raise ValueError(f"{purpose}.file")
    return Held(bytes.fromhex(_text(table, "key")), file)


def about_text(about: About) -> str:
    """A basic string of TOML is one of JSON: neither has control characters, and both write \\u for them."""

    def line(key: str, value: str) -> str:
        return f"{key} = {json.dumps(value, ensure_ascii=False)}"

    def held(purpose: str, one: Held) -> str:
        return f"{purpose} = {{ {line('key', one.key_id.hex())}, {line('file', one.file)} }}"

    authorities = [
        ("", "[[authorities]]", *(held(purpose, one[purpose]) for purpose in PURPOSES)) for one in about.authorities
    ]
    return "\n".join(
        (
            f"version = {VERSION}",
            line("name", about.name),
            f"created = {about.created:%Y-%m-%dT%H:%M:%SZ}",
            f"{line('url', about.url)}  # CMP and the banks' pages",
            f"{line('status_url', about.status_url)}  # revocation lists, OCSP, CA certificates: in every certificate",
            f"{line('database', about.database)}  # empty: registry.sqlite beside this file",
            "",
            "[token]",
            f"{line('library', about.library)}  # empty: SoftHSM's, in token/ beside this file",
            line("serial", about.serial),
            "",
            "[policies]",
            line("medium", about.policy_medium),
            line("pc", about.policy_pc),
            *(text for one in authorities for text in one),
            "",
        )
    )
