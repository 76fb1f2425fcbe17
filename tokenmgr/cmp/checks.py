"""What RFC 9483 wants of a message, one small function an item. Each raises ProtocolFault, and returns nothing.

The items are those of the checklist that the RFC's sections 3 and 4 make: header (1-8), protection (9-12), requests
(13-20), confirmation (21-24), revocation (25), support (26), polling (27). What is a matter of form alone, such as
"exactly one CertReqMsg" (13, 22, 25, 26), is refused by parse already, under the name that the RFC gives it.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from tokenmgr.cmp import building
from tokenmgr.cmp.algorithms import DIGESTS, load_key, verify
from tokenmgr.cmp.certificates import issuer_of, key_id, load, may_sign, subject_of
from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.cmp.protection import is_mac
from tokenmgr.cmp.values import CertReply, CertRequest, Confirm, Header, Kind, Message, Poll, ProofKind, Revoke

WINDOW = timedelta(seconds=300)
RANDOM = 16  # bytes, 128 bits
LONGEST = 64  # bytes of a transactionID or a nonce that are kept


def first(message: Message) -> None:
    """The header of a transaction's first message, as far as it needs neither clock nor credential."""
    version(message)
    transaction_id(message.header)
    sender_nonce(message.header)
    no_recip_nonce(message.header)
    general_info(message.header)


def later(message: Message, before: Header, answered: Header) -> None:
    """The header of a transaction's next message: `before` is the client's last one, `answered` what it was told."""
    version(message)
    same_transaction(message.header, before)
    sender_nonce(message.header, [nonce for nonce in (before.sender_nonce, answered.sender_nonce) if nonce])
    recip_nonce(message.header, answered)
    general_info(message.header)


# --- Header (3.1) -----------------------------------------------------------------------------------------------------


def version(message: Message) -> None:
    """Item 1 (RFC 9480, 2.10; RFC 9483, 3.1): hashAlg is of version 3; others than 2 and 3 parse has refused."""
    if message.header.pvno < 3 and isinstance(message.body, Confirm) and message.body.hash_algorithm is not None:
        raise ProtocolFault(FailInfo.unsupportedVersion, "hashAlg wants pvno 3")


def mac_sender(header: Header) -> None:
    """Items 2 and 5 (3.1): with a MAC, senderKID is the reference name. That sender is a directoryName with it as its
    CN is not insisted on: OpenSSL's client writes the subject that it asks for, and the secret proves who it is."""
    if not header.sender_kid:
        raise _unproven("senderKID is missing")


def signature_sender(header: Header, certificate: x509.Certificate) -> None:
    """Items 2 and 5 (3.1): with a signature, sender is the certificate's subject, senderKID its key identifier."""
    if header.sender != subject_of(certificate):
        raise _unproven("sender is not the subject of the protection certificate")
    if header.sender_kid is None or header.sender_kid != key_id(certificate):
        raise _unproven("senderKID is not the protection certificate's key identifier")


def _unproven(text: str) -> ProtocolFault:
    return ProtocolFault(FailInfo.badMessageCheck, text)


def message_time(header: Header, now: datetime) -> None:
    """Item 3 (3.1), once protection holds: before, it is anybody's time."""
    if header.message_time is None or abs(header.message_time - now) > WINDOW:
        raise ProtocolFault(FailInfo.badTime, "messageTime is missing or too far off")


def transaction_id(header: Header) -> None:
    """Item 6 (3.1), in a first message."""
    if not RANDOM <= len(header.transaction_id or b"") <= LONGEST:
        raise ProtocolFault(FailInfo.badDataFormat, "transactionID is missing, or not of 128 bits or more")


def same_transaction(header: Header, before: Header) -> None:
    """Item 6 (3.1), in all that follow, and in every answer."""
    if header.transaction_id is None or header.transaction_id != before.transaction_id:
        raise ProtocolFault(FailInfo.badRequest, "transactionID is missing or another one")


