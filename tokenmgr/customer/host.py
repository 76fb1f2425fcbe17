"""What a bank's host asks for when somebody logs in: the names of CAs in the CertificateRequest of its TLS handshake.

The handshake is the standard library's, which tells of its messages through a hook without a promise (`_msg_callback`,
since Python 3.8). Where that is gone, or the host is silent, the bank's own roots are taken instead, and that is said.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from tokenmgr.customer.profiles import Profile
from tokenmgr.errors import HostSilent, ProxyRefused
from tokenmgr.pki.der import Malformed
from tokenmgr.pki.login import CERTIFICATE_REQUEST, authorities_asked
from tokenmgr.renewal.proxies import proxy_to

HOOK = "_msg_callback"
SECONDS = 6.0  # somebody sits before the screen


@dataclass(frozen=True)
class Host:
    name: str
    port: int
    bank: Profile | None  # None: a host that no bank's file names

    @property
    def origin(self) -> tuple[str, int]:
        return self.name, self.port


def names_asked(host: Host, seconds: float = SECONDS) -> list[bytes]:
    """DER; none: certificates of any CA. Nothing is sent but the handshake, and what is heard decides of nothing but
    this advice: so the host need not prove itself here, as it will have to before a browser."""
    heard: list[list[bytes]] = []
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def listen(_: object, direction: str, version: int, __: object, kind: int, message: bytes) -> None:
        if direction == "read" and kind == CERTIFICATE_REQUEST:
            heard.append(authorities_asked(message, version == ssl.TLSVersion.TLSv1_3))

    reason = "not-asked"
    if hasattr(context, HOOK):
        setattr(context, HOOK, listen)
    else:
        reason = "not-heard"
    try:
        _shake_hands(host, context, seconds, host.bank.proxies if host.bank else None)
    except (OSError, http.client.HTTPException, UnicodeError, ProxyRefused, Malformed) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if not heard:
        raise HostSilent(host=f"{host.name}:{host.port}", reason=reason.strip())
    return heard[0]


def _shake_hands(host: Host, context: ssl.SSLContext, seconds: float, proxies: Mapping[str, str] | None) -> None:
    through = proxy_to(host.name, proxies)
    if through is None:
        connection = http.client.HTTPSConnection(host.name, host.port, timeout=seconds, context=context)
    else:
        connection = http.client.HTTPSConnection(through.host, through.port, timeout=seconds, context=context)
        connection.set_tunnel(host.name, host.port, through.headers)
    try:
        connection.connect()
    finally:
        connection.close()
