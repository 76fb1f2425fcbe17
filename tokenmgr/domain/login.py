"""What a browser offers a bank's host of the certificates that are here, why it keeps the others to itself, and which
of two look-alikes is the right one (R12). Rules only; what browsers do was seen in Chromium 156 and Firefox ESR 153
on Linux: both filter alike, and only what they take by themselves differs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from tokenmgr.domain.credential import CertificateFacts
from tokenmgr.domain.holding import Holding, current
from tokenmgr.domain.login_policy import AutoSelect, Parts

DEEPEST = 20  # issuers that are followed upwards


class Kind(Enum):
    CHROMIUM = "chromium"  # and Chrome and Edge, which are built of it
    FIREFOX = "firefox"


class Hindrance(Enum):
    """Why a certificate is not offered: the first that is true, and so the first to be seen to."""

    MODULE = "module-not-registered"
    ELSEWHERE = "in-another-store"  # into which this browser does not look
    NO_KEY = "no-key"
    NOT_YET = "not-valid-yet"
    EXPIRED = "expired"
    PURPOSE = "not-for-login"
    CHAIN = "intermediate-missing"
    ISSUER = "issuer-not-asked-for"


class Role(Enum):
    RIGHT = "right"
    OLDER = "older"  # something newer of the same subscriber logs in
    UNFINISHED = "unfinished"  # not confirmed: the CA has not made it the one that logs in
    OVER = "over"  # nothing of this subscriber logs in
    OTHER = "other"  # no subscriber's


class Outcome(Enum):
    SILENT = "without-asking"
    ASKS = "asks"
    OTHERS = "only-others"  # it offers something, and none of that logs in
    TAKES_ANOTHER = "takes-another"  # by itself, and that is not the right one
    NOTHING = "nothing"
    UNSEEN = "unseen"  # it looks where we cannot


class Step(Enum):
    NOTHING = "nothing"
    CHOOSE = "choose"
    REGISTER = "register"  # the medium's library in the browser
    OTHER_BROWSER = "other-browser"
    INTERMEDIATE = "intermediate"  # to be put where the browser looks
    POLICY = "policy"  # takes the wrong one: to be changed
    CLOCK = "set-the-clock"
    STATUS = "status"  # has the step that renews, acquires or finishes
    ASK = "ask"  # the bank: the host wants certificates of somebody else
    PLUG = "plug"


@dataclass(frozen=True)
class Candidate:
    """A certificate in one place: on a medium, or in a browser's database."""

    place: str
    on_medium: bool
    facts: CertificateFacts
    held: Holding
    for_login: bool  # its uses let it (RFC 5280, 4.2.1.3 and 4.2.1.12)
    subject: Parts
    issuer: Parts


@dataclass(frozen=True)
class Browser:
    """One of its profiles. `reaches` are the places that it looks into; None: the system's own store."""

    name: str
    kind: Kind
    reaches: frozenset[str] | None
    takes_by_itself: bool = False  # Firefox: "Select Automatically"
    selects: tuple[AutoSelect, ...] = ()  # Chromium's policy


@dataclass(frozen=True)
class Asked:
    """What the host asks for: names of CAs, DER; none: of any. `bank` is the code of the bank whose host it is."""

    names: frozenset[bytes]
    bank: str = ""

    def fits(self, issuers: Sequence[bytes]) -> bool:
        return not self.names or bool(self.names.intersection(issuers))


@dataclass(frozen=True)
class Row:
    candidate: Candidate
    role: Role
    hindrance: Hindrance | None

    @property
    def is_offered(self) -> bool:
        return self.hindrance is None


@dataclass(frozen=True)
class Judged:
    browser: Browser
    rows: Sequence[Row]
    outcome: Outcome
    chosen: Sequence[Row]  # those to choose from; the one that is taken without asking
    step: Step


Authorities = Sequence[tuple[str, CertificateFacts]]  # CAs' certificates, each with its place; "" is no browser's


