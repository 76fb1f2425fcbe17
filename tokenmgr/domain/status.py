"""What becomes of each thing that a medium holds: which generation it is, whether it needs anything, and the one next
step (R2, R12, R14). Rules only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from tokenmgr.domain.generation import State
from tokenmgr.domain.holding import DEAD, LEFT, Holding, current
from tokenmgr.domain.policy import BankPolicy, Reason
from tokenmgr.domain.standing import UNKNOWN

SOON = timedelta(days=BankPolicy.renewal_days)  # where the bank's own days are not known


class Verdict(Enum):
    """The worst last."""

    FINE = "fine"
    UNSURE = "unsure"  # as far as the certificates alone tell: a CA could not be asked
    DUE = "due"
    EXPIRED = "expired"
    HAND = "needs-a-hand"

    @property
    def is_pressing(self) -> bool:
        """Somebody has to do something: what a timer tells."""
        return self in (Verdict.DUE, Verdict.EXPIRED, Verdict.HAND)


class Place(Enum):
    """Which generation it is (R12)."""

    CURRENT = "logs-in"
    BEFORE = "the-one-before"
    NEXT = "the-next"  # not confirmed
    LAST = "the-last"  # the newest of a subscriber of whom nothing logs in
    LEFT = "left-over"
    UNREADABLE = "unreadable"  # bytes that are no certificate
    FOREIGN = "foreign"  # no subscriber's


class Why(Enum):
    FINE = "fine"
    DUE = "due"
    EXPIRED = "expired"
    NOT_YET = "not-valid-yet"
    CLOCK = "clock-wrong"
    REPLACED = "replaced"
    ELSEWHERE = "replaced-elsewhere"
    MOVED = "moved"  # into another store that is here
    UNFINISHED = "unfinished"
    LEFT_OVER = "left-over"
    REVOKED = "revoked"
    HELD = "on-hold"
    LOCKED = "locked"
    UNHEARD_OF = "unknown-to-the-ca"
    WITHOUT_CERTIFICATE = "without-certificate"
    DAMAGED = "damaged"
    FOREIGN = "foreign"


class Next(Enum):
    NOTHING = "nothing"
    RESUME = "resume"
    RENEW = "renew"
    ACQUIRE = "acquire"
    CLEAN = "clean"
    CLOCK = "set-the-clock"
    UNLOCK = "unlock"  # the ID, at the CA
    UNBLOCK = "unblock"  # the store's PIN, before anything else there
    VERIFY = "verify"
    BANK_FILE = "bank-file"  # is not on this PC
    ASK = "ask"  # the bank
    ELSEWHERE = "use-the-other-store"
    WAY = "way"  # the CA's own word for it


@dataclass(frozen=True)
class Judged:
    place: Place
    why: Why
    next: Next = Next.NOTHING

    @property
    def verdict(self) -> Verdict:
        return _VERDICTS.get(self.why, Verdict.HAND)


_VERDICTS = {
    Why.FINE: Verdict.FINE,
    Why.REPLACED: Verdict.FINE,
    Why.MOVED: Verdict.FINE,
    Why.LEFT_OVER: Verdict.FINE,
    Why.FOREIGN: Verdict.FINE,
    Why.DUE: Verdict.DUE,
    Why.EXPIRED: Verdict.EXPIRED,
}


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    return max(verdicts, key=list(Verdict).index, default=Verdict.FINE)


def of_silence(may_pass: bool) -> Verdict:
    """Of a CA that could not be asked. One that cannot prove itself does not do so by being asked again."""
    return Verdict.UNSURE if may_pass else Verdict.HAND


def judge(held: Sequence[Holding], now: datetime, beside: Sequence[Holding] = ()) -> list[Judged]:
    """Of each, in their order. What is unfinished comes first (R14), of that bank's: another's waits for nothing, and
    what says of no bank that it is its holds up nobody. `beside`: what there is in other stores, where the next
    generation may be."""
    found = [_judged(one, held, now, beside) for one in held]
    banks = {one.whose.bank for one, judged in zip(held, found, strict=True) if one.whose and _is_begun(judged)}
    return [
        replace(judged, next=Next.RESUME) if one.whose and one.whose.bank in banks and _begins(judged) else judged
        for one, judged in zip(held, found, strict=True)
    ]


def _is_begun(judged: Judged) -> bool:
    return judged.why is Why.UNFINISHED


def _begins(judged: Judged) -> bool:
    return judged.next in (Next.RENEW, Next.ACQUIRE)


def _judged(one: Holding, held: Sequence[Holding], now: datetime, beside: Sequence[Holding]) -> Judged:
    best = current(held, one.whose, now)
    if one.is_rehearsal:
        return Judged(Place.LEFT, Why.LEFT_OVER, Next.RESUME if one.is_named else Next.CLEAN)
    if one.is_pending or (one.is_named and best is not one):  # a journal is behind where another PC has finished it
        return Judged(Place.NEXT, Why.UNFINISHED, Next.RESUME)
    if one.label == LEFT or (one.state in DEAD and one.ends is None):
        return Judged(Place.LEFT, Why.LEFT_OVER, Next.CLEAN)
    if one.whose is None:
        return _without_a_name(one)
    if best is not None and best is not one:
        goes = one.is_over(now) or one.state in DEAD
        return Judged(Place.BEFORE, Why.REPLACED, Next.CLEAN if goes else Next.NOTHING)
    why = _state_of(one, now)
    if why is Why.ELSEWHERE and _is_followed(one, held):
        return Judged(Place.BEFORE, Why.REPLACED)
    if why is Why.ELSEWHERE and _is_followed(one, beside):
        return Judged(Place.BEFORE, Why.MOVED)
    if why in (Why.ELSEWHERE, Why.REVOKED, Why.EXPIRED) and current(beside, one.whose, now) is not None:
        return Judged(Place.BEFORE, Why.MOVED)
    return Judged(_place_of(one, best, held), why, _next_of(one, why))


def _without_a_name(one: Holding) -> Judged:
    if one.is_damaged:
        return Judged(Place.UNREADABLE, Why.DAMAGED, Next.VERIFY)
    if one.ends is not None or one.standing in (None, UNKNOWN):
        return Judged(Place.FOREIGN, Why.FOREIGN)
    return Judged(Place.LAST, Why.WITHOUT_CERTIFICATE, _step_of(one))


def _place_of(one: Holding, best: Holding | None, held: Sequence[Holding]) -> Place:
    if best is one:
        return Place.CURRENT
    return Place.BEFORE if _later(one, held) else Place.LAST


def _later(one: Holding, held: Sequence[Holding]) -> list[Holding]:
    own = [other for other in held if other.whose == one.whose and not _is_none(other)]
    return [other for other in own if other.ends and one.ends and other.ends > one.ends]


def _is_followed(one: Holding, there: Sequence[Holding]) -> bool:
    """What has replaced it is there, though that logs in nowhere itself: it is that one that needs something. By the
    CA, or where that was silent of it, by its end."""
    last = [other for other in there if other.whose == one.whose and other.standing and other.standing.is_last]
    unheard = [other for other in _later(one, there) if other.standing is None]
    return any(other is not one for other in last + unheard)


def _is_none(one: Holding) -> bool:
    """No generation of its subscriber's, or not yet."""
    return one.is_pending or one.is_rehearsal or one.label == LEFT


