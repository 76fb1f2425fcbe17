"""RFC 9483, 4.3 and 4.4, RFC 9811: items 26 to 28 of the checklist, through the whole front."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tests.api.craft import assembled, body_of, csr, policy, twice
from tests.api.rig import USER, Customer, Rig, fresh, granted, new_key
from tests.api.signer import Troubled
from tests.api.test_checklist_confirming import NO
from tests.api.test_checklist_header import BOTH, by, refused
from tests.cmp.bodies import bodies
from tokenmgr.api import jobs
from tokenmgr.api.support import CURRENT_CRL
from tokenmgr.cmp import oids
from tokenmgr.cmp.der import unwrap, wrap
from tokenmgr.cmp.faults import FailInfo
from tokenmgr.cmp.messages import (
    CertReply,
    Confirm,
    Info,
    Kind,
    Message,
    Poll,
    PollAnswer,
    Status,
    certificate_request,
    confirmation,
)
from tokenmgr.domain.generation import RevocationReason, State, StoreKind
from tokenmgr.pki import der

# --- Support ----------------------------------------------------------------------------------------------------------


def told(answer: Message) -> Info:
    assert answer.kind is Kind.GENP
    assert isinstance(answer.body, Info)
    return answer.body


@BOTH
def test_26_one_question_one_answer(rig: Rig, how: str) -> None:
    customer = by(rig, how)
    assert told(customer.ask(Kind.GENM, Info(oids.CA_CERTS))) == Info(oids.CA_CERTS, wrap(b"".join(rig.service.chain)))
    for asked, answered in (
        (oids.ROOT_CA_CERT, oids.ROOT_CA_KEY_UPDATE),
        (oids.ROOT_CA_KEY_UPDATE, oids.ROOT_CA_KEY_UPDATE),
        (oids.CERT_REQ_TEMPLATE, oids.CERT_REQ_TEMPLATE),
    ):
        customer.begin_anew()
        assert told(customer.ask(Kind.GENM, Info(asked))) == Info(answered)
    customer.begin_anew()
    assert refused(customer.ask(Kind.GENM, Info("1.2.3.4"))) is FailInfo.badRequest
    certs = () if how == "mac" else (customer.certificate,)
    customer.begin_anew()
    body = twice(body_of(Kind.GENM, Info(oids.CA_CERTS)))
    assert refused(rig.send(assembled(customer.header(), body, customer.protector, certs))) is FailInfo.badRequest


@BOTH
def test_26_the_revocation_list_once_there_is_one(rig: Rig, how: str) -> None:
    customer = by(rig, how)
    for asked in (oids.CRLS, oids.CRL_STATUS_LIST, CURRENT_CRL):
        customer.begin_anew()
        assert told(customer.ask(Kind.GENM, Info(asked))).value is None
    jobs.renew_crl(rig.service, rig.now)
    for asked in (oids.CRLS, oids.CRL_STATUS_LIST, CURRENT_CRL):
        customer.begin_anew()
        value = told(customer.ask(Kind.GENM, Info(asked))).value or b""
        crl = x509.load_der_x509_crl(value if asked == CURRENT_CRL else unwrap(value))
        assert crl.issuer.public_bytes() == rig.service.issuer.subject


def test_26_a_list_that_the_client_has_is_not_sent_again(quick: Rig) -> None:
    """RFC 9483, 4.3.4: by its address or its issuer's name, and newer than what they say."""
    customer = quick.with_certificate()
    jobs.renew_crl(quick.service, quick.now)
    subject = quick.service.issuer.subject
    by_address = der.tlv(0xA0, der.tlv(0xA0, der.tlv(0x86, b"http://ca.example/ca.crl")))
    by_name = der.tlv(0xA1, der.tlv(0xA4, subject))
    other = der.tlv(0xA0, der.tlv(0xA0, der.tlv(0x86, b"http://elsewhere.example/ca.crl")))
    before, same = b"20260301000000Z", b"20260401030000Z"
    for source, since, comes in (
        (by_address, b"", True), (by_name, b"", True), (other, b"", False), (by_address, before, True),
        (by_name, before, True), (by_address, same, False), (by_name, same, False),
    ):  # fmt: skip
        moment = der.tlv(der.GENERALIZED_TIME, since) if since else b""
        customer.begin_anew()
        asked = Info(oids.CRL_STATUS_LIST, der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, source, moment)))
        answer = told(customer.ask(Kind.GENM, asked))
        assert (answer.oid, answer.value is not None) == (oids.CRLS, comes), (source, since)
    customer.begin_anew()
    assert refused(customer.ask(Kind.GENM, Info(oids.CRL_STATUS_LIST, der.tlv(der.SEQUENCE)))) is FailInfo.badDataFormat


@pytest.mark.parametrize("what", ["revoked", "superseded", "expired"])
def test_26_a_signer_that_is_over_is_told_nothing(rig: Rig, what: str) -> None:
    customer = rig.with_certificate(days_left=10)
    if what == "revoked":
        rig.registry.revoke(rig.of(customer.certificate).serial, RevocationReason.CESSATION, rig.now)
    elif what == "superseded":
        customer.renew()
        customer.begin_anew()
    else:
        rig.now += timedelta(days=10, seconds=1)
    wanted = FailInfo.signerNotTrusted if what == "expired" else FailInfo.certRevoked
    assert refused(customer.ask(Kind.GENM, Info(oids.CA_CERTS))) is wanted


