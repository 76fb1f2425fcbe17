"""The banks that this computer knows: a file of banks.d each, as the bank hands it out (`tokenmgr bank profile`).

code = "1234"
name = "みほん信用金庫"
address = "https://ca.example:8443"
roots = '''-----BEGIN CERTIFICATE----- …'''        whom the CA's answers and its certificates must lead to
tls_roots = "system"                               its server, where that leads to others: PEM, or those of the system
proxy = "http://proxy.example:8080"                where it is not the system's; "none" goes straight
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tokenmgr.errors import BankNotNamed, ProfileMissing, ProfileWrong

SYSTEM, STRAIGHT = "system", "none"
_NEEDED = ("code", "name", "address", "roots")
KNOWN = (*_NEEDED, "tls_roots", "proxy", "service_name", "contact", "media_page")


@dataclass(frozen=True)
class Profile:
    code: str
    name: str
    address: str
    roots: tuple[bytes, ...]
    tls_roots: str  # PEM; empty: those of the system
    proxies: Mapping[str, str] | None  # None: those of the system
    service_name: str = ""
    contact: str = ""
    media_page: str = ""


def profiles(folder: Path) -> list[Profile]:
    found: dict[str, Profile] = {}
    for path in sorted(folder.glob("*.toml")):
        profile = read_profile(path)
        if profile.code in found:
            raise ProfileWrong(file=str(path), reason=f"bank {profile.code} is in another file, too")
        found[profile.code] = profile
    return list(found.values())


def choose(folder: Path, code: str | None) -> Profile:
    """The named bank's, or the only one."""
    found = [one for one in profiles(folder) if code in (None, one.code)]
    if not found:
        raise ProfileMissing(bank=code or "", folder=str(folder))
    if len(found) > 1:
        raise BankNotNamed(banks=tuple(f"{one.code} {one.name}" for one in found))
    return found[0]


def read_profile(path: Path) -> Profile:
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Notepad puts a mark in front
        return _profile(told)
    except (OSError, ValueError) as error:
        raise ProfileWrong(file=str(path), reason=getattr(error, "strerror", None) or str(error)) from error


def _profile(told: Mapping[str, Any]) -> Profile:
    if unknown := sorted(set(told) - set(KNOWN)):
        raise ValueError(f"unknown: {', '.join(unknown)}; known: {', '.join(KNOWN)}")
    for name in KNOWN:
        value = told.get(name, "")
        if not isinstance(value, str) or (name in _NEEDED and not value.strip()):
            raise ValueError(f"{name} is a text")
    if not (len(told["code"]) == 4 and told["code"].isascii() and told["code"].isdigit()):
        raise ValueError("code is four digits")
    parts = urlsplit(told["address"])
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError("address is https://…")
    tls, proxy = told.get("tls_roots") or told["roots"], told.get("proxy", "")
    roots = _certificates("roots", told["roots"])
    if tls != SYSTEM:
        _certificates("tls_roots", tls)
    return Profile(
        code=told["code"],
        name=told["name"],
        address=told["address"],
        roots=roots,
        tls_roots="" if tls == SYSTEM else tls,
        proxies=({} if proxy == STRAIGHT else {"https": proxy}) if proxy else None,
        service_name=told.get("service_name", ""),
        contact=told.get("contact", ""),
        media_page=told.get("media_page", ""),
    )


def _certificates(name: str, pem: str) -> tuple[bytes, ...]:
    """With the standard library's eyes, since TLS will look with them."""
    import ssl  # here: nothing else needs it where no CA is asked

    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    blocks = [begin + rest.partition(end)[0] + end for rest in pem.split(begin)[1:]]
    try:
        found = tuple(ssl.PEM_cert_to_DER_cert(block) for block in blocks)
        ssl.create_default_context(cadata=pem)
    except (ValueError, ssl.SSLError) as error:
        raise ValueError(f"{name} is not PEM: {error}") from error
    if not found:
        raise ValueError(f"{name} has no certificate")
    return found
