"""お知らせ: who is written to about which certificate, and when (R3). Pure: what is known already is an argument.

A lead is so many whole days before expiry. Of several leads that have passed at once (nobody has run for a while, or a
bank has added some) the last is written, and the others are skipped: two mails of one day that name the same day.
A certificate that lives no longer than its leads is written about halfway: none ends without a word.

The holder is written to; where it has no address, or its mail has failed, the other administrators of its contract are
in its place. `escalation_days` are for a user's administrators whatever the user was told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from tokenmgr.domain.credential import is_over
from tokenmgr.domain.generation import State
from tokenmgr.domain.party import Role
from tokenmgr.domain.policy import BankPolicy

EXPIRED_FOR = timedelta(days=7)  # how long after expiry it is still told: older ones are no news to anybody
RENEWED_FOR = timedelta(days=3)  # how long after a renewal it is still told
AHEAD = timedelta(minutes=5)  # what the clock of a node may differ by from the one that all have in common
HALFWAY = 0  # the lead of a DUE one at half of a life that has none
SHORTEST = timedelta(days=1)  # before expiry: so daily runs meet it
LONG = timedelta(hours=72)  # without a run: then a person looks first


class Kind(Enum):
    DUE = "due"  # 更新のお願い: so many days before expiry
    EXPIRED = "expired"
    RENEWED = "renewed"


class Skipped(Enum):
    """Why a notice that was due is not written."""

    RENEWED = "renewed"
    REVOKED = "revoked"
    ON_HOLD = "on-hold"
    EXPIRED = "expired"  # before it could be sent
    TOO_LATE = "too-late"  # that it has expired, or was renewed, is no news any more
    OVERTAKEN = "overtaken"  # a later lead has passed too, and is written in its place
    BEFORE = "before"  # its lead had passed before the certificate was there
    NO_ADDRESS = "no-address"
    NOT_WANTED = "not-wanted"  # the bank's policy has changed meanwhile, or somebody else is written to

    @property
    def may_pass(self) -> bool:
        """Once it has, the notice is due again. That time is up passes where the clock had been wrong."""
        return self not in (Skipped.RENEWED, Skipped.REVOKED, Skipped.OVERTAKEN, Skipped.BEFORE)


class Stage(Enum):
    """WAITING ──▶ SENDING ──▶ SENT ──▶ BOUNCED
    ▲  ▲             │ └────▶ REFUSED     │
    │  └─ for now ───┘           │        │
    └──── another address ───────┴────────┘        SKIPPED from the first two, and instead of them
    """

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"  # the mail server has taken it
    REFUSED = "refused"  # by the mail server for good, or for now for too long
    BOUNCED = "bounced"  # taken, and reported as undeliverable afterwards
    SKIPPED = "skipped"

    @property
    def has_failed(self) -> bool:
        return self in (Stage.REFUSED, Stage.BOUNCED)


@dataclass(frozen=True)
class Person:
    subscriber: int
    address: str = field(repr=False)  # empty: none


@dataclass(frozen=True)
class Held:
    """A certificate that was confirmed, as far as notices go by it, and who can be written to about it."""

    serial: int
    state: State
    not_after: datetime
    confirmed_at: datetime
    is_renewal: bool  # it has followed another one
    role: Role
    holder: Person
    administrators: tuple[Person, ...] = ()  # of the same contract, with an address; never the holder itself


@dataclass(frozen=True, order=True)
class Notice:
    """One mail. No two are ever the same: a unique index holds that (sql/schema.py)."""

    serial: int
    to: int  # the subscriber who is written to: the holder, or an administrator of its contract
    kind: str  # Kind.value
    lead: int = 0  # days before expiry, or HALFWAY; of a DUE one alone


@dataclass(frozen=True)
class Past:
    """What has become of a notice so far."""

    stage: Stage
    address: str = field(default="", repr=False)
    skipped: Skipped | None = None

    def has_failed(self, address: str) -> bool:
        """And would again: there is no other address."""
        return self.stage.has_failed and address in ("", self.address)


Known = Mapping[Notice, Past]  # of one certificate
NOTHING: Known = {}


@dataclass(frozen=True)
class Due:
    """To be written, or where `skipped` says why not, to be noted as never written."""

    notice: Notice
    address: str = field(repr=False)
    at: datetime  # since when
    skipped: Skipped | None = None


def due_notices(held: Held, policy: BankPolicy, now: datetime, known: Known = NOTHING) -> tuple[Due, ...]:
    """All that is due at this moment and is not waiting, sent or skipped for good already."""
    if held.state is not State.ACTIVE:
        return ()
    return tuple(one for one in _wanted(held, policy, now, known) if _is_news(one, known.get(one.notice)))


def left_out(held: Held, policy: BankPolicy, now: datetime, known: Known) -> tuple[Due, ...]:
    """Noted as skipped already, and still so."""
    if held.state is not State.ACTIVE:
        return ()
    past = {notice: one for notice, one in known.items() if one.skipped}
    return tuple(one for one in _wanted(held, policy, now, known) if one.skipped and one.notice in past)


def still_true(notice: Notice, held: Held, policy: BankPolicy, now: datetime, known: Known) -> Skipped | None:
    """Looked at again right before each try at sending: why it is not to be written any more, where it is not."""
    if held.state is not State.ACTIVE:
        gone = {State.HELD: Skipped.ON_HOLD, State.SUPERSEDED: Skipped.RENEWED}
        return gone.get(held.state, Skipped.REVOKED)
    wanted = {one.notice: one.skipped for one in _wanted(held, policy, now, known)}
    return wanted[notice] if notice in wanted else _why_not(notice, held, policy, now)


def furthest_lead(policy: BankPolicy) -> timedelta:
    return timedelta(days=max((*policy.notice_days, *policy.escalation_days), default=0))


def _is_news(due: Due, past: Past | None) -> bool:
    if past is None:
        return True
    if due.skipped is not None:
        return False
    if past.skipped is not None:
        return past.skipped.may_pass
    return past.stage.has_failed and not past.has_failed(due.address)


def _wanted(held: Held, policy: BankPolicy, now: datetime, known: Known) -> Iterator[Due]:
    """Each recipient is written the last of its own leads that has passed."""
    holder = held.holder
    for kind, own, further in _passed(held, policy, now):
        leads = {holder: own if holder.address or not held.administrators else {}}
        is_told = not own or _is_told(holder, Notice(held.serial, holder.subscriber, kind.value, _last(own)), known)
        for administrator in held.administrators:
            leads[administrator] = further if is_told else {**own, **further}
        for person, since in leads.items():
            for lead, at in since.items():
                skipped = None if person.address else Skipped.NO_ADDRESS
                if kind is Kind.DUE and lead != HALFWAY and _begins(held, lead) <= held.confirmed_at:
                    skipped = Skipped.BEFORE
                elif lead != _last(since):
                    skipped = Skipped.OVERTAKEN
                yield Due(Notice(held.serial, person.subscriber, kind.value, lead), person.address, at, skipped)


def _is_told(holder: Person, notice: Notice, known: Known) -> bool:
    past = known.get(notice)
    return bool(holder.address) and not (past and past.has_failed(holder.address))


Leads = Mapping[int, datetime]  # with the moments since which they are due


def _passed(held: Held, policy: BankPolicy, now: datetime) -> Iterator[tuple[Kind, Leads, Leads]]:
    """Each kind's leads: the holder's, and those that are for a user's administrators besides."""
    if held.is_renewal and policy.renewed_notice and held.confirmed_at <= now <= held.confirmed_at + RENEWED_FOR:
        yield Kind.RENEWED, {0: held.confirmed_at}, {}
    if not is_over(held.not_after, now):
        further = policy.escalation_days if held.role is Role.USER else ()
        yield Kind.DUE, _due(held, policy.notice_days, now), _due(held, further, now)
    elif policy.expired_notice and now <= held.not_after + EXPIRED_FOR:
        yield Kind.EXPIRED, {0: held.not_after}, {}