def sender_nonce(header: Header, earlier: Collection[bytes] = ()) -> None:
    """Item 7 (3.1): at least 128 bits, fresh in each message."""
    nonce = header.sender_nonce or b""
    if not RANDOM <= len(nonce) <= LONGEST or nonce in earlier:
        raise ProtocolFault(FailInfo.badSenderNonce, "senderNonce is missing, short or used before")


def no_recip_nonce(header: Header) -> None:
    """Item 7 (3.1): nothing to send back in a first message."""
    if header.recip_nonce is not None:
        raise ProtocolFault(FailInfo.badRecipientNonce, "recipNonce in a first message")


def recip_nonce(header: Header, answered: Header) -> None:
    """Item 7 (3.1): the last senderNonce that the other side was sent."""
    if header.recip_nonce is None or header.recip_nonce != answered.sender_nonce:
        raise ProtocolFault(FailInfo.badRecipientNonce, "recipNonce is not the last senderNonce")


def general_info(header: Header) -> None:
    """Item 8 (3.1). That implicitConfirm is NULL and certProfile one name is a matter of form."""
    if header.implicit_confirm and header.confirm_wait:
        raise ProtocolFault(FailInfo.badRequest, "implicitConfirm and confirmWaitTime exclude each other")


# --- Protection and extraCerts (3.2, 3.3) -----------------------------------------------------------------------------


def same_credential(message: Message, before: Message) -> None:
    """Item 9 (3.2): one kind of protection and one credential for the whole transaction, never the new key."""
    if is_mac(message) != is_mac(before):
        raise ProtocolFault(FailInfo.wrongIntegrity, "another kind of protection than before")
    if (message.header.sender, message.header.sender_kid) != (before.header.sender, before.header.sender_kid):
        raise _unproven("another credential than before")


def protection_certificate(message: Message) -> x509.Certificate:
    """Item 10 (3.2, 3.3): the first of extraCerts, and it may sign. Who vouches for it is the caller's question."""
    if not message.extra_certs:
        raise _unproven("extraCerts does not start with the protection certificate")
    certificate = load(message.extra_certs[0])
    if not may_sign(certificate):
        raise ProtocolFault(FailInfo.signerNotTrusted, "the protection certificate may not sign")
    return certificate


def signed_only(message: Message) -> None:
    """Items 16, 17 and 25 (4.1.2, 4.1.3, 4.2): cr, kur and rr are signed."""
    if is_mac(message):
        raise ProtocolFault(FailInfo.wrongIntegrity, "this wants a signature, not a MAC")


def ca_pubs(message: Message) -> None:
    """Item 11 (4.1.1, 4.1.3): whom to trust is told only to one who shares a secret, and in ip only."""
    told = isinstance(message.body, CertReply) and message.body.ca_pubs
    if told and not (message.kind is Kind.IP and is_mac(message)):
        raise ProtocolFault(FailInfo.badRequest, "caPubs outside a MAC-protected ip")


# --- Certificate requests (4.1) ---------------------------------------------------------------------------------------


def request_id(body: CertRequest | Confirm | Poll, expected: int = 0) -> None:
    """Items 13, 23 and 27 (4.1.1, 4.1.4, 4.4): 0, or -1 in what follows a p10cr."""
    if body.req_id != expected:
        raise ProtocolFault(FailInfo.badRequest, "certReqId is another one")


def template(request: CertRequest) -> None:
    """Item 13 (4.1.1; RFC 4211, 5): who it is for, nothing that is the CA's to say, no other version than v3."""
    if request.subject is None or request.reserved or request.version not in (None, 2):
        raise ProtocolFault(FailInfo.badCertTemplate, "no subject, a wrong version, or a field that the CA fills")


