"""R9, S3, S6: a proven claim brings a one-time reference, and that one certificate for one key."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.api.craft import policy
from tests.api.rig import DAY, SECOND, Customer, Rig, granted, new_key
from tests.ra.told import told
from tokenmgr.cmp.faults import FailInfo
from tokenmgr.cmp.messages import CertReply, Kind, certificate_request
from tokenmgr.domain.generation import State, StoreKind
from tokenmgr.domain.policy import OldGeneration


def test_it_is_good_for_minutes(rig: Rig) -> None:
    rig.change_policy(ticket_minutes=3)
    customer = rig.begin()
    rig.now += timedelta(minutes=3)
    assert granted(customer.request())
    late = rig.begin()
    rig.now += timedelta(minutes=3) + SECOND
    assert told(late.request(new_key())) == ("R106", {})


def test_it_is_for_one_key(rig: Rig) -> None:
    customer = rig.begin()
    certificate = granted(customer.request())
    customer.begin_anew()
    assert told(customer.request(new_key())) == ("R106", {})
    assert rig.states() == [State.PENDING]
    customer.begin_anew()
    assert granted(customer.request()) == certificate  # the same key, however often


def test_a_second_one_ends_the_first(rig: Rig) -> None:
    first, second = rig.begin(), rig.begin()
    assert told(first.request()) == ("R106", {})
    assert granted(second.request())


def test_once_confirmed_it_is_over(rig: Rig) -> None:
    customer = rig.begin()
    customer.acquire()
    customer.begin_anew()
    assert told(customer.request(new_key())) == ("R106", {})
    customer.begin_anew()
    assert granted(customer.request()) == customer.certificate


def test_the_same_request_is_answered_long_after(rig: Rig) -> None:
    """S6: the client lost the answer, and slept over it."""
    customer = rig.begin()
    certificate = granted(customer.request())
    sent = customer.sent
    rig.now += DAY
    assert granted(rig.send(sent)) == certificate
    customer.begin_anew()
    assert granted(customer.request()) == certificate


def test_the_same_key_goes_on_under_a_new_one(rig: Rig) -> None:
    first = rig.begin()
    certificate = granted(first.request())
    rig.now += DAY
    second = rig.begin()
    assert granted(second.request(first.key)) == certificate
    assert second.confirm(certificate).kind is Kind.PKICONF
    assert rig.states() == [State.ACTIVE]


def test_another_key_under_a_new_one_takes_its_place(rig: Rig) -> None:
    first = rig.begin()
    left = granted(first.request())
    second = rig.begin()
    assert rig.states() == [State.PENDING]  # the claim alone ends nothing
    certificate = granted(second.request())
    assert rig.of(left).state is State.REVOKED
    assert told(first.confirm(left))[0] == "R108"
    assert second.confirm(certificate).kind is Kind.PKICONF
    assert rig.active().certificate == certificate


def test_it_takes_the_place_of_a_renewal_too(rig: Rig) -> None:
    """The medium with the new key was lost in the middle; the bank has opened an acquisition."""
    customer = rig.with_certificate(days_left=20)
    left = granted(customer.request(new_key()))
    rig.administration.open_acquisition(rig.subscriber.id, rig.now + DAY, rig.now)
    new = rig.begin()
    certificate = granted(new.request())
    assert [rig.of(one).state for one in (customer.certificate, left)] == [State.ACTIVE, State.REVOKED]
    assert new.confirm(certificate).kind is Kind.PKICONF
    assert rig.of(customer.certificate).state is State.SUPERSEDED
    assert rig.of(certificate).predecessor == rig.of(customer.certificate).serial


def test_a_used_key_is_refused(rig: Rig) -> None:
    customer = rig.with_certificate()
    rig.administration.open_acquisition(rig.subscriber.id, rig.now + DAY, rig.now)
    answer = rig.begin().request(customer.key)
    assert told(answer) == ("R105", {})
    rig.enrol("other")
    assert told(rig.begin("other").request(customer.key)) == ("R105", {})


def test_the_store_is_the_tickets(rig: Rig) -> None:
    customer = rig.begin(store=StoreKind.PC)
    answer = customer.request(extensions=[policy(StoreKind.MEDIUM)])
    assert isinstance(answer.body, CertReply)
    assert answer.body.fail is FailInfo.unacceptedPolicy
    for extensions in ((), (policy(StoreKind.PC),)):
        customer.begin_anew()
        certificate = granted(customer.request(extensions=extensions))
        assert rig.of(certificate).store is StoreKind.PC


def test_a_key_does_not_move(rig: Rig) -> None:
    """S3: what was certified as on a medium is not said to be in a PC by another claim, nor the other way round."""
    for store, other in ((StoreKind.MEDIUM, StoreKind.PC), (StoreKind.PC, StoreKind.MEDIUM)):
        first = rig.begin(store=store)
        certificate = granted(first.request())
        assert told(rig.begin(store=other).request(first.key)) == ("R105", {})
        assert rig.of(certificate).state is State.PENDING


def test_what_the_policy_forbids_by_now(rig: Rig) -> None:
    customer = rig.begin(store=StoreKind.PC)
    rig.change_policy(pc_allowed=False)
    code, facts = told(customer.request())
    assert (code, facts["reason"], facts["way"]) == ("R104", "store-forbidden", "other-store")


def test_what_was_closed_meanwhile(rig: Rig) -> None:
    customer = rig.begin()
    rig.administration.open_acquisition(rig.subscriber.id, None, rig.now)
    code, facts = told(customer.request())
    assert (code, facts["reason"]) == ("R104", "not-open")


def test_a_confirmation_closes_the_acquisition(rig: Rig) -> None:
    rig.begin().acquire()
    assert rig.registry.standing(rig.subscriber.id).open_until is None


@pytest.mark.parametrize("how", OldGeneration)
def test_what_was_there_before_goes_as_the_bank_says(rig: Rig, how: OldGeneration) -> None:
    """R12, for a re-issue as for a renewal."""
    rig.change_policy(old_generation=how)
    old = rig.with_certificate()
    rig.administration.open_acquisition(rig.subscriber.id, rig.now + DAY, rig.now)
    rig.begin().acquire()
    wanted = State.REVOKED if how is OldGeneration.AT_CONFIRMATION else State.SUPERSEDED
    assert rig.of(old.certificate).state is wanted
    assert rig.states().count(State.ACTIVE) == 1


@pytest.mark.parametrize("_round", range(4))
def test_two_keys_at_once_under_one(rig: Rig, _round: int) -> None:
    """Whoever comes second is told why, not to come back."""
    customer = rig.begin()
    requests = []
    for _ in range(4):
        customer.begin_anew()
        requests.append(_built(customer))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(rig.send, requests))
    brought = [one.body.certificate for one in answers if isinstance(one.body, CertReply) and one.body.certificate]
    assert len(brought) == 1
    assert [told(one) for one in answers if isinstance(one.body, CertReply) and not one.body.certificate] == (
        [("R106", {})] * 3
    )
    assert rig.states() == [State.PENDING]


def _built(customer: Customer) -> bytes:
    return customer.build(Kind.IR, certificate_request(new_key(), customer.subject))
