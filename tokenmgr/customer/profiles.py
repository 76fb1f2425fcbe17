"""The banks that this computer knows: a file of banks.d each, as the bank hands it out (`tokenmgr bank profile`).

code = "1234"
name = "みほん信用金庫"
address = "https://ca.example:8443"
roots = '''-----BEGIN CERTIFICATE----- …'''        whom the CA's answers and its certificates must lead to
tls_roots = "system"                               its server, where that leads to others: PEM, or those of the system
proxy = "http://proxy.example:8080"                where it is not the system's; "none" goes straight
login = "https://ib.example"                       where its customers log in; several hosts with blanks between them
handover = '''-----BEGIN PUBLIC KEY----- …'''         whom a hand-over from its page must be signed by; several, too
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tokenmgr.errors import ProfileTwice, ProfileWrong, ProxyRefused

SYSTEM, STRAIGHT = "system", "none"
HTTPS = 443
_NEEDED = ("code", "name", "address", "roots")
KNOWN = (*_NEEDED, "tls_roots", "proxy", "service_name", "contact", "media_page", "login", "handover")


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
    login: tuple[tuple[str, int], ...] = ()  # names and ports
    handover: tuple[bytes, ...] = ()  # public keys: SubjectPublicKeyInfo, DER


@dataclass(frozen=True)
class Banks:
    """What the files tell. One that is broken stands in nobody's way but that bank's, as far as that can be told."""

    known: Sequence[Profile]
    broken: Sequence[ProfileWrong]

    def named(self, bank: str | None) -> list[Profile]:
        found = [one for one in self.known if bank in (None, one.code)]
        if not found and (broken := self.broken_of(bank)):
            raise broken[0]
        return found

    def broken_of(self, *banks: str | None) -> list[ProfileWrong]:
        """That are, or may be, one of these banks'; with None, of any."""
        return [one for one in self.broken if None in banks or one.bank in ("", *banks)]


def profiles(folder: Path) -> Banks:
    """Of a bank in two files neither is believed."""
    found: dict[str, tuple[Path, Profile]] = {}
    broken: dict[Path, ProfileWrong] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            profile = read_profile(path)
        except ProfileWrong as error:
            broken[path] = error
            continue
        if profile.code in found:
            other = str(found[profile.code][0])
            broken[path] = ProfileTwice(file=str(path), reason="", bank=profile.code, other=other)
        else:
            found[profile.code] = path, profile
    twice = {one.bank for one in broken.values() if isinstance(one, ProfileTwice)}
    known = [profile for _, profile in found.values() if profile.code not in twice]
    return Banks(known, list(broken.values()))


def read_profile(path: Path) -> Profile:
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Notepad puts a mark in front
    except OSError as error:
        raise ProfileWrong(file=str(path), reason="profile-not-readable") from error
    except UnicodeDecodeError as error:
        raise ProfileWrong(file=str(path), reason="not-utf8") from error
    except ValueError as error:
        raise ProfileWrong(file=str(path), reason="profile-no-toml") from error
    try:
        return _profile(told)
    except _Unfit as error:
        code = told.get("code")
        bank = code if isinstance(code, str) and _is_code(code) else ""
        raise ProfileWrong(file=str(path), bank=bank, reason=error.reason, subject=error.subject) from error


class _Unfit(Exception):
    """`reason` names a text."""

    def __init__(self, reason: str, subject: str = "") -> None:
        super().__init__(reason, subject)
        self.reason, self.subject = reason, subject


def _is_code(text: str) -> bool:
    return len(text) == 4 and text.isascii() and text.isdigit()


def _profile(told: Mapping[str, Any]) -> Profile:
    if unknown := sorted(set(told) - set(KNOWN)):
        raise _Unfit("profile-unknown", ", ".join(unknown))
    for name in KNOWN:
        value = told.get(name, "")
        if not isinstance(value, str) or (name in _NEEDED and not value.strip()):
            raise _Unfit("profile-text", name)
    if not _is_code(told["code"]):
        raise _Unfit("profile-code")
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
        login=tuple(_login_host(one) for one in told.get("login", "").split()),
        handover=_handover(told.get("handover", "")),
    )


def _handover(pem: str) -> tuple[bytes, ...]:
    if not pem.strip():
        return ()
    from tokenmgr.pki.p256 import public_keys_in  # here: it takes longer to load than all else that a profile needs

    try:
        return public_keys_in(pem)
    except ValueError as error:
        raise _Unfit("profile-handover") from error


def _login_host(address: str) -> tuple[str, int]:
    found = host_of(address)
    if found is None:
        raise _Unfit("profile-login")
    return found


def host_of(address: str) -> tuple[str, int] | None:
    """Name and port of https://HOST[:PORT]; None of what is no such address. Browsers know a login by these two."""
    try:
        _require_address(address)
    except _Unfit:
        return None
    parts = urlsplit(address)
    return (parts.hostname or "", parts.port or HTTPS) if parts.path in ("", "/") else None


def _require_address(address: str) -> None:
    try:
        parts = urlsplit(address)
        fits = address.isascii() and parts.scheme == "https" and parts.hostname and parts.port != 0
    except ValueError as error:  # of a port, or of brackets
        raise _Unfit("profile-address") from error
    if not fits or "@" in parts.netloc or parts.query or parts.fragment:
        raise _Unfit("profile-address")


def _proxies(proxy: str) -> Mapping[str, str] | None:
    """Without a login: a password is in no file that is handed out."""
    if not proxy:
        return None
    if proxy == STRAIGHT:
        return {}
    from tokenmgr.renewal.proxies import read_proxy  # here: it brings a whole HTTP client, and few need a proxy

    try:
        read_proxy(proxy)
    except ProxyRefused as error:
        raise _Unfit("profile-proxy") from error
    if "@" in proxy:
        raise _Unfit("profile-proxy-login")
    return {"https": proxy}


def _certificates(name: str, pem: str) -> list[str]:
    """Without the words around them. With the standard library's eyes, since TLS will look with them."""
    import ssl

    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    blocks = [begin + rest.partition(end)[0] + end for rest in pem.split(begin)[1:]]
    if not blocks:
        raise _Unfit("profile-no-certificate", name)
    try:
        ssl.create_default_context(cadata="\n".join(blocks))
    except (ValueError, TypeError, ssl.SSLError) as error:
        raise _Unfit("profile-no-pem", name) from error
    return blocks
