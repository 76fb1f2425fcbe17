"""R1, R2, R12, S3, S6, S7: the next generation, asked for by the one before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography.x509 import load_der_x509_certificate

from tests.api.craft import policy
from tests.api.rig import DAY, SECOND, USER, Customer, Rig, granted, new_key
from tests.api.signer import Troubled
from tests.api.test_checklist_header import refused
from tests.ra.told import told
from tokenmgr.cmp.messages import CertReply, Kind, Message, Revoke, certificate_request
from tokenmgr.domain.generation import Generation, RevocationReason, State, StoreKind
from tokenmgr.domain.policy import OldGeneration
from tokenmgr.errors import NotPermittedNow
from tokenmgr.ra import issuing, renew

WAIT = timedelta(hours=168)


@pytest.mark.parametrize(
    ("before_end", "answer"),
    [
        (30 * DAY + SECOND, ("too-early", "wait")),
        (30 * DAY, None),
        (DAY, None),
        (timedelta(0), None),
        (-SECOND, ("expired", "acquire")),
        (-300 * DAY, ("expired", "acquire")),
    ],
)
def test_it_is_open_from_the_second_to_the_second(
    rig: Rig, before_end: timedelta, answer: tuple[str, str] | None
) -> None:
    customer = rig.with_certificate()
    ends = rig.of(customer.certificate).not_after
    rig.now = ends - before_end
    said = customer.request(new_key())
    if answer is None:
        assert granted(said)
        return
    code, facts = told(said)
    assert (code, facts["reason"], facts["way"]) == ("R104", *answer)
    moment = ends - 30 * DAY if answer[0] == "too-early" else ends
    assert facts["until"] == moment.isoformat()


def test_it_is_a_year_from_issue(rig: Rig) -> None:
    """R1: from issue, not from the end of the one before."""
    customer = rig.with_certificate(days_left=20)
    new = rig.of(granted(customer.request(new_key())))
    assert (new.not_before, new.not_after) == (rig.now, rig.now + 365 * DAY)


def test_none_outlives_the_ca(rig: Rig) -> None:
    rig.change_policy(validity_days=825)
    ends = rig.service.issuer.not_after
    rig.now = ends - 100 * DAY
    rig.administration.open_acquisition(rig.subscriber.id, rig.now + DAY, rig.now)
    customer = rig.begin()
    assert rig.of(granted(customer.request())).not_after == ends


@pytest.fixture
def node(rig: Rig) -> Iterator[Rig]:
    """Another service, or the same after a restart, on the same registry."""
    made = Rig(rig.url)
    yield made
    made.close()


def test_the_same_key_brings_the_same_certificate_everywhere(rig: Rig, node: Rig) -> None:
    customer, key = rig.with_certificate(days_left=20), new_key()
    certificate = granted(customer.request(key))
    for at in (rig, node, rig, node):
        again = Customer(at, USER, key=customer.key, certificate=customer.certificate)
        at.now = rig.now + DAY
        assert granted(at.send(customer.sent)) == certificate  # the same bytes
        assert granted(again.request(key)) == certificate  # the same key in another request
        assert at.states() == [State.ACTIVE, State.PENDING]
    last = Customer(node, USER, key=customer.key, certificate=customer.certificate)
    assert granted(last.request(key)) == certificate
    assert last.confirm(certificate).kind is Kind.PKICONF
    assert granted(rig.send(customer.sent)) == certificate
    assert rig.states() == [State.SUPERSEDED, State.ACTIVE]


def test_nodes_answer_the_same_bytes_with_the_same_nonce(rig: Rig, node: Rig) -> None:
    customer, key = rig.with_certificate(days_left=20), new_key()
    first = customer.request(key)
    second = node.send(customer.sent)
    assert first.header.sender_nonce == second.header.sender_nonce
    elsewhere = Customer(node, USER, key=customer.key, certificate=customer.certificate)
    elsewhere.transaction, elsewhere.last = customer.transaction, customer.last
    node.now = rig.now
    assert elsewhere.confirm(granted(first)).kind is Kind.PKICONF  # begun here, confirmed there


def revoke(customer: Customer, certificate: bytes) -> Message:
    customer.begin_anew()
    serial = customer.rig.of(certificate).serial
    return customer.ask(Kind.RR, Revoke(issuer=customer.rig.service.issuer.subject, serial=serial, reason=4))


def test_another_key_waits_until_the_first_is_done(rig: Rig) -> None:
    customer = rig.with_certificate(days_left=20)
    pending = granted(customer.request(new_key()))
    waits = rig.of(pending)
    assert waits.confirm_by
    customer.begin_anew()
    key = new_key()
    code, facts = told(customer.request(key))
    assert (code, facts) == ("R107", {"serial": f"{waits.serial:x}", "until": waits.confirm_by.isoformat()})
    revoke(customer, pending)
    customer.begin_anew()
    certificate = granted(customer.request(key))
    assert customer.confirm(certificate).kind is Kind.PKICONF
    assert rig.states().count(State.ACTIVE) == 1
    assert rig.of(pending).state is State.REVOKED


@pytest.mark.parametrize("job", [True, False], ids=["by the job", "without it"])
def test_what_is_never_confirmed_goes_by_itself(rig: Rig, job: bool) -> None:
    """S7: revoked after its time, and never the active one, whether or not anybody looked."""
    customer = rig.with_certificate(days_left=20)
    key = new_key()
    pending = granted(customer.request(key))
    rig.now += WAIT
    assert rig.registry.expire_unconfirmed(rig.now) == 0
    rig.now += SECOND
    if job:
        assert rig.registry.expire_unconfirmed(rig.now) == 1
        assert rig.of(pending).state is State.REVOKED
    code, facts = told(customer.confirm(pending))
    assert (code, facts["until"]) == ("R108", (rig.now - SECOND).isoformat())
    assert rig.of(pending).state is not State.ACTIVE
    assert rig.of(customer.certificate).state is State.ACTIVE
    customer.begin_anew()
    assert told(customer.request(key)) == ("R105", {})  # it was handed out: that key is used up
    late = Customer(rig, USER, key=key, certificate=pending)
    told(late.request(new_key())) if job else refused(late.request(new_key()))
    customer.begin_anew()
    assert customer.confirm(granted(customer.request(new_key()))).kind is Kind.PKICONF
    assert rig.of(pending).state is State.REVOKED
    assert rig.states().count(State.ACTIVE) == 1


def test_what_was_recorded_only_is_void(url: str) -> None:
    token = Troubled(0)
    rig = Rig(url, hook=token)
    customer = rig.with_certificate(days_left=20)
    token.left = 1
    key = new_key()
    customer.request(key)
    rig.now += WAIT + SECOND
    assert rig.registry.expire_unconfirmed(rig.now) == 1
    assert rig.states() == [State.ACTIVE, State.VOID]
    customer.begin_anew()
    assert granted(customer.request(key))  # it was never handed out: that key is as good as new
    rig.close()


def test_the_store_is_recorded_from_the_policy(rig: Rig) -> None:
    customer = rig.with_certificate(days_left=29)
    for store, other in ((StoreKind.PC, StoreKind.MEDIUM), (StoreKind.MEDIUM, StoreKind.PC)):
        key = new_key()
        customer.begin_anew()
        certificate = granted(customer.request(key, extensions=[policy(store)]))
        assert rig.of(certificate).store is store
        customer.begin_anew()
        assert told(customer.request(key, extensions=[policy(other)])) == ("R105", {})  # a key does not move
        revoke(customer, certificate)


def test_without_a_policy_it_stays_where_it_was(rig: Rig) -> None:
    for store in StoreKind:
        rig.enrol(store.value)
        customer = rig.with_certificate(store.value, days_left=20, store=store)
        assert rig.of(granted(customer.request(new_key()))).store is store
        rig.now -= 345 * DAY


def test_a_store_that_the_bank_does_not_offer(rig: Rig) -> None:
    customer = rig.with_certificate(days_left=20)
    rig.change_policy(media_offered=False)
    for extensions in ((), (policy(StoreKind.MEDIUM),)):
        customer.begin_anew()
        code, facts = told(customer.request(new_key(), extensions=extensions))
        assert (code, facts["reason"], facts["way"]) == ("R104", "store-forbidden", "other-store")
    customer.begin_anew()
    assert rig.of(granted(customer.request(new_key(), extensions=[policy(StoreKind.PC)]))).store is StoreKind.PC


@pytest.mark.parametrize("how", OldGeneration)
def test_the_one_before_goes_as_the_bank_says(rig: Rig, how: OldGeneration) -> None:
    """R12. At login: revoked by who sees the login; until then it is superseded, as at expiry."""
    rig.change_policy(old_generation=how)
    customer = rig.with_certificate(days_left=20)
    new = customer.renew()
    found = rig.of(customer.certificate)
    if how is OldGeneration.AT_CONFIRMATION:
        assert (found.state, found.reason) == (State.REVOKED, RevocationReason.SUPERSEDED)
        assert found.revoked_at == rig.now
    else:
        assert (found.state, found.revoked_at) == (State.SUPERSEDED, None)
    assert rig.active().certificate == new.certificate
    assert rig.active().predecessor == found.serial
    customer.begin_anew()
    code, facts = told(customer.request(new_key()))
    ways = {State.REVOKED: ("revoked", "acquire"), State.SUPERSEDED: ("superseded", "resume")}
    assert (code, facts["reason"], facts["way"]) == ("R104", *ways[found.state])


def ask_of(customer: Customer, key: object) -> issuing.Ask:
    body = certificate_request(key, customer.subject)  # type: ignore[arg-type]
    who = customer.rig.of(customer.certificate)
    assert who.subscriber
    return issuing.Ask(
        who.subscriber,
        body.public_key or b"",
        StoreKind.PC,
        "1234",
        b"T" * 16,
        b"D" * 32,
        f"certificate:{who.serial:x}",
        "kur",
    )


def test_a_signer_that_has_found_its_successor_meanwhile(rig: Rig) -> None:
    """Its state was read when its signature was checked; a confirmation came between."""
    customer = rig.with_certificate(days_left=20)
    old: Generation = rig.of(customer.certificate)
    customer.renew()
    with pytest.raises(NotPermittedNow) as caught:
        renew.renew(rig.registry, rig.service.issuer, old, ask_of(customer, new_key()), rig.now)
    assert caught.value.reason == "superseded"
    assert rig.states() == [State.SUPERSEDED, State.ACTIVE]


def test_a_signer_that_was_taken_back_meanwhile(rig: Rig) -> None:
    customer = rig.with_certificate(days_left=20)
    old = rig.of(customer.certificate)
    revoke(customer, customer.certificate)
    with pytest.raises(NotPermittedNow) as caught:
        renew.renew(rig.registry, rig.service.issuer, old, ask_of(customer, new_key()), rig.now)
    assert caught.value.reason == "revoked"


def test_a_life_of_ten_years(rig: Rig) -> None:
    """One active certificate at every moment, and each names the one before."""
    customer = rig.with_certificate()
    for number in range(1, 10):
        rig.now = load_der_x509_certificate(customer.certificate).not_valid_after_utc - timedelta(days=number)
        if rig.now + 366 * DAY > rig.service.issuer.not_after:
            break
        customer = customer.renew()
        assert rig.states() == [State.SUPERSEDED] * number + [State.ACTIVE]
    history = rig.history()
    assert [one.predecessor for one in history[1:]] == [one.serial for one in history[:-1]]
    assert len({one.key_hash for one in history}) == len(history)


@pytest.mark.parametrize("change", [{"renewal_days": 1}, {"media_offered": False}], ids=["closed", "store forbidden"])
def test_what_was_begun_in_time_is_finished(rig: Rig, change: dict[str, Any]) -> None:
    """R13, S6: the answer was lost, and the same bytes come again when a new renewal would be refused."""
    customer = rig.with_certificate(days_left=10)
    certificate = granted(customer.request(new_key()))
    rig.change_policy(**change)
    assert granted(rig.send(customer.sent)) == certificate
    assert customer.confirm(certificate).kind is Kind.PKICONF


def test_a_second_after_its_end_the_same_bytes_bring_the_same_certificate(rig: Rig) -> None:
    customer = rig.with_certificate(days_left=0)
    certificate = granted(customer.request(new_key()))
    asked = customer.sent
    rig.pass_time(timedelta(seconds=20))
    assert granted(rig.send(asked)) == certificate
    assert customer.confirm(certificate).kind is Kind.PKICONF


def test_bytes_whose_request_has_come_to_its_end_say_so_for_good(rig: Rig) -> None:
    """Not "busy, try again", or a program would for ever."""
    customer = rig.with_certificate(days_left=20)
    certificate = granted(customer.request(new_key()))
    asked = customer.sent
    rig.pass_time(timedelta(days=8))
    rig.registry.expire_unconfirmed(rig.now)
    answer = rig.send(asked)
    assert isinstance(answer.body, CertReply)
    assert answer.body.text.splitlines()[-1].startswith("R108 ")
    assert rig.of(certificate).state is State.REVOKED


def test_what_was_to_be_signed_by_a_key_that_the_ca_has_replaced_is_begun_anew(url: str) -> None:
    """A rollover in the middle: the record is void, and the same key may be asked for again."""
    rig = Rig(url, hook=Troubled())
    customer = rig.begin()
    assert isinstance(customer.request().body, CertReply)
    assert rig.states() == [State.RECORDED]
    rig.service.issuer.number = 2
    assert told(customer.send(customer.sent))[0] == "R108"
    assert rig.states() == [State.VOID]
    rig.close()
