"""Each item of the checklist of RFC 9483, kept and broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.cmp.parties import (
    ENDS,
    NOW,
    SECRET,
    STARTS,
    Party,
    authority,
    certificate,
    header,
    holder,
    message,
    name,
    pbmac1,
)
from tokenmgr.cmp import checks
from tokenmgr.cmp.algorithms import NULL, identifier, sign
from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.cmp.messages import (
    Body,
    CertReply,
    CertRequest,
    Confirm,
    ErrorBody,
    Info,
    Kind,
    PkiConf,
    Poll,
    Proof,
    ProofKind,
    Revoke,
    Status,
    answer_header,
    cert_hash,
    certificate_request,
    confirmation,
)
from tokenmgr.cmp.protection import MacProtector

MAC = MacProtector(b"4711", SECRET, pbmac1())
CLIENT = holder()
SIGNED = CLIENT.protector()
REQUEST = certificate_request(CLIENT.key, CLIENT.subject, old_certificate=(authority().subject, 77))
ANSWERED = answer_header(header(), NOW, authority().subject, b"A" * 16)


def refused(fail: FailInfo, check: Callable[..., object], *given: object) -> None:
    with pytest.raises(ProtocolFault) as caught:
        check(*given)
    assert caught.value.fail is fail
    assert caught.value.text


# --- Header (RFC 9483, 3.1) -------------------------------------------------------------------------------------------


def test_item_1_a_hash_algorithm_wants_version_3() -> None:
    """RFC 9480, 2.10."""
    confirm = replace(confirmation(CLIENT.der), hash_algorithm=identifier("2.16.840.1.101.3.4.2.1"))
    checks.version(message(Kind.CERTCONF, confirm, MAC, header(pvno=3)))
    checks.version(message(Kind.CERTCONF, confirmation(CLIENT.der), MAC))
    refused(FailInfo.unsupportedVersion, checks.version, message(Kind.CERTCONF, confirm, MAC))


def test_items_2_and_5_with_a_mac_the_reference_is_senderkid() -> None:
    """3.1. What sender says beside it is not insisted on: OpenSSL's client writes the subject that it asks for."""
    checks.mac_sender(header(sender_kid=b"4711"))
    checks.mac_sender(header(name("One").public_bytes(), sender_kid="参照".encode()))
    for key_id in (None, b""):
        refused(FailInfo.badMessageCheck, checks.mac_sender, header(sender_kid=key_id))


def test_items_2_and_5_with_a_signature_the_sender_is_the_subject() -> None:
    """3.1, sender and senderKID."""
    kid = SIGNED.sender_kid
    checks.signature_sender(header(CLIENT.subject, sender_kid=kid), CLIENT.certificate)
    for wrong in (
        header(sender_kid=kid),
        header(CLIENT.subject),
        header(CLIENT.subject, sender_kid=b"other"),
        header(b"\x30\x00", sender_kid=kid),
    ):
        refused(FailInfo.badMessageCheck, checks.signature_sender, wrong, CLIENT.certificate)


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_item_3_a_message_is_of_now(seconds: int) -> None:
    """3.1, messageTime."""
    checks.message_time(header(), NOW + timedelta(seconds=seconds))
    if seconds:
        refused(FailInfo.badTime, checks.message_time, header(), NOW + timedelta(seconds=seconds * 1.01))
    refused(FailInfo.badTime, checks.message_time, header(message_time=None), NOW)


@pytest.mark.parametrize("wrong", [None, b"", b"x" * 15, b"x" * 65])
def test_item_6_a_transaction_has_128_bits(wrong: bytes | None) -> None:
    """3.1, transactionID."""
    checks.transaction_id(header(transaction_id=b"x" * 64))
    refused(FailInfo.badDataFormat, checks.transaction_id, header(transaction_id=wrong))


