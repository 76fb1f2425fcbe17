"""RFC 9483, 4.1: items 13 to 20 of the checklist, through the whole front. A refusal of these stands in the reply."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.api.craft import (
    assembled,
    body_of,
    csr,
    extension,
    named_policy,
    other_popo,
    policy,
    signed_anew,
    twice,
    with_serial,
)
from tests.api.rig import DAY, NOW, USER, Customer, Rig, granted, new_key
from tests.api.test_checklist_header import BOTH, by, refused
from tokenmgr.cmp.algorithms import PrivateKey
from tokenmgr.cmp.faults import FailInfo
from tokenmgr.cmp.messages import (
    CertReply,
    CertRequest,
    Kind,
    Message,
    Proof,
    ProofKind,
    Status,
    certificate_request,
    confirmation,
)
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.generation import RevocationReason, State, StoreKind
from tokenmgr.pki.names import subscriber_name

REPLIES = {Kind.IR: Kind.IP, Kind.CR: Kind.CP, Kind.KUR: Kind.KUP, Kind.P10CR: Kind.CP}


def asked(customer: Customer, key: PrivateKey | None = None, **changes: Any) -> CertRequest:
    return certificate_request(key or customer.key, customer.subject, **changes)


def said_no(answer: Message, kind: Kind) -> FailInfo | None:
    """Item 19: in the reply's own kind."""
    assert isinstance(answer.body, CertReply), answer.body
    assert answer.kind is kind
    assert answer.body.status is Status.REJECTION
    assert answer.body.text
    return answer.body.fail


def reply(answer: Message) -> CertReply:
    assert isinstance(answer.body, CertReply), answer.body
    return answer.body


KEY = new_key()
OWN_KINDS = {"mac": Kind.IR, "signature": Kind.KUR}


def ask(customer: Customer, body: CertRequest) -> Message:
    return customer.ask(Kind.IR if customer.ticket else Kind.KUR, body)


@BOTH
def test_13_exactly_one_request(quick: Rig, how: str) -> None:
    customer = by(quick, how)
    kind = OWN_KINDS[how]
    certs = () if how == "mac" else (customer.certificate,)
    data = assembled(customer.header(), twice(body_of(kind, asked(customer, KEY))), customer.protector, certs)
    assert refused(quick.send(data)) is FailInfo.badRequest


@BOTH
@pytest.mark.parametrize("number", [-1, 1, 2**40])
def test_13_whose_number_is_zero(quick: Rig, how: str, number: int) -> None:
    customer = by(quick, how)
    body = signed_anew(KEY, asked(customer, KEY), req_id=number)
    assert said_no(ask(customer, body), REPLIES[OWN_KINDS[how]]) is FailInfo.badRequest


@BOTH
@pytest.mark.parametrize(
    ("changes", "fail"),
    [
        ({"subject": None}, FailInfo.badCertTemplate),
        ({"version": 0}, FailInfo.badCertTemplate),
        ({"version": 1}, FailInfo.badCertTemplate),
        ({"public_key": None}, FailInfo.badCertTemplate),
    ],
)
def test_13_a_template_names_whom_and_nothing_of_ours(
    quick: Rig, how: str, changes: dict[str, Any], fail: FailInfo
) -> None:
    customer = by(quick, how)
    body = signed_anew(KEY, asked(customer, KEY), **changes)
    assert said_no(ask(customer, body), REPLIES[OWN_KINDS[how]]) is fail


@BOTH
def test_13_the_serial_number_is_ours_to_say(quick: Rig, how: str) -> None:
    customer = by(quick, how)
    body = with_serial(KEY, asked(customer, KEY))
    assert said_no(ask(customer, body), REPLIES[OWN_KINDS[how]]) is FailInfo.badCertTemplate


def test_13_version_3_may_be_said(quick: Rig) -> None:
    customer = quick.begin()
    assert granted(ask(customer, signed_anew(customer.key, asked(customer), version=2)))


