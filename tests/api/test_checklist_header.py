"""RFC 9483, 3: items 1 to 8 of the checklist, through the whole front. answers.py looks at each answer besides."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.api.craft import parts_of, sealed
from tests.api.rig import OTHER_BANK, SECOND, Customer, Rig, common_name, fresh, granted, new_key
from tokenmgr.cmp import oids
from tokenmgr.cmp.algorithms import identifier
from tokenmgr.cmp.der import wrap
from tokenmgr.cmp.faults import FailInfo
from tokenmgr.cmp.messages import (
    ErrorBody,
    Info,
    Kind,
    Message,
    certificate_request,
    confirmation,
    parse,
)
from tokenmgr.cmp.protection import MacProtector, Pbm, Pbmac1, SignatureProtector, is_mac
from tokenmgr.domain.generation import State

QUESTION = Info(oids.CA_CERTS)


def refused(answer: Message) -> FailInfo | None:
    """An error message, and of what."""
    assert isinstance(answer.body, ErrorBody), answer
    assert answer.kind is Kind.ERROR
    return answer.body.fail


def by(rig: Rig, how: str) -> Customer:
    return rig.begin() if how == "mac" else rig.with_certificate(days_left=10)


BOTH = pytest.mark.parametrize("how", ["mac", "signature"])


# --- Header -----------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("pvno", [2, 3])
def test_01_the_answer_has_the_version_that_came(rig: Rig, how: str, pvno: int) -> None:
    customer = by(rig, how)
    assert customer.ask(Kind.GENM, QUESTION, pvno=pvno).header.pvno == pvno


@pytest.mark.parametrize("pvno", [0, 1, 4, 99])
def test_01_other_versions_are_refused(quick: Rig, pvno: int) -> None:
    customer = quick.begin()
    answer = quick.send(customer.build(Kind.GENM, QUESTION, {"pvno": pvno}))
    assert refused(answer) is FailInfo.unsupportedVersion
    assert answer.header.pvno == 2


def test_01_hash_alg_wants_version_3(rig: Rig) -> None:
    customer = rig.begin()
    certificate = granted(customer.request())
    named = replace(confirmation(certificate), hash_algorithm=identifier("2.16.840.1.101.3.4.2.1"))
    assert refused(customer.ask(Kind.CERTCONF, named)) is FailInfo.unsupportedVersion
    assert customer.ask(Kind.CERTCONF, named, pvno=3).kind is Kind.PKICONF


@pytest.mark.parametrize("sender", [common_name("another"), wrap(b"", 0x30), wrap(b"a@b.jp", 0x81)])
def test_02_with_a_mac_the_reference_is_the_senders_key_identifier(quick: Rig, sender: bytes) -> None:
    """Whatever `sender` says: OpenSSL's client writes the subject that it asks for. Ours is strict (answers.py)."""
    assert quick.begin().ask(Kind.GENM, QUESTION, sender=sender).kind is Kind.GENP


@pytest.mark.parametrize("sender", [common_name("another"), wrap(b"", 0x30), wrap(b"a@b.jp", 0x81)])
def test_02_with_a_signature_the_sender_is_the_certificates_subject(quick: Rig, sender: bytes) -> None:
    customer = quick.with_certificate()
    assert refused(customer.ask(Kind.GENM, QUESTION, sender=sender)) is FailInfo.badMessageCheck


@BOTH
@pytest.mark.parametrize("off", [-301, -300, 300, 301])
def test_03_the_time_is_within_five_minutes(rig: Rig, how: str, off: int) -> None:
    answer = by(rig, how).ask(Kind.GENM, QUESTION, message_time=rig.now + off * SECOND)
    if abs(off) > 300:
        assert refused(answer) is FailInfo.badTime
    else:
        assert answer.kind is Kind.GENP


@BOTH
def test_03_the_time_is_looked_at_once_protection_holds(rig: Rig, how: str) -> None:
    customer = by(rig, how)
    wrong = (
        MacProtector(customer.ticket[0].encode(), b"another", Pbmac1(b"salt", 100))
        if customer.ticket
        else SignatureProtector(new_key(), customer.certificate)
    )
    late = {"message_time": rig.now + timedelta(days=1)}
    answer = customer.send(customer.build(Kind.GENM, QUESTION, late, wrong))
    assert refused(answer) is FailInfo.badMessageCheck
    customer.begin_anew()
    answer = customer.ask(Kind.GENM, QUESTION, message_time=None)
    assert refused(answer) is FailInfo.badTime
    assert is_mac(answer) is (how == "mac")  # 12: who is proven is told so in kind


MACS = [
    Pbm(b"salt" * 4, 500, "sha256", "sha1"),
    Pbm(b"salt" * 4, 500, "sha256", "sha256"),
    Pbm(b"salt" * 4, 500, "sha512", "sha512"),
    Pbmac1(b"salt" * 4, 100),
    Pbmac1(b"salt" * 4, 100, "sha512", "sha384", 48),
]


