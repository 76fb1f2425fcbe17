"""RFC 9483, 3.2 and 3.3: items 9 to 12 of the checklist, through the whole front."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from tests.api.answers import by_signature
from tests.api.craft import assembled, body_of
from tests.api.rig import OTHER_BANK, Customer, Rig, granted, new_key
from tests.api.test_checklist_header import BOTH, QUESTION, Named, asked, by, refused
from tokenmgr.cmp.algorithms import identifier
from tokenmgr.cmp.certificates import load
from tokenmgr.cmp.der import wrap
from tokenmgr.cmp.faults import FailInfo
from tokenmgr.cmp.messages import (
    CertReply,
    Kind,
    Status,
)
from tokenmgr.domain.generation import RevocationReason, State

# --- Protection and extraCerts ----------------------------------------------------------------------------------------


def test_09_a_transaction_begun_by_a_mac_goes_on_by_it(rig: Rig) -> None:
    other = rig.with_certificate()
    rig.administration.open_acquisition(rig.subscriber.id, rig.now + timedelta(days=1), rig.now)
    customer = rig.begin()
    certificate = granted(customer.request())
    other.transaction, other.last = customer.transaction, customer.last
    assert refused(other.confirm(certificate)) is FailInfo.wrongIntegrity
    assert rig.of(certificate).state is State.PENDING


def test_09_one_begun_by_a_signature_goes_on_by_it(rig: Rig) -> None:
    customer = rig.with_certificate(days_left=10)
    certificate = granted(customer.request(new_key()))
    rig.administration.open_acquisition(rig.subscriber.id, rig.now + timedelta(days=1), rig.now)
    other = rig.begin()
    other.transaction, other.last = customer.transaction, customer.last
    assert refused(other.confirm(certificate)) is FailInfo.wrongIntegrity
    assert rig.of(certificate).state is State.PENDING


@BOTH
def test_09_the_new_key_confirms_nothing(rig: Rig, how: str) -> None:
    customer, key = by(rig, how), new_key()
    certificate = granted(customer.request(key))
    new = Customer(rig, customer.user, key=key, certificate=certificate)
    new.transaction, new.last = customer.transaction, customer.last
    assert refused(new.confirm(certificate)) is FailInfo.notAuthorized
    assert rig.of(certificate).state is State.PENDING


def foreign(key: ec.EllipticCurvePrivateKey, subject: x509.Name, issuer: x509.Name, serial: int, rig: Rig) -> bytes:
    """What anybody can make: a certificate of this name, or of this CA's, signed by another key."""
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), serial, rig.now, rig.now + timedelta(days=9))
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize("serial", [1, 2**159, 2**160, 2**200, "its own"])
def test_10_an_unknown_issuer_is_not_trusted(quick: Rig, serial: int | str) -> None:
    """Serial numbers that no CA gives are no reason to fail, either."""
    customer = quick.with_certificate(days_left=10)
    its, key = load(customer.certificate), new_key()
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    number = its.serial_number if isinstance(serial, str) else serial
    other = Customer(quick, "x", key=key, certificate=foreign(key, its.subject, its.issuer, number, quick))
    assert refused(other.request(new_key())) is FailInfo.signerNotTrusted


def test_10_the_protection_certificate_comes_first(quick: Rig) -> None:
    customer = quick.with_certificate()
    body = body_of(Kind.GENM, QUESTION)
    wrong: list[tuple[bytes, ...]] = [(), (quick.service.chain[0], customer.certificate)]
    for certs in wrong:
        customer.begin_anew()
        answer = customer.send(assembled(customer.header(), body, customer.protector, certs))
        assert refused(answer) in (FailInfo.badMessageCheck, FailInfo.signerNotTrusted)
    customer.begin_anew()
    right = (customer.certificate, *quick.service.chain)
    assert customer.send(assembled(customer.header(), body, customer.protector, right)).kind is Kind.GENP


def test_10_the_cas_own_certificates_are_no_customers(quick: Rig) -> None:
    keys = quick.service.keys
    ours = Customer(quick, "x", key=keys.cmp.signer, certificate=keys.cmp.certificate)
    assert refused(ours.ask(Kind.GENM, QUESTION)) is FailInfo.signerNotTrusted
    ours = Customer(quick, "x", key=keys.issuing.signer, certificate=keys.issuing.certificate)
    assert refused(ours.ask(Kind.GENM, QUESTION)) is FailInfo.signerNotTrusted  # keyUsage