def proof(request: CertRequest) -> None:
    """Item 14 (4.1.1; RFC 4211, 4.1): the key that is to be certified has signed the CertRequest."""
    popo = request.popo
    if popo and popo.kind is ProofKind.RA_VERIFIED:
        raise ProtocolFault(FailInfo.notAuthorized, "raVerified is for registration authorities")
    if popo is None or popo.kind is not ProofKind.SIGNATURE:
        raise ProtocolFault(FailInfo.badPOP, "possession is proved by a signature over the CertRequest")
    key = load_key(request.public_key or b"")
    if key is None:
        raise ProtocolFault(FailInfo.badCertTemplate, "no public key, or none that is supported")
    verify(key, popo.algorithm, popo.signature, request.signed, FailInfo.badPOP)


def csr(data: bytes) -> x509.CertificateSigningRequest:
    """Item 16 (4.1.4): a p10cr's PKCS #10 request, signed by its key and not with SHA-1."""
    try:
        request = x509.load_der_x509_csr(data)
        digest, valid = request.signature_hash_algorithm, request.is_signature_valid
    except UnsupportedAlgorithm as error:
        raise ProtocolFault(FailInfo.badAlg, "an algorithm that is not accepted") from error
    except (ValueError, TypeError, x509.InvalidVersion) as error:
        raise ProtocolFault(FailInfo.badDataFormat, "not a PKCS #10 request") from error
    if digest is not None and not isinstance(digest, tuple(DIGESTS.values())):
        raise ProtocolFault(FailInfo.badAlg, "an algorithm that is not accepted")
    if not valid:
        raise ProtocolFault(FailInfo.badPOP, "the request is not signed by its own key")
    return request


def old_certificate(request: CertRequest, certificate: x509.Certificate) -> None:
    """Item 17 (4.1.3): oldCertID, where there is one, is the certificate that signs the kur."""
    named = request.old_certificate
    if named is not None and named != (issuer_of(certificate), certificate.serial_number):
        raise ProtocolFault(FailInfo.badCertId, "oldCertID is not the protection certificate")


# --- Confirmation (4.1.1) ---------------------------------------------------------------------------------------------


def cert_hash(confirm: Confirm, certificate: bytes) -> None:
    """Items 22 and 23 (4.1.1; RFC 4210, 5.3.18): it was this certificate that came."""
    expected = building.cert_hash(certificate, confirm.hash_algorithm)
    if not hmac.compare_digest(confirm.cert_hash, expected):
        raise ProtocolFault(FailInfo.badCertId, "certHash is not that of the certificate")


# --- Revocation (4.2) -------------------------------------------------------------------------------------------------


def revocation(revoke: Revoke) -> None:
    """Item 25: which certificate, by issuer and serial number. Reasons, one at most, are a matter of form."""
    if revoke.issuer is None or revoke.serial is None:
        raise ProtocolFault(FailInfo.addInfoNotAvailable, "issuer or serialNumber is missing")


# --- What the client asks of an answer (3.1, 3.5) ---------------------------------------------------------------------

_ANSWERS = {
    Kind.IR: {Kind.IP},
    Kind.CR: {Kind.CP},
    Kind.P10CR: {Kind.CP},
    Kind.KUR: {Kind.KUP},
    Kind.CERTCONF: {Kind.PKICONF},
    Kind.RR: {Kind.RP},
    Kind.GENM: {Kind.GENP},
    Kind.POLLREQ: {Kind.POLLREP, Kind.IP, Kind.CP, Kind.KUP},
}


def answer(message: Message, request: Header, asked: Kind) -> None:
    """Items 1, 6, 7, 8, 11 and 21: an answer to this request, of a kind that answers it."""
    if message.kind is not Kind.ERROR and message.kind not in _ANSWERS[asked]:
        raise ProtocolFault(FailInfo.badRequest, "not an answer to what was asked")
    if message.header.pvno != request.pvno:
        raise ProtocolFault(FailInfo.unsupportedVersion, "answered in another version")
    same_transaction(message.header, request)
    sender_nonce(message.header, [request.sender_nonce or b""])
    recip_nonce(message.header, request)
    general_info(message.header)
    ca_pubs(message)
    if message.header.implicit_confirm and not request.implicit_confirm:
        raise ProtocolFault(FailInfo.badRequest, "implicitConfirm was not asked for")
