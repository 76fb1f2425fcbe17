"""The CA, reached over HTTPS: a bank's offer, a proven claim, and CMP messages as bytes.

The same bytes are sent again until somebody answers or patience is at its end: the CA answers the same request alike
(S6), so it does not matter whether the first ones arrived. The standard library's client, because it is loaded in a
third of the time that others take, and a customer waits for that; one connection serves a whole renewal.
"""

from __future__ import annotations

import http.client
import json
import logging
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from tokenmgr.domain.standing import UNKNOWN, Open, Standing
from tokenmgr.errors import AuthorityAnswerWrong, AuthorityUnreachable, AuthorityUntrusted, TokenmgrError
from tokenmgr.log import Secret
from tokenmgr.renewal.proxies import proxy_to

log = logging.getLogger(__name__)

LONGEST = 256 * 1024  # bytes of an answer
PIKXCMP, JSON = "application/pkixcmp", "application/json"
PAUSES = (0.3, 1.0, 2.0, 4.0, 8.0)  # seconds between two attempts at the same bytes
NO_TLS = ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "HTTP_REQUEST")  # OpenSSL's words for it
NOT_NOW = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID, and _HAS_EXPIRED: by this computer's clock, which may be the one
LONGEST_PAUSE = 30.0  # seconds that a server may ask for; after more than that it is another day's
NOTHING: Mapping[str, str] = {}
Pause = Callable[[float], None]
T = TypeVar("T")
_MALFORMED = (KeyError, TypeError, ValueError, OverflowError)  # the last one: a moment beyond the calendar


@dataclass(frozen=True)
class Offer:
    """What a bank lets its customers choose from (R5, R16)."""

    bank: str
    name: str
    service_name: str
    contact: str
    media_page: str
    stores: tuple[str, ...]
    key_kinds: tuple[str, ...]
    renewal_days: int
    grace_days: int
    policies: Mapping[str, str]
    old_generation: str  # OldGeneration.value (R12)
    now: datetime  # by the CA's clock
    rehearsals: Mapping[str, str] = field(default_factory=dict)  # policies; none: it cannot rehearse


@dataclass(frozen=True)
class Ticket:
    """What the four fields of R9 have brought: the name and the secret of one request."""

    reference: str
    secret: Secret = field(repr=False)
    store: str


