"""A hand-over: the bank's page says in a signed ticket what its customer wants done here. What a ticket claims, what is
wrong with it at a moment, and what the page may learn of what became of it. (How it is signed is in pki/jws.py.)"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from tokenmgr.domain.renewal import Step

AUDIENCE = "tokenmgr"
TYPE = "tokenmgr-handover+jwt"
LONGEST = 4096  # characters of a whole ticket
LIVES = timedelta(minutes=10)  # at most
SKEW = timedelta(seconds=60)  # that two clocks may be apart
SECRET = re.compile(r"[A-Za-z0-9_-]{43}")  # whoever redeems makes it: 32 random bytes, base64url

_BANK = re.compile(r"[0-9]{4}")
_JTI = re.compile(r"[A-Za-z0-9_-]{22}")  # 16 random bytes, base64url
_WORD = re.compile(r"[!-~]{1,64}")
_WHO = re.compile(r"[0-9A-Za-z-]{0,32}")  # as party.py has it; none is a finding, and no other kind of text
_SERIAL = re.compile(r"[0-9A-Fa-f]{1,40}")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")  # of a claim that may be said again: nobody has signed it yet
_HOST = r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])"
_ORIGIN = re.compile(rf"https://(?P<host>{_HOST})(?::(?P<port>[1-9][0-9]{{0,4}}))?")
_HTTPS = 443
_LAST_SECOND = 253_402_300_799  # of the calendar: 9999-12-31

Place = tuple[str, int]  # a host and its port, as a bank's profile names where its customers log in


class Act(Enum):
    RENEW = "renew"
    ACQUIRE = "acquire"


class Wrong(Enum):
    """Why a ticket is not taken."""

    AUDIENCE = "not-for-tokenmgr"
    BANK = "of-another-bank"
    MISSING = "nobody-named"
    ACT = "unknown-act"
    LIFETIME = "lives-too-long"
    NOT_YET = "not-yet"
    EXPIRED = "over"
    ORIGIN = "not-the-banks-site"


class Unreadable(Exception):
    """No claims of ours. `reason` says what is wrong, in English, for whoever makes tickets."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Claims:
    """As they stand in a ticket: each of its form, and nothing judged yet."""

    bank: str
    audience: str
    jti: str
    issued_at: datetime
    expires_at: datetime
    origin: str
    act: str
    contract: str
    user: str
    serial: str = ""  # of the certificate to be renewed, lower-case hex; empty: not said

    @property
    def whom(self) -> str:
        return f"{self.bank}/{self.contract}/{self.user}"


# --- read and written ---

_TEXTS = {"iss": _BANK, "jti": _JTI, "aud": _WORD, "act": _WORD, "contract": _WHO, "user": _WHO, "serial": _SERIAL}
_NEEDED = ("iss", "aud", "jti", "iat", "exp", "origin", "act")
_KNOWN = (*_NEEDED, "contract", "user", "serial")


def claims_of(payload: bytes) -> Claims:
    """Strictly: what is there twice, of another type or unknown here is nobody's claim. (RFC 7519, 4, lets us.)"""
    told = read_object(payload)
    if unknown := sorted(set(told) - set(_KNOWN)):
        raise Unreadable(f"unknown claim {unknown[0]}" if _NAME.fullmatch(unknown[0]) else "unknown claim")
    for name in _NEEDED:
        if name not in told:
            raise Unreadable(f"no claim {name}")
    for name, form in _TEXTS.items():
        value = told.get(name)
        if name in told and not (isinstance(value, str) and form.fullmatch(value)):
            raise Unreadable(f"claim {name}")
    if not isinstance(told["origin"], str) or place_of(told["origin"]) is None:
        raise Unreadable("claim origin")
    return Claims(
        bank=told["iss"],
        audience=told["aud"],
        jti=told["jti"],
        issued_at=_moment(told, "iat"),
        expires_at=_moment(told, "exp"),
        origin=told["origin"],
        act=told["act"],
        contract=told.get("contract", ""),
        user=told.get("user", ""),
        serial=told.get("serial", "").lower().lstrip("0"),
    )