@BOTH
def test_14_possession_is_proved(quick: Rig, how: str) -> None:
    customer = by(quick, how)
    right, kind = asked(customer, KEY), REPLIES[OWN_KINDS[how]]
    other = certificate_request(new_key(), customer.subject)
    assert right.popo
    wrong: list[tuple[CertRequest, FailInfo]] = [
        (replace(right, popo=None), FailInfo.badPOP),
        (replace(right, popo=other.popo), FailInfo.badPOP),
        (replace(right, popo=replace(right.popo, signature=b"\0" * 70)), FailInfo.badPOP),
        (replace(right, popo=Proof(ProofKind.RA_VERIFIED)), FailInfo.notAuthorized),
        (replace(right, popo=replace(right.popo, algorithm=b"\x30\x05\x06\x03\x2b\x65\x70")), FailInfo.badPOP),
    ]
    for body, fail in wrong:
        customer.begin_anew()
        assert said_no(ask(customer, body), kind) is fail
    assert State.PENDING not in quick.states()


def test_14_by_a_signature_over_the_request(quick: Rig) -> None:
    customer = quick.begin()
    data = assembled(customer.header(), other_popo(asked(customer)), customer.protector)
    assert said_no(customer.send(data), Kind.IP) is FailInfo.badPOP


UNFIT: list[tuple[str, Any]] = [
    ("p521", lambda: ec.generate_private_key(ec.SECP521R1())),
    ("k256", lambda: ec.generate_private_key(ec.SECP256K1())),
    ("ed25519", ed25519.Ed25519PrivateKey.generate),
    ("rsa 1024", lambda: rsa.generate_private_key(65537, 1024)),  # noqa: S505
    ("rsa, exponent 3", lambda: rsa.generate_private_key(3, 2048)),
]


@pytest.mark.parametrize("make", [one for _, one in UNFIT], ids=[name for name, _ in UNFIT])
def test_15_a_key_of_another_kind_is_no_template_of_ours(quick: Rig, make: Any) -> None:
    customer = quick.begin()
    assert said_no(customer.request(make()), Kind.IP) is FailInfo.badCertTemplate
    assert quick.states() == []


def test_15_a_kind_that_the_bank_does_not_take(quick: Rig) -> None:
    quick.change_policy(key_kinds=(KeyKind.P384,))
    answer = quick.begin().request()
    assert said_no(answer, Kind.IP) is FailInfo.badCertTemplate
    assert '"kind-forbidden"' in reply(answer).text
    assert '"other-key"' in reply(answer).text


@pytest.mark.parametrize("whose", ["another's", "its own, revoked", "its own, active", "the one that signs"])
def test_15_a_key_is_certified_once(rig: Rig, whose: str) -> None:
    rig.enrol("other")
    first = rig.with_certificate("other" if whose == "another's" else USER, days_left=20)
    key, customer = first.key, first
    if whose == "another's":
        now, rig.now = rig.now, NOW
        customer, rig.now = rig.with_certificate(), now
    elif whose == "its own, revoked":
        first.begin_anew()
        key = new_key()
        customer.confirm(granted(customer.request(key)))
        customer = Customer(rig, USER, key=key, certificate=rig.active().certificate)
        rig.now += 340 * DAY
        key = first.key
    elif whose == "its own, active":
        customer = first.renew(key := new_key())
        rig.now += 340 * DAY
    customer.begin_anew()
    assert said_no(customer.request(key), Kind.KUP) is FailInfo.duplicateCertReq


RIGHTS: list[x509.ExtensionType] = [
    x509.BasicConstraints(ca=True, path_length=None),
    x509.BasicConstraints(ca=True, path_length=0),
    *(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, x509.ObjectIdentifier(f"1.3.6.1.5.5.7.3.{last}")])
        for last in (27, 28, 29, 32)
    ),
]


