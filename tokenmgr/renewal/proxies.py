"""Through which proxy the CA is reached: by HTTP's CONNECT, so that TLS goes on to the CA itself."""

from __future__ import annotations

import base64
import re
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from tokenmgr.errors import ProxyRefused

USUAL_PORT = 8080


@dataclass(frozen=True)
class Proxy:
    """`headers` may have a password: they are in no error and no log."""

    host: str
    port: int
    headers: dict[str, str] = field(repr=False)

    def refuse(self, error: Exception) -> None:
        """What it has decided it decides again: it is not asked twice. The standard library tells of it in words."""
        if found := re.match(r"Tunnel connection failed: (4\d\d)", str(error)):
            reason = "proxy-wants-login" if found[1] == "407" else "proxy-forbids"
            raise ProxyRefused(proxy=f"{self.host}:{self.port}", reason=reason) from error


def proxy_to(host: str, named: Mapping[str, str] | None, scheme: str = "https") -> Proxy | None:
    """What is named is meant, whatever the system excepts from its own."""
    if named is None and urllib.request.proxy_bypass(host):
        return None
    found = (urllib.request.getproxies() if named is None else named).get(scheme, "")
    return read_proxy(found) if found else None


def read_proxy(address: str) -> Proxy:
    """http://HOST:PORT, or HOST:PORT. TLS to the proxy itself, and SOCKS, are not spoken here."""
    shown = address.rpartition("@")[2]
    try:
        parts = urlsplit(address if "//" in address else f"http://{address}")
        port = parts.port or USUAL_PORT
    except ValueError as error:
        raise ProxyRefused(proxy=shown, reason="proxy-unfit") from error
    if parts.scheme != "http" or not parts.hostname:
        raise ProxyRefused(proxy=shown, reason="proxy-unfit")
    return Proxy(parts.hostname, port, _login(parts))


def _login(parts: SplitResult) -> dict[str, str]:
    """Where the system's own proxy is set up with one; a bank's profile has none (customer/profiles.py)."""
    if parts.username is None:
        return {}
    told = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return {"Proxy-Authorization": f"Basic {base64.b64encode(told).decode('ascii')}"}
