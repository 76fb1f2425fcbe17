"""One round, as a timer asks for it: what is due is put into the outbox, and what waits there is handed over. Where a
mail was refused, whoever is in its recipient's place is written in the same round.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime

from tokenmgr.domain.policy import BankPolicy
from tokenmgr.notices import schedule
from tokenmgr.notices.courier import Courier, Tally

JOB = "notices"  # in the registry's list of jobs (sql/jobs.py)


def job_of(bank: str | None) -> str:
    return JOB if bank is None else f"{JOB} {bank}"


def last_of(jobs: Mapping[str, datetime], bank: str | None) -> datetime | None:
    """A round of all banks is one of this bank, too."""
    return max((jobs[name] for name in {JOB, job_of(bank)} if name in jobs), default=None)


def noted(jobs: Mapping[str, datetime], bank: str | None, now: datetime) -> list[str]:
    """What is kept as done now: this one, and in place of what a clock that ran ahead has left in the future."""
    return sorted({job_of(bank), *(name for name, at in jobs.items() if name.split()[0] == JOB and at > now)})


def run(
    courier: Courier,
    policies: Mapping[str, BankPolicy],
    bank: str | None = None,
    tell: Callable[[Tally], None] = lambda _: None,
) -> Counter[str]:
    """What was planned, by why it was skipped; what became of the rest is the courier's tally."""
    planned: Counter[str] = Counter()
    while True:
        refused = courier.tally.refused
        planned += schedule.plan(courier.outbox, policies, courier.clock(), bank)
        courier.tally.expected = courier.tally.count + courier.outbox.waiting(courier.clock(), bank)
        tell(courier.tally)
        courier.deliver(bank, tell)
        if courier.tally.refused == refused:
            return planned
