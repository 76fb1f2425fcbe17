"""The main page, and what comes before it while a renewal is open (R3, R4)."""

from __future__ import annotations

from tokenmgr.portal.visit import Go, Page, Visit


def reminder(visit: Visit) -> Page | Go:
    visit.known  # noqa: B018  raises where nobody is logged in
    return Go(visit.at("main"))


def main(visit: Visit) -> Page:
    visit.known  # noqa: B018  raises where nobody is logged in
    return Page("main", {"standing": visit.standing})
