"""What a bank lets its customers do, and when: the rules R1, R2, R9, R10, R12 and S3 as pure functions.

A permit says until when; a refusal says why, from when it would be otherwise, and the one way that is open instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.generation import Generation, State, StoreKind

SIGNING = timedelta(minutes=1)  # what was recorded less than this ago may be on its way to the token and back


class OldGeneration(Enum):
    """What becomes of the generation before, once its successor is confirmed (R12)."""

    AT_CONFIRMATION = "at confirmation"  # revoked as superseded at once
    AT_LOGIN = "at login"  # revoked when the new one has logged in
    AT_EXPIRY = "at expiry"  # stays until it ends by itself


@dataclass(frozen=True)
class BankPolicy:
    """Days are whole days of 24 hours. Defaults are what most of the banks do."""

    media_offered: bool = True
    pc_allowed: bool = True
    validity_days: int = 365  # R1
    renewal_days: int = 30  # R2: how long before expiry a renewal opens
    notice_days: tuple[int, ...] = (30, 10)  # R3
    escalation_days: tuple[int, ...] = (3,)  # before a user's certificate ends, its contract's administrators are told
    expired_notice: bool = True  # a mail when one has run out
    renewed_notice: bool = True  # a mail when one was renewed
    grace_days: int = 0  # R9: how long after expiry an ID may acquire by itself; 0, 80, 90, 180 are in use
    acquisition_days: int = 80  # R10: how long an acquisition stays open
    key_kinds: tuple[KeyKind, ...] = (KeyKind.RSA_2048, KeyKind.RSA_3072, KeyKind.RSA_4096, KeyKind.P256, KeyKind.P384)
    confirm_hours: int = 168  # S7: how long an unconfirmed certificate waits
    old_generation: OldGeneration = OldGeneration.AT_LOGIN
    wrong_pins: int = 5  # R11: the last wrong entry locks the ID
    lock_contract: bool = False  # R11: an administrator's lock-out locks the whole contract
    ticket_minutes: int = 10  # how long the one-time secret of an acquisition is good
    est: bool = False  # RFC 7030, for other people's clients; nobody confirms what it brings

    def __post_init__(self) -> None:
        for name, (lowest, highest) in RANGES.items():
            if not lowest <= getattr(self, name) <= highest:
                raise ValueError(name)
        if not (self.media_offered or self.pc_allowed):
            raise ValueError("pc_allowed")
        if not self.key_kinds or not set(self.key_kinds) <= CERTIFIABLE:
            raise ValueError("key_kinds")
        if len(self.notice_days) > 8 or not all(1 <= day <= self.validity_days for day in self.notice_days):
            raise ValueError("notice_days")
        if len(self.escalation_days) > 8 or not all(1 <= day <= 825 for day in self.escalation_days):
            raise ValueError("escalation_days")

    @property
    def any_store(self) -> StoreKind:
        """One that it allows, for a question to which either will do."""
        return StoreKind.MEDIUM if self.media_offered else StoreKind.PC

    def allows(self, store: StoreKind) -> bool:
        return self.media_offered if store is StoreKind.MEDIUM else self.pc_allowed


CERTIFIABLE = frozenset({KeyKind.RSA_2048, KeyKind.RSA_3072, KeyKind.RSA_4096, KeyKind.P256, KeyKind.P384})
RANGES = {
    "validity_days": (1, 825),
    "renewal_days": (1, 90),
    "grace_days": (0, 366),
    "acquisition_days": (1, 366),
    "confirm_hours": (1, 24 * 60),
    "wrong_pins": (1, 20),
    "ticket_minutes": (1, 60),
}


class Reason(Enum):
    """Why not. The words for people are in tokenmgr/messages, under these names."""

    STORE_FORBIDDEN = "store-forbidden"  # S3
    KIND_FORBIDDEN = "kind-forbidden"
    TOO_EARLY = "too-early"
    EXPIRED = "expired"
    GRACE_OVER = "grace-over"
    NOT_OPEN = "not-open"
    DEADLINE_PASSED = "deadline-passed"
    HAS_ONE = "has-one"
    REVOKED = "revoked"
    ON_HOLD = "on-hold"
    SUPERSEDED = "superseded"
    PENDING = "pending"  # an unconfirmed renewal with another key waits
    LOCKED = "locked"


class Way(Enum):
    """The one way that is open instead (R14): resume first, re-acquire second, re-issue last."""

    OTHER_STORE = "other-store"
    OTHER_KEY = "other-key"
    WAIT = "wait"
    RENEW = "renew"
    RESUME = "resume"
    ACQUIRE = "acquire"
    ASK_ADMINISTRATOR = "ask-administrator"
    VISIT_BRANCH = "visit-branch"


@dataclass(frozen=True)
class Permit:
    until: datetime


@dataclass(frozen=True)
class Refusal:
    reason: Reason
    way: Way
    until: datetime | None = None  # when it began or ends, whichever the reason is about


def renewal_opens(not_after: datetime, policy: BankPolicy) -> datetime:
    return not_after - timedelta(days=policy.renewal_days)


def permit_renewal(
    old: Generation, store: StoreKind, policy: BankPolicy, now: datetime, is_user: bool = False
) -> Permit | Refusal:
    """R2: from so many days before expiry, to the very second of it. `old` is the one that signs the request."""
    if old.state is State.HELD:
        return Refusal(Reason.ON_HOLD, whom_to_ask(is_user))
    if old.state is State.SUPERSEDED:
        return Refusal(Reason.SUPERSEDED, Way.RESUME)
    if old.state is not State.ACTIVE:
        return Refusal(Reason.REVOKED, Way.ACQUIRE)
    now = now.replace(microsecond=0)  # whoever verifies a certificate counts whole seconds
    opens = renewal_opens(old.not_after, policy)
    if now < opens:
        return Refusal(Reason.TOO_EARLY, Way.WAIT, opens)
    if now > old.not_after:
        return Refusal(Reason.EXPIRED, Way.ACQUIRE, old.not_after)
    return _in_store(store, policy) or Permit(old.not_after)


def in_the_way(pending: Generation | None, now: datetime, is_handed_out: bool = True) -> datetime | None:
    """Until when what waits keeps another key from being certified; None where that one pushes it aside. What nobody
    was given is in nobody's way, once it cannot be under way any more."""
    if pending is None:
        return None
    is_confirmable = pending.state is State.PENDING and is_handed_out
    until = pending.confirm_by if is_confirmable else pending.not_before + SIGNING
    return until if until is not None and now <= until else None


