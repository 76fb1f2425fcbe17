"""How a subscriber stands: as words, as rows for a person, as JSON. Decides nothing: domain/policy.py does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tokenmgr.cli.bank_registry import Open
from tokenmgr.clock import japan_time
from tokenmgr.domain.generation import Generation, RevocationReason, State, StoreKind
from tokenmgr.domain.party import Role, Subscriber
from tokenmgr.domain.policy import (
    BankPolicy,
    Permit,
    Reason,
    Refusal,
    permit_acquisition,
    permit_renewal,
)
from tokenmgr.domain.rehearsal import Rehearsed
from tokenmgr.ra.ports import Standing
from tokenmgr.sql.listing import Listed, Which
from tokenmgr.sql.parties import Contract
from tokenmgr.wiring.words import chosen_language, t

STATES = ("active", "expired", "held", "pending", "none", "reissued", "locked")  # of a subscriber; it may be in several


def reason_word(reason: RevocationReason) -> str:
    """As the command line has it: key-compromise."""
    return reason.name.lower().replace("_", "-")


def moment(when: datetime | None) -> str:
    return "–" if when is None else japan_time(when, chosen_language())


def instant(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat()


def left(not_after: datetime, now: datetime) -> str:
    """Whole days; hours and minutes on the last one (R2)."""
    rest = not_after - now
    if rest < timedelta(0):
        return t("bank.days_ago")
    if rest >= timedelta(days=1):
        return t("bank.days", days=rest.days)
    minutes = rest // timedelta(minutes=1)
    return t("bank.hours", hours=minutes // 60, minutes=minutes % 60)


def role_word(role: Role) -> str:
    return t("bank.administrator" if role is Role.ADMINISTRATOR else "bank.user_role")


def name_of(who: Subscriber) -> str:
    return f"{who.bank}/{who.contract}/{who.user}"


def is_locked(one: Listed, policy: BankPolicy) -> bool:
    return one.tries_spent >= policy.wrong_pins


def states(one: Listed, policy: BankPolicy, now: datetime) -> list[str]:
    found = []
    if one.is_held:
        found.append("held")
    elif one.not_after is not None:
        found.append("active" if now <= one.not_after else "expired")
    if one.is_waiting:
        found.append("pending")
    if not found:
        found.append("none")
    if one.reissued_at is not None:
        found.append("reissued")
    if is_locked(one, policy):
        found.append("locked")
    return found


def state_words(one: Listed, policy: BankPolicy, now: datetime) -> str:
    """R10: after a re-issue, until when the new certificate is to be acquired."""
    until = moment(one.open_until)
    return t("words.and").join(t(f"bank.is_{word}", until=until) for word in states(one, policy, now))


def listed_as_json(one: Listed, policy: BankPolicy, now: datetime) -> dict[str, Any]:
    who = one.subscriber
    return {
        "bank": who.bank,
        "contract": who.contract,
        "user": who.user,
        "role": who.role.value,
        "email": who.email,
        "states": states(one, policy, now),
        "serial_number": None if one.serial is None else f"{one.serial:x}",
        "not_after": instant(one.not_after),
        "days_left": None if one.not_after is None else (one.not_after - now).days,
        "open_until": instant(one.open_until),
        "reissued_at": instant(one.reissued_at),
    }


@dataclass(frozen=True)
class Picture:
    """All that is known of one subscriber at one moment."""

    listed: Listed
    standing: Standing
    contract: Contract
    locked_by: tuple[str, ...]  # administrators whose lock-out locks the contract (R11)
    rehearsed: Rehearsed
    now: datetime

    @property
    def policy(self) -> BankPolicy:
        return self.standing.bank.policy

    @property
    def store(self) -> StoreKind:
        """Where its certificate is; else where its bank would have it."""
        last = self.standing.last
        if last is not None and last.store is not None:
            return last.store
        return self.policy.any_store

    @property
    def renewal(self) -> Permit | Refusal | None:
        last = self.standing.last
        is_user = self.standing.subscriber.role is Role.USER
        return None if last is None else permit_renewal(last, self.store, self.policy, self.now, is_user)

    @property
    def acquisition(self) -> Permit | Refusal:
        s = self.standing
        is_user = s.subscriber.role is Role.USER
        return permit_acquisition(s.last, s.open_until, is_user, self.store, self.policy, self.now)


def picture(opened: Open, who: Subscriber, now: datetime) -> Picture:
    """The tries are counted by ID, so its contract is read whole: others of it may have locked it too."""
    standing = opened.registry.standing(who.id)
    policy = standing.bank.policy
    locked_by = []
    mine: Listed | None = None
    for one in opened.administration.subscribers(Which(bank=who.bank, contract=who.contract)):
        if one.subscriber.id == who.id:
            mine = one
        if policy.lock_contract and one.subscriber.role is Role.ADMINISTRATOR and is_locked(one, policy):
            locked_by.append(one.subscriber.user)
    mine = mine or Listed(who, standing.open_until, None, None, False, 0, reissued_at=standing.reissued_at)
    contract, rehearsed = (
        opened.contract(who.bank, who.contract),
        opened.administration.rehearsed(who.id).about(standing.last),
    )
    return Picture(mine, standing, contract, tuple(locked_by), rehearsed, now)


# --- for a person ---------------------------------------------------------------------------------------------------


def rows(seen: Picture) -> Iterator[tuple[str, str]]:
    who, last, pending = seen.standing.subscriber, seen.standing.last, seen.standing.pending
    yield t("bank.bank"), f"{who.bank} {seen.standing.bank.name}"
    yield t("bank.contract"), f"{who.contract} {seen.contract.name}"
    yield t("bank.user"), who.user
    yield t("bank.role"), role_word(who.role)
    yield t("bank.email"), who.email or "–"
    yield t("bank.wrong"), _tries(seen)
    yield t("bank.state"), state_word(seen)
    if last is not None:
        yield t("bank.serial"), f"{last.serial:x}"
        yield t("bank.expires"), moment(last.not_after)
        yield t("bank.left"), left(last.not_after, seen.now) if last.state in (State.ACTIVE, State.HELD) else "–"
        yield t("bank.store"), t(f"bank.{last.store.value}") if last.store else "–"
        if last.reason is not None:
            reason = t(f"bank.reason_{last.reason.value}")
            yield t("bank.taken_back"), t("bank.taken_back_at", at=moment(last.revoked_at), reason=reason)
    if pending is not None:
        until = moment(pending.confirm_by)
        yield t("bank.waiting"), t("bank.pending_until", serial=f"{pending.serial:x}", until=until)
    yield t("bank.renewal"), _answer(seen.renewal)
    yield t("bank.acquisition"), _answer(seen.acquisition)
    yield t("bank.rehearsal"), _rehearsal(seen.rehearsed)


def state_of(last: Generation | None, now: datetime) -> str:
    if last is None:
        return "none"
    return "expired" if last.state is State.ACTIVE and now > last.not_after else last.state.value


def state_word(seen: Picture) -> str:
    word = t(f"bank.is_{state_of(seen.standing.last, seen.now)}")
    if seen.standing.reissued_at is None:
        return word
    return t("words.and").join((word, t("bank.is_reissued", until=moment(seen.standing.open_until))))


def _tries(seen: Picture) -> str:
    word = "wrong_contract" if seen.locked_by else "wrong_locked" if is_locked(seen.listed, seen.policy) else "wrong_of"
    return t(f"bank.{word}", spent=seen.listed.tries_spent, limit=seen.policy.wrong_pins)


def _rehearsal(known: Rehearsed) -> str:
    told = []
    if known.ended_at is not None:
        word = "rehearsal_failed" if known.code else "rehearsal_passed"
        store = t(f"bank.{known.store.value}") if known.store else "–"
        told.append(t(f"bank.{word}", at=moment(known.ended_at), store=store, code=known.code, step=known.step))
    if known.asked_at is not None:
        told.append(t("bank.rehearsal_wanted", at=moment(known.asked_at), by=known.asked_by))
    return t("words.and").join(told) or "–"


def _answer(answer: Permit | Refusal | None) -> str:
    if answer is None:
        return t("bank.closed", reason=t("bank.no_certificate"))
    if isinstance(answer, Permit):
        return t("bank.open_until", until=moment(answer.until))
    if answer.reason is Reason.TOO_EARLY:
        return t("bank.opens", until=moment(answer.until))
    reason = t(f"facts.{answer.reason.value}")
    if answer.until is None or answer.reason is Reason.HAS_ONE:
        return t("bank.closed", reason=reason)
    return t("bank.closed_since", reason=reason, until=moment(answer.until))


# --- for a program --------------------------------------------------------------------------------------------------


def as_json(seen: Picture) -> dict[str, Any]:
    last, pending = seen.standing.last, seen.standing.pending
    return listed_as_json(seen.listed, seen.policy, seen.now) | {
        "contract_name": seen.contract.name,
        "wrong_pins": seen.listed.tries_spent,
        "locked_by": list(seen.locked_by),
        "certificate": None if last is None else _generation(last),
        "waiting": None if pending is None else _generation(pending),
        "renewal": _answer_as_json(seen.renewal),
        "acquisition": _answer_as_json(seen.acquisition),
        "rehearsal": _rehearsal_as_json(seen.rehearsed),
    }


def _rehearsal_as_json(known: Rehearsed) -> dict[str, Any]:
    return {
        "asked_at": instant(known.asked_at),
        "asked_by": known.asked_by or None,
        "ended_at": instant(known.ended_at),
        "passed": None if known.ended_at is None else not known.code,
        "store": known.store.value if known.store else None,
        "code": known.code or None,
        "step": known.step or None,
    }


def _generation(one: Generation) -> dict[str, Any]:
    return {
        "serial_number": f"{one.serial:x}",
        "state": one.state.value,
        "store": one.store.value if one.store else None,
        "not_before": one.not_before.isoformat(),
        "not_after": one.not_after.isoformat(),
        "confirm_by": instant(one.confirm_by),
        "confirmed_at": instant(one.confirmed_at),
        "revoked_at": instant(one.revoked_at),
        "reason": None if one.reason is None else reason_word(one.reason),
    }


def _answer_as_json(answer: Permit | Refusal | None) -> dict[str, Any]:
    if isinstance(answer, Permit):
        return {"open": True, "until": answer.until.isoformat()}
    if answer is None:
        return {"open": False, "reason": "none"}
    return {
        "open": False,
        "reason": answer.reason.value,
        "way": answer.way.value,
        "until": instant(answer.until),
    }
