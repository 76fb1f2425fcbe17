"""ご契約の利用者一覧: every ID of a contract for its administrator, and what that does for its users (R10, R11).

Each deed has a page that says what will happen and to whom, and its form is carried out once (ra/administering.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from tokenmgr.domain.generation import Generation
from tokenmgr.domain.member import Member, Told
from tokenmgr.domain.party import Role, Subscriber
from tokenmgr.domain.policy import Permit
from tokenmgr.domain.reissue import Cause
from tokenmgr.errors import (
    AskedTooLate,
    CannotHold,
    CannotRelease,
    NotAdministrator,
    NotYours,
    PageMissing,
    PaperWanted,
    SessionOver,
    SubscriberChanged,
)
from tokenmgr.portal import forms
from tokenmgr.portal.certificate import days_left, given, masked
from tokenmgr.portal.visit import Go, Page, Visit
from tokenmgr.ra import administering
from tokenmgr.ra.acquire import permit
from tokenmgr.ra.ports import Asked
from tokenmgr.sql.members import AT_ONCE

LONGEST, LAST_PAGE = 32, 100_000  # of an ID; of pages: nobody has as many
_DUE_DATES = (Told.REISSUED, Told.OPEN, Told.OVERDUE)
_WITHOUT = (Told.EXPIRED, Told.NONE, Told.OVERDUE)  # no certificate that logs in
_BEGUN = {Told.REISSUED, Told.OPEN, Told.PENDING}  # and a way to one is open


class Deed(Enum):
    REISSUE = "reissue"
    UNLOCK = "unlock"
    HOLD = "hold"
    RELEASE = "release"


@dataclass(frozen=True)
class Row:
    member: Member
    told: tuple[Told, ...]
    words: tuple[str, ...]  # as many
    need: str
    left: str


# --- pages ---


def members(visit: Visit) -> Page:
    own = administrator(visit)
    find, page = visit.query.get("find", "").strip()[:LONGEST], _page(visit)
    found = visit.portal.administration.members(visit.bank, own.contract, find, page, visit.now)
    values = {"own": own, "find": find, "page": page, "found": found, "last": -(-found.number // AT_ONCE)}
    return Page("contract", {**values, "rows": [_row(visit, one) for one in found.shown]})


def member(visit: Visit) -> Page:
    own, found = administrator(visit), _member(visit)
    who, row = found.subscriber, _row(visit, found)
    values = {
        "own": own,
        "row": row,
        "advice": _advice(visit, row),
        "deeds": [deed.value for deed in _possible(found, row.told)],
        "done": _is_done(visit, row.told),
        "email": masked(who.email),
        "given": given(visit, who.id),
    }
    return Page("contract_member", values)


def asked(visit: Visit) -> Page | Go:
    """What will happen, and to whom."""
    found, deed = _wanted(visit)
    if deed not in _possible(found, found.told(visit.bank.policy, visit.now)):
        return Go(visit.at(f"contract/{found.subscriber.user}"))
    return _confirmation(visit, found, deed)


def done(visit: Visit) -> Page | Go:
    found, deed = _wanted(visit)
    user = found.subscriber.user
    digest, at = forms.read_once(visit.mark, _named(deed, user), visit.form.get("once", b""))
    cause = next((one for one in Cause if one.value == visit.text("cause")), None)
    if deed is Deed.REISSUE and cause is None:
        return _confirmation(visit, found, deed, is_incomplete=True)
    by = visit.entrant.found
    assert by is not None  # noqa: S101  for mypy: whoever has a session has a certificate
    try:
        _act(visit, by, user, deed, cause or Cause.OTHER, Asked(by.serial, digest, min(at, visit.now)))
    except (AskedTooLate, CannotHold, CannotRelease) as error:
        raise SubscriberChanged(name=user) from error
    except NotYours as error:  # it was the administrator a moment ago
        raise SessionOver from error
    return Go(visit.at(f"contract/{user}?done={deed.value}"))


def _act(visit: Visit, by: Generation, user: str, deed: Deed, cause: Cause, asked: Asked) -> None:
    registry, now = visit.registry, visit.now
    acts: dict[Deed, Callable[[], None]] = {
        Deed.REISSUE: lambda: administering.reissue(registry, by, user, cause, asked, now),
        Deed.UNLOCK: lambda: administering.unlock(registry, by, user, asked, now),
        Deed.HOLD: lambda: administering.hold(registry, by, user, asked, now),
        Deed.RELEASE: lambda: administering.release(registry, by, user, asked, now),
    }
    acts[deed]()


# --- who, and what for whom ---


def administrator(visit: Visit) -> Subscriber:
    """Whoever is logged in, where that is one; raises for everybody else."""
    visit.known  # noqa: B018  raises where nobody is logged in
    who = visit.standing.subscriber
    if who.role is not Role.ADMINISTRATOR:
        raise NotAdministrator
    return who


def _member(visit: Visit) -> Member:
    """Of the administrator's own contract; of others there is none, whatever the address says."""
    own = administrator(visit)
    found = visit.portal.administration.member(visit.bank, own.contract, visit.path["user"], visit.now)
    if found is None:
        raise PageMissing
    return found


