"""Messages that no honest client sends: put together from pieces, whatever those are."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from tokenmgr.ca.profile import POLICY_MEDIUM, POLICY_PC
from tokenmgr.cmp import structures as spec
from tokenmgr.cmp import writing
from tokenmgr.cmp.algorithms import NULL, PrivateKey, sign, signature_algorithm
from tokenmgr.cmp.der import decode, encode, tlv, unwrap, wrap
from tokenmgr.cmp.messages import P10, Body, CertRequest, Extension, Header, Kind, Proof, ProofKind
from tokenmgr.cmp.protection import Protector
from tokenmgr.domain.generation import StoreKind


def assembled(header: Header, body: bytes, protector: Protector | None, certs: Sequence[bytes] = ()) -> bytes:
    """As assemble, but of a body that may be anything; None does not protect at all."""
    stated = header
    if protector is not None:
        stated = dataclasses.replace(header, algorithm=protector.algorithm, sender_kid=protector.sender_kid)
    return sealed(writing.header(stated), body, protector, certs)


def sealed(header: bytes, body: bytes, protector: Protector | None, certs: Sequence[bytes] = ()) -> bytes:
    """Rightly protected, whatever header and body are."""
    protection = b""
    if protector is not None:
        protection = wrap(wrap(b"\0" + protector.protect(wrap(header + body)), 0x03), 0xA0)
    extra = wrap(wrap(b"".join(certs)), 0xA1) if certs else b""
    return wrap(header + body + protection + extra)


def parts_of(data: bytes) -> tuple[bytes, bytes, bytes, tuple[bytes, ...]]:
    """Header, body, protection, extraCerts."""
    read = decode(spec.PKIMessage, data)
    protection = read.protection.as_bytes() if read.protection else b""
    return encode(read.header), encode(read.body), protection, tuple(encode(one) for one in read.extraCerts or ())


def body_of(kind: Kind, body: Body) -> bytes:
    return writing.body(kind, body)


def twice(body: bytes) -> bytes:
    """A body that is a SEQUENCE OF one, as one of two."""
    return wrap(wrap(unwrap(unwrap(body)) * 2), body[0])


def signed_anew(key: PrivateKey, asked: CertRequest, **changes: Any) -> CertRequest:
    """Other fields, with a proof of possession that covers them."""
    changed = dataclasses.replace(asked, **changes)
    signed = writing.cert_request(changed)
    proof = Proof(ProofKind.SIGNATURE, signature_algorithm(key, NULL), sign(key, signed))
    return dataclasses.replace(changed, signed=signed, popo=proof)


def with_serial(key: PrivateKey, asked: CertRequest) -> CertRequest:
    """A template that says what is the CA's to say (RFC 4211, 5)."""
    public_key = decode(spec.SubjectPublicKeyInfo, asked.public_key or b"")
    template = spec.CertTemplate(serialNumber=5, subject=tlv(asked.subject or b""), publicKey=public_key)
    signed = encode(spec.CertRequest(certReqId=0, certTemplate=template))
    proof = Proof(ProofKind.SIGNATURE, signature_algorithm(key, NULL), sign(key, signed))
    return dataclasses.replace(asked, signed=signed, popo=proof)


def other_popo(asked: CertRequest) -> bytes:
    """An ir whose proof is keyEncipherment with a subsequent message [2], which is none over the CertRequest."""
    popo = wrap(wrap(b"\x01", 0x81), 0xA2)
    return wrap(wrap(wrap(asked.signed + popo)), 0xA0 + Kind.IR.value)


def policy(store: StoreKind) -> Extension:
    """certificatePolicies with the one that tells where the key is (S3)."""
    return named_policy(POLICY_MEDIUM if store is StoreKind.MEDIUM else POLICY_PC)


def named_policy(oid: str) -> Extension:
    told = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(oid), None)])
    return extension(told)


def extension(value: x509.ExtensionType, critical: bool = False) -> Extension:
    return Extension(value.oid.dotted_string, critical, value.public_bytes())


def csr(
    key: ec.EllipticCurvePrivateKey, subject: str = "anything", extensions: Sequence[x509.ExtensionType] = ()
) -> P10:
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
    )
    for one in extensions:
        builder = builder.add_extension(one, critical=False)
    return P10(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))


def bits(data: bytes) -> asn1.BitString:
    return asn1.BitString(data, 0)