@pytest.mark.parametrize("kind", [Kind.PKICONF, Kind.IP, Kind.ERROR, Kind.POLLREP, Kind.GENP, Kind.RP])
def test_26_an_answer_is_no_request(quick: Rig, kind: Kind) -> None:
    body = next(one for its, one in bodies() if its is kind)
    answer = quick.begin().ask(kind, body)
    assert refused(answer) is FailInfo.badRequest


# --- Polling ----------------------------------------------------------------------------------------------------------


def waiting(answer: Message) -> None:
    assert isinstance(answer.body, CertReply)
    assert (answer.body.status, answer.body.certificate) == (Status.WAITING, None)


def poll(customer: Customer, number: int = 0) -> Message:
    return customer.ask(Kind.POLLREQ, Poll(number))


@pytest.mark.parametrize("kind", [Kind.IR, Kind.CR, Kind.KUR, Kind.P10CR])
def test_27_what_could_not_be_signed_is_waited_for(url: str, kind: Kind) -> None:
    """The CA's token fails; the record stands, and is what is signed once the token works."""
    token = Troubled(0)
    rig = Rig(url, hook=token)
    customer = rig.with_certificate(days_left=10) if kind in (Kind.KUR, Kind.CR) else rig.begin()
    token.left = 3
    number = -1 if kind is Kind.P10CR else 0
    key = ec.generate_private_key(ec.SECP256R1())
    body = csr(key) if kind is Kind.P10CR else certificate_request(key, customer.subject)
    waiting(customer.ask(kind, body))
    recorded = rig.history()[-1]
    assert recorded.state is State.RECORDED
    asked = customer.sent
    rig.now += timedelta(minutes=10)
    answer = poll(customer, number)
    assert isinstance(answer.body, PollAnswer)
    assert (answer.kind, answer.body.req_id) == (Kind.POLLREP, number)
    assert answer.body.check_after > 0
    assert refused(customer.ask(Kind.CERTCONF, Confirm(cert_hash=b""))) is FailInfo.badRequest
    waiting(rig.send(asked))  # the first one again, as good as asking
    answer = poll(customer, number)
    assert answer.kind is {Kind.IR: Kind.IP, Kind.KUR: Kind.KUP}.get(kind, Kind.CP)
    certificate = granted(answer)
    assert rig.of(certificate) == replace(recorded, state=State.PENDING, certificate=certificate, draft=b"")
    assert granted(poll(customer, number)) == certificate
    assert granted(rig.send(asked)) == certificate
    assert customer.ask(Kind.CERTCONF, confirmation(certificate, req_id=number)).kind is Kind.PKICONF
    assert rig.active().certificate == certificate
    assert token.signed == (2 if kind in (Kind.KUR, Kind.CR) else 1)
    rig.close()


@BOTH
def test_27_poll_wrongly(rig: Rig, how: str) -> None:
    customer = by(rig, how)
    certificate = granted(customer.request(new_key()))
    last = customer.last
    for number in (1, 7, -1, -2):  # -1 is what follows a p10cr
        customer.last = last
        assert refused(poll(customer, number)) is FailInfo.badRequest
    customer.last = last
    assert refused(customer.ask(Kind.POLLREQ, Poll(), recip_nonce=fresh())) is FailInfo.badRecipientNonce
    customer.last = last
    assert granted(poll(customer)) == certificate
    assert customer.ask(Kind.CERTCONF, confirmation(certificate, NO)).kind is Kind.PKICONF
    assert refused(poll(customer)) is FailInfo.badRequest


def test_27_a_waiting_one_may_be_rejected_by_nobody_and_displaced(url: str) -> None:
    """RECORDED and never handed out: another key takes its place, and it is void."""
    token = Troubled(0)
    rig = Rig(url, hook=token)
    customer = rig.with_certificate(days_left=10)
    token.left = 1
    waiting(customer.request(new_key()))
    other = Customer(rig, USER, key=customer.key, certificate=customer.certificate)
    rig.now += timedelta(minutes=5)
    certificate = granted(other.request(new_key(), extensions=[policy(StoreKind.PC)]))
    assert rig.states().count(State.VOID) == 1
    assert refused(poll(customer)) is FailInfo.badRequest
    assert other.confirm(certificate).kind is Kind.PKICONF
    rig.close()


# --- Transfer: test_http.py has 28 ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("initialization", Kind.IR),
        ("keyupdate", Kind.KUR),
        ("pkcs10", Kind.P10CR),
        ("revocation", Kind.RR),
        ("certification", Kind.CR),
        ("getcacerts", Kind.GENM),
        ("getrootupdate", Kind.GENM),
        ("getcertreqtemplate", Kind.GENM),
        ("getcrls", Kind.GENM),
        ("unknown", None),
    ],
)
def test_28_an_address_is_for_its_own_requests(quick: Rig, operation: str, kind: Kind | None) -> None:
    customer = quick.with_certificate()
    question = Info(oids.CA_CERTS)
    answer = customer.ask(Kind.GENM, question, operation=operation)
    if kind is Kind.GENM:
        assert answer.kind is Kind.GENP
    else:
        assert refused(answer) is FailInfo.badRequest
