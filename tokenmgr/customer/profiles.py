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

from tokenmgr.errors import ProfileWrong, ProxyRefused
from tokenmgr.renewal.proxies import read_proxy

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
    _require_address(told["address"])
    import ssl  # here: nothing else needs it where no CA is asked

    roots, tls = _certificates("roots", told["roots"]), told.get("tls_roots") or told["roots"]
    return Profile(
        code=told["code"],
        name=told["name"],
        address=told["address"],
        roots=tuple(map(ssl.PEM_cert_to_DER_cert, roots)),
        tls_roots="" if tls == SYSTEM else "\n".join(_certificates("tls_roots", tls)),
        proxies=_proxies(told.get("proxy", "")),
        service_name=told.get("service_name", ""),
        contact=told.get("contact", ""),
        media_page=told.get("media_page", ""),
    )


def _require_address(address: str) -> None:
    parts = urlsplit(address)
    fits = address.isascii() and parts.scheme == "https" and parts.hostname and parts.port != 0  # or ValueError
    if not fits or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("address is https://HOST, https://HOST:PORT or https://HOST:PORT/PATH")


def _proxies(proxy: str) -> Mapping[str, str] | None:
    """Without a login: a password is in no file that is handed out."""
    if not proxy:
        return None
    if proxy == STRAIGHT:
        return {}
    try:
        read_proxy(proxy)
    except ProxyRefused as error:
        raise ValueError('proxy is "http://HOST:PORT" or "none"') from error
    if "@" in proxy:
        raise ValueError("proxy has a login in it, which a profile may not have")
    return {"https": proxy}


def _certificates(name: str, pem: str) -> list[str]:
    """Without the words around them. With the standard library's eyes, since TLS will look with them."""
    import ssl

    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    blocks = [begin + rest.partition(end)[0] + end for rest in pem.split(begin)[1:]]
    if not blocks:
        raise ValueError(f"{name} has no certificate")
    try:
        ssl.create_default_context(cadata="\n".join(blocks))
    except (ValueError, TypeError, ssl.SSLError) as error:
        raise ValueError(f"{name} is not PEM: {error}") from error
    return blocks