@pytest.mark.parametrize("parameters", MACS, ids=lambda one: f"{type(one).__name__}-{one.mac}")
def test_04_macs_that_are_taken_are_answered_alike(quick: Rig, parameters: Pbm | Pbmac1) -> None:
    customer = quick.begin()
    assert customer.ticket
    protector = MacProtector(customer.ticket[0].encode(), customer.ticket[1], parameters)
    asked = parse(customer.build(Kind.GENM, QUESTION, protector=protector))
    answer = customer.send(asked.raw)
    assert answer.kind is Kind.GENP
    assert answer.header.algorithm != asked.header.algorithm  # a salt of its own
    other = replace(parameters, salt=b"")
    read = answer.header.algorithm or b""
    assert len(read) == len(other.algorithm) + 16


class Named:
    """A protector that names an algorithm, and means another one."""

    def __init__(self, customer: Customer, algorithm: bytes, value: bytes | None = None) -> None:
        self._its, self.algorithm, self._value = customer.protector, algorithm, value

    @property
    def sender_kid(self) -> bytes | None:
        return self._its.sender_kid

    def protect(self, protected_part: bytes) -> bytes:
        return self._its.protect(protected_part) if self._value is None else self._value


BARE_HMAC, SHA1_RSA, DSA = "1.2.840.113549.2.9", "1.2.840.113549.1.1.5", "2.16.840.1.101.3.4.3.2"


@pytest.mark.parametrize("oid", [BARE_HMAC, SHA1_RSA, DSA, oids.PBM, oids.PBMAC1])
@BOTH
def test_04_other_algorithms_are_refused(quick: Rig, how: str, oid: str) -> None:
    customer = by(quick, how)
    answer = customer.send(customer.build(Kind.GENM, QUESTION, protector=Named(customer, identifier(oid))))
    bits = {FailInfo.badAlg}
    if how == "mac" and oid in (BARE_HMAC, SHA1_RSA, DSA):
        bits.add(FailInfo.badMessageCheck)  # no MAC that is known, so a signature, and no certificate with it
    if how == "signature" and oid in (oids.PBM, oids.PBMAC1):
        bits.add(FailInfo.badMessageCheck)  # a MAC, and no reference
    assert refused(answer) in bits


@pytest.mark.parametrize("iterations", [1, 99, 100_001])
def test_04_iterations_are_bounded_on_both_sides(quick: Rig, iterations: int) -> None:
    customer = quick.begin()
    assert customer.ticket
    protector = MacProtector(customer.ticket[0].encode(), customer.ticket[1], Pbmac1(b"salt", iterations))
    assert refused(customer.send(customer.build(Kind.GENM, QUESTION, protector=protector))) is FailInfo.badAlg


@BOTH
@pytest.mark.parametrize("value", [b"", b"wrong", bytes(32), bytes(64)])
def test_04_a_wrong_value_is_refused(quick: Rig, how: str, value: bytes) -> None:
    customer = by(quick, how)
    protector = Named(customer, customer.protector.algorithm, value)
    assert refused(customer.send(customer.build(Kind.IR, asked(customer), protector=protector))) is (
        FailInfo.badMessageCheck
    )
    assert State.RECORDED not in quick.states()


def asked(customer: Customer, **changes: Any) -> Any:
    return certificate_request(customer.key, customer.subject, **changes)


class Kid:
    def __init__(self, customer: Customer, sender_kid: bytes | None) -> None:
        self._its, self.sender_kid = customer.protector, sender_kid

    @property
    def algorithm(self) -> bytes:
        return self._its.algorithm

    def protect(self, protected_part: bytes) -> bytes:
        return self._its.protect(protected_part)


@BOTH
@pytest.mark.parametrize("kid", [None, b"", b"other", b"x" * 500, b"\xff\x00"])
def test_05_the_key_identifier_is_the_credentials(quick: Rig, how: str, kid: bytes | None) -> None:
    customer = by(quick, how)
    answer = customer.send(customer.build(Kind.GENM, QUESTION, protector=Kid(customer, kid)))
    assert refused(answer) is FailInfo.badMessageCheck


@BOTH
@pytest.mark.parametrize(("length", "kind"), [(None, Kind.GENM), (15, Kind.GENM), (65, Kind.GENM), (0, Kind.GENM)])
def test_06_a_transaction_has_an_id_of_128_bits(quick: Rig, how: str, length: int | None, kind: Kind) -> None:
    named = None if length is None else b"t" * length
    answer = by(quick, how).ask(kind, QUESTION, transaction_id=named)
    assert refused(answer) is FailInfo.badDataFormat