@pytest.mark.parametrize("how", ["rsa absent", "p384"])
def test_10_keys_of_other_kinds_sign(quick: Rig, how: str) -> None:
    key = rsa.generate_private_key(65537, 2048) if how == "rsa absent" else ec.generate_private_key(ec.SECP384R1())
    customer = quick.begin()
    customer.key = key
    customer.acquire()
    quick.now += timedelta(days=340)
    signer = Customer(quick, customer.user, key=key, certificate=customer.certificate)
    null = Named(signer, identifier("1.2.840.113549.1.1.11", b"\x05\x00"))
    if how == "rsa absent":  # and with NULL, which occurs as often
        assert signer.send(signer.build(Kind.GENM, QUESTION, protector=null)).kind is Kind.GENP
    signer.begin_anew()
    assert granted(signer.request(new_key()))


def test_11_ca_pubs_are_in_an_ip_only(rig: Rig) -> None:
    customer = rig.begin()
    answer = customer.request()
    assert isinstance(answer.body, CertReply)
    assert answer.body.ca_pubs == (rig.service.keys.root,)
    assert answer.extra_certs == rig.service.chain
    certificate = granted(answer)
    customer.confirm(certificate)
    rig.now += timedelta(days=350)
    answer = Customer(rig, customer.user, key=customer.key, certificate=certificate).request(new_key())
    assert isinstance(answer.body, CertReply)
    assert answer.body.status is Status.ACCEPTED
    assert answer.body.ca_pubs == ()


@BOTH
@pytest.mark.parametrize("kind", [Kind.IR, Kind.GENM])
def test_12_what_is_not_protected_is_refused(quick: Rig, how: str, kind: Kind) -> None:
    customer = by(quick, how)
    body = body_of(kind, QUESTION if kind is Kind.GENM else asked(customer))
    data = assembled(customer.header(), body, None, () if how == "mac" else (customer.certificate,))
    assert refused(customer.send(data)) is FailInfo.badMessageCheck


def test_12_what_nobody_can_read_is_answered_under_our_signature(quick: Rig) -> None:
    for data in (b"", b"\0", b"0\0", b"x" * 100, b"\x30\x80\0\0", bytes(70_000)):
        answer = quick.send(data)
        assert refused(answer) is FailInfo.badDataFormat
        by_signature(quick, answer)
        assert answer.header.transaction_id


def test_12_an_unreadable_body_is_answered_in_its_transaction(quick: Rig) -> None:
    customer = quick.begin()
    answer = quick.send(assembled(customer.header(), wrap(wrap(b"\x05\0"), 0xA0), customer.protector))
    assert refused(answer) is FailInfo.badDataFormat
    assert answer.header.transaction_id == customer.transaction
    answer = quick.send(assembled(customer.header(), wrap(wrap(b""), 0xA0 + 9), customer.protector))
    assert refused(answer) is FailInfo.badRequest  # krr: understood by RFC 4210, not spoken here


def test_another_banks_address_is_not_ours(rig: Rig) -> None:
    customer = rig.with_certificate(days_left=10)
    assert refused(customer.ask(Kind.GENM, QUESTION, OTHER_BANK)) is FailInfo.notAuthorized
    customer.begin_anew()
    data = customer.build(Kind.KUR, asked(Customer(rig, customer.user)))
    assert refused(customer.send(data, OTHER_BANK)) is FailInfo.notAuthorized
    rig.administration.open_acquisition(rig.subscriber.id, rig.now + timedelta(days=1), rig.now)
    ticket = rig.begin()
    assert refused(ticket.ask(Kind.GENM, QUESTION, OTHER_BANK)) is FailInfo.badMessageCheck
    assert rig.states() == [State.ACTIVE]


def test_a_revoked_certificate_signs_nothing(rig: Rig) -> None:
    customer = rig.with_certificate(days_left=10)
    rig.registry.revoke(rig.of(customer.certificate).serial, RevocationReason.KEY_COMPROMISE, rig.now)
    assert refused(customer.ask(Kind.GENM, QUESTION)) is FailInfo.certRevoked
    customer.begin_anew()
    answer = customer.request(new_key())
    assert isinstance(answer.body, CertReply)
    assert answer.body.fail is FailInfo.certRevoked
