"""From plain values to the ASN.1: reading.py, the other way round."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier

from tokenmgr.cmp import structures as spec
from tokenmgr.cmp.der import decode, encode, optional_tlv, tlv, unwrap, wrap
from tokenmgr.cmp.faults import FailInfo
from tokenmgr.cmp.oids import CERT_PROFILE, CONFIRM_WAIT_TIME, IMPLICIT_CONFIRM, OLD_CERT_ID, REASON_CODE
from tokenmgr.cmp.reading import DIRECTORY_NAME, FIELDS, NULL
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


def header(said: Header) -> bytes:
    return encode(
        spec.PKIHeader(
            pvno=said.pvno,
            sender=general_name(said.sender),
            recipient=general_name(said.recipient),
            messageTime=_time(said.message_time),
            protectionAlg=_algorithm(said.algorithm),
            senderKID=said.sender_kid,
            recipKID=said.recip_kid,
            transactionID=said.transaction_id,
            senderNonce=said.sender_nonce,
            recipNonce=said.recip_nonce,
            freeText=list(said.free_text) or None,
            generalInfo=_general_info(said) or None,
        )
    )


def _general_info(said: Header) -> list[spec.InfoTypeAndValue]:
    found = []
    if said.implicit_confirm:
        found.append(_info_type(IMPLICIT_CONFIRM, NULL))
    if said.confirm_wait:
        found.append(_info_type(CONFIRM_WAIT_TIME, encode(_time(said.confirm_wait))))
    if said.profile:
        found.append(_info_type(CERT_PROFILE, wrap(encode(said.profile))))
    return found


def _info_type(oid: str, value: bytes | None) -> spec.InfoTypeAndValue:
    return spec.InfoTypeAndValue(infoType=ObjectIdentifier(oid), infoValue=optional_tlv(value))


def _time(moment: datetime | None) -> asn1.GeneralizedTime | None:
    """In UTC and whole seconds, as DER has it in X.509 (RFC 5280, 4.1.2.5.2)."""
    return asn1.GeneralizedTime(moment.astimezone(UTC).replace(microsecond=0)) if moment else None


def _validity_time(moment: datetime | None) -> spec.Time | None:
    """RFC 5280, 4.1.2.5: UTCTime through 2049."""
    if moment is None or moment.astimezone(UTC).year >= 2050:
        return _time(moment)
    return asn1.UTCTime(moment.astimezone(UTC).replace(microsecond=0))


def general_name(name: bytes) -> asn1.TLV:
    return tlv(wrap(name, DIRECTORY_NAME[0]) if name[:1] == b"\x30" else name)


def _algorithm(data: bytes | None) -> spec.AlgorithmIdentifier | None:
    return decode(spec.AlgorithmIdentifier, data) if data else None


def body(kind: Kind, said: Body) -> bytes:
    chosen: Any = {FIELDS[kind]: _WRITERS[type(said)](said)}
    return unwrap(encode(spec.PKIBody(**chosen)))


def cert_request(said: CertRequest) -> bytes:
    """What the proof of possession will sign. `signed` and `popo` of `said` are not looked at."""
    validity = said.not_before or said.not_after
    template = spec.CertTemplate(
        version=said.version,
        issuer=optional_tlv(said.issuer),
        validity=spec.OptionalValidity(
            notBefore=_validity_time(said.not_before), notAfter=_validity_time(said.not_after)
        )
        if validity
        else None,
        subject=optional_tlv(said.subject),
        publicKey=decode(spec.SubjectPublicKeyInfo, said.public_key) if said.public_key else None,
        extensions=[extension(one) for one in said.extensions] or None,
    )
    return encode(
        spec.CertRequest(certReqId=said.req_id, certTemplate=template, controls=_controls(said.old_certificate))
    )


def extension(said: Extension) -> spec.Extension:
    return spec.Extension(extnID=ObjectIdentifier(said.oid), critical=said.critical, extnValue=said.value)


def _controls(old: tuple[bytes, int] | None) -> list[spec.AttributeTypeAndValue] | None:
    if old is None:
        return None
    value = tlv(encode(spec.CertId(issuer=general_name(old[0]), serialNumber=old[1])))
    return [spec.AttributeTypeAndValue(type=ObjectIdentifier(OLD_CERT_ID), value=value)]


def _requests(said: CertRequest) -> list[spec.CertReqMsg]:
    return [spec.CertReqMsg(certReq=tlv(said.signed), popo=_proof(said.popo))]


def _proof(said: Proof | None) -> spec.ProofOfPossession | None:
    if said is None:
        return None
    if said.kind is ProofKind.RA_VERIFIED:
        return asn1.Variant(asn1.Null(), "raVerified")
    signed = spec.POPOSigningKey(
        algorithmIdentifier=decode(spec.AlgorithmIdentifier, said.algorithm),
        signature=asn1.BitString(said.signature, 0),
    )
    return asn1.Variant(signed, "signature")


def _status(status: Status, fail: FailInfo | None, text: str) -> spec.PKIStatusInfo:
    return spec.PKIStatusInfo(
        status=status.value, statusString=_lines(text), failInfo=_fail_info(fail) if fail else None
    )


def _lines(text: str) -> list[str] | None:
    return text.split("\n") if text else None


def _fail_info(fail: FailInfo) -> asn1.BitString:
    """A named bit list ends with its last bit that is set (X.690, 11.2.2)."""
    at, bit = divmod(fail.value, 8)
    return asn1.BitString(bytes(at) + bytes([0x80 >> bit]), 7 - bit)


def _reply(said: CertReply) -> spec.CertRepMessage:
    pair = None
    if said.certificate is not None:
        pair = spec.CertifiedKeyPair(certOrEncCert=asn1.Variant(tlv(said.certificate), "certificate"))
    status = _status(said.status, said.fail, said.text)
    return spec.CertRepMessage(
        caPubs=[tlv(one) for one in said.ca_pubs] or None,
        response=[spec.CertResponse(certReqId=said.req_id, status=status, certifiedKeyPair=pair)],
    )


def _confirm(said: Confirm) -> list[spec.CertStatus]:
    status = Status.ACCEPTED if said.accepted else Status.REJECTION
    return [
        spec.CertStatus(
            certHash=said.cert_hash,
            certReqId=said.req_id,
            statusInfo=_status(status, said.fail, said.text),
            hashAlg=_algorithm(said.hash_algorithm),
        )
    ]


def _revoke(said: Revoke) -> list[spec.RevDetails]:
    details = None
    if said.reason is not None:
        details = [extension(Extension(REASON_CODE, False, bytes((0x0A, 1, said.reason))))]
    template = spec.CertTemplate(serialNumber=said.serial, issuer=optional_tlv(said.issuer))
    return [spec.RevDetails(certDetails=template, crlEntryDetails=details)]


def _revoked(said: Revoked) -> spec.RevRepContent:
    named = None
    if said.issuer is not None and said.serial is not None:
        named = [spec.CertId(issuer=general_name(said.issuer), serialNumber=said.serial)]
    return spec.RevRepContent(status=[_status(said.status, said.fail, said.text)], revCerts=named)


_WRITERS: dict[type[Body], Callable[[Any], object]] = {
    CertRequest: _requests,
    P10: lambda said: tlv(said.csr),
    CertReply: _reply,
    Confirm: _confirm,
    Revoke: _revoke,
    Revoked: _revoked,
    Info: lambda said: [_info_type(said.oid, said.value)],
    ErrorBody: lambda said: spec.ErrorMsgContent(pKIStatusInfo=_status(said.status, said.fail, said.text)),
    Poll: lambda said: [spec.PollReq(certReqId=said.req_id)],
    PollAnswer: lambda said: [
        spec.PollRep(certReqId=said.req_id, checkAfter=said.check_after, reason=_lines(said.text))
    ],
    PkiConf: lambda _: asn1.Null(),
}