def judge(
    candidates: Sequence[Candidate],
    browser: Browser,
    origin: tuple[str, int],
    asked: Asked,
    authorities: Authorities,
    now: datetime,
) -> Judged:
    """`origin` is the host's name and port."""
    rows = [
        Row(one, role(one, candidates, now), hindrance(one, browser, asked, authorities, now)) for one in candidates
    ]
    if browser.reaches is None:
        right = [one for one in rows if one.role is Role.RIGHT]
        return Judged(browser, rows, Outcome.UNSEEN, right, Step.CHOOSE if right else _step(rows))
    offered = [one for one in rows if one.is_offered]
    right = [one for one in offered if one.role is Role.RIGHT]
    if not offered:
        return Judged(browser, rows, Outcome.NOTHING, [], _step(rows))
    if taken := takes(offered, browser, origin):
        if all(one.role is Role.RIGHT for one in taken):
            return Judged(browser, rows, Outcome.SILENT, taken, Step.NOTHING)
        return Judged(browser, rows, Outcome.TAKES_ANOTHER, taken, Step.POLICY if right else _step(rows))
    if right:
        return Judged(browser, rows, Outcome.ASKS, right, Step.CHOOSE)
    return Judged(browser, rows, Outcome.OTHERS, offered, _step(rows))


def role(one: Candidate, candidates: Sequence[Candidate], now: datetime) -> Role:
    if one.held.whose is None:
        return Role.OTHER
    best = current([each.held for each in candidates], one.held.whose, now)
    if any(each.held is best and each.facts.der == one.facts.der for each in candidates):
        return Role.RIGHT  # the same certificate in two places: either will do
    if one.held.is_pending or one.held.is_named:
        return Role.UNFINISHED
    return Role.OLDER if best is not None else Role.OVER


def hindrance(
    one: Candidate, browser: Browser, asked: Asked, authorities: Authorities, now: datetime
) -> Hindrance | None:
    """Why this browser does not offer it; None where it does."""
    facts = one.facts
    if browser.reaches is not None and one.place not in browser.reaches:
        return Hindrance.MODULE if one.on_medium else Hindrance.ELSEWHERE
    if not one.held.has_key:
        return Hindrance.NO_KEY
    if now < facts.not_before:
        return Hindrance.NOT_YET
    if one.held.is_over(now):
        return Hindrance.EXPIRED
    if not one.for_login:
        return Hindrance.PURPOSE
    reached = [ca for place, ca in authorities if browser.reaches is None or place in browser.reaches]
    if asked.fits(issuers(facts, reached)):
        return None
    everything = [ca for _, ca in authorities]
    above = issuers(facts, everything)
    ends_early = above[-1] not in [ca.subject_der for ca in everything]
    is_its = one.held.whose is not None and one.held.whose.bank == asked.bank
    return Hindrance.CHAIN if asked.fits(above) or (ends_early and is_its) else Hindrance.ISSUER


def issuers(facts: CertificateFacts, authorities: Collection[CertificateFacts]) -> list[bytes]:
    """The names above it, as far as the certificates that are here lead. A cross-signed CA leads two ways."""
    found = [facts.issuer_der]
    for name in found:
        above = [one.issuer_der for one in authorities if one.subject_der == name]
        found += [one for one in dict.fromkeys(above) if one not in found]
        if len(found) > DEEPEST:
            break
    return found


def takes(offered: Sequence[Row], browser: Browser, origin: tuple[str, int]) -> list[Row]:
    """What it takes without asking: nothing, where it asks. Chromium the one that ends last of those that its policy
    names; Firefox whichever it has stored first, so any of several."""
    if browser.kind is Kind.FIREFOX:
        return list(offered) if browser.takes_by_itself else []
    entries = [one for one in browser.selects if one.fits(*origin)]
    named = [row for row in offered if any(one.names(row.candidate.subject, row.candidate.issuer) for one in entries)]
    return sorted(named, key=_latest, reverse=True)[:1]


def _latest(row: Row) -> tuple[datetime, datetime]:
    return row.candidate.facts.not_after, row.candidate.facts.not_before


_STEPS: Mapping[Hindrance | None, Step] = {
    Hindrance.MODULE: Step.REGISTER,
    Hindrance.ELSEWHERE: Step.OTHER_BROWSER,
    Hindrance.NOT_YET: Step.CLOCK,
    Hindrance.CHAIN: Step.INTERMEDIATE,
    Hindrance.ISSUER: Step.ASK,
    Hindrance.PURPOSE: Step.ASK,
}


def _step(rows: Sequence[Row]) -> Step:
    """What helps the right one; where there is none, whatever helps the certificates that there are (R14)."""
    if not rows:
        return Step.PLUG
    right = next((one for one in rows if one.role is Role.RIGHT), None)
    if right is not None:
        return _STEPS.get(right.hindrance, Step.STATUS)
    early = any(one.hindrance is Hindrance.NOT_YET for one in rows if one.role is Role.OVER)
    return Step.CLOCK if early else Step.STATUS