def _due(held: Held, days: Sequence[int], now: datetime) -> Leads:
    """Where all of them had passed before the certificate was there, half its life is in their place."""
    since = {lead: max(_begins(held, lead), held.confirmed_at) for lead in days}
    if since and max(since.values()) == held.confirmed_at:
        left = max((held.not_after - held.confirmed_at) / 2, SHORTEST)
        since[HALFWAY] = max(held.not_after - left, held.confirmed_at)
    return {lead: at for lead, at in since.items() if at <= now}


def _begins(held: Held, lead: int) -> datetime:
    return held.not_after - timedelta(days=lead)


def _last(since: Leads) -> int:
    return max(since, key=lambda lead: (since[lead], -lead))


def _why_not(notice: Notice, held: Held, policy: BankPolicy, now: datetime) -> Skipped:
    people: Sequence[Person] = (held.holder, *held.administrators)
    if not any(one.address for one in people if one.subscriber == notice.to):
        return Skipped.NO_ADDRESS
    if notice.kind == Kind.DUE.value:
        if is_over(held.not_after, now):
            return Skipped.EXPIRED
        later = [lead for lead in policy.notice_days if lead < notice.lead]
        is_overtaken = any(_begins(held, lead) <= now for lead in later)
        return Skipped.OVERTAKEN if is_overtaken else Skipped.NOT_WANTED
    begun, ends = {
        Kind.EXPIRED.value: (held.not_after, EXPIRED_FOR),
        Kind.RENEWED.value: (held.confirmed_at, RENEWED_FOR),
    }[notice.kind]
    return Skipped.TOO_LATE if now > begun + ends else Skipped.NOT_WANTED
