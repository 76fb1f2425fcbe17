"""お知らせ: who is written to about which certificate, and when (R3). Pure: what is known already is an argument.

A lead is so many whole days before expiry. Of several leads that have passed at once (nobody has run for a while, or a
bank has added some) the last is written, and the others are skipped: two mails of one day that name the same day.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from tokenmgr.domain.generation import State
from tokenmgr.domain.party import Role
from tokenmgr.domain.policy import BankPolicy

EXPIRED_FOR = timedelta(days=7)  # how long after expiry it is still told: older ones are no news to anybody
RENEWED_FOR = timedelta(days=3)  # how long after a renewal it is still told


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
    OVERTAKEN = "overtaken"  # a later lead has passed too, and is written in its place
    NO_ADDRESS = "no-address"
    NOT_WANTED = "not-wanted"  # the bank's policy has changed meanwhile


@dataclass(frozen=True)
class Holder:
    """Whose certificate it is, and who can be written to about it."""

    subscriber: int
    role: Role
    has_address: bool
    administrators: tuple[int, ...] = ()  # of the same contract, with an address; never the holder itself


@dataclass(frozen=True)
class Held:
    """A certificate that was confirmed, as far as notices go by it."""

    serial: int
    state: State
    not_after: datetime
    confirmed_at: datetime
    is_renewal: bool  # it has followed another one
    holder: Holder


@dataclass(frozen=True, order=True)
class Notice:
    """One mail. No two are ever the same: a unique index holds that (sql/schema.py)."""

    serial: int
    to: int  # the subscriber who is written to: the holder, or an administrator of its contract
    kind: str  # Kind.value
    lead: int = 0  # days before expiry; of a DUE one alone


@dataclass(frozen=True)
class Due:
    """To be written, or where `skipped` says why not, to be noted as never written."""

    notice: Notice
    at: datetime  # since when
    skipped: Skipped | None = None


def due_notices(
    held: Held, policy: BankPolicy, now: datetime, known: Collection[Notice] = frozenset()
) -> tuple[Due, ...]:
    """All that is due at this moment and not among what is `known`: written, waiting or skipped before."""
    if held.state is not State.ACTIVE:
        return ()
    return tuple(one for one in _wanted(held, policy, now) if one.notice not in known)


def still_true(notice: Notice, held: Held, policy: BankPolicy, now: datetime) -> Skipped | None:
    """Looked at again before each try at sending: why it is not to be written any more, where it is not."""
    if held.state is not State.ACTIVE:
        gone = {State.HELD: Skipped.ON_HOLD, State.SUPERSEDED: Skipped.RENEWED}
        return gone.get(held.state, Skipped.REVOKED)
    if notice.kind == Kind.DUE.value and now > held.not_after:
        return Skipped.EXPIRED
    return None if notice.kind != Kind.DUE.value or _is_led(notice, held, policy) else Skipped.NOT_WANTED


def _is_led(notice: Notice, held: Held, policy: BankPolicy) -> bool:
    own = notice.to == held.holder.subscriber or not held.holder.has_address
    return (own and notice.lead in policy.notice_days) or notice.lead in policy.escalation_days


def _wanted(held: Held, policy: BankPolicy, now: datetime) -> Iterator[Due]:
    holder = held.holder
    own = (holder.subscriber,) if holder.has_address else holder.administrators
    if held.is_renewal and policy.renewed_notice and now - held.confirmed_at <= RENEWED_FOR:
        yield from _to(own, held, Kind.RENEWED, held.confirmed_at)
    if now > held.not_after:
        if policy.expired_notice and now - held.not_after <= EXPIRED_FOR:
            yield from _to(own, held, Kind.EXPIRED, held.not_after)
        return
    yield from _led(own, held, policy.notice_days, now)
    if holder.role is Role.USER and holder.administrators:
        yield from _led(holder.administrators, held, policy.escalation_days, now)


def _led(whom: tuple[int, ...], held: Held, leads: tuple[int, ...], now: datetime) -> Iterator[Due]:
    """A lead that had passed before the certificate was there is none of its own."""
    begins = {lead: held.not_after - timedelta(days=lead) for lead in sorted(set(leads))}
    passed = [lead for lead, at in begins.items() if held.confirmed_at < at <= now]
    for lead in passed:
        is_overtaken = lead != passed[0]
        yield from _to(whom, held, Kind.DUE, begins[lead], lead, Skipped.OVERTAKEN if is_overtaken else None)


def _to(
    whom: tuple[int, ...],
    held: Held,
    kind: Kind,
    at: datetime,
    lead: int = 0,
    skipped: Skipped | None = None,
) -> Iterator[Due]:
    """Where nobody can be written to, that is noted of the holder."""
    for to in whom:
        yield Due(Notice(held.serial, to, kind.value, lead), at, skipped)
    if not whom:
        yield Due(Notice(held.serial, held.holder.subscriber, kind.value, lead), at, skipped or Skipped.NO_ADDRESS)
