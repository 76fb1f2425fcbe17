"""One of every body that we build, each with what it travels in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from tests.cmp.parties import authority, holder, name
from tokenmgr.cmp import oids
from tokenmgr.cmp.algorithms import identifier
from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.cmp.messages import (
    P10,
    Body,
    CertReply,
    Confirm,
    ErrorBody,
    Extension,
    Info,
    Kind,
    PkiConf,
    Poll,
    PollAnswer,
    Proof,
    ProofKind,
    Revoke,
    Revoked,
    Status,
    certificate_request,
    confirmation,
    error,
    rejection,
)

FAULT = ProtocolFault(FailInfo.duplicateCertReq, "the same\nagain")
SHA512 = identifier("2.16.840.1.101.3.4.2.3")


@cache
def bodies() -> list[tuple[Kind, Body]]:
    ca, client = authority(), holder()
    csr = x509.CertificateSigningRequestBuilder().subject_name(name("One")).sign(client.key, hashes.SHA256())
    asked = certificate_request(client.key, client.subject)
    dated = certificate_request(
        client.key,
        client.subject,
        old_certificate=(ca.subject, 2**64),
        not_before=datetime(2049, 12, 31, tzinfo=UTC),
        not_after=datetime(2050, 1, 1, tzinfo=UTC),
        extensions=[Extension("2.5.29.19", True, b"\x30\x00"), Extension("2.5.29.15", False, b"\x03\x02\x07\x80")],
        issuer=ca.subject,
    )
    raised, unproved = replace(asked, popo=Proof(ProofKind.RA_VERIFIED)), replace(asked, popo=None)
    granted = CertReply(status=Status.ACCEPTED, certificate=client.der)
    return [
        (Kind.IR, asked),
        (Kind.IR, raised),
        (Kind.IR, certificate_request(holder("rsa").key, client.subject)),
        (Kind.IR, certificate_request(holder("ed25519").key, client.subject)),
        (Kind.CR, unproved),
        (Kind.KUR, dated),
        (Kind.P10CR, P10(csr.public_bytes(Encoding.DER))),
        (Kind.IP, CertReply(status=Status.GRANTED_WITH_MODS, certificate=client.der, ca_pubs=(ca.der, client.der))),
        (Kind.CP, CertReply(req_id=-1, status=Status.WAITING)),
        (Kind.KUP, granted),
        (Kind.KUP, rejection(FAULT)),
        (Kind.RR, Revoke(issuer=ca.subject, serial=77, reason=5)),
        (Kind.RR, Revoke(issuer=None, serial=None)),
        (Kind.RP, Revoked(status=Status.ACCEPTED, issuer=ca.subject, serial=77)),
        (Kind.RP, Revoked(status=Status.REJECTION, fail=FailInfo.certRevoked, text="gone")),
        (Kind.PKICONF, PkiConf()),
        (Kind.GENM, Info(oids.CA_CERTS)),
        (Kind.GENP, Info(oids.ROOT_CA_CERT, ca.der)),
        (Kind.ERROR, error(FAULT)),
        (Kind.ERROR, ErrorBody(fail=FailInfo.badAlg)),
        (Kind.CERTCONF, confirmation(client.der)),
        (Kind.CERTCONF, confirmation(client.der, FAULT)),
        (Kind.CERTCONF, Confirm(req_id=-1, cert_hash=b"h" * 64, hash_algorithm=SHA512)),
        (Kind.POLLREQ, Poll(-1)),
        (Kind.POLLREP, PollAnswer(0, 3600, "later")),
    ]