@pytest.mark.parametrize("wrong", [None, b"U" * 16])
def test_item_6_a_transaction_stays_the_same(wrong: bytes | None) -> None:
    """3.1, transactionID."""
    checks.same_transaction(header(), header())
    refused(FailInfo.badRequest, checks.same_transaction, header(transaction_id=wrong), header())
    refused(FailInfo.badRequest, checks.same_transaction, header(transaction_id=None), header(transaction_id=None))


@pytest.mark.parametrize("wrong", [None, b"", b"x" * 15, b"x" * 65, b"used before, once"])
def test_item_7_a_nonce_is_long_and_fresh(wrong: bytes | None) -> None:
    """3.1, senderNonce."""
    checks.sender_nonce(header(), [b"used before, once"])
    refused(FailInfo.badSenderNonce, checks.sender_nonce, header(sender_nonce=wrong), [b"used before, once"])


def test_item_7_a_first_message_sends_no_nonce_back() -> None:
    """3.1, recipNonce."""
    checks.no_recip_nonce(header())
    refused(FailInfo.badRecipientNonce, checks.no_recip_nonce, header(recip_nonce=b"R" * 16))


@pytest.mark.parametrize("wrong", [None, b"N" * 16])
def test_item_7_the_others_send_the_last_one_back(wrong: bytes | None) -> None:
    """3.1, recipNonce."""
    checks.recip_nonce(header(recip_nonce=b"A" * 16), ANSWERED)
    refused(FailInfo.badRecipientNonce, checks.recip_nonce, header(recip_nonce=wrong), ANSWERED)
    refused(
        FailInfo.badRecipientNonce, checks.recip_nonce, header(recip_nonce=None), replace(ANSWERED, sender_nonce=None)
    )


def test_item_8_a_confirmation_is_implicit_or_waited_for() -> None:
    """3.1, generalInfo."""
    checks.general_info(header(implicit_confirm=True))
    checks.general_info(header(confirm_wait=NOW))
    refused(FailInfo.badRequest, checks.general_info, header(implicit_confirm=True, confirm_wait=NOW))


def test_a_first_message_is_checked_at_once() -> None:
    """Items 1, 6, 7 and 8."""
    checks.first(message(Kind.KUR, REQUEST, MAC))
    for wrong in (
        header(transaction_id=None),
        header(sender_nonce=None),
        header(recip_nonce=b"R" * 16),
        header(implicit_confirm=True, confirm_wait=NOW),
    ):
        said = message(Kind.KUR, REQUEST, MAC, wrong)
        with pytest.raises(ProtocolFault):
            checks.first(said)


def test_a_later_message_is_checked_at_once() -> None:
    """Items 1, 6, 7 and 8."""
    good = header(sender_nonce=b"M" * 16, recip_nonce=b"A" * 16)

    def later(**changes: object) -> None:
        said = message(Kind.CERTCONF, confirmation(CLIENT.der), MAC, replace(good, **changes))  # type: ignore[arg-type]
        checks.later(said, header(), ANSWERED)

    later()
    refused(FailInfo.badRequest, lambda: later(transaction_id=b"U" * 16))
    refused(FailInfo.badSenderNonce, lambda: later(sender_nonce=b"N" * 16))
    refused(FailInfo.badSenderNonce, lambda: later(sender_nonce=b"A" * 16))
    refused(FailInfo.badRecipientNonce, lambda: later(recip_nonce=None))


# --- Protection and extraCerts (3.2, 3.3) -----------------------------------------------------------------------------


def test_item_9_one_credential_for_the_whole_transaction() -> None:
    """3.2."""
    by_mac, by_key = message(Kind.IR, REQUEST, MAC), message(Kind.IR, REQUEST, SIGNED, header(CLIENT.subject))
    new_key = message(Kind.CERTCONF, confirmation(CLIENT.der), holder(number=78).protector(), header(CLIENT.subject))
    checks.same_credential(by_mac, by_mac)
    checks.same_credential(by_key, by_key)
    refused(FailInfo.wrongIntegrity, checks.same_credential, by_key, by_mac)
    refused(FailInfo.badMessageCheck, checks.same_credential, new_key, by_key)