class Authority:
    def __init__(
        self,
        address: str,
        bank: str,
        roots: str,
        pause: Pause,
        seconds: float = 20.0,
        proxies: Mapping[str, str] | None = None,
        pauses: tuple[float, ...] = PAUSES,
    ) -> None:
        """`roots` are PEM: whom this CA's server must lead to; empty: to those of the system. Proxies are the system's
        where none are named. Without `pauses` it is tried once: for who looks, and can look again."""
        self.address, self.bank = address.rstrip("/"), bank
        self._parts = urlsplit(self.address)
        self._pause, self._pauses, self._seconds = pause, pauses, seconds
        self._proxy = proxy_to(self._parts.hostname or "", proxies, self._parts.scheme)
        self._before, self._always = "", dict[str, str]()  # of a path, and of headers: for a proxy that reads along
        self._context = ssl.create_default_context(cadata=roots)
        self._open: http.client.HTTPConnection | None = None
        self._asked_for = 0.0  # seconds, by the last answer's Retry-After

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        found, self._open = self._open, None
        if found is not None:
            found.close()

    def connect(self) -> None:
        """Before anything is asked: while whoever is to ask waits for something else."""
        with self._translated():
            self._connection().connect()

    # --- what it is asked ---

    def offer(self) -> Offer:
        found = offer_of(self._json("GET", f"/banks/{self.bank}"))
        if found.bank != self.bank:
            raise AuthorityAnswerWrong(reason="another bank's offer")
        return found

    def standing(self, fingerprint: str) -> Standing:
        """`fingerprint`: SHA-256 of the key's SubjectPublicKeyInfo, in hex."""
        return standing_of(self._json("GET", f"/banks/{self.bank}/keys/{fingerprint}"))

    def claim(self, contract: str, user: str, login_pin: Secret, confirmation_pin: Secret, store: str) -> Ticket:
        """R9. A wrong PIN counts at the CA (R11), so what may have been counted is not sent a second time."""
        self.close()  # one that is kept open may have ended unnoticed, and this goes out once
        fields = {"contract": contract, "user": user, "store": store}
        fields |= {"login_pin": _text(login_pin), "confirmation_pin": _text(confirmation_pin)}
        told = self._json("POST", f"/banks/{self.bank}/acquisitions", json.dumps(fields).encode(), once=True)
        try:
            return Ticket(told["reference"], Secret(told["secret"]), told["store"])
        except (KeyError, TypeError) as error:
            raise AuthorityAnswerWrong(reason=f"a ticket without {error}") from error

    def redeem(self, ticket: str, secret: Secret) -> str:
        """A hand-over ticket of the bank's page; its number. With the same secret it is the same request (S6)."""
        said = json.dumps({"ticket": ticket, "secret": _text(secret)}).encode()
        told = self._json("POST", f"/handover/{self.bank}", said)
        try:
            return _is(str, told, "jti")
        except _MALFORMED as error:
            raise AuthorityAnswerWrong(reason=f"a hand-over without {error}") from error

    def tell_handover(self, jti: str, secret: Secret, progress: Mapping[str, object]) -> None:
        """How far that is. Without a pause: whoever waits for it waits for something else."""
        said, path = json.dumps(progress).encode(), f"/handover/{self.bank}/{jti}"
        self._until_answered("POST", path, said, JSON, {"Authorization": f"Bearer {_text(secret)}"}, ())

    def exchange(self, message: bytes) -> bytes:
        """One CMP message for another (RFC 9811)."""
        return self._until_answered("POST", f"/.well-known/cmp/p/{self.bank}", message, PIKXCMP)

    # --- how ---

    def _json(self, method: str, path: str, body: bytes | None = None, once: bool = False) -> Any:
        answer = self._once(method, path, body, JSON) if once else self._until_answered(method, path, body, JSON)
        try:
            return json.loads(answer)
        except (ValueError, RecursionError) as error:
            raise AuthorityAnswerWrong(reason="no JSON") from error

    def _until_answered(
        self,
        method: str,
        path: str,
        body: bytes | None,
        kind: str,
        more: Mapping[str, str] = NOTHING,
        waiting: tuple[float, ...] | None = None,
    ) -> bytes:
        at_once = () if self._open is None else (0.0,)  # one that is kept open may have ended unnoticed
        pauses = (*at_once, *(self._pauses if waiting is None else waiting), None)
        for pause in pauses:
            try:
                return self._once(method, path, body, kind, more)
            except AuthorityUnreachable as error:
                if pause is None or self._asked_for > LONGEST_PAUSE:
                    raise
                longer = max(pause, self._asked_for)
                log.info("asking again in %s s: %s", longer, error)
                if longer:
                    self._pause(longer)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _once(self, method: str, path: str, body: bytes | None, kind: str, more: Mapping[str, str] = NOTHING) -> bytes:
        headers = self._always | ({"Content-Type": kind} if body is not None else {}) | dict(more)
        self._asked_for = 0.0
        with self._translated():
            connection = self._connection()
            connection.request(method, self._before + self._parts.path + path, body, headers)
            response = connection.getresponse()
            said = response.read(LONGEST + 1)
            if response.length and len(said) <= LONGEST:  # read() says nothing of an answer that was cut
                raise http.client.IncompleteRead(said)
        try:
            self._judge(response, said, kind)
        except TokenmgrError:
            self.close()
            raise
        if response.will_close:
            self.close()
        return said

    def _judge(self, response: http.client.HTTPResponse, said: bytes, kind: str) -> None:
        """A redirect is not followed: whoever is meant stands in the bank's profile."""
        status, told = response.status, response.headers
        if len(said) > LONGEST:
            raise AuthorityAnswerWrong(reason="longer than any answer is")
        if status >= 400:
            self._asked_for = _seconds(told.get("Retry-After", ""))
            self._refuse(status, said, kind)
        if status >= 300:
            raise AuthorityAnswerWrong(reason=f"HTTP {status} {told.get('Location', '')[:200]}".strip())
        if status != 204 and told.get_content_type() != kind:
            raise AuthorityAnswerWrong(reason=f"{told.get_content_type()[:200]} instead of {kind}")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except ssl.SSLCertVerificationError as error:
            self.close()
            reason = "tls-not-now" if error.verify_code in NOT_NOW else error.verify_message
            raise AuthorityUntrusted(address=self.address, reason=reason) from error
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            self.close()
            if isinstance(error, ssl.SSLError) and error.reason in NO_TLS:
                raise AuthorityUntrusted(address=self.address, reason="no-tls") from error
            if self._proxy is not None:
                self._proxy.refuse(error)
            raise AuthorityUnreachable(address=self.address, reason=_reason(error)) from error

    def _refuse(self, status: int, said: bytes, kind: str) -> None:
        """In our CA's words where they are, else as a server that is not in order. What decides of a certificate is in
        a message that the CA has protected, and nowhere else."""
        try:
            from tokenmgr.cmp.conversation import refusal_of  # here: it takes longer to load than a CA takes to answer

            told = json.loads(said)["error"]
            error = refusal_of(str(told["code"]), told["facts"])
        except (ValueError, KeyError, TypeError, RecursionError):
            error = None
        if status >= 500 or error is None:
            reason = f"HTTP {status}" + (f" {error.code}" if error else "")
            raise AuthorityUnreachable(address=self.address, reason=reason)
        if kind == PIKXCMP:
            raise AuthorityAnswerWrong(reason=f"HTTP {status} {error.code}")
        raise error

    def _connection(self) -> http.client.HTTPConnection:
        if self._open is None:
            self._open = self._connected()
        return self._open

    def _connected(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port or 443
        if self._proxy is None:
            return http.client.HTTPSConnection(host, port, timeout=self._seconds, context=self._context)
        through = self._proxy
        made = http.client.HTTPSConnection(through.host, through.port, timeout=self._seconds, context=self._context)
        made.set_tunnel(host, port, through.headers)
        return made


def _seconds(told: str) -> float:
    """A Retry-After (RFC 9110, 10.2.3). One that is a date is left to our own pauses: whose clock would it be by?"""
    return float(told) if told.isascii() and told.isdigit() and len(told) < 9 else 0.0


def offer_of(told: Any) -> Offer:
    """An answer, each field of which is what it must be."""
    try:
        return Offer(
            bank=told["code"],
            name=told["name"],
            service_name=told["service_name"],
            contact=told["contact"],
            media_page=told["media_page"],
            stores=tuple(told["stores"]),
            key_kinds=tuple(told["key_kinds"]),
            renewal_days=told["renewal_days"],
            grace_days=told["grace_days"],
            policies=dict(told["policies"]),
            old_generation=_is(str, told, "old_generation"),
            now=_moment(told, "now"),
            rehearsals=dict(told.get("rehearsals", {})),
        )
    except _MALFORMED as error:
        raise AuthorityAnswerWrong(reason=f"an offer without {error}") from error


def standing_of(told: Any) -> Standing:
    """An answer, each field of which is what it must be: it is compared, and shown."""
    try:
        if told["state"] == UNKNOWN.state:
            return UNKNOWN
        return Standing(
            state=_is(str, told, "state"),
            serial_number=f"{int(_is(str, told, 'serial_number'), 16):x}",
            role=_is(str, told, "role"),
            contract=_is(str, told, "contract"),
            user=_is(str, told, "user"),
            store=_is(str, told, "store"),
            not_after=_moment(told, "not_after"),
            confirm_by=_moment_or_none(told, "confirm_by"),
            is_last=_is(bool, told, "is_last"),
            is_rehearsal=_is_so(told, "is_rehearsal"),
            rehearsal_wanted=_is_so(told, "rehearsal_wanted"),
            locked=_is(bool, told, "locked"),
            renewal=_open(told["renewal"]),
            acquisition=_open(told["acquisition"]),
        )
    except _MALFORMED as error:
        raise AuthorityAnswerWrong(reason=f"a standing without {error}") from error


def _open(told: Any) -> Open:
    return Open(
        is_open=_is(bool, told, "open"),
        until=_moment_or_none(told, "until"),
        reason=_is(str, told, "reason"),
        way=_is(str, told, "way"),
    )


def _is_so(told: Any, name: str) -> bool:
    """What a CA from before does not tell is not so."""
    return _is(bool, told, name) if name in told else False


def _is(kind: type[T], told: Any, name: str) -> T:
    value = told[name]
    if type(value) is not kind:
        raise TypeError(name)
    return value


def _moment(told: Any, name: str) -> datetime:
    found = datetime.fromisoformat(_is(str, told, name))
    if found.tzinfo is None:
        raise ValueError(name)
    return found.astimezone(UTC)


def _moment_or_none(told: Any, name: str) -> datetime | None:
    return None if told[name] is None else _moment(told, name)


def _text(pin: Secret) -> str:
    return pin.reveal().decode("utf-8")


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).strip()
