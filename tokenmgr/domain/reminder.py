"""What a customer who has logged in is shown of the certificate's end (R2, R3, R4): whether a renewal is open, from
when or until when, and how much is left. Whether it may be renewed is decided in one place, which the CA asks too
(policy.py): a page never offers what the CA would refuse.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from tokenmgr.domain.generation import Generation
from tokenmgr.domain.policy import BankPolicy, Permit, Reason, permit_renewal, renewal_opens

LAST = timedelta(hours=24)  # R2: in these a clock runs


class Stage(Enum):
    EARLY = "early"  # the main page says from when
    OPEN = "open"
    LAST_DAY = "last-day"  # open, and a clock runs
    CLOSED = "closed"  # by its end, or because it is on hold or not the valid one any more


@dataclass(frozen=True)
class Outlook:
    stage: Stage
    opens: datetime
    ends: datetime
    left: timedelta  # until the end, exactly; nothing once that has been

    @property
    def is_open(self) -> bool:
        """Then a reminder comes between login and main page, and 証明書更新 stands on that."""
        return self.stage in (Stage.OPEN, Stage.LAST_DAY)

    @property
    def days(self) -> int:
        """Whole days of 24 hours."""
        return self.left.days

    @property
    def clock(self) -> tuple[int, int, int]:
        """Hours, minutes and seconds. A second that has begun counts: 0:00:00 is the last one (R2; is_over)."""
        seconds = -(-self.left // timedelta(seconds=1))
        return seconds // 3600, seconds // 60 % 60, seconds % 60


def outlook(held: Generation, policy: BankPolicy, now: datetime) -> Outlook:
    """In whichever store the bank offers: the choice is made in the program."""
    opens = renewal_opens(held.not_after, policy)
    left = max(held.not_after - now, timedelta(0))
    return Outlook(_stage(held, policy, now, left), opens, held.not_after, left)


def _stage(held: Generation, policy: BankPolicy, now: datetime, left: timedelta) -> Stage:
    answer = permit_renewal(held, policy.any_store, policy, now)
    if isinstance(answer, Permit):
        return Stage.LAST_DAY if left <= LAST else Stage.OPEN
    return Stage.EARLY if answer.reason is Reason.TOO_EARLY else Stage.CLOSED


def is_successor(newer: Generation | None, held: Generation) -> bool:
    """Whether it has taken this one's place: what a completed renewal looks like, whoever tells of it."""
    return newer is not None and newer.confirmed_at is not None and newer.predecessor == held.serial