def test_item_10_the_protection_certificate_comes_first_and_may_sign() -> None:
    """3.2 and 3.3."""
    said = message(Kind.KUR, REQUEST, SIGNED, None, CLIENT.der, authority().der)
    assert checks.protection_certificate(said) == CLIENT.certificate
    refused(FailInfo.badMessageCheck, checks.protection_certificate, message(Kind.KUR, REQUEST, SIGNED))
    cannot = message(Kind.KUR, REQUEST, SIGNED, None, holder(digital_signature=False).der)
    refused(FailInfo.signerNotTrusted, checks.protection_certificate, cannot)
    strange = message(Kind.KUR, REQUEST, SIGNED, None, b"\x30\x00")
    refused(FailInfo.badDataFormat, checks.protection_certificate, strange)


def test_item_11_whom_to_trust_is_told_under_a_mac_and_in_ip_only() -> None:
    """4.1.1 and 4.1.3."""
    told = CertReply(status=Status.ACCEPTED, certificate=CLIENT.der, ca_pubs=(authority().der,))
    checks.ca_pubs(message(Kind.IP, told, MAC))
    checks.ca_pubs(message(Kind.KUP, replace(told, ca_pubs=()), SIGNED))
    for wrong in (message(Kind.IP, told, SIGNED), message(Kind.KUP, told, SIGNED), message(Kind.CP, told, MAC)):
        refused(FailInfo.badRequest, checks.ca_pubs, wrong)


def test_items_16_17_and_25_some_requests_are_signed() -> None:
    """4.1.2, 4.1.3 and 4.2."""
    checks.signed_only(message(Kind.KUR, REQUEST, SIGNED))
    refused(FailInfo.wrongIntegrity, checks.signed_only, message(Kind.KUR, REQUEST, MAC))


# --- Certificate requests (4.1) ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [REQUEST, confirmation(CLIENT.der), Poll(0)], ids=["kur", "certConf", "pollReq"])
def test_items_13_23_and_27_there_is_one_request_and_its_number_is_0(body: CertRequest | Confirm | Poll) -> None:
    """4.1.1, 4.1.4 and 4.4."""
    checks.request_id(body)
    checks.request_id(replace(body, req_id=-1), -1)
    refused(FailInfo.badRequest, checks.request_id, replace(body, req_id=1))
    refused(FailInfo.badRequest, checks.request_id, body, -1)


def test_item_13_a_template_says_who_and_nothing_that_is_the_cas_to_say() -> None:
    """4.1.1; RFC 4211, 5."""
    checks.template(REQUEST)
    checks.template(replace(REQUEST, version=2))
    for wrong in (
        replace(REQUEST, subject=None),
        replace(REQUEST, version=1),
        replace(REQUEST, version=3),
        replace(REQUEST, reserved=("serialNumber",)),
    ):
        refused(FailInfo.badCertTemplate, checks.template, wrong)


@pytest.mark.parametrize("kind", ["rsa", "p256", "p384", "p521", "ed25519"])
def test_item_14_the_key_itself_has_signed_the_request(kind: str) -> None:
    """4.1.1; RFC 4211, 4.1."""
    asked = certificate_request(holder(kind).key, CLIENT.subject)
    checks.proof(asked)
    other = certificate_request(holder(kind).key, name("Two").public_bytes())
    refused(FailInfo.badPOP, checks.proof, replace(asked, popo=other.popo))
    refused(FailInfo.badPOP, lambda: checks.proof(replace(asked, public_key=certificate_key(holder(kind, number=78)))))


def certificate_key(party: Party) -> bytes:
    return party.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_item_14_other_proofs_are_refused() -> None:
    """4.1.1: raVerified is for an RA; encipherment and agreement prove no key that signs."""
    refused(FailInfo.notAuthorized, checks.proof, replace(REQUEST, popo=Proof(ProofKind.RA_VERIFIED)))
    refused(FailInfo.badPOP, checks.proof, replace(REQUEST, popo=Proof(ProofKind.OTHER)))
    refused(FailInfo.badPOP, checks.proof, replace(REQUEST, popo=None))
    sha1 = Proof(ProofKind.SIGNATURE, identifier("1.2.840.10045.4.1"), sign(CLIENT.key, REQUEST.signed))
    refused(FailInfo.badAlg, checks.proof, replace(REQUEST, popo=sha1))


