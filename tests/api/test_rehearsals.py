"""A rehearsal over the wire: asked for and answered as a renewal is, and it counts nowhere (domain/rehearsal.py)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select

from tests.actors import TESTER
from tests.api.craft import csr, named_policy
from tests.api.rig import BANK, CONTRACT, DAY, SECOND, USER, Customer, Rig, granted, new_key
from tests.api.signer import Troubled
from tests.api.test_checklist_header import refused
from tests.api.test_keys import asked as standing
from tests.ra.told import told
from tokenmgr.api import publications
from tokenmgr.ca.profile import POLICIES_REHEARSED
from tokenmgr.cmp.algorithms import PrivateKey
from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.cmp.messages import CertReply, Info, Kind, Message, certificate_request, confirmation
from tokenmgr.cmp.rehearsing import failure_message, failure_taken
from tokenmgr.domain import arc
from tokenmgr.domain.generation import RevocationReason, State, StoreKind
from tokenmgr.domain.rehearsal import APART, LIVES, Failure, Rehearsed, refusals
from tokenmgr.domain.renewal import Step
from tokenmgr.errors import AnotherIsPending, AuthorityClosed
from tokenmgr.sql import marks
from tokenmgr.sql.listing import Which
from tokenmgr.sql.overview import Overview
from tokenmgr.sql.schema import audit

MEDIUM, PC = StoreKind.MEDIUM, StoreKind.PC
FULL = Failure("M107", Step.CHECKED, MEDIUM)


def rehearse(customer: Customer, key: PrivateKey | None = None, store: StoreKind = MEDIUM) -> Message:
    customer.begin_anew()
    return customer.request(key or new_key(), extensions=(named_policy(POLICIES_REHEARSED[store]),))


def tell(customer: Customer, failure: Failure = FULL) -> Message:
    customer.begin_anew()
    return customer.ask(Kind.GENM, failure_message(failure))


def known(rig: Rig) -> Rehearsed:
    return rig.administration.rehearsed(rig.subscriber.id)


def trail(rig: Rig) -> list[str]:
    return [row[0] for row in rig.database.read(select(audit.c.action).order_by(audit.c.number))]


def refusal(answer: Message) -> FailInfo | None:
    assert isinstance(answer.body, CertReply)
    return answer.body.fail


# --- the certificate --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("store", StoreKind)
def test_its_certificate_is_marked_lives_an_hour_and_logs_in_nowhere(quick: Rig, store: StoreKind) -> None:
    made = x509.load_der_x509_certificate(granted(rehearse(quick.with_certificate(), store=store)))
    purposes = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    policies = made.extensions.get_extension_for_class(x509.CertificatePolicies).value
    assert [one.dotted_string for one in purposes] == [arc.REHEARSAL]
    assert [one.policy_identifier.dotted_string for one in policies] == [POLICIES_REHEARSED[store]]
    assert made.not_valid_after_utc - made.not_valid_before_utc == LIVES
    assert quick.of(made.public_bytes(Encoding.DER)).store is store


def test_the_offer_tells_how_one_is_asked_for(quick: Rig) -> None:
    assert publications.bank_offer(quick.service, BANK)["rehearsals"] == {
        "medium": POLICIES_REHEARSED[MEDIUM],
        "pc": POLICIES_REHEARSED[PC],
    }


def test_the_same_request_and_the_same_key_bring_the_same_certificate(rig: Rig) -> None:
    customer, key = rig.with_certificate(), new_key()
    first = granted(rehearse(customer, key))
    assert granted(customer.send(customer.sent)) == first
    assert granted(rehearse(customer, key)) == first
    assert standing(rig, key)["is_rehearsal"] is True
    assert standing(rig, key)["state"] == "pending"


# --- it counts nowhere ------------------------------------------------------------------------------------------------


def test_once_confirmed_it_is_over_and_nothing_has_changed(rig: Rig) -> None:
    customer, key = rig.with_certificate(), new_key()
    before, counts = rig.active(), rig.administration.counts(BANK)
    made = granted(rehearse(customer, key))
    assert customer.confirm(made).kind is Kind.PKICONF
    assert customer.send(customer.sent).kind is Kind.PKICONF  # S6
    found = rig.of(made)
    assert (found.state, found.reason) == (State.REVOKED, RevocationReason.CESSATION)
    assert found.revoked_at == found.confirmed_at == rig.now
    assert (rig.active(), rig.history(), rig.administration.counts(BANK)) == (before, [before], counts)
    assert known(rig) == Rehearsed(ended_at=rig.now, store=MEDIUM, predecessor=before.serial)
    assert known(rig).has_passed
    assert trail(rig)[-3:] == ["certificate.issued", "certificate.revoked", "rehearsal.passed"]
    assert standing(rig, key)["state"] == "revoked"
    assert standing(rig, customer.key)["is_last"] is True


def test_a_second_confirmation_is_told_that_it_comes_second(quick: Rig) -> None:
    customer = quick.with_certificate()
    made = granted(rehearse(customer))
    customer.confirm(made)
    assert refused(customer.confirm(made)) is FailInfo.certConfirmed
    assert trail(quick).count("rehearsal.passed") == 1


def test_one_that_waits_is_in_no_list_and_in_nobodys_way(rig: Rig) -> None:
    customer = rig.with_certificate(days_left=20)
    made = granted(rehearse(customer))
    (listed,) = rig.administration.subscribers(Which(bank=BANK, contract=CONTRACT))
    assert not listed.is_waiting
    assert list(rig.administration.subscribers(Which(bank=BANK, state=State.PENDING))) == []
    assert rig.registry.standing(rig.subscriber.id).pending is None
    new = customer.renew()
    assert rig.active() == rig.of(new.certificate)
    assert refused(customer.confirm(made)) is not None  # the one that asked is not the active one any more
    assert rig.of(made).state is State.PENDING


def test_the_next_one_ends_what_an_earlier_one_has_left(rig: Rig) -> None:
    customer = rig.with_certificate()
    first = granted(rehearse(customer))
    rig.pass_time(APART)
    second = granted(rehearse(customer))
    assert (rig.of(first).state, rig.of(second).state) == (State.REVOKED, State.PENDING)


def test_what_nobody_confirms_ends_by_itself(rig: Rig) -> None:
    made = granted(rehearse(rig.with_certificate()))
    rig.pass_time(LIVES + SECOND)
    assert rig.registry.expire_unconfirmed(rig.now) == 1
    assert (rig.of(made).state, known(rig)) == (State.REVOKED, Rehearsed())


def test_it_signs_nothing(quick: Rig) -> None:
    customer, key = quick.with_certificate(), new_key()
    made = granted(rehearse(customer, key))
    thief = Customer(quick, USER, key=key, certificate=made)
    assert refused(thief.request(new_key())) is FailInfo.notAuthorized
    customer.confirm(made)
    thief.begin_anew()
    assert refusal(thief.request(new_key())) is FailInfo.certRevoked


@pytest.mark.parametrize("is_first", [True, False])
def test_a_key_is_of_a_rehearsal_or_of_a_renewal_and_never_of_both(quick: Rig, is_first: bool) -> None:
    customer, key = quick.with_certificate(days_left=20), new_key()
    for rehearses in (is_first, not is_first):
        answer = rehearse(customer, key) if rehearses else _renew(customer, key)
    assert refusal(answer) is FailInfo.duplicateCertReq


def _renew(customer: Customer, key: PrivateKey) -> Message:
    customer.begin_anew()
    return customer.request(key)


def test_waiting_it_is_in_no_queue_and_nothing_to_take_back(rig: Rig) -> None:
    customer = rig.with_certificate()
    made = granted(rehearse(customer))
    facts = Overview(rig.database).queues(rig.now)
    assert (facts.states, facts.oldest_recorded, facts.overdue) == ({}, None, 0)
    assert rig.registry.withdraw(rig.subscriber.id, RevocationReason.CESSATION, rig.now) == 1
    assert rig.of(made).state is State.REVOKED
    assert rig.registry.withdraw(rig.subscriber.id, RevocationReason.CESSATION, rig.now) == 0


def test_rejected_once_it_has_passed_it_is_too_late(quick: Rig) -> None:
    customer = quick.with_certificate()
    made = granted(rehearse(customer))
    customer.confirm(made)
    answer = customer.ask(Kind.CERTCONF, confirmation(made, ProtocolFault(FailInfo.badCertTemplate, "no")))
    assert refused(answer) is FailInfo.certConfirmed


# --- what is refused --------------------------------------------------------------------------------------------------


def test_it_may_be_too_early_for_a_renewal_and_nothing_else(quick: Rig) -> None:
    customer = quick.with_certificate(days_left=200)
    granted(rehearse(customer))
    quick.change_policy(pc_allowed=False)
    assert refusal(rehearse(customer, store=PC)) is FailInfo.unacceptedPolicy
    quick.registry.hold(quick.of(customer.certificate).serial, quick.now)
    assert told(rehearse(customer))[1]["reason"] == "on-hold"
    quick.registry.release(quick.of(customer.certificate).serial)
    quick.pass_time(200 * DAY + SECOND)
    assert told(rehearse(customer))[1]["reason"] == "expired"


def test_while_a_renewal_waits_it_is_refused_as_another_one_would_be(quick: Rig) -> None:
    customer = quick.with_certificate(days_left=20)
    pending = granted(_renew(customer, new_key()))
    assert told(rehearse(customer))[0] == AnotherIsPending.code
    assert quick.of(pending).state is State.PENDING


@pytest.mark.parametrize("how", ["ir", "cr", "p10cr"])
def test_only_a_renewal_is_rehearsed(quick: Rig, how: str) -> None:
    asked = named_policy(POLICIES_REHEARSED[MEDIUM])
    customer, key = quick.begin() if how == "ir" else quick.with_certificate(), new_key()
    body: Any = certificate_request(key, customer.subject, extensions=(asked,))
    if how == "p10cr":
        extension = x509.CertificatePolicies(
            [x509.PolicyInformation(x509.ObjectIdentifier(POLICIES_REHEARSED[MEDIUM]), None)]
        )
        body = csr(key, extensions=[extension])  # type: ignore[arg-type]
    assert refusal(customer.ask(Kind[how.upper()], body)) is FailInfo.unacceptedPolicy


def test_one_in_ten_minutes_unless_the_bank_has_asked(rig: Rig) -> None:
    customer = rig.with_certificate()
    customer.confirm(granted(rehearse(customer)))
    rig.pass_time(APART - SECOND)
    assert told(rehearse(customer)) == ("R141", {"until": (rig.now + SECOND).isoformat()})
    rig.administration.ask_rehearsals(BANK, None, rig.now)
    tell(customer)
    customer.confirm(granted(rehearse(customer)))
    assert told(rehearse(customer))[0] == "R141"
    rig.pass_time(APART)
    granted(rehearse(customer))


def test_the_report_says_what_the_ca_does(tmp_path: Path) -> None:
    """What was recorded and never signed is in the way for a minute, and then for nobody."""
    trouble = Troubled(0)
    rig = Rig(f"sqlite:///{tmp_path / 'registry.db'}", hook=trouble)
    customer = rig.with_certificate(days_left=20)
    trouble.left = 1
    customer.begin_anew()
    customer.request(new_key())
    assert rig.states()[-1] is State.RECORDED
    for is_refused in (True, False):
        now = rig.registry.standing(rig.subscriber.id)
        assert (refusals(now.last, now.pending, now.bank.policy, rig.now) == ("pending",)) is is_refused
        assert (refusal(_renew(customer, new_key())) is not None) is is_refused
        rig.pass_time(timedelta(minutes=1) + SECOND)
    rig.close()


# --- what the customer's side tells -----------------------------------------------------------------------------------


def test_a_failure_is_noted_once(rig: Rig) -> None:
    customer = rig.with_certificate()
    answer = tell(customer)
    assert isinstance(answer.body, Info)
    failure_taken(answer.body, FULL)
    assert known(rig) == Rehearsed(
        ended_at=rig.now, store=MEDIUM, code="M107", step="CHECKED", predecessor=rig.active().serial
    )
    said = customer.sent
    rig.pass_time(timedelta(hours=1))
    customer.confirm(granted(rehearse(customer)))
    passed = known(rig)
    assert customer.send(said).kind is Kind.GENP
    assert known(rig) == passed
    assert trail(rig).count("rehearsal.failed") == 1


def test_it_is_told_by_a_valid_certificate_only(quick: Rig) -> None:
    customer = quick.with_certificate()
    quick.registry.hold(quick.of(customer.certificate).serial, quick.now)
    assert refused(tell(customer)) is FailInfo.certRevoked
    assert known(quick) == Rehearsed()


def test_what_is_wanted_is_told_with_the_key_until_one_has_passed(rig: Rig) -> None:
    customer = rig.with_certificate()
    assert standing(rig, customer.key)["rehearsal_wanted"] is False
    assert rig.administration.ask_rehearsals(BANK, CONTRACT, rig.now) == 1
    assert standing(rig, customer.key)["rehearsal_wanted"] is True
    tell(customer)
    assert standing(rig, customer.key)["rehearsal_wanted"] is True
    customer.confirm(granted(rehearse(customer)))
    assert standing(rig, customer.key)["rehearsal_wanted"] is False
    rig.pass_time(SECOND)
    assert rig.administration.ask_rehearsals(BANK, None, rig.now) == 1
    assert not known(rig).is_answered
    assert rig.administration.take_back_rehearsals(BANK, None) == 1
    assert standing(rig, customer.key)["rehearsal_wanted"] is False
    assert known(rig).has_passed


def test_a_failure_that_comes_late_is_not_the_last_word(rig: Rig) -> None:
    customer = rig.with_certificate()
    customer.begin_anew()
    said = customer.build(Kind.GENM, failure_message(FULL))
    rig.pass_time(timedelta(minutes=2))
    customer.confirm(granted(rehearse(customer)))
    passed = known(rig)
    rig.pass_time(SECOND)
    assert rig.send(said).kind is Kind.GENP
    assert known(rig) == passed
    assert passed.has_passed


def test_what_has_passed_is_over_with_the_certificate_that_it_was_of(rig: Rig) -> None:
    customer = rig.with_certificate(days_left=20)
    customer.confirm(granted(rehearse(customer)))
    (before,) = rig.administration.candidates(BANK, CONTRACT)
    assert before.rehearsed.has_passed
    rig.administration.ask_rehearsals(BANK, CONTRACT, rig.now)
    new = customer.renew()
    (after,) = rig.administration.candidates(BANK, CONTRACT)
    assert not after.rehearsed.is_answered
    assert standing(rig, new.key)["rehearsal_wanted"] is True


def test_a_closed_ca_certifies_no_rehearsal_and_asks_for_none(quick: Rig) -> None:
    customer = quick.with_certificate()
    marks.close(quick.database, TESTER, quick.now)
    assert told(rehearse(customer))[0] == AuthorityClosed.code
    with pytest.raises(AuthorityClosed):
        quick.administration.ask_rehearsals(BANK, CONTRACT, quick.now)