def permit_rehearsal(
    old: Generation, store: StoreKind, policy: BankPolicy, now: datetime, is_user: bool = False
) -> Permit | Refusal:
    """Whatever a renewal would be refused for, but that it is too early for one: that is what it is for."""
    answer = permit_renewal(old, store, policy, now, is_user)
    if isinstance(answer, Refusal) and answer.reason is Reason.TOO_EARLY:
        return _in_store(store, policy) or Permit(old.not_after)
    return answer


def permit_acquisition(
    last: Generation | None,
    open_until: datetime | None,
    is_user: bool,
    store: StoreKind,
    policy: BankPolicy,
    now: datetime,
) -> Permit | Refusal:
    """R9, R10. `last` is the newest generation that was ever active; `open_until` is when an acquisition that the bank
    or a re-issue has opened ends, None where none is open."""
    now = now.replace(microsecond=0)
    reissue = whom_to_ask(is_user)
    if last is not None and last.state is State.HELD:
        return Refusal(Reason.ON_HOLD, reissue)
    if open_until is not None and now <= open_until:
        return _in_store(store, policy) or Permit(open_until)
    if last is None or last.state is not State.ACTIVE:
        if open_until is None:
            return Refusal(Reason.NOT_OPEN, reissue)
        return Refusal(Reason.DEADLINE_PASSED, reissue, open_until)
    if now <= last.not_after:
        opens = renewal_opens(last.not_after, policy)
        return Refusal(Reason.HAS_ONE, Way.RENEW) if now >= opens else Refusal(Reason.HAS_ONE, Way.WAIT, opens)
    ends = last.not_after + timedelta(days=policy.grace_days)
    if now > ends:
        return Refusal(Reason.GRACE_OVER, reissue, ends)
    return _in_store(store, policy) or Permit(ends)


def whom_to_ask(is_user: bool) -> Way:
    """R10: to release and to re-issue are the same people's."""
    return Way.ASK_ADMINISTRATOR if is_user else Way.VISIT_BRANCH


def _in_store(store: StoreKind, policy: BankPolicy) -> Refusal | None:
    return None if policy.allows(store) else Refusal(Reason.STORE_FORBIDDEN, Way.OTHER_STORE)