def test_item_15_a_key_that_cannot_sign_is_refused() -> None:
    """4.1.1: key policy is the CA's, but without a key there is nothing to prove."""
    agreeing = x25519.X25519PrivateKey.generate().public_key()
    for key in (None, b"\x30\x00", agreeing.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)):
        wrong = replace(REQUEST, public_key=key)
        refused(FailInfo.badCertTemplate, checks.proof, wrong)


def test_item_16_a_pkcs10_request_is_signed_by_its_key() -> None:
    """4.1.4."""
    made = x509.CertificateSigningRequestBuilder().subject_name(name("One")).sign(CLIENT.key, hashes.SHA256())
    good = made.public_bytes(Encoding.DER)
    assert checks.csr(good) == made
    refused(FailInfo.badPOP, checks.csr, good.replace(b"One", b"Two"))
    refused(FailInfo.badDataFormat, checks.csr, b"\x30\x00")
    sha1 = good.replace(bytes.fromhex("06082a8648ce3d040302"), bytes.fromhex("06082a8648ce3d04037f"))
    refused(FailInfo.badAlg, checks.csr, sha1)


def test_item_17_the_old_certificate_is_the_one_that_signs() -> None:
    """4.1.3."""
    checks.old_certificate(REQUEST, CLIENT.certificate)
    checks.old_certificate(replace(REQUEST, old_certificate=None), CLIENT.certificate)
    for wrong in ((authority().subject, 78), (CLIENT.subject, 77)):
        asked = replace(REQUEST, old_certificate=wrong)
        refused(FailInfo.badCertId, checks.old_certificate, asked, CLIENT.certificate)


# --- Confirmation (4.1.1) ---------------------------------------------------------------------------------------------


def test_items_22_and_23_the_hash_is_that_of_the_certificate() -> None:
    """4.1.1; RFC 4210, 5.3.18: by the hash of the signature on it."""
    checks.cert_hash(confirmation(CLIENT.der), CLIENT.der)
    refused(FailInfo.badCertId, checks.cert_hash, confirmation(CLIENT.der), holder(number=78).der)
    refused(FailInfo.badCertId, checks.cert_hash, Confirm(cert_hash=b""), CLIENT.der)


def test_item_22_version_3_names_the_hash() -> None:
    """RFC 9480, 2.10; RFC 9481, 3.3 for Ed25519, whose hash is SHA-512."""
    named = identifier("2.16.840.1.101.3.4.2.2", NULL)
    confirm = Confirm(cert_hash=cert_hash(CLIENT.der, named), hash_algorithm=named)
    assert len(confirm.cert_hash) == 48
    checks.cert_hash(confirm, CLIENT.der)
    sha1 = replace(confirm, hash_algorithm=identifier("1.3.14.3.2.26"))
    refused(FailInfo.badAlg, checks.cert_hash, sha1, CLIENT.der)
    key = holder("ed25519").key
    own = certificate(name("E"), key, name("E"), key, serial=1).public_bytes(Encoding.DER)
    assert len(cert_hash(own)) == 64


def test_item_10_a_certificate_without_extensions_may_sign_and_has_no_key_identifier() -> None:
    """3.2: keyUsage binds where there is one; 3.1: then senderKID cannot be right."""
    plain = x509.CertificateBuilder(name("P"), name("P"), CLIENT.key.public_key(), 1, STARTS, ENDS)
    made = plain.sign(CLIENT.key, hashes.SHA256())
    said = message(Kind.KUR, REQUEST, SIGNED, None, made.public_bytes(Encoding.DER))
    assert checks.protection_certificate(said) == made
    refused(FailInfo.badMessageCheck, checks.signature_sender, header(name("P").public_bytes()), made)