@BOTH
@pytest.mark.parametrize("right", RIGHTS, ids=range(len(RIGHTS)))
def test_15_nobody_becomes_a_ca(quick: Rig, how: str, right: x509.ExtensionType) -> None:
    customer = by(quick, how)
    body = asked(customer, KEY, extensions=[extension(right, critical=True)])
    assert said_no(ask(customer, body), REPLIES[OWN_KINDS[how]]) is FailInfo.notAuthorized
    customer.begin_anew()
    key = ec.generate_private_key(ec.SECP256R1())
    answer = customer.ask(Kind.P10CR, csr(key, extensions=[right]))
    assert said_no(answer, Kind.CP) is FailInfo.notAuthorized


def test_16_ir_is_by_mac(rig: Rig) -> None:
    customer = rig.with_certificate(days_left=10)
    answer = customer.ask(Kind.IR, asked(customer, new_key()))
    assert said_no(answer, Kind.IP) is FailInfo.notAuthorized


def test_16_cr_is_by_signature(rig: Rig) -> None:
    customer = rig.begin()
    assert said_no(customer.ask(Kind.CR, asked(customer)), Kind.CP) is FailInfo.wrongIntegrity
    signer = rig.with_certificate(days_left=10)
    answer = signer.ask(Kind.CR, asked(signer, new_key()))
    assert answer.kind is Kind.CP
    assert granted(answer)


@BOTH
def test_16_p10cr_brings_a_cp_of_number_minus_one(rig: Rig, how: str) -> None:
    customer, key = by(rig, how), ec.generate_private_key(ec.SECP256R1())
    answer = customer.ask(Kind.P10CR, csr(key))
    assert answer.kind is Kind.CP
    assert reply(answer).req_id == -1
    assert reply(answer).status is Status.GRANTED_WITH_MODS  # 20: the CA writes the subject
    certificate = granted(answer)
    assert customer.ask(Kind.CERTCONF, confirmation(certificate, req_id=-1)).kind is Kind.PKICONF
    assert rig.active().certificate == certificate


@BOTH
def test_16_a_csr_is_signed_by_its_own_key(quick: Rig, how: str) -> None:
    customer, key = by(quick, how), ec.generate_private_key(ec.SECP256R1())
    right = csr(key).csr
    answer = customer.ask(Kind.P10CR, replace(csr(key), csr=right[:-3] + bytes([right[-3] ^ 1]) + right[-2:]))
    assert said_no(answer, Kind.CP) in (FailInfo.badPOP, FailInfo.badDataFormat)
    customer.begin_anew()
    assert said_no(customer.ask(Kind.P10CR, replace(csr(key), csr=b"\x30\x00")), Kind.CP) is FailInfo.badDataFormat


def test_17_kur_is_by_the_certificate_that_is_updated(rig: Rig) -> None:
    rig.with_certificate()
    rig.administration.open_acquisition(rig.subscriber.id, rig.now + DAY, rig.now)
    customer = rig.begin()
    assert said_no(customer.ask(Kind.KUR, asked(customer)), Kind.KUP) is FailInfo.wrongIntegrity


def test_17_old_cert_id_is_that_certificate(rig: Rig) -> None:
    customer = rig.with_certificate(days_left=10)
    issuer, serial = rig.service.issuer.subject, rig.of(customer.certificate).serial
    for wrong in ((issuer, serial + 1), (customer.subject, serial), (issuer, 2**300), (issuer, -1)):
        answer = customer.request(new_key(), old_certificate=wrong)
        assert said_no(answer, Kind.KUP) is FailInfo.badCertId
        customer.begin_anew()
    assert granted(customer.request(new_key(), old_certificate=(issuer, serial)))


