"""From the ASN.1 to plain values. What is read here has the shape that RFC 9483 wants, or is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from cryptography.hazmat import asn1

from tokenmgr.cmp import structures as spec
from tokenmgr.cmp.der import decode, encode, optional, unwrap, within, wrap
from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.cmp.oids import CERT_PROFILE, CONFIRM_WAIT_TIME, IMPLICIT_CONFIRM, OLD_CERT_ID, REASON_CODE
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
    PkiConf,
    Poll,
    PollAnswer,
    Proof,
    ProofKind,
    Revoke,
    Revoked,
    Status,
)

T = TypeVar("T")

MAX_LIST = 16
MAX_WAIT = 366 * 24 * 3600  # a pollRep that says more is not meant
DIRECTORY_NAME = b"\xa4"  # [4] of GeneralName (RFC 5280, 4.2.1.6)
NULL = b"\x05\x00"


def _wrong(text: str, fail: FailInfo = FailInfo.badDataFormat) -> ProtocolFault:
    return ProtocolFault(fail, text)


def header(element: asn1.TLV) -> Header:
    read = within(spec.PKIHeader, element)
    if read.pvno not in (2, 3):
        raise _wrong("pvno is neither 2 nor 3", FailInfo.unsupportedVersion)
    info = _general_info(_few(read.generalInfo, "generalInfo"))
    wait = info.get(CONFIRM_WAIT_TIME)
    return Header(
        pvno=read.pvno,
        sender=general_name(read.sender),
        recipient=general_name(read.recipient),
        message_time=_moment(read.messageTime),
        algorithm=encode(read.protectionAlg) if read.protectionAlg else None,
        sender_kid=read.senderKID,
        recip_kid=read.recipKID,
        transaction_id=read.transactionID,
        sender_nonce=read.senderNonce,
        recip_nonce=read.recipNonce,
        free_text=tuple(_few(read.freeText, "freeText")),
        implicit_confirm=_implicit(info),
        confirm_wait=_moment(decode(asn1.GeneralizedTime, wait)) if wait else None,
        profile=_profile(info[CERT_PROFILE]) if CERT_PROFILE in info else "",
    )


def _general_info(entries: Sequence[spec.InfoTypeAndValue]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for one in entries:
        oid = one.infoType.dotted_string
        if oid in found:
            raise _wrong("the same generalInfo twice")
        found[oid] = optional(one.infoValue) or b""
    if CONFIRM_WAIT_TIME in found and not found[CONFIRM_WAIT_TIME]:
        raise _wrong("confirmWaitTime without a time")
    return found


def _implicit(info: dict[str, bytes]) -> bool:
    """RFC 4210, 5.1.1.1: its value is NULL."""
    if info.get(IMPLICIT_CONFIRM, NULL) != NULL:
        raise _wrong("implicitConfirm is not NULL")
    return IMPLICIT_CONFIRM in info


def _profile(value: bytes) -> str:
    """RFC 9480, 2.2 and RFC 9483, 3.1: exactly one name."""
    if value[:1] != b"\x30":
        raise _wrong("certProfile is not a SEQUENCE")
    return decode(str, unwrap(value))


def _moment(read: asn1.UTCTime | asn1.GeneralizedTime | None) -> datetime | None:
    return read.as_datetime() if read else None


def _few(entries: list[T] | None, what: str) -> list[T]:
    if entries is not None and not 1 <= len(entries) <= MAX_LIST:
        raise _wrong(f"{what} is empty or too long")
    return entries or []


def _only(entries: Sequence[T], what: str) -> T:
    """RFC 9483: exactly one, wherever RFC 4210 has a list (items 13, 22, 25, 26)."""
    if len(entries) != 1:
        raise _wrong(f"not exactly one {what}", FailInfo.badRequest)
    return entries[0]


def general_name(element: asn1.TLV) -> bytes:
    """A directoryName's Name; any other one whole."""
    whole = encode(element)
    if element.tag_bytes == DIRECTORY_NAME:
        return _a_name(unwrap(whole))
    if whole[0] & 0xC0 != 0x80:
        raise _wrong("not a GeneralName")
    return whole