def _state_of(one: Holding, now: datetime) -> Why:
    """Of one that nothing replaces here. What the CA says comes before what the certificate does."""
    by_authority = {
        State.REVOKED.value: Why.REVOKED,
        State.VOID.value: Why.REVOKED,
        State.HELD.value: Why.HELD,
        State.SUPERSEDED.value: Why.ELSEWHERE,
        UNKNOWN.state: Why.UNHEARD_OF,
    }
    if one.state in DEAD and one.standing is not None and not one.standing.is_last:
        return Why.ELSEWHERE  # its ID has another since
    if one.state in by_authority:
        return by_authority[one.state]
    if _is_by_another_clock(one, now):
        return Why.CLOCK
    if one.is_over(now):
        return Why.LOCKED if _step_of(one) is Next.UNLOCK else Why.EXPIRED
    if one.starts is not None and now < one.starts:
        return Why.NOT_YET
    return Why.DUE if _is_due(one, now) else Why.FINE


def _is_by_another_clock(one: Holding, now: datetime) -> bool:
    """This computer's clock calls over what the CA's does not, or the other way round: a renewal would be refused."""
    if one.standing is None or one.state != State.ACTIVE.value:
        return False
    renewal = one.standing.renewal
    if one.is_over(now):
        return renewal.is_open or renewal.reason == Reason.TOO_EARLY.value
    return renewal.reason == Reason.EXPIRED.value


def _is_due(one: Holding, now: datetime) -> bool:
    if one.standing is not None:
        return one.standing.renewal.is_open
    return one.ends is not None and now.replace(microsecond=0) >= one.ends - SOON


def _next_of(one: Holding, why: Why) -> Next:
    alone = {Why.FINE: Next.NOTHING, Why.UNHEARD_OF: Next.ASK, Why.ELSEWHERE: Next.ELSEWHERE}
    if why in alone:
        return alone[why]
    if why in (Why.NOT_YET, Why.CLOCK):
        return Next.CLOCK
    if one.standing is None:
        return Next.RENEW if why is Why.DUE else Next.ACQUIRE
    return _step_of(one)


def _step_of(one: Holding) -> Next:
    """What is open at the CA; where nothing is, the way that it names (R14). Login PINs, and so their lock, are an
    acquisition's alone (R11)."""
    told = one.standing
    if told is not None and told.renewal.is_open:
        return Next.RENEW
    if told is None or not told.acquisition.is_open:
        return Next.WAY
    return Next.UNLOCK if told.locked else Next.ACQUIRE


def left(ends: datetime, now: datetime) -> tuple[int, int, int]:
    """Days, hours and minutes until its end, as a person counts them (R2); noughts once that is over."""
    minutes = max(int((ends - now).total_seconds()) // 60, 0)
    return minutes // 1440, minutes // 60 % 24, minutes % 60