def read_object(data: bytes) -> dict[str, Any]:
    """JSON in UTF-8: an object without anything twice in it."""
    try:
        found = json.loads(data.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Unreadable("no JSON") from error
    if not isinstance(found, dict):
        raise Unreadable("no JSON object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable("the same name twice")
    return found


def _moment(told: dict[str, Any], name: str) -> datetime:
    """NumericDate in whole seconds (RFC 7519, 2)."""
    value = told[name]
    if type(value) is not int or not 0 <= value <= _LAST_SECOND:
        raise Unreadable(f"claim {name}")
    return datetime.fromtimestamp(value, UTC)


def payload_of(claims: Claims) -> bytes:
    told: dict[str, object] = {
        "iss": claims.bank,
        "aud": claims.audience,
        "jti": claims.jti,
        "iat": int(claims.issued_at.timestamp()),
        "exp": int(claims.expires_at.timestamp()),
        "origin": claims.origin,
        "act": claims.act,
        "contract": claims.contract,
        "user": claims.user,
    }
    return json.dumps(told | ({"serial": claims.serial} if claims.serial else {}), separators=(",", ":")).encode()


def place_of(origin: str) -> Place | None:
    """Of an origin as browsers write it (RFC 6454, 6.2): lower case, no path, and no port where it is the usual one."""
    found = _ORIGIN.fullmatch(origin)
    if found is None:
        return None
    port = int(found["port"] or _HTTPS)
    if port > 0xFFFF or found["port"] == str(_HTTPS):
        return None
    return found["host"].strip("[]"), port


def is_jti(text: str) -> bool:
    return _JTI.fullmatch(text) is not None


# --- the rules ---


def faults(claims: Claims, bank: str, places: Collection[Place] | None, now: datetime) -> tuple[Wrong, ...]:
    """All that is wrong at this moment. `places` is where the bank's customers log in; None: not known here, as at the
    CA, and not judged."""
    rules: tuple[tuple[Wrong, Callable[[], bool]], ...] = (
        (Wrong.AUDIENCE, lambda: claims.audience != AUDIENCE),
        (Wrong.BANK, lambda: claims.bank != bank),
        (Wrong.MISSING, lambda: not (claims.contract and claims.user)),
        (Wrong.ACT, lambda: claims.act not in {one.value for one in Act}),
        (Wrong.LIFETIME, lambda: not timedelta(0) < claims.expires_at - claims.issued_at <= LIVES),
        (Wrong.NOT_YET, lambda: claims.issued_at - now > SKEW),
        (Wrong.EXPIRED, lambda: now - claims.expires_at > SKEW),
        (Wrong.ORIGIN, lambda: places is not None and place_of(claims.origin) not in places),
    )
    return tuple(wrong for wrong, holds in rules if holds())


# --- what the page may learn ---


class State(Enum):
    """In their order. Nothing else is ever told, and nothing of a certificate."""

    WAITING = "waiting"  # nobody has taken it up, or nobody knows it
    OPEN = "open"  # redeemed: the program is there
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"
    DECLINED = "declined"

    @property
    def is_final(self) -> bool:
        return self in (State.DONE, State.FAILED, State.DECLINED)


_CODE = re.compile(r"[A-Z][0-9]{3}")
_ORDER = {State.WAITING: 0, State.OPEN: 1, State.WORKING: 2, State.DONE: 3, State.FAILED: 3, State.DECLINED: 3}


@dataclass(frozen=True)
class Progress:
    """`step` is one of the nine while it works; `code` is the error's, of one that failed."""

    state: State
    step: int = 0
    code: str = ""

    def __post_init__(self) -> None:
        if self.step not in (range(1, 1 + len(Step)) if self.state is State.WORKING else (0,)):
            raise ValueError("step")
        if not (_CODE.fullmatch(self.code) if self.state is State.FAILED else not self.code):
            raise ValueError("code")

    def follows(self, before: Progress) -> bool:
        """Forward only, and an end is the last of all: what comes late, or again, changes nothing."""
        return (_ORDER[self.state], self.step) > (_ORDER[before.state], before.step)


WAITING, OPENED = Progress(State.WAITING), Progress(State.OPEN)
