"""What is due, put into the outbox; and whether the clock is to be trusted with that.

Looking again finds nothing new, so whoever is cut short looks again, and several nodes may look at the same time.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from tokenmgr.domain.notice import AHEAD, LONG, Due, due_notices, furthest_lead, left_out
from tokenmgr.domain.policy import BankPolicy
from tokenmgr.errors import ClockBackwards, ClocksDiffer, LongSinceLast
from tokenmgr.sql.outbox import Outbox

AT_ONCE = 500  # kept in one commit


def require_clock(last: datetime | None, now: datetime, after_pause: bool = False) -> None:
    """A clock that goes back, or has made a leap, would have customers written at the wrong time; `after_pause`: a
    person has looked at what would be sent, and at the clock."""
    if last is None or after_pause:
        return
    if now < last - AHEAD:
        raise ClockBackwards(at=last)
    if now > last + LONG:
        raise LongSinceLast(at=last)


def require_same_clock(common: datetime, now: datetime) -> None:
    """How long a mail is one node's (sql/outbox.py) goes by each node's own clock."""
    if abs(common - now) > AHEAD:
        raise ClocksDiffer(at=common)


def due(
    outbox: Outbox,
    policies: Mapping[str, BankPolicy],
    now: datetime,
    bank: str | None = None,
    with_left_out: bool = False,
) -> Iterator[tuple[str, Due]]:
    """Each with its bank, as they are found; for whoever looks, with those that were noted as left out before."""
    ahead = max((furthest_lead(policy) for policy in policies.values()), default=timedelta())
    for one in outbox.candidates(now, ahead, bank):
        if one.bank in policies:  # or it has been added just now
            which = (one.held, policies[one.bank], now, one.known)
            for found in (*due_notices(*which), *(left_out(*which) if with_left_out else ())):
                yield one.bank, found


def plan(outbox: Outbox, policies: Mapping[str, BankPolicy], now: datetime, bank: str | None = None) -> Counter[str]:
    """How many, by why they are skipped; those that wait are under an empty name."""
    counted: Counter[str] = Counter()
    found = due(outbox, policies, now, bank)
    while some := list(itertools.islice(found, AT_ONCE)):
        outbox.keep(some, now)
        counted.update(one.skipped.value if one.skipped else "" for _, one in some)
    return counted
