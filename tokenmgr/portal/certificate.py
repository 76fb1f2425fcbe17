"""What somebody has been given so far: the certificate that logs in, those before it, and what became of each (R12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tokenmgr.domain.generation import Generation, State
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.portal.visit import Page, Visit
from tokenmgr.portal.words import Words

_NEVER_GIVEN = (State.RECORDED, State.VOID)


@dataclass(frozen=True)
class Given:
    one: Generation
    subject: str
    fate: str
    is_good: bool  # it logs in


def certificate(visit: Visit) -> Page:
    session, who = visit.known, visit.standing.subscriber
    values = {"who": who, "used": session.serial, "email": masked(who.email), "left": left(visit)}
    return Page("certificate", {**values, "given": given(visit, who.id)})


def given(visit: Visit, subscriber: int) -> list[Given]:
    """The newest first."""
    history = visit.portal.administration.history(subscriber)
    return [_told(visit, one) for one in reversed(history) if one.state not in _NEVER_GIVEN]


def _told(visit: Visit, one: Generation) -> Given:
    is_over = one.state in (State.ACTIVE, State.HELD, State.SUPERSEDED) and one.is_over(visit.now)
    words = visit.words
    fate = words(
        f"contract_page.fate_{'expired' if is_over else one.state.value}",
        at=words.moment(one.revoked_at) if one.revoked_at else "",
        by=words.moment(one.confirm_by) if one.confirm_by else "",
        reason=words(f"contract_page.reason_{one.reason.value}") if one.reason else "",
    )
    return Given(one, certificate_facts(one.certificate).subject, fate, one.state is State.ACTIVE and not is_over)


def left(visit: Visit) -> str:
    last = visit.standing.last
    return days_left(visit.words, last.not_after, visit.now) if last else ""


def days_left(words: Words, not_after: datetime, now: datetime) -> str:
    """Whole days; hours and minutes on the last one (R2)."""
    rest = not_after - now
    if rest < timedelta(0):
        return words("contract_page.days_over")
    if rest >= timedelta(days=1):
        return words("contract_page.days_left", days=rest.days)
    minutes = rest // timedelta(minutes=1)
    return words("contract_page.hours_left", hours=minutes // 60, minutes=minutes % 60)


def masked(address: str) -> str:
    """Enough for its owner to know it again, and for nobody else to write to it."""
    name, _, domain = address.partition("@")
    return f"{name[:1]}***@{domain}" if domain else ""
