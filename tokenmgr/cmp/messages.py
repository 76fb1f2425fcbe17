"""A CMP message in and out. `parse` takes any bytes at all, and raises ProtocolFault or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from cryptography.hazmat import asn1

from tokenmgr.cmp import reading, writing
from tokenmgr.cmp import structures as spec
from tokenmgr.cmp.building import cert_hash, certificate_request, confirmation, error, rejection
from tokenmgr.cmp.der import MAX_MESSAGE, check_shape, decode, encode, tlv, wrap
from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.cmp.protection import Protector
from tokenmgr.cmp.values import (
    P10,
    Body,
    CertReply,
    CertRequest,
    Confirm,
    ErrorBody,
    Extension,
    Header,
    Info,
    Kind,
    Message,
    PkiConf,
    Poll,
    PollAnswer,
    Proof,
    ProofKind,
    Revoke,
    Revoked,
    Status,
)

__all__ = [
    "MAX_MESSAGE",
    "P10",
    "Body",
    "CertReply",
    "CertRequest",
    "Confirm",
    "ErrorBody",
    "Extension",
    "Header",
    "Info",
    "Kind",
    "Message",
    "PkiConf",
    "Poll",
    "PollAnswer",
    "Proof",
    "ProofKind",
    "Revoke",
    "Revoked",
    "Status",
    "answer_header",
    "assemble",
    "cert_hash",
    "certificate_request",
    "confirmation",
    "error",
    "parse",
    "parse_header",
    "rejection",
]

MAX_CERTS = 16


def parse(data: bytes) -> Message:
    read = _outer(data)
    return Message(
        header=reading.header(read.header),
        kind=(kind := _kind(read.body)),
        body=reading.body(kind, read.body),
        protected_part=wrap(encode(read.header) + encode(read.body)),
        protection=reading.bits(read.protection) if read.protection else None,
        extra_certs=_extra_certs(read),
        raw=bytes(data),
    )


def parse_header(data: bytes) -> Header:
    """The header alone: a refusal of a body that nobody could read still names its transaction (RFC 9483, 3.6)."""
    return reading.header(_outer(data).header)


def _outer(data: bytes) -> spec.PKIMessage:
    data = bytes(data)
    check_shape(data)
    return decode(spec.PKIMessage, data)


def _kind(body: asn1.TLV) -> Kind:
    number = body.tag_bytes[0] - 0xA0
    if not 0 <= number <= 26:
        raise ProtocolFault(FailInfo.badDataFormat, "not a PKIBody")
    try:
        return Kind(number)
    except ValueError as error:
        raise ProtocolFault(FailInfo.badRequest, "a body that is not spoken here") from error


def _extra_certs(read: spec.PKIMessage) -> tuple[bytes, ...]:
    found = read.extraCerts
    if found is not None and not 1 <= len(found) <= MAX_CERTS:
        raise ProtocolFault(FailInfo.badDataFormat, "extraCerts is empty or too long")
    return tuple(encode(one) for one in found or ())


def assemble(header: Header, kind: Kind, body: Body, protector: Protector, extra_certs: Sequence[bytes] = ()) -> bytes:
    """A whole message, of a request or of an answer."""
    stated = replace(header, algorithm=protector.algorithm, sender_kid=protector.sender_kid)
    first, second = writing.header(stated), writing.body(kind, body)
    protection = protector.protect(wrap(first + second))
    return encode(
        spec.PKIMessage(
            header=tlv(first),
            body=tlv(second),
            protection=asn1.BitString(protection, 0),
            extraCerts=[tlv(one) for one in extra_certs] or None,
        )
    )


def answer_header(
    request: Header,
    now: datetime,
    sender: bytes,
    nonce: bytes,
    *,
    implicit_confirm: bool = False,
    confirm_wait: datetime | None = None,
) -> Header:
    """The request's version and transaction, its nonce sent back, and a fresh one of 16 bytes (RFC 9483, 3.1)."""
    return Header(
        pvno=request.pvno,
        sender=sender,
        recipient=request.sender,
        message_time=now,
        transaction_id=request.transaction_id,
        sender_nonce=nonce,
        recip_nonce=request.sender_nonce,
        recip_kid=request.sender_kid,
        implicit_confirm=implicit_confirm,
        confirm_wait=confirm_wait,
    )
