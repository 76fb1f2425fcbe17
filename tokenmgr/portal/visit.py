"""One request: of which bank, by whose certificate, in which session, with which form."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from tokenmgr.domain.audit import Actor, ActorKind
from tokenmgr.domain.entry import Lock
from tokenmgr.domain.generation import Generation
from tokenmgr.domain.look import Look
from tokenmgr.domain.party import Bank, Subscriber
from tokenmgr.errors import EntryError, SessionOver
from tokenmgr.pki.p256 import PrivateKey
from tokenmgr.portal.refusals import refusal
from tokenmgr.portal.words import Words
from tokenmgr.ra.entry import Entrant, locked
from tokenmgr.ra.ports import Standing
from tokenmgr.serving.requests import Pace
from tokenmgr.sql.administration import Administration
from tokenmgr.sql.registry import SqlRegistry
from tokenmgr.sql.sessions import Session, Sessions


@dataclass(frozen=True)
class Portal:
    """All that one worker has in its hands, wired together by the command line."""

    registry: SqlRegistry
    administration: Administration
    sessions: Sessions
    look: Callable[[str], Look]  # of a bank, by its code
    clock: Callable[[], datetime]
    handover_keys: Mapping[str, PrivateKey] = field(default_factory=dict, repr=False)  # by the bank's code
    guessers: Pace = field(default_factory=lambda: Pace(20))  # of one ID: its comparisons take nobody else's place
    acquirers: Pace = field(default_factory=lambda: Pace(20))  # who begin without a certificate, and so may be anybody


@dataclass(frozen=True)
class Visit:
    portal: Portal
    bank: Bank
    look: Look
    words: Words
    now: datetime
    site: str  # the origin that was asked, as browsers write it: https://HOST[:PORT]
    origin: str  # the address that the connection is from
    peer: bytes | None  # the certificate whose key TLS has proven
    entrant: Entrant
    session: Session | None
    lock: Lock | None = None  # that has just ended one
    form: Mapping[str, bytes] = field(default_factory=dict, repr=False)  # raw: a PIN never becomes a str
    query: Mapping[str, str] = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)  # what its route names
    mark: str = field(default="", repr=False)  # of this session's forms

    def at(self, page: str = "") -> str:
        """A path of this bank's."""
        return f"/{self.bank.code}/{page}"

    def text(self, name: str) -> str:
        """A field of the form that is no secret; what is no text is none."""
        return self.form.get(name, b"").decode("utf-8", "replace").strip()

    @property
    def admitted(self) -> tuple[Subscriber, Generation]:
        """Whoever may log in, and with which certificate. Raises why not."""
        entrant = self.entrant
        if entrant.barred is not None or entrant.who is None or entrant.found is None:
            raise self.refusal()
        return entrant.who, entrant.found

    def refusal(self) -> EntryError:
        return refusal(self.portal.registry, self.entrant, self.now)

    @property
    def known(self) -> Session:
        """Of whoever is logged in. Who cannot be is told why, and not to log in again."""
        if self.session is None:
            who, _ = self.admitted  # raises why not
            raise locked(who, self.lock) if self.lock else SessionOver
        return self.session

    @cached_property
    def standing(self) -> Standing:
        return self.portal.registry.standing(self.known.subscriber)

    @property
    def registry(self) -> SqlRegistry:
        """In the hands of whoever is logged in, for the trail."""
        who = self.standing.subscriber
        return self.portal.registry.by(Actor(ActorKind.SUBSCRIBER, who.name, self.origin))


@dataclass(frozen=True)
class Page:
    """`name` is a template's; a Page with a cookie begins or ends a session."""

    name: str
    values: Mapping[str, object] = field(default_factory=dict)
    status: int = 200
    cookie: str | None = None


@dataclass(frozen=True)
class Go:
    """Elsewhere, by another request (303): what a form has done is not done again by a reload."""

    to: str
    cookie: str | None = None  # "" ends the session


@dataclass(frozen=True)
class Data:
    """JSON, for a page's own script."""

    value: object


Answer = Page | Go | Data
Handler = Callable[[Visit], Answer]


def new_token() -> str:
    return secrets.token_urlsafe(32)
