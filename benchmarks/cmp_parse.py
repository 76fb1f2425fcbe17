"""Why CMP is read with `cryptography.hazmat.asn1`: one kur through it and through the same declarations in asn1crypto.

    python -m benchmarks cmp

Each reads the outer message, its header, its body, and the CertRequest, and takes the fields that a server needs. Then
each encodes header and body again. The last line is our own `parse`, with its bounds and plain values.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from timeit import repeat

from asn1crypto import algos, core, keys, x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import CertificateBuilder, Name, NameAttribute, SubjectKeyIdentifier
from cryptography.x509.oid import NameOID

from tokenmgr.cmp import structures as spec
from tokenmgr.cmp.der import check_shape, decode, encode, within, wrap
from tokenmgr.cmp.messages import Header, Kind, assemble, certificate_request, parse
from tokenmgr.cmp.protection import SignatureProtector

ROUNDS, TIMES = 2000, 5


def explicit(number: int) -> dict[str, object]:
    return {"explicit": number, "optional": True}


def implicit(number: int) -> dict[str, object]:
    return {"implicit": number, "optional": True}


class AttributeTypeAndValue(core.Sequence):  # type: ignore[misc]
    _fields = [("type", core.ObjectIdentifier), ("value", core.Any)]  # noqa: RUF012


class Controls(core.SequenceOf):  # type: ignore[misc]
    _child_spec = AttributeTypeAndValue


class FreeText(core.SequenceOf):  # type: ignore[misc]
    _child_spec = core.UTF8String


class PKIHeader(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("pvno", core.Integer),
        ("sender", x509.GeneralName),
        ("recipient", x509.GeneralName),
        ("messageTime", core.GeneralizedTime, explicit(0)),
        ("protectionAlg", algos.SignedDigestAlgorithm, explicit(1)),
        ("senderKID", core.OctetString, explicit(2)),
        ("recipKID", core.OctetString, explicit(3)),
        ("transactionID", core.OctetString, explicit(4)),
        ("senderNonce", core.OctetString, explicit(5)),
        ("recipNonce", core.OctetString, explicit(6)),
        ("freeText", FreeText, explicit(7)),
        ("generalInfo", Controls, explicit(8)),
    ]


class OptionalValidity(core.Sequence):  # type: ignore[misc]
    _fields = [("notBefore", x509.Time, explicit(0)), ("notAfter", x509.Time, explicit(1))]  # noqa: RUF012


class CertTemplate(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("version", core.Integer, implicit(0)),
        ("serialNumber", core.Integer, implicit(1)),
        ("signingAlg", algos.SignedDigestAlgorithm, implicit(2)),
        ("issuer", x509.Name, explicit(3)),
        ("validity", OptionalValidity, implicit(4)),
        ("subject", x509.Name, explicit(5)),
        ("publicKey", keys.PublicKeyInfo, implicit(6)),
        ("issuerUID", core.OctetBitString, implicit(7)),
        ("subjectUID", core.OctetBitString, implicit(8)),
        ("extensions", x509.Extensions, implicit(9)),
    ]


class CertRequest(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("certReqId", core.Integer),
        ("certTemplate", CertTemplate),
        ("controls", Controls, {"optional": True}),
    ]


class POPOSigningKey(core.Sequence):  # type: ignore[misc]
    _fields = [("algorithmIdentifier", algos.SignedDigestAlgorithm), ("signature", core.OctetBitString)]  # noqa: RUF012


class ProofOfPossession(core.Choice):  # type: ignore[misc]
    _alternatives = [("raVerified", core.Null, {"implicit": 0}), ("signature", POPOSigningKey, {"implicit": 1})]  # noqa: RUF012


class CertReqMsg(core.Sequence):  # type: ignore[misc]
    _fields = [("certReq", CertRequest), ("popo", ProofOfPossession, {"optional": True})]  # noqa: RUF012


class CertReqMessages(core.SequenceOf):  # type: ignore[misc]
    _child_spec = CertReqMsg


class PKIBody(core.Choice):  # type: ignore[misc]
    _alternatives = [("ir", CertReqMessages, {"explicit": 0}), ("kur", CertReqMessages, {"explicit": 7})]  # noqa: RUF012


class Certificates(core.SequenceOf):  # type: ignore[misc]
    _child_spec = x509.Certificate


class PKIMessage(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("header", PKIHeader),
        ("body", PKIBody),
        ("protection", core.OctetBitString, explicit(0)),
        ("extraCerts", Certificates, explicit(1)),
    ]


def with_asn1crypto(data: bytes) -> tuple[object, ...]:
    message = PKIMessage.load(data, strict=True)
    header = message["header"]
    asked = message["body"].chosen[0]
    template = asked["certReq"]["certTemplate"]
    return (
        header["transactionID"].native,
        header["senderNonce"].native,
        header["senderKID"].native,
        header["messageTime"].native,
        header["sender"].dump(),
        template["subject"].chosen.untag().dump(),
        template["publicKey"].untag().dump(),
        asked["certReq"].dump(),
        asked["popo"].chosen["signature"].native,
        message["protection"].native,
    )


def with_hazmat(data: bytes) -> tuple[object, ...]:
    message = decode(spec.PKIMessage, data)
    header = within(spec.PKIHeader, message.header)
    asked = (decode(spec.PKIBody, wrap(encode(message.body))).kur or [])[0]
    template = within(spec.CertRequest, asked.certReq).certTemplate
    assert header.messageTime
    assert template.subject
    assert template.publicKey
    assert asked.popo
    assert isinstance(asked.popo.value, spec.POPOSigningKey)
    assert message.protection
    return (
        header.transactionID,
        header.senderNonce,
        header.senderKID,
        header.messageTime.as_datetime(),
        encode(header.sender),
        encode(template.subject),
        encode(template.publicKey),
        encode(asked.certReq),
        asked.popo.value.signature.as_bytes(),
        message.protection.as_bytes(),
    )


def a_kur() -> bytes:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime(2026, 4, 1, tzinfo=UTC)
    name = Name([NameAttribute(NameOID.COMMON_NAME, "太郎")])
    certificate = CertificateBuilder(name, name, key.public_key(), 77, now, datetime(2027, 4, 1, tzinfo=UTC))
    certificate = certificate.add_extension(SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    der = certificate.sign(key, SHA256()).public_bytes(Encoding.DER)
    subject = name.public_bytes()
    header = Header(
        sender=subject, recipient=subject, message_time=now, transaction_id=b"T" * 16, sender_nonce=b"N" * 16
    )
    asked = certificate_request(key, subject, old_certificate=(subject, 77))
    return assemble(header, Kind.KUR, asked, SignatureProtector(key, der), [der])


def microseconds(work: Callable[[], object]) -> float:
    return min(repeat(work, number=ROUNDS, repeat=TIMES)) / ROUNDS * 1e6


def run() -> None:
    data = a_kur()
    assert with_asn1crypto(data) == with_hazmat(data)
    ours, theirs = microseconds(lambda: with_hazmat(data)), microseconds(lambda: with_asn1crypto(data))
    print(f"a kur of {len(data)} bytes, µs each, the best of {TIMES} times {ROUNDS}")
    print(f"read   hazmat.asn1 {ours:7.1f}   asn1crypto {theirs:7.1f}   {theirs / ours:.1f} times")
    message = decode(spec.PKIMessage, data)
    header, body = within(spec.PKIHeader, message.header), decode(spec.PKIBody, wrap(encode(message.body)))
    slow = PKIMessage.load(data)
    slow.native  # noqa: B018
    ours = microseconds(lambda: (encode(header), encode(body)))
    theirs = microseconds(lambda: (slow["header"].dump(force=True), slow["body"].dump(force=True)))
    print(f"write  hazmat.asn1 {ours:7.1f}   asn1crypto {theirs:7.1f}   {theirs / ours:.1f} times")
    whole, bounds = microseconds(lambda: parse(data)), microseconds(lambda: check_shape(data))
    print(f"parse  {whole:7.1f}   of that, bounds {bounds:.1f}")
