"""R10 at a bank's pages: what an administrator does for its users is judged where it is done, and done once, whoever
else is at the same certificate on another node."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select

from tests.api.rig import BANK, CONTRACT, DAY, OTHER_BANK, SECOND, USER, Rig
from tokenmgr.domain.generation import Generation, RevocationReason, State
from tokenmgr.domain.party import Role
from tokenmgr.domain.reissue import Cause
from tokenmgr.errors import AskedTooLate, CannotHold, CannotRelease, NotYours, TokenmgrError
from tokenmgr.ra import administering
from tokenmgr.ra.ports import Asked
from tokenmgr.sql.administration import Change
from tokenmgr.sql.parties import Contract, Enrolment
from tokenmgr.sql.schema import audit

ROUNDS = 4
REASON = RevocationReason.KEY_COMPROMISE


def administrator(rig: Rig, user: str = "admin") -> Generation:
    rig.enrol(user, Role.ADMINISTRATOR)
    found = rig.of(rig.with_certificate(user).certificate)
    rig.now += SECOND
    return found


def asked(rig: Rig, by: Generation, what: str = "a form", ago: timedelta = timedelta(0)) -> Asked:
    return Asked(by.serial, hashlib.sha256(what.encode()).digest(), rig.now - ago)


def lock(rig: Rig, user: str = USER) -> int:
    for _ in range(5):
        rig.registry.spend_try(BANK, CONTRACT, user, 5, False, rig.now)
    return spent(rig, user)


def spent(rig: Rig, user: str = USER) -> int:
    found = rig.administration.member(rig.administration.bank(BANK), CONTRACT, user, rig.now)
    assert found is not None
    return found.tries_spent


def acts(rig: Rig, by: Generation, user: str, form: Asked) -> dict[str, Callable[[], None]]:
    registry, now = rig.registry, rig.now
    return {
        "reissue": lambda: administering.reissue(registry, by, user, Cause.LOST, form, now),
        "unlock": lambda: administering.unlock(registry, by, user, form, now),
        "hold": lambda: administering.hold(registry, by, user, form, now),
        "release": lambda: administering.release(registry, by, user, form, now),
    }


def entries(rig: Rig, user: str = USER) -> list[str]:
    whom = f"{BANK}/{CONTRACT}/{user}"
    told = select(audit.c.action).where(audit.c.whom == whom).order_by(audit.c.number)
    return [row[0] for row in rig.database.read(told)]


# --- for whom, and by whom --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deed", ["reissue", "unlock", "hold", "release"])
@pytest.mark.parametrize("whom", ["admin", "admin2", "nobody", "far", "next"])
def test_nobody_but_a_user_of_its_own_contract(rig: Rig, deed: str, whom: str) -> None:
    by = administrator(rig)
    administrator(rig, "admin2")
    rig.enrol("far", bank=OTHER_BANK)
    rig.administration.add_contract(Contract(BANK, "C-2", "つぎ"))
    rig.administration.enrol(Enrolment(BANK, "C-2", "next", Role.USER, "", "", ""))
    before = {user: entries(rig, user) for user in ("admin", "admin2")}
    with pytest.raises(NotYours):
        acts(rig, by, whom, asked(rig, by))[deed]()
    assert {user: entries(rig, user) for user in before} == before


@pytest.mark.parametrize("deed", ["reissue", "unlock", "hold"])
@pytest.mark.parametrize("what", ["revoked", "held", "expired", "a user now", "a user's own"])
def test_what_is_no_administrators_any_more_does_nothing(rig: Rig, deed: str, what: str) -> None:
    """Read anew, whatever the session has been told."""
    by, user = administrator(rig), rig.of(rig.with_certificate().certificate)
    lock(rig)
    if what == "revoked":
        rig.registry.revoke(by.serial, REASON, rig.now)
    elif what == "held":
        rig.registry.hold(by.serial, rig.now)
    elif what == "expired":
        rig.now = by.not_after + SECOND
    elif what == "a user now":
        rig.administration.change_subscriber(by.subscriber or 0, Change(role=Role.USER))
    else:
        by = user
    with pytest.raises(NotYours):
        acts(rig, by, USER, asked(rig, by))[deed]()
    assert (rig.states(), spent(rig)) == ([State.ACTIVE], 5)


# --- once -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deed", ["reissue", "unlock", "hold", "release"])
def test_the_same_form_again_is_answered_alike_and_changes_nothing(rig: Rig, deed: str) -> None:
    by, user = administrator(rig), rig.of(rig.with_certificate().certificate)
    rig.now += DAY
    lock(rig)
    if deed == "release":
        rig.registry.hold(user.serial, rig.now)
    form = asked(rig, by)
    acts(rig, by, USER, form)[deed]()
    told = entries(rig)
    rig.now += DAY
    acts(rig, by, USER, form)[deed]()
    assert entries(rig) == told
    if deed == "reissue":
        rig.begin().acquire()
    elif deed == "unlock":
        lock(rig)
    elif deed == "hold":
        rig.registry.release(user.serial)
    else:
        rig.registry.hold(user.serial, rig.now)
    before = (rig.states(), spent(rig))
    acts(rig, by, USER, form)[deed]()
    assert (rig.states(), spent(rig)) == before


def test_a_form_of_before_is_not_about_what_there_is_since(rig: Rig) -> None:
    by, user = administrator(rig), rig.of(rig.with_certificate().certificate)
    rig.registry.hold(user.serial, rig.now)
    with pytest.raises(AskedTooLate):
        acts(rig, by, USER, asked(rig, by, ago=2 * SECOND))["release"]()
    with pytest.raises(AskedTooLate):
        acts(rig, by, USER, asked(rig, by, ago=DAY))["reissue"]()
    with pytest.raises(CannotHold):
        acts(rig, by, USER, asked(rig, by))["hold"]()
    acts(rig, by, USER, asked(rig, by))["release"]()
    with pytest.raises(CannotRelease):
        acts(rig, by, USER, asked(rig, by, "another"))["release"]()
    assert rig.states() == [State.ACTIVE]


# --- at the same time -------------------------------------------------------------------------------------------------


@pytest.fixture
def other(rig: Rig) -> Iterator[Rig]:
    made = Rig(rig.url)
    yield made
    made.close()


def at_once(*deeds: Callable[[], object]) -> list[object]:
    start = threading.Barrier(len(deeds))

    def run(act: Callable[[], object]) -> object:
        start.wait(30)
        try:
            return act()
        except TokenmgrError as refusal:
            return refusal

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(run, deeds))


@pytest.mark.parametrize("deed", ["reissue", "unlock", "hold", "release"])
def test_a_double_click_on_two_nodes_is_one(rig: Rig, other: Rig, deed: str) -> None:
    """Neither click is told of a failure."""
    by = administrator(rig)
    for turn in range(ROUNDS):
        user = f"racer{turn}"
        rig.enrol(user)
        one = rig.of(rig.with_certificate(user).certificate)
        rig.now += SECOND
        if deed == "release":
            rig.registry.hold(one.serial, rig.now)
        other.now, form, before = rig.now, asked(rig, by, user), len(entries(rig, user))
        assert at_once(acts(rig, by, user, form)[deed], acts(other, by, user, form)[deed]) == [None, None]
        told = {"reissue": ["certificate.revoked", "subscriber.reissued"], "unlock": ["subscriber.unlocked"]}
        wanted = told.get(deed, [f"certificate.{'held' if deed == 'hold' else 'released'}"])
        assert entries(rig, user)[before:] == wanted


@pytest.mark.parametrize("what", ["revoked", "held", "a user now"])
def test_whose_administrator_is_taken_back_at_that_moment(rig: Rig, other: Rig, what: str) -> None:
    """Either it was done before, or nothing was done: after it, nothing."""
    for turn in range(ROUNDS):
        by, user = administrator(rig, f"admin{turn}"), f"racer{turn}"
        rig.enrol(user)
        rig.with_certificate(user)
        rig.now += SECOND
        taking = {
            "revoked": partial(other.registry.revoke, by.serial, REASON, rig.now),
            "held": partial(other.registry.hold, by.serial, rig.now),
            "a user now": partial(other.administration.change_subscriber, by.subscriber or 0, Change(role=Role.USER)),
        }
        told, _ = at_once(acts(rig, by, user, asked(rig, by, user))["reissue"], taking[what])
        done = entries(rig, user).count("subscriber.reissued")
        assert (told is None, isinstance(told, NotYours)) == (bool(done), not done)
        assert rig.states(user) == [State.REVOKED if done else State.ACTIVE]
        numbers = dict(_numbered(rig, by, user))
        assert not done or numbers["subscriber.reissued"] < max(numbers.values())


def _numbered(rig: Rig, by: Generation, user: str) -> Iterator[tuple[str, int]]:
    """The entries of both, in the order of their commits."""
    own = f"{BANK}/{CONTRACT}/{user.replace('racer', 'admin')}"
    theirs = f"{BANK}/{CONTRACT}/{user}"
    statement = select(audit.c.action, audit.c.number, audit.c.whom).where(audit.c.whom.in_((own, theirs)))
    for action, number, whom in rig.database.read(statement.order_by(audit.c.number)):
        yield (action if whom == theirs else f"own {action}"), number


def test_two_administrators_re_issue_the_same_user(rig: Rig, other: Rig) -> None:
    """Both had asked about what was there before: one is done, the other is told that it has changed since."""
    one, two = administrator(rig), administrator(rig, "admin2")
    for turn in range(ROUNDS):
        user = f"racer{turn}"
        rig.enrol(user)
        rig.with_certificate(user)
        rig.now += SECOND
        other.now = rig.now
        told = at_once(
            acts(rig, one, user, asked(rig, one, f"1{user}"))["reissue"],
            acts(other, two, user, asked(rig, two, f"2{user}"))["reissue"],
        )
        assert sorted(type(each).__name__ for each in told) == ["AskedTooLate", "NoneType"]
        assert entries(rig, user).count("subscriber.reissued") == 1