def _a_name(data: bytes | None) -> bytes:
    if not data or data[0] != 0x30:
        raise _wrong("not a Name")
    return encode(decode(asn1.TLV, data))


def body(kind: Kind, element: asn1.TLV) -> Body:
    read = decode(spec.PKIBody, wrap(encode(element)))
    return _READERS[kind](getattr(read, FIELDS[kind]))


FIELDS = {
    **{kind: kind.name.lower() for kind in Kind},
    Kind.CERTCONF: "certConf",
    Kind.POLLREQ: "pollReq",
    Kind.POLLREP: "pollRep",
}


def _requests(messages: list[spec.CertReqMsg]) -> CertRequest:
    message = _only(messages, "CertReqMsg")
    read = within(spec.CertRequest, message.certReq)
    wanted = read.certTemplate
    validity = wanted.validity or spec.OptionalValidity()
    return CertRequest(
        req_id=read.certReqId,
        subject=_a_name(encode(wanted.subject)) if wanted.subject else None,
        public_key=encode(wanted.publicKey) if wanted.publicKey else None,
        not_before=_moment(validity.notBefore),
        not_after=_moment(validity.notAfter),
        extensions=tuple(
            Extension(one.extnID.dotted_string, one.critical, one.extnValue) for one in wanted.extensions or ()
        ),
        old_certificate=_old_certificate(_few(read.controls, "controls")),
        popo=_proof(message.popo),
        signed=encode(message.certReq),
        issuer=optional(wanted.issuer),
        version=wanted.version,
        reserved=tuple(name for name in RESERVED if getattr(wanted, name) is not None),
    )


RESERVED = ("serialNumber", "signingAlg", "issuerUID", "subjectUID")


def _old_certificate(controls: Sequence[spec.AttributeTypeAndValue]) -> tuple[bytes, int] | None:
    """Controls that are not known are passed over (RFC 4211, 6)."""
    found = [within(spec.CertId, one.value) for one in controls if one.type.dotted_string == OLD_CERT_ID]
    if not found:
        return None
    named = _only(found, "oldCertID")
    return general_name(named.issuer), named.serialNumber


def _proof(popo: spec.ProofOfPossession | None) -> Proof | None:
    if popo is None:
        return None
    if popo.tag == "raVerified":
        return Proof(ProofKind.RA_VERIFIED)
    signed = popo.value
    if not isinstance(signed, spec.POPOSigningKey) or signed.poposkInput:
        return Proof(ProofKind.OTHER)
    return Proof(ProofKind.SIGNATURE, encode(signed.algorithmIdentifier), bits(signed.signature))


def bits(value: asn1.BitString) -> bytes:
    """A BIT STRING that holds whole bytes."""
    if value.padding_bits():
        raise _wrong("a signature or MAC that is not whole bytes")
    return value.as_bytes()


def _status(read: spec.PKIStatusInfo) -> tuple[Status, FailInfo | None, str]:
    try:
        status = Status(read.status)
    except ValueError as error:
        raise _wrong("a PKIStatus that there is not") from error
    return status, _fail(read.failInfo), "\n".join(_few(read.statusString, "statusString"))


