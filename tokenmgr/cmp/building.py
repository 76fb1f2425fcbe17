"""Bodies that take more than their values: a request signed by the new key, a confirmation, a refusal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tokenmgr.cmp import writing
from tokenmgr.cmp.algorithms import DIGESTS, NULL, PrivateKey, known, sign, signature_algorithm
from tokenmgr.cmp.certificates import hash_of, load
from tokenmgr.cmp.faults import ProtocolFault
from tokenmgr.cmp.values import CertReply, CertRequest, Confirm, ErrorBody, Extension, Proof, ProofKind, Status


def certificate_request(
    key: PrivateKey,
    subject: bytes,
    *,
    old_certificate: tuple[bytes, int] | None = None,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    extensions: Sequence[Extension] = (),
    issuer: bytes | None = None,
) -> CertRequest:
    """For ir, cr and kur. The key that is to be certified signs it (RFC 9483, item 14), on its medium if it is there;
    with RSA the algorithm's parameters are NULL (item 10)."""
    asked = CertRequest(
        signed=b"",
        popo=None,
        subject=subject,
        public_key=key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        not_before=not_before,
        not_after=not_after,
        extensions=tuple(extensions),
        old_certificate=old_certificate,
        issuer=issuer,
    )
    signed = writing.cert_request(asked)
    proof = Proof(ProofKind.SIGNATURE, signature_algorithm(key, NULL), sign(key, signed))
    return replace(asked, signed=signed, popo=proof)


def cert_hash(certificate: bytes, hash_algorithm: bytes | None = None) -> bytes:
    """Of the whole certificate (RFC 4210, 5.3.18), or by the algorithm that certConf names (RFC 9480, 2.10)."""
    digest = hashes.Hash(known(DIGESTS, hash_algorithm) if hash_algorithm else hash_of(load(certificate)))
    digest.update(certificate)
    return digest.finalize()


def confirmation(certificate: bytes, fault: ProtocolFault | None = None, req_id: int = 0) -> Confirm:
    """certConf: the certificate is accepted, or refused for a reason."""
    hashed = cert_hash(certificate)
    if fault is None:
        return Confirm(req_id=req_id, cert_hash=hashed)
    return Confirm(req_id=req_id, cert_hash=hashed, accepted=False, fail=fault.fail, text=fault.text)


def rejection(fault: ProtocolFault, req_id: int = 0) -> CertReply:
    """ip, cp, kup (item 19): the body was understood, and refused."""
    return CertReply(req_id=req_id, status=Status.REJECTION, fail=fault.fail, text=fault.text)


def error(fault: ProtocolFault) -> ErrorBody:
    """An error message (items 12 and 19): the protocol or its protection is broken."""
    return ErrorBody(fail=fault.fail, text=fault.text)
