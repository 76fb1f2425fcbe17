"""A rehearsal walks all of a renewal with a key that is thrown away and a certificate that logs in nowhere, so that a
bank knows in advance that its renewals will go through. What the CA knows of them, and who would fail."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from tokenmgr.domain.generation import Generation, StoreKind
from tokenmgr.domain.policy import BankPolicy, Reason, Refusal, Way, in_the_way, permit_rehearsal
from tokenmgr.domain.renewal import Step

LIVES = timedelta(hours=1)  # its certificate, if nobody confirms it before
APART = timedelta(minutes=10)  # two of a subscriber's, unless its bank has asked for one
_CODE = re.compile(r"[A-Z][0-9]{3}")


@dataclass(frozen=True)
class Failure:
    """As the customer's side tells it: an error's code, and which step of the renewal it came in."""

    code: str
    step: Step
    store: StoreKind

    def __post_init__(self) -> None:
        if not _CODE.fullmatch(self.code):
            raise ValueError("code")


@dataclass(frozen=True)
class Rehearsed:
    """What the CA knows of a subscriber's: whether its bank asks for one, and how the last one has ended."""

    asked_at: datetime | None = None
    asked_by: str = ""
    ended_at: datetime | None = None
    store: StoreKind | None = None
    code: str = ""  # empty: it has passed
    step: str = ""  # Step.name, of one that failed
    predecessor: int | None = None  # the serial number of the certificate whose renewal was rehearsed

    def about(self, last: Generation | None) -> Rehearsed:
        """As it stands for a subscriber of whom this is the last one: what was rehearsed with another tells nothing."""
        if last is not None and last.serial == self.predecessor:
            return self
        return Rehearsed(self.asked_at, self.asked_by)

    @property
    def is_answered(self) -> bool:
        """One has ended since the bank has asked, or was tried although nobody had."""
        return self.ended_at is not None and (self.asked_at is None or self.ended_at >= self.asked_at)

    @property
    def has_passed(self) -> bool:
        return self.is_answered and not self.code

    @property
    def is_wanted(self) -> bool:
        """The bank has asked, and none has passed since."""
        return self.asked_at is not None and not self.has_passed


NO_CERTIFICATE = "no-certificate"  # beside those of policy.py


def refusals(
    last: Generation | None,
    pending: Generation | None,
    policy: BankPolicy,
    now: datetime,
    is_user: bool = False,
    is_locked: bool = False,
) -> tuple[str, ...]:
    """Why the CA would refuse a subscriber's renewal now, in the store where its certificate is. A lock keeps nobody
    from renewing; it does where nothing is left but to acquire (R11)."""
    if last is None:
        return (NO_CERTIFICATE, *_locked(is_locked))
    answer = permit_rehearsal(last, last.store or StoreKind.PC, policy, now, is_user)
    if isinstance(answer, Refusal):
        return (answer.reason.value, *_locked(is_locked and answer.way is Way.ACQUIRE))
    return (Reason.PENDING.value,) if in_the_way(pending, now) else ()


def _locked(is_locked: bool) -> tuple[str, ...]:
    return (Reason.LOCKED.value,) if is_locked else ()


class Prospect(Enum):
    """What would become of a subscriber's renewal."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_TRIED = "not-tried"  # since the bank has asked
    REFUSED = "refused"  # by the CA, now

    @property
    def would_fail(self) -> bool:
        return self in (Prospect.FAILED, Prospect.REFUSED)


def prospect(known: Rehearsed, is_refused: bool) -> Prospect:
    """That it went through yesterday helps nobody whom the CA refuses today."""
    if is_refused:
        return Prospect.REFUSED
    if not known.is_answered:
        return Prospect.NOT_TRIED
    return Prospect.FAILED if known.code else Prospect.PASSED