def _fail(value: asn1.BitString | None) -> FailInfo | None:
    data = value.as_bytes() if value else b""
    return next((one for one in FailInfo if data[one.value // 8 :][:1] and _bit(data, one.value)), None)


def _bit(data: bytes, number: int) -> bool:
    return bool(data[number // 8] & 0x80 >> number % 8)


def _reply(read: spec.CertRepMessage) -> CertReply:
    response = _only(read.response, "CertResponse")
    status, fail, text = _status(response.status)
    pair = response.certifiedKeyPair
    if pair and pair.certOrEncCert.tag != "certificate":
        raise _wrong("the certificate is encrypted", FailInfo.badRequest)
    return CertReply(
        req_id=response.certReqId,
        status=status,
        certificate=encode(pair.certOrEncCert.value) if pair else None,
        fail=fail,
        text=text,
        ca_pubs=tuple(encode(one) for one in _few(read.caPubs, "caPubs")),
    )


def _confirm(entries: list[spec.CertStatus]) -> Confirm:
    read = _only(entries, "CertStatus")
    status, fail, text = _status(read.statusInfo or spec.PKIStatusInfo(status=0))
    if status not in (Status.ACCEPTED, Status.REJECTION):
        raise _wrong("a certConf accepts or rejects", FailInfo.badRequest)
    algorithm = encode(read.hashAlg) if read.hashAlg else None
    return Confirm(
        req_id=read.certReqId,
        cert_hash=read.certHash,
        accepted=status is Status.ACCEPTED,
        hash_algorithm=algorithm,
        fail=fail,
        text=text,
    )


def _revoke(entries: list[spec.RevDetails]) -> Revoke:
    read = _only(entries, "RevDetails")
    codes = [one.extnValue for one in read.crlEntryDetails or () if one.extnID.dotted_string == REASON_CODE]
    return Revoke(
        issuer=_a_name(encode(read.certDetails.issuer)) if read.certDetails.issuer else None,
        serial=read.certDetails.serialNumber,
        reason=_reason(_only(codes, "reasonCode")) if codes else None,
    )


def _reason(value: bytes) -> int:
    """CRLReason is ENUMERATED (RFC 5280, 5.3.1)."""
    if len(value) != 3 or value[:2] != b"\x0a\x01" or value[2] not in (0, 1, 2, 3, 4, 5, 6, 8, 9, 10):
        raise _wrong("a reasonCode that there is not")
    return value[2]


def _revoked(read: spec.RevRepContent) -> Revoked:
    status, fail, text = _status(_only(read.status, "PKIStatusInfo"))
    named = _only(read.revCerts, "CertId") if read.revCerts else None
    return Revoked(
        status=status,
        fail=fail,
        text=text,
        issuer=general_name(named.issuer) if named else None,
        serial=named.serialNumber if named else None,
    )


def _info(entries: list[spec.InfoTypeAndValue]) -> Info:
    read = _only(entries, "InfoTypeAndValue")
    return Info(read.infoType.dotted_string, optional(read.infoValue))


def _error(read: spec.ErrorMsgContent) -> ErrorBody:
    status, fail, text = _status(read.pKIStatusInfo)
    return ErrorBody(status=status, fail=fail, text="\n".join(filter(None, [text, *(read.errorDetails or ())])))


def _poll_answer(entries: list[spec.PollRep]) -> PollAnswer:
    read = _only(entries, "pollRep")
    if not 0 <= read.checkAfter <= MAX_WAIT:
        raise _wrong("checkAfter is out of bounds")
    return PollAnswer(read.certReqId, read.checkAfter, "\n".join(_few(read.reason, "reason")))


_READERS: dict[Kind, Callable[[Any], Body]] = {
    **dict.fromkeys((Kind.IR, Kind.CR, Kind.KUR), _requests),
    **dict.fromkeys((Kind.IP, Kind.CP, Kind.KUP), _reply),
    **dict.fromkeys((Kind.GENM, Kind.GENP), _info),
    Kind.P10CR: lambda read: P10(encode(read)),
    Kind.RR: _revoke,
    Kind.RP: _revoked,
    Kind.PKICONF: lambda _: PkiConf(),
    Kind.ERROR: _error,
    Kind.CERTCONF: _confirm,
    Kind.POLLREQ: lambda read: Poll(_only(read, "pollReq").certReqId),
    Kind.POLLREP: _poll_answer,
}