@BOTH
def test_06_later_a_missing_id_is_a_bad_request(quick: Rig, how: str) -> None:
    customer = by(quick, how)
    certificate = granted(customer.request(new_key()))
    answer = customer.ask(Kind.CERTCONF, confirmation(certificate), transaction_id=None)
    assert refused(answer) is FailInfo.badRequest


@BOTH
def test_06_a_transaction_is_begun_once(rig: Rig, how: str) -> None:
    customer = by(rig, how)
    key = new_key()
    first = granted(customer.request(key))
    customer.last = None
    assert refused(customer.request(new_key())) is FailInfo.transactionIdInUse
    customer.last = None
    assert refused(customer.ask(Kind.GENM, QUESTION)) is FailInfo.transactionIdInUse
    customer.begin_anew()
    assert granted(customer.request(key)) == first


def test_06_the_same_id_at_another_bank_is_another_transaction(rig: Rig) -> None:
    rig.enrol("elsewhere", bank=OTHER_BANK)
    granted(rig.with_certificate(days_left=10).request(new_key()))
    assert rig.registry.exchange(OTHER_BANK, rig.history()[-1].key_hash[:16]) is None


@BOTH
@pytest.mark.parametrize("length", [None, 0, 15, 65])
def test_07_a_nonce_has_128_bits(quick: Rig, how: str, length: int | None) -> None:
    nonce = None if length is None else b"n" * length
    assert refused(by(quick, how).ask(Kind.GENM, QUESTION, sender_nonce=nonce)) is FailInfo.badSenderNonce


@BOTH
def test_07_the_first_message_sends_no_nonce_back(quick: Rig, how: str) -> None:
    answer = by(quick, how).ask(Kind.GENM, QUESTION, recip_nonce=fresh())
    assert refused(answer) is FailInfo.badRecipientNonce


@BOTH
@pytest.mark.parametrize("length", [None, 0, 7, 8, 16, 64])
def test_07_later_ones_send_back_what_they_were_sent(rig: Rig, how: str, length: int | None) -> None:
    customer = by(rig, how)
    certificate = granted(customer.request(new_key()))
    last = customer.last
    wrong = None if length is None else fresh(length) if length else b""
    answer = customer.ask(Kind.CERTCONF, confirmation(certificate), recip_nonce=wrong)
    assert refused(answer) is FailInfo.badRecipientNonce
    assert rig.of(certificate).state is State.PENDING
    customer.last = last
    assert customer.confirm(certificate).kind is Kind.PKICONF


def test_07_a_nonce_of_another_transaction_is_none(rig: Rig) -> None:
    rig.enrol("other")
    one, other = rig.begin(), rig.begin("other")
    certificate = granted(one.request())
    granted(other.request())
    assert other.last
    answer = one.ask(Kind.CERTCONF, confirmation(certificate), recip_nonce=other.last.header.sender_nonce)
    assert refused(answer) is FailInfo.badRecipientNonce


def test_08_implicit_confirm_and_a_wait_exclude_each_other(quick: Rig) -> None:
    answer = quick.begin().ask(Kind.GENM, QUESTION, implicit_confirm=True, confirm_wait=quick.now)
    assert refused(answer) is FailInfo.badRequest


@pytest.mark.parametrize(
    ("oid", "value"),
    [
        (oids.IMPLICIT_CONFIRM, wrap(b"\x01", 0x02)),  # not NULL
        (oids.CONFIRM_WAIT_TIME, b"\x05\x00"),  # not a GeneralizedTime
        (oids.CERT_PROFILE, wrap(wrap(b"one", 0x0C) + wrap(b"two", 0x0C))),  # two names
    ],
)
def test_08_general_info_has_its_form(quick: Rig, oid: str, value: bytes) -> None:
    customer = quick.begin()
    data = customer.build(Kind.GENM, QUESTION, {"profile": "x"})
    header, body, _, certs = parts_of(data)
    plain = wrap(b"\x06\x08" + bytes.fromhex("2b06010505070415") + wrap(wrap(b"x", 0x0C)))
    assert plain in header
    last = int(oid.rpartition(".")[2])
    said = header.replace(plain, wrap(b"\x06\x08" + bytes.fromhex("2b060105050704") + bytes([last]) + value))
    answer = quick.send(sealed(_rewrapped(said), body, customer.protector, certs))
    assert refused(answer) in (FailInfo.badDataFormat, FailInfo.badMessageCheck)
    assert refused(answer) is FailInfo.badDataFormat


def _rewrapped(header: bytes) -> bytes:
    """The lengths of the header, of [8] and of the SEQUENCE in it, after what is in there has changed."""
    start = 2 if header[1] < 0x80 else 2 + (header[1] & 0x7F)
    inside = header[start:]
    at = inside.rindex(b"\xa8")
    found = inside[at:]
    entry = found[found.index(b"\x30", 3) :]
    return wrap(inside[:at] + wrap(wrap(entry), 0xA8))
