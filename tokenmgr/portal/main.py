"""The main page, and what comes before it while a renewal is open (R3, R4)."""

from __future__ import annotations

from typing import Any

from tokenmgr.domain.reminder import outlook
from tokenmgr.portal.visit import Go, Page, Visit


def reminder(visit: Visit) -> Page | Go:
    """In the way that the bank has: a list of notices, two buttons, or a box to tick."""
    values = about(visit)
    return Page(f"reminder_{visit.look.reminder.value}", values) if values["seen"].is_open else Go(visit.at("main"))


def notice(visit: Visit) -> Page | Go:
    """お知らせ本文, from the list or from the main page."""
    values = about(visit)
    return Page("notice", values) if values["seen"].is_open else Go(visit.at("main"))


def decide(visit: Visit) -> Go:
    """次へ, with 次回ログイン時に更新する ticked or not."""
    visit.known  # noqa: B018  raises where nobody is logged in
    return Go(visit.at("main" if "later" in visit.form else "renew"))


def main(visit: Visit) -> Page:
    return Page("main", about(visit))


def about(visit: Visit) -> dict[str, Any]:
    """Of whoever is logged in, by the certificate that has logged in."""
    visit.known  # noqa: B018  raises where nobody is logged in
    held = visit.entrant.found
    assert held is not None  # noqa: S101  for mypy: there is no session without
    pending = visit.standing.pending
    seen = outlook(held, visit.bank.policy, visit.now)
    return {"who": visit.standing.subscriber, "held": held, "seen": seen, "pending": pending}