@pytest.mark.parametrize("what", ["revoked", "superseded", "expired", "too early"])
def test_17_a_signer_that_is_over_updates_nothing(rig: Rig, what: str) -> None:
    customer = rig.with_certificate(days_left=31 if what == "too early" else 10)
    serial = rig.of(customer.certificate).serial
    if what == "revoked":
        rig.registry.revoke(serial, RevocationReason.CESSATION, rig.now)
    elif what == "superseded":
        customer.renew()
        customer.begin_anew()
    elif what == "expired":
        rig.now += timedelta(days=10, seconds=1)
    answer = customer.request(new_key())
    wanted = FailInfo.badTime if what == "too early" else FailInfo.certRevoked
    assert said_no(answer, Kind.KUP) is wanted


def test_18_the_old_one_stays_valid_until_then_and_a_second_kur_waits(rig: Rig) -> None:
    customer = rig.with_certificate(days_left=10)
    certificate = granted(customer.request(new_key()))
    assert rig.states() == [State.ACTIVE, State.PENDING]
    customer.begin_anew()
    answer = customer.request(new_key())
    assert said_no(answer, Kind.KUP) is FailInfo.badRequest
    assert f"{rig.of(certificate).serial:x}" in reply(answer).text
    assert rig.states() == [State.ACTIVE, State.PENDING]


def test_18_the_unconfirmed_one_signs_nothing(rig: Rig) -> None:
    customer, key = rig.with_certificate(days_left=10), new_key()
    new = Customer(rig, USER, key=key, certificate=granted(customer.request(key)))
    assert refused(new.request(new_key())) is FailInfo.notAuthorized
    assert rig.states() == [State.ACTIVE, State.PENDING]


def test_18_out_of_time_it_is_dropped(rig: Rig) -> None:
    customer = rig.with_certificate(days_left=20)
    dropped = granted(customer.request(new_key()))
    rig.now += timedelta(hours=168, seconds=1)
    customer.begin_anew()
    certificate = granted(customer.request(new_key()))
    assert rig.of(dropped).state is State.REVOKED
    assert rig.of(certificate).state is State.PENDING


def test_20_what_differs_is_said_to(quick: Rig) -> None:
    customer = quick.begin()
    exact = {"not_before": quick.now, "not_after": quick.now + 365 * DAY}
    assert reply(customer.request()).status is Status.ACCEPTED
    for changes, status in (
        ({}, Status.ACCEPTED),
        (exact, Status.ACCEPTED),
        ({"extensions": [policy(StoreKind.MEDIUM)]}, Status.ACCEPTED),
        ({"not_after": quick.now + 366 * DAY}, Status.GRANTED_WITH_MODS),
        ({"extensions": [extension(x509.SubjectAlternativeName([x509.DNSName("x")]))]}, Status.GRANTED_WITH_MODS),
    ):
        customer.begin_anew()
        assert reply(customer.request(**changes)).status is status
    other = subscriber_name("みほん信用金庫", "1234", "0012345", "somebody-else")
    customer.begin_anew()
    answer = customer.ask(Kind.IR, certificate_request(customer.key, other))
    assert reply(answer).status is Status.GRANTED_WITH_MODS
    its = x509.load_der_x509_certificate(granted(answer))
    assert its.subject.public_bytes() == customer.subject  # nobody gets another one's name


def test_20_the_store_is_what_the_policy_says(rig: Rig) -> None:
    customer = rig.with_certificate(days_left=20)
    certificate = granted(customer.request(new_key(), extensions=[policy(StoreKind.PC)]))
    assert rig.of(certificate).store is StoreKind.PC
    found = x509.load_der_x509_certificate(certificate).extensions.get_extension_for_class(x509.CertificatePolicies)
    assert [one.policy_identifier.dotted_string for one in found.value] == [rig.service.issuer.profile.policy_pc]


@pytest.mark.parametrize("oid", ["1.2.3.4", "2.5.29.32.0"])
def test_20_a_policy_that_there_is_not(quick: Rig, oid: str) -> None:
    answer = quick.begin().request(extensions=[named_policy(oid)])
    assert said_no(answer, Kind.IP) is FailInfo.unacceptedPolicy
