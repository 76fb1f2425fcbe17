"""What `tokenmgr ca init` is asked for, looked at whole before anything is done or anybody asked for a PIN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self
from urllib.parse import SplitResult, parse_qsl, urlsplit

from tokenmgr.domain.credential import KeyKind
from tokenmgr.errors import CeremonyAsked

DEFAULT_NAME = "しんきん電子証明書認証局"
DEFAULT_URL = "https://localhost:8443"
DEFAULT_STATUS_URL = "http://localhost:8080"
LONGEST_NAME = 64 - len(" G2 OCSP")  # RFC 5280, appendix A.1: characters of a common name, ours with a word after it
DATABASES = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Asked:
    name: str
    kind: KeyKind
    library: str
    serial: str
    url: str
    status_url: str
    database: str

    @classmethod
    def checked(cls, name: str, keys: str, library: str, serial: str, url: str, status_url: str, database: str) -> Self:
        if not name.strip() or name != name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
            raise CeremonyAsked(reason="ca-name", subject=name)
        if bool(library) != bool(serial):
            raise CeremonyAsked(reason="library-and-medium", subject=library or serial)
        reached = _reached_at(url, "ca-url", "http", "https"), _reached_at(status_url, "ca-status-url", "http")
        return cls(name, KeyKind(keys), library, serial, *reached, database_checked(database))


def _reached_at(url: str, reason: str, *schemes: str) -> str:
    """A scheme, a host, and a path if need be, and nothing that is somebody's own. What stands in certificates is plain
    http: whoever checks a server's certificate would need another server's for that (RFC 5280, 8)."""
    parts = _split(url, reason, url)
    plain = url.isascii() and url.isprintable() and " " not in url
    extra = parts.username is not None or parts.password is not None or parts.query or parts.fragment
    if parts.scheme not in schemes or not parts.hostname or parts.port == 0 or not plain or extra:
        raise CeremonyAsked(reason=reason, subject=url)
    return url.rstrip("/")


def database_checked(url: str) -> str:
    """A password would stand in ca.toml, in copies of it, and on the screen. Nor is it repeated in the error."""
    if not url:
        return ""
    parts = _split(url, "database", "")
    named = {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    if parts.password is not None or any("password" in name for name in named):
        raise CeremonyAsked(reason="database-password", subject="")
    if parts.scheme.partition("+")[0] not in DATABASES or not url.isprintable():
        raise CeremonyAsked(reason="database", subject="")
    if parts.scheme.startswith("sqlite") and not parts.path.startswith("//"):  # relative to wherever a command runs
        raise CeremonyAsked(reason="database-relative", subject="")
    return url


def _split(url: str, reason: str, subject: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # which is looked at only when it is asked for
    except ValueError as error:
        raise CeremonyAsked(reason=reason, subject=subject) from error
    return parts
