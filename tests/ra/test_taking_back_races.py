"""R1, R10: one node takes back while somebody goes on with a certificate on another: whoever wins, all is well."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import select

from tests.api.rig import BANK, CONTRACT, Customer, Rig, granted, new_key
from tokenmgr.cmp.messages import CertReply, Kind, Message, certificate_request, confirmation, parse
from tokenmgr.domain.audit import Action
from tokenmgr.domain.generation import RevocationReason, State
from tokenmgr.domain.reissue import Cause
from tokenmgr.errors import AlreadyRevoked, AuthorityBusy, CannotHold
from tokenmgr.ra import holding, reissue, revoke
from tokenmgr.sql.schema import audit

ROUNDS = 6
REASON = RevocationReason.KEY_COMPROMISE
WAITING = {State.RECORDED, State.PENDING}


@pytest.fixture(params=["one node", "two nodes"])
def other(request: pytest.FixtureRequest, rig: Rig) -> Iterator[Rig]:
    """Where the staff are. Certificates may be renewed on the day that they are made."""
    rig.change_policy(validity_days=30)
    made = Rig(rig.url)
    yield rig if request.param == "one node" else made
    made.close()


def at_once(*acts: Callable[[], object]) -> list[object]:
    """What each returned, or refused with."""
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], object]) -> object:
        start.wait(30)
        try:
            return act()
        except (AlreadyRevoked, CannotHold, AuthorityBusy) as refusal:
            return refusal

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def renewing(rig: Rig, user: str) -> Customer:
    rig.enrol(user)
    made = rig.begin(user)
    made.acquire()
    return Customer(rig, user, key=made.key, certificate=made.certificate)


def number(rig: Rig, user: str) -> int:
    return rig.administration.find(BANK, CONTRACT, user).id


def confirming(customer: Customer) -> bytes:
    return customer.build(Kind.CERTCONF, confirmation(granted(customer.request(new_key()))))


def actions(rig: Rig, user: str) -> Counter[str]:
    whom = f"{BANK}/{CONTRACT}/{user}"
    return Counter(row[0] for row in rig.database.read(select(audit.c.action).where(audit.c.whom == whom)))


def is_confirmed(answer: object) -> bool:
    return isinstance(answer, bytes) and parse(answer).kind is Kind.PKICONF


def test_two_of_the_staff_revoke_the_same(rig: Rig, other: Rig) -> None:
    for turn in range(ROUNDS):
        user = f"racer{turn}"
        serial = rig.of(renewing(rig, user).certificate).serial
        who = number(rig, user)
        told = at_once(
            *(partial(revoke.revoke_by_staff, one.registry, who, serial, REASON, rig.now) for one in (rig, other))
        )
        assert [isinstance(one, AlreadyRevoked) for one in told].count(True) == 1
        assert actions(rig, user)[Action.CERTIFICATE_REVOKED.value] == 1


def test_two_of_the_staff_re_issue_the_same(rig: Rig, other: Rig) -> None:
    for turn in range(ROUNDS):
        user = f"racer{turn}"
        renewing(rig, user)
        who = number(rig, user)
        at_once(*(partial(reissue.reissue, one.registry, who, Cause.LOST, rig.now) for one in (rig, other)))
        assert rig.states(user) == [State.REVOKED]
        told = actions(rig, user)
        assert (told[Action.SUBSCRIBER_REISSUED.value], told[Action.CERTIFICATE_REVOKED.value]) == (2, 1)
        rig.begin(user).acquire()


def test_one_holds_while_another_revokes(rig: Rig, other: Rig) -> None:
    """Whatever the order, it is revoked at the end."""
    for turn in range(ROUNDS):
        user = f"racer{turn}"
        serial, who = rig.of(renewing(rig, user).certificate).serial, number(rig, user)
        at_once(
            partial(holding.hold, rig.registry, who, rig.now),
            partial(revoke.revoke_by_staff, other.registry, who, serial, REASON, rig.now),
        )
        (found,) = rig.history(user)
        assert (found.state, found.reason) == (State.REVOKED, REASON)


def test_all_is_revoked_while_a_renewal_is_confirmed(rig: Rig, other: Rig) -> None:
    for turn in range(ROUNDS):
        user = f"racer{turn}"
        data, who = confirming(renewing(rig, user)), number(rig, user)
        at_once(partial(rig.answer, data), partial(revoke.withdraw, other.registry, who, REASON, rig.now))
        assert set(rig.states(user)) == {State.REVOKED}


def test_the_one_that_asked_is_revoked_while_its_renewal_is_confirmed(rig: Rig, other: Rig) -> None:
    """Confirmed first, the new one is active; revoked first, it never is."""
    for turn in range(ROUNDS):
        user = f"racer{turn}"
        customer = renewing(rig, user)
        data, who, serial = confirming(customer), number(rig, user), rig.of(customer.certificate).serial
        answer, _ = at_once(
            partial(rig.answer, data), partial(revoke.revoke_by_staff, other.registry, who, serial, REASON, rig.now)
        )
        assert rig.of(customer.certificate).state is State.REVOKED
        assert (State.ACTIVE in rig.states(user)) is is_confirmed(answer)


def test_a_hold_while_a_renewal_is_asked_for(rig: Rig, other: Rig) -> None:
    """Whatever was handed out before is taken back, and after it nothing is recorded."""
    for turn in range(ROUNDS):
        user = f"racer{turn}"
        customer = renewing(rig, user)
        data, who = customer.build(Kind.KUR, certificate_request(new_key(), customer.subject)), number(rig, user)
        answer, _ = at_once(partial(rig.answer, data), partial(holding.hold, other.registry, who, rig.now))
        assert rig.of(customer.certificate).state is State.HELD
        if isinstance(answer, bytes) and (certificate := has_one(parse(answer))):
            customer.last = parse(answer)
            assert customer.confirm(certificate).kind is Kind.ERROR
        states = rig.states(user)
        assert not WAITING & set(states)
        assert (states.count(State.HELD), states.count(State.ACTIVE)) == (1, 0)


def has_one(answer: Message) -> bytes | None:
    return answer.body.certificate if isinstance(answer.body, CertReply) else None


def test_a_hold_while_a_renewal_is_confirmed(rig: Rig, other: Rig) -> None:
    """Staff put the ID on hold: the one that it has at the end is, whichever that is."""
    for turn in range(ROUNDS):
        user = f"racer{turn}"
        customer = renewing(rig, user)
        data, who = confirming(customer), number(rig, user)
        answer, _ = at_once(partial(rig.answer, data), partial(holding.hold, other.registry, who, rig.now))
        states = rig.states(user)
        assert states.count(State.HELD) == 1
        assert not {State.ACTIVE, *WAITING} & set(states)
        assert (rig.of(customer.certificate).state is State.REVOKED) is is_confirmed(answer)


@pytest.mark.parametrize("kind", [Kind.IR, Kind.KUR])
def test_a_re_issue_while_a_certificate_is_confirmed(rig: Rig, other: Rig, kind: Kind) -> None:
    for turn in range(ROUNDS):
        user = f"racer{turn}"
        if kind is Kind.IR:
            rig.enrol(user)
        customer = rig.begin(user) if kind is Kind.IR else renewing(rig, user)
        data, who = confirming(customer), number(rig, user)
        at_once(partial(rig.answer, data), partial(reissue.reissue, other.registry, who, Cause.LOST, rig.now))
        assert set(rig.states(user)) == {State.REVOKED}
        standing = rig.registry.standing(who)
        assert standing.reissued_at == rig.now
        assert standing.open_until is not None
        rig.begin(user).acquire()


@pytest.mark.parametrize("kind", [Kind.IR, Kind.KUR])
def test_a_re_issue_while_a_certificate_is_asked_for(rig: Rig, other: Rig, kind: Kind) -> None:
    """What is recorded only after the re-issue is confirmed by nobody."""
    for turn in range(ROUNDS):
        user = f"racer{turn}"
        if kind is Kind.IR:
            rig.enrol(user)
        customer = rig.begin(user) if kind is Kind.IR else renewing(rig, user)
        data, who = customer.build(kind, certificate_request(new_key(), customer.subject)), number(rig, user)
        answer, _ = at_once(
            partial(rig.answer, data), partial(reissue.reissue, other.registry, who, Cause.LOST, rig.now)
        )
        if isinstance(answer, bytes) and (certificate := has_one(parse(answer))):
            customer.last = parse(answer)
            assert customer.confirm(certificate).kind is Kind.ERROR
        assert State.ACTIVE not in rig.states(user)
        rig.begin(user).acquire()