def _wanted(visit: Visit) -> tuple[Member, Deed]:
    found = _member(visit)
    deed = next((one for one in Deed if one.value == visit.path["deed"]), None)
    if deed is None:
        raise PageMissing
    if found.subscriber.role is not Role.USER:
        raise PaperWanted
    return found, deed


def _possible(found: Member, told: tuple[Told, ...]) -> list[Deed]:
    """For a user; for administrators the bank does it all, on paper (R10)."""
    if found.subscriber.role is not Role.USER:
        return []
    fit = {
        Deed.UNLOCK: Told.LOCKED in told,
        Deed.RELEASE: Told.HELD in told,
        Deed.HOLD: bool({Told.VALID, Told.DUE} & set(told)),
        Deed.REISSUE: True,
    }
    return [deed for deed, holds in fit.items() if holds]


# --- what is said ---


def _confirmation(visit: Visit, found: Member, deed: Deed, is_incomplete: bool = False) -> Page:
    row = _row(visit, found)
    values = {
        "row": row,
        "deed": deed.value,
        "advice": _advice(visit, row),
        "causes": [cause.value for cause in Cause] if deed is Deed.REISSUE else [],
        "days": visit.bank.policy.acquisition_days,
        "is_incomplete": is_incomplete,
        "once": forms.once(visit.mark, _named(deed, found.subscriber.user), visit.now),
    }
    return Page("contract_asked", values, 400 if is_incomplete else 200)


def _row(visit: Visit, one: Member) -> Row:
    policy = visit.bank.policy
    told = one.told(policy, visit.now)
    words = tuple(visit.words(f"contract_page.is_{word.value}", until=_until(visit, one, word)) for word in told)
    left = days_left(visit.words, one.not_after, visit.now) if one.not_after else ""
    return Row(one, told, words, one.need(policy, visit.now).name.lower(), left)


def _until(visit: Visit, one: Member, word: Told) -> str:
    at = one.open_until if word in _DUE_DATES else one.waits_until
    return visit.words.moment(at) if at else ""


def _advice(visit: Visit, row: Row) -> list[str]:
    """The next step of each thing that is not as it should be (R14): to go on, or to acquire, before a re-issue."""
    one, who = row.member, row.member.subscriber
    found, begun = [], bool(set(row.told) & _BEGUN)
    for word in row.told:
        until = _until(visit, one, word)
        if begun and word in _WITHOUT:
            continue
        if word is Told.EXPIRED and (by_itself := _acquires_until(visit, who)):
            found.append(visit.words("contract_page.advice_acquire", until=by_itself))
        elif who.role is Role.ADMINISTRATOR and word in (Told.LOCKED, Told.HELD, *_WITHOUT):
            found.append(visit.words("contract_page.advice_branch"))
        elif word is not Told.VALID:
            found.append(visit.words(f"contract_page.advice_{word.value}", until=until))
    return list(dict.fromkeys(found))


def _acquires_until(visit: Visit, who: Subscriber) -> str:
    """Where an expired ID acquires by itself (R9)."""
    answer = permit(visit.portal.registry.standing(who.id), visit.bank.policy.any_store, visit.now)
    return visit.words.moment(answer.until) if isinstance(answer, Permit) else ""


def _is_done(visit: Visit, told: tuple[Told, ...]) -> str:
    """What the page before has done, where it is so still: an address alone makes nobody believe anything."""
    holds = {
        Deed.REISSUE: Told.REISSUED in told,
        Deed.UNLOCK: Told.LOCKED not in told,
        Deed.HOLD: Told.HELD in told,
        Deed.RELEASE: bool({Told.VALID, Told.DUE} & set(told)),
    }
    return next((deed.value for deed, is_so in holds.items() if is_so and deed.value == visit.query.get("done")), "")


def _named(deed: Deed, user: str) -> str:
    return f"{deed.value}/{user}"


def _page(visit: Visit) -> int:
    asked = visit.query.get("page", "")
    return min(max(int(asked), 1), LAST_PAGE) if asked.isascii() and asked.isdecimal() and len(asked) < 9 else 1