def test_certificates_that_cannot_be_used_are_refused() -> None:
    """RFC 5280, 4.1.2.2: a serial number is positive. And a hash that nobody knows confirms nothing."""
    plain = x509.CertificateBuilder(name("P"), name("P"), CLIENT.key.public_key(), 0x11223344, STARTS, ENDS)
    der = plain.sign(CLIENT.key, hashes.SHA256()).public_bytes(Encoding.DER)
    negative = der.replace(b"\x11\x22\x33\x44", b"\x91\x22\x33\x44")
    refused(FailInfo.badDataFormat, cert_hash, negative)
    unknown = der.replace(bytes.fromhex("06082a8648ce3d040302"), bytes.fromhex("06082a8648ce3d04037f"))
    refused(FailInfo.badAlg, cert_hash, unknown)


# --- Revocation (4.2) -------------------------------------------------------------------------------------------------


def test_item_25_a_revocation_says_which_certificate() -> None:
    checks.revocation(Revoke(issuer=authority().subject, serial=0))
    for wrong in (Revoke(issuer=None, serial=1), Revoke(issuer=authority().subject, serial=None)):
        refused(FailInfo.addInfoNotAvailable, checks.revocation, wrong)


# --- The client's side ------------------------------------------------------------------------------------------------

GRANTED = CertReply(status=Status.ACCEPTED, certificate=CLIENT.der)


def answered(kind: Kind, body: Body, asked: Kind, **changes: object) -> None:
    head = replace(ANSWERED, **changes)  # type: ignore[arg-type]
    checks.answer(message(kind, body, MAC, head), header(), asked)


def test_an_answer_is_to_the_request() -> None:
    """Items 1, 6, 7, 8, 11 and 21 (3.1, 4.1.1)."""
    answered(Kind.KUP, GRANTED, Kind.KUR)
    refused(FailInfo.badRequest, lambda: answered(Kind.KUP, GRANTED, Kind.KUR, transaction_id=b"U" * 16))
    refused(FailInfo.badRecipientNonce, lambda: answered(Kind.KUP, GRANTED, Kind.KUR, recip_nonce=b"U" * 16))
    refused(FailInfo.badSenderNonce, lambda: answered(Kind.KUP, GRANTED, Kind.KUR, sender_nonce=b"N" * 16))
    refused(FailInfo.unsupportedVersion, lambda: answered(Kind.KUP, GRANTED, Kind.KUR, pvno=3))
    refused(FailInfo.badRequest, lambda: answered(Kind.KUP, GRANTED, Kind.KUR, implicit_confirm=True))
    refused(FailInfo.badRequest, lambda: answered(Kind.KUP, replace(GRANTED, ca_pubs=(CLIENT.der,)), Kind.KUR))


def test_an_answer_is_of_a_kind_that_answers() -> None:
    """An error message answers everything (3.6.4)."""
    answered(Kind.ERROR, ErrorBody(), Kind.RR)
    answered(Kind.GENP, Info("1.2.3"), Kind.GENM)
    answered(Kind.KUP, GRANTED, Kind.POLLREQ)
    answered(Kind.PKICONF, PkiConf(), Kind.CERTCONF)
    refused(FailInfo.badRequest, lambda: answered(Kind.KUP, GRANTED, Kind.IR))
    refused(FailInfo.badRequest, lambda: answered(Kind.PKICONF, PkiConf(), Kind.KUR))


def test_an_answer_is_written_as_the_request_wants_it() -> None:
    """3.1: its version, its transaction, its nonce sent back, its sender as recipient."""
    head = answer_header(header(pvno=3, sender_kid=b"k"), NOW, authority().subject, b"A" * 16, confirm_wait=NOW)
    assert (head.pvno, head.transaction_id, head.recip_nonce) == (3, b"T" * 16, b"N" * 16)
    assert (head.recipient, head.recip_kid, head.sender_nonce) == (name("4711").public_bytes(), b"k", b"A" * 16)
    assert (head.confirm_wait, head.implicit_confirm) == (NOW, False)
