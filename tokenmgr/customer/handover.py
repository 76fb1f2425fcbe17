"""A bank's page has handed its customer over: what it asks for, once that is proven; and what the page is told of it.

Nothing is done before the CA has redeemed the ticket, and nothing that is told to a page ever stops what is done.
"""

from __future__ import annotations

import logging
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from tokenmgr.customer.profiles import Banks, Profile
from tokenmgr.domain.handover import Act, Progress, State
from tokenmgr.errors import (
    AuthorityAnswerWrong,
    HandoverActUnknown,
    HandoverBankUnknown,
    HandoverUnreadable,
    TokenmgrError,
)
from tokenmgr.log import Secret
from tokenmgr.pki import handover

if TYPE_CHECKING:  # it brings an HTTP client, and the native host only reads tickets
    from tokenmgr.renewal.authority import Authority

log = logging.getLogger(__name__)

# As a browser gives it to the program; some put a slash before the question mark.
_ADDRESS = re.compile(r"(?i:tokenmgr)://(?P<act>[a-z]{1,16})/?\?t=(?P<ticket>[A-Za-z0-9_.-]+)")
_TICKET = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class Errand:
    """What a page of this bank's asks for: its key has signed it, it is good now, and its site is the bank's (R6)."""

    profile: Profile
    act: Act
    contract: str
    user: str
    serial: str  # of the certificate to be renewed, lower-case hex; empty: not said
    origin: str
    jti: str
    ticket: str = field(repr=False)


def errand_of(text: str, banks: Banks, now: datetime) -> Errand:
    """Of an address tokenmgr://… or a bare ticket. Before its key is found nothing is believed but whose it may be."""
    named, ticket = _parts(text)
    read = handover.read(ticket)
    claims = read.claims
    profile = next(iter(banks.named(claims.bank)), None)
    if profile is None:
        raise HandoverBankUnknown(bank=claims.bank)
    read.check(profile.handover, profile.name)
    read.judge(profile.code, profile.name, profile.login, now)
    if named not in ("", claims.act):
        raise HandoverActUnknown(act=named)
    who = claims.contract, claims.user, claims.serial
    return Errand(profile, Act(claims.act), *who, claims.origin, claims.jti, ticket)


def _parts(text: str) -> tuple[str, str]:
    """The act that an address names, and the ticket."""
    if found := _ADDRESS.fullmatch(text):
        return found["act"], found["ticket"]
    if not _TICKET.fullmatch(text):
        raise HandoverUnreadable(reason="neither an address tokenmgr://… nor a ticket")
    return "", text


def a_secret() -> Secret:
    """Ours to choose, so that a lost answer is asked for again (S6)."""
    return Secret(secrets.token_urlsafe(32))


class Handover:
    """One errand at the CA. `authority` is nobody else's: a page is told while a renewal is under way."""

    def __init__(self, errand: Errand, authority: Authority, secret: Secret) -> None:
        """`secret`: `a_secret`, and for as long as the ticket is tried the same."""
        self.errand = errand
        self._authority = authority
        self._secret = secret
        self._is_unheard = False

    def redeem(self) -> None:
        """Before anything is done. Again, it asks for the same."""
        if self._authority.redeem(self.errand.ticket, self._secret) != self.errand.jti:
            raise AuthorityAnswerWrong(reason="another hand-over's answer")

    def tell(self, state: State, step: int = 0, code: str = "") -> None:
        """As well as it goes. Once nobody has heard, only the end is tried again: nobody is to wait at each step."""
        told = Progress(state, step, code)
        if self._is_unheard and not state.is_final:
            return
        said = {"state": state.value, "step": told.step or None, "code": told.code or None}
        try:
            self._authority.tell_handover(self.errand.jti, self._secret, said)
        except TokenmgrError as error:
            self._is_unheard = True
            log.info("the page was not told: %s", error)
