"""RFC 9483, 4.1 and 4.2: items 21 to 25 of the checklist, through the whole front."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.api.craft import assembled, body_of, twice
from tests.api.rig import DAY, USER, Customer, Rig, fresh, granted, new_key
from tests.api.test_checklist_header import BOTH, by, refused
from tokenmgr.cmp.algorithms import identifier
from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.cmp.messages import (
    Confirm,
    Kind,
    Message,
    Poll,
    Revoke,
    Revoked,
    Status,
    cert_hash,
    certificate_request,
    confirmation,
)
from tokenmgr.domain.generation import RevocationReason, State
from tokenmgr.domain.policy import OldGeneration

NO = ProtocolFault(FailInfo.incorrectData, "not what was asked for")
SHA512 = identifier("2.16.840.1.101.3.4.2.3")


@BOTH
def test_21_implicit_confirm_is_not_granted(rig: Rig, how: str) -> None:
    """answers.py holds that no answer says it, and that confirmWaitTime is told instead (24)."""
    customer, key = by(rig, how), new_key()
    kind = Kind.IR if how == "mac" else Kind.KUR
    certificate = granted(customer.ask(kind, certificate_request(key, customer.subject), implicit_confirm=True))
    assert rig.of(certificate).state is State.PENDING


@BOTH
def test_22_exactly_one_status_by_the_certificates_hash(rig: Rig, how: str) -> None:
    customer = by(rig, how)
    certificate = granted(customer.request(new_key()))
    last = customer.last
    certs = () if how == "mac" else (customer.certificate,)
    data = assembled(
        customer.header(), twice(body_of(Kind.CERTCONF, confirmation(certificate))), customer.protector, certs
    )
    assert refused(rig.send(data)) is FailInfo.badRequest
    for wrong in (b"", b"\0" * 32, cert_hash(certificate, SHA512), cert_hash(customer.certificate or certificate)[:-1]):
        customer.last = last
        assert refused(customer.ask(Kind.CERTCONF, Confirm(cert_hash=wrong))) is FailInfo.badCertId
    customer.last = last
    assert refused(customer.ask(Kind.CERTCONF, Confirm(req_id=1, cert_hash=cert_hash(certificate)))) is (
        FailInfo.badRequest
    )
    assert rig.of(certificate).state is State.PENDING
    customer.last = last
    named = Confirm(cert_hash=cert_hash(certificate, SHA512), hash_algorithm=SHA512)
    assert customer.ask(Kind.CERTCONF, named, pvno=3).kind is Kind.PKICONF
    assert rig.of(certificate).state is State.ACTIVE


@BOTH
def test_22_a_rejection_revokes_and_is_confirmed(rig: Rig, how: str) -> None:
    customer = by(rig, how)
    certificate = granted(customer.request(new_key()))
    before = [state for state in rig.states() if state is not State.PENDING]
    refusal = customer.build(Kind.CERTCONF, confirmation(certificate, NO))
    assert customer.send(refusal).kind is Kind.PKICONF
    assert rig.of(certificate).state is State.REVOKED
    assert rig.states() == [*before, State.REVOKED]
    assert customer.send(refusal).kind is Kind.PKICONF
    assert refused(customer.confirm(certificate)) is FailInfo.badRequest
    assert State.PENDING not in rig.states()


@BOTH
def test_23_the_same_again_is_confirmed_and_another_is_told(rig: Rig, how: str) -> None:
    customer = by(rig, how)
    certificate = granted(customer.request(new_key()))
    last = customer.last
    first = customer.build(Kind.CERTCONF, confirmation(certificate))
    assert customer.send(first).kind is Kind.PKICONF
    rig.now += DAY  # however late
    again = customer.send(first)
    assert again.kind is Kind.PKICONF
    for fault in (None, NO):
        customer.last = last
        assert refused(customer.ask(Kind.CERTCONF, confirmation(certificate, fault))) is FailInfo.certConfirmed
    assert rig.active().certificate == certificate


def test_23_the_same_again_is_confirmed_where_the_old_one_was_retired(rig: Rig) -> None:
    rig.change_policy(old_generation=OldGeneration.AT_CONFIRMATION)
    customer = rig.with_certificate(days_left=10)
    certificate = granted(customer.request(new_key()))
    first = customer.build(Kind.CERTCONF, confirmation(certificate))
    assert customer.send(first).kind is Kind.PKICONF
    assert rig.states() == [State.REVOKED, State.ACTIVE]
    assert customer.send(first).kind is Kind.PKICONF


@BOTH
def test_23_a_transaction_that_there_is_not(rig: Rig, how: str) -> None:
    customer = by(rig, how)
    certificate = granted(customer.request(new_key()))
    answer = customer.ask(Kind.CERTCONF, confirmation(certificate), transaction_id=fresh())
    assert refused(answer) is FailInfo.badRequest
    assert refused(customer.ask(Kind.POLLREQ, Poll(), transaction_id=fresh())) is FailInfo.badRequest


def test_24_after_the_wait_it_is_too_late(rig: Rig) -> None:
    customer = rig.with_certificate(days_left=20)
    certificate = granted(customer.request(new_key()))
    assert customer.last
    ends = customer.last.header.confirm_wait
    assert ends == rig.now + timedelta(hours=168)
    rig.now = ends + timedelta(seconds=1)
    assert refused(customer.confirm(certificate)) is FailInfo.badRequest
    assert rig.states()[0] is State.ACTIVE


def test_24_to_the_second_it_is_in_time(rig: Rig) -> None:
    customer = rig.with_certificate(days_left=20)
    certificate = granted(customer.request(new_key()))
    assert customer.last
    rig.now = customer.last.header.confirm_wait or rig.now
    assert customer.confirm(certificate).kind is Kind.PKICONF


def test_whoever_lost_the_certificate_that_asked_confirms_nothing(rig: Rig) -> None:
    """A stolen key asks; its owner takes the certificate back; what the thief has waiting never becomes active."""
    thief = rig.with_certificate(days_left=10)
    certificate = granted(thief.request(new_key()))
    owner = Customer(rig, USER, key=thief.key, certificate=thief.certificate)
    issuer, serial = rig.service.issuer.subject, rig.of(thief.certificate).serial
    assert owner.ask(Kind.RR, Revoke(issuer=issuer, serial=serial, reason=1)).kind is Kind.RP
    assert refused(thief.confirm(certificate)) is FailInfo.certRevoked
    assert rig.states() == [State.REVOKED, State.PENDING]
    assert refused(thief.ask(Kind.POLLREQ, Poll())) is FailInfo.certRevoked


def test_what_was_asked_for_in_time_is_confirmed_after_the_end(rig: Rig) -> None:
    """R2, R13: asked for in the last second, confirmed after it."""
    customer = rig.with_certificate(days_left=0)
    certificate = granted(customer.request(new_key()))
    rig.now += timedelta(hours=1)
    assert customer.confirm(certificate).kind is Kind.PKICONF
    assert rig.active().certificate == certificate


# --- Revocation -------------------------------------------------------------------------------------------------------


def taken_back(answer: Message) -> tuple[Status, FailInfo | None]:
    """Item 25: rp, refusals too."""
    assert answer.kind is Kind.RP
    assert isinstance(answer.body, Revoked)
    return answer.body.status, answer.body.fail


def whole(rig: Rig, certificate: bytes, **changes: object) -> Revoke:
    plain = Revoke(issuer=rig.service.issuer.subject, serial=rig.of(certificate).serial, reason=4)
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_25_ones_own_is_taken_back_once(rig: Rig) -> None:
    customer = rig.with_certificate()
    ask = whole(rig, customer.certificate)
    assert taken_back(customer.ask(Kind.RR, ask)) == (Status.ACCEPTED, None)
    found = rig.of(customer.certificate)
    assert (found.state, found.reason) == (State.REVOKED, RevocationReason.SUPERSEDED)
    customer.begin_anew()
    assert taken_back(customer.ask(Kind.RR, ask)) == (Status.REJECTION, FailInfo.certRevoked)


def test_25_the_one_before_and_the_one_that_waits_too(rig: Rig) -> None:
    old = rig.with_certificate(days_left=20)
    customer = old.renew()
    rig.now += 340 * DAY
    pending = granted(customer.request(new_key()))
    for certificate in (old.certificate, pending):
        customer.begin_anew()
        assert taken_back(customer.ask(Kind.RR, whole(rig, certificate)))[0] is Status.ACCEPTED
    assert rig.states() == [State.REVOKED, State.ACTIVE, State.REVOKED]
    customer.begin_anew()
    assert taken_back(customer.ask(Kind.RR, whole(rig, pending))) == (Status.REJECTION, FailInfo.certRevoked)


def test_25_nobody_elses(rig: Rig) -> None:
    rig.enrol("other")
    other, customer = rig.with_certificate("other"), rig.with_certificate()
    answer = customer.ask(Kind.RR, whole(rig, other.certificate))
    assert taken_back(answer) == (Status.REJECTION, FailInfo.notAuthorized)
    assert rig.of(other.certificate).state is State.ACTIVE


@pytest.mark.parametrize("serial", [0, 1, -1, -(2**100), 2**158, 2**160, 2**400])
def test_25_no_serial_number_is_a_reason_to_fail(quick: Rig, serial: int) -> None:
    customer = quick.with_certificate()
    ask = whole(quick, customer.certificate, serial=serial)
    assert taken_back(customer.ask(Kind.RR, ask)) == (Status.REJECTION, FailInfo.notAuthorized)


def test_25_issuer_and_serial_are_named(quick: Rig) -> None:
    customer = quick.with_certificate()
    for changes, fail in (
        ({"issuer": None}, FailInfo.addInfoNotAvailable),
        ({"serial": None}, FailInfo.addInfoNotAvailable),
        ({"issuer": customer.subject}, FailInfo.badCertId),
        ({"reason": 10}, FailInfo.badRequest),
        ({"reason": 2}, FailInfo.badRequest),
    ):
        customer.begin_anew()
        answer = customer.ask(Kind.RR, whole(quick, customer.certificate, **changes))
        assert taken_back(answer) == (Status.REJECTION, fail)
    assert quick.of(customer.certificate).state is State.ACTIVE


def test_25_one_at_a_time_and_signed(rig: Rig) -> None:
    customer = rig.with_certificate()
    body = twice(body_of(Kind.RR, whole(rig, customer.certificate)))
    data = assembled(customer.header(), body, customer.protector, (customer.certificate,))
    assert refused(rig.send(data)) is FailInfo.badRequest
    rig.administration.open_acquisition(rig.subscriber.id, rig.now + DAY, rig.now)
    answer = rig.begin().ask(Kind.RR, whole(rig, customer.certificate))
    assert taken_back(answer) == (Status.REJECTION, FailInfo.wrongIntegrity)


@pytest.mark.parametrize("what", ["revoked", "superseded", "expired"])
def test_25_a_signer_that_is_over_takes_nothing_back(rig: Rig, what: str) -> None:
    customer = rig.with_certificate(days_left=10)
    new = customer.renew() if what == "superseded" else None
    customer.begin_anew()
    if what == "revoked":
        rig.registry.revoke(rig.of(customer.certificate).serial, RevocationReason.CESSATION, rig.now)
    elif what == "expired":
        rig.now += timedelta(days=10, seconds=1)
    target = new.certificate if new else customer.certificate
    wanted = FailInfo.signerNotTrusted if what == "expired" else FailInfo.certRevoked
    assert taken_back(customer.ask(Kind.RR, whole(rig, target))) == (Status.REJECTION, wanted)
