"""A CA that is not ours, at the address of its CMP service: it is sent messages, and asked nothing beside them."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Mapping
from datetime import datetime

from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.policy import OldGeneration
from tokenmgr.domain.standing import UNKNOWN, Standing
from tokenmgr.errors import AuthorityRefused
from tokenmgr.log import Secret
from tokenmgr.renewal.authority import PIKXCMP, Authority, Offer, Pause, Ticket


class OtherAuthority(Authority):
    """What ours would tell is not known: it is taken to allow whatever it does not refuse, and the old generation stays
    until it ends. `clock` is this computer's, for there is no other."""

    def __init__(
        self,
        address: str,
        roots: str,
        clock: Callable[[], datetime],
        pause: Pause,
        seconds: float = 20.0,
        proxies: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(address, "", roots, pause, seconds, proxies)
        self._clock = clock
        self._ending = "/" if address.endswith("/") or not self._parts.path else ""  # to some servers it matters
        if self._is_plain and self._proxy is not None:
            self._before, self._always = f"http://{self._parts.netloc}", self._proxy.headers

    @property
    def _is_plain(self) -> bool:
        """Its messages are protected by themselves (RFC 9811, 1)."""
        return self._parts.scheme == "http"

    def _connected(self) -> http.client.HTTPConnection:
        if not self._is_plain:
            return super()._connected()
        host, port = self._parts.hostname or "", self._parts.port or http.client.HTTP_PORT
        if self._proxy is not None:
            host, port = self._proxy.host, self._proxy.port
        return http.client.HTTPConnection(host, port, timeout=self._seconds)

    def offer(self) -> Offer:
        """It is there, at least: found out before a key is made for it."""
        if self._open is None:
            self.connect()
        return Offer(
            bank="",
            name=self.address,
            service_name="",
            contact="",
            media_page="",
            stores=tuple(kind.value for kind in StoreKind),
            key_kinds=tuple(kind.value for kind in KeyKind),
            renewal_days=0,
            grace_days=0,
            policies={},
            old_generation=OldGeneration.AT_EXPIRY.value,
            now=self._clock(),
        )

    def standing(self, fingerprint: str) -> Standing:
        return UNKNOWN

    def claim(self, contract: str, user: str, login_pin: Secret, confirmation_pin: Secret, store: str) -> Ticket:
        """The PINs are nobody's but our CA's."""
        raise AuthorityRefused(fail="notAuthorized", text=self.address)

    def exchange(self, message: bytes) -> bytes:
        return self._until_answered("POST", self._ending, message, PIKXCMP)
