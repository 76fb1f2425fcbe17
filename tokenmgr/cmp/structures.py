# ruff: noqa: N815
"""The ASN.1 of CMP, CRMF and their algorithms: the RFCs' order and the RFCs' names, and nothing else.

`cryptography.hazmat.asn1` has three bounds that shape what stands here:
* Only a SEQUENCE can stand alone. PKIBody, a CHOICE of tagged SEQUENCEs OF, therefore is declared as a SEQUENCE of
  OPTIONAL ones, and read with a SEQUENCE put round it (der.py: wrap).
* An optional TLV is not supported; a CHOICE of a TLV and something else is. `Anything` is that, always read as a TLV.
* Names stay as they came. A Name has no canonical form that all software keeps to, and it is compared byte for byte.
"""

from __future__ import annotations

from typing import Annotated, Literal

from cryptography.hazmat import asn1
from cryptography.hazmat.asn1 import Default, Explicit, Implicit, Null, Variant
from cryptography.x509 import ObjectIdentifier

Anything = asn1.TLV | Null  # ANY, where it is OPTIONAL: `Anything | None`
Time = asn1.UTCTime | asn1.GeneralizedTime  # RFC 5280, 4.1


# --- RFC 5280: what the others build on ------------------------------------------------------------------------------


@asn1.sequence
class AlgorithmIdentifier:
    algorithm: ObjectIdentifier
    parameters: Anything | None = None


@asn1.sequence
class SubjectPublicKeyInfo:
    algorithm: AlgorithmIdentifier
    subjectPublicKey: asn1.BitString


@asn1.sequence
class Extension:
    extnID: ObjectIdentifier
    critical: Annotated[bool, Default(False)]
    extnValue: bytes


@asn1.sequence
class AttributeTypeAndValue:
    """Also that of RFC 4211, where it is a control or a regInfo."""

    type: ObjectIdentifier
    value: asn1.TLV


@asn1.sequence
class OneName:
    """A Name with a SEQUENCE put round it."""

    rdnSequence: list[asn1.SetOf[AttributeTypeAndValue]]


@asn1.sequence
class TBSCertificate:
    version: Annotated[int, Default(0), Explicit(0)]
    serialNumber: int
    signature: AlgorithmIdentifier
    issuer: asn1.TLV
    validity: asn1.TLV
    subject: asn1.TLV
    subjectPublicKeyInfo: asn1.TLV
    issuerUniqueID: Annotated[asn1.BitString | None, Implicit(1)] = None
    subjectUniqueID: Annotated[asn1.BitString | None, Implicit(2)] = None
    extensions: Annotated[Anything | None, Explicit(3)] = None


@asn1.sequence
class Certificate:
    tbsCertificate: TBSCertificate
    signatureAlgorithm: AlgorithmIdentifier
    signatureValue: asn1.BitString


# --- RFC 4211 (CRMF; IMPLICIT TAGS) -----------------------------------------------------------------------------------


@asn1.sequence
class OptionalValidity:
    notBefore: Annotated[Time | None, Explicit(0)] = None
    notAfter: Annotated[Time | None, Explicit(1)] = None


@asn1.sequence
class CertTemplate:
    version: Annotated[int | None, Implicit(0)] = None
    serialNumber: Annotated[int | None, Implicit(1)] = None
    signingAlg: Annotated[AlgorithmIdentifier | None, Implicit(2)] = None
    issuer: Annotated[Anything | None, Explicit(3)] = None
    validity: Annotated[OptionalValidity | None, Implicit(4)] = None
    subject: Annotated[Anything | None, Explicit(5)] = None
    publicKey: Annotated[SubjectPublicKeyInfo | None, Implicit(6)] = None
    issuerUID: Annotated[asn1.BitString | None, Implicit(7)] = None
    subjectUID: Annotated[asn1.BitString | None, Implicit(8)] = None
    extensions: Annotated[list[Extension] | None, Implicit(9)] = None


@asn1.sequence
class CertRequest:
    certReqId: int
    certTemplate: CertTemplate
    controls: list[AttributeTypeAndValue] | None = None


@asn1.sequence
class POPOSigningKeyInput:
    authInfo: asn1.TLV
    publicKey: SubjectPublicKeyInfo


@asn1.sequence
class POPOSigningKey:
    poposkInput: Annotated[POPOSigningKeyInput | None, Implicit(0)] = None
    algorithmIdentifier: AlgorithmIdentifier
    signature: asn1.BitString


ProofOfPossession = (
    Annotated[Variant[Null, Literal["raVerified"]], Implicit(0)]
    | Annotated[Variant[POPOSigningKey, Literal["signature"]], Implicit(1)]
    | Annotated[Variant[asn1.TLV, Literal["keyEncipherment"]], Explicit(2)]
    | Annotated[Variant[asn1.TLV, Literal["keyAgreement"]], Explicit(3)]
)


@asn1.sequence
class CertReqMsg:
    certReq: asn1.TLV  # a CertRequest: the proof of possession signs these very bytes
    popo: ProofOfPossession | None = None
    regInfo: list[AttributeTypeAndValue] | None = None


@asn1.sequence
class CertId:
    issuer: asn1.TLV
    serialNumber: int


# --- RFC 4210 with 9480 (CMP; EXPLICIT TAGS) --------------------------------------------------------------------------


@asn1.sequence
class InfoTypeAndValue:
    infoType: ObjectIdentifier
    infoValue: Anything | None = None


@asn1.sequence
class PKIHeader:
    pvno: int
    sender: asn1.TLV
    recipient: asn1.TLV
    messageTime: Annotated[asn1.GeneralizedTime | None, Explicit(0)] = None
    protectionAlg: Annotated[AlgorithmIdentifier | None, Explicit(1)] = None
    senderKID: Annotated[bytes | None, Explicit(2)] = None
    recipKID: Annotated[bytes | None, Explicit(3)] = None
    transactionID: Annotated[bytes | None, Explicit(4)] = None
    senderNonce: Annotated[bytes | None, Explicit(5)] = None
    recipNonce: Annotated[bytes | None, Explicit(6)] = None
    freeText: Annotated[list[str] | None, Explicit(7)] = None
    generalInfo: Annotated[list[InfoTypeAndValue] | None, Explicit(8)] = None


@asn1.sequence
class PKIStatusInfo:
    status: int
    statusString: list[str] | None = None
    failInfo: asn1.BitString | None = None


CertOrEncCert = (
    Annotated[Variant[asn1.TLV, Literal["certificate"]], Explicit(0)]
    | Annotated[Variant[asn1.TLV, Literal["encryptedCert"]], Explicit(1)]
)


@asn1.sequence
class CertifiedKeyPair:
    certOrEncCert: CertOrEncCert
    privateKey: Annotated[Anything | None, Explicit(0)] = None
    publicationInfo: Annotated[Anything | None, Explicit(1)] = None


@asn1.sequence
class CertResponse:
    certReqId: int
    status: PKIStatusInfo
    certifiedKeyPair: CertifiedKeyPair | None = None
    rspInfo: bytes | None = None


@asn1.sequence
class CertRepMessage:
    caPubs: Annotated[list[asn1.TLV] | None, Explicit(1)] = None
    response: list[CertResponse]


@asn1.sequence
class CertStatus:
    certHash: bytes
    certReqId: int
    statusInfo: PKIStatusInfo | None = None
    hashAlg: Annotated[AlgorithmIdentifier | None, Explicit(0)] = None


@asn1.sequence
class RevDetails:
    certDetails: CertTemplate
    crlEntryDetails: list[Extension] | None = None


@asn1.sequence
class RevRepContent:
    status: list[PKIStatusInfo]
    revCerts: Annotated[list[CertId] | None, Explicit(0)] = None
    crls: Annotated[list[asn1.TLV] | None, Explicit(1)] = None


@asn1.sequence
class ErrorMsgContent:
    pKIStatusInfo: PKIStatusInfo
    errorCode: int | None = None
    errorDetails: list[str] | None = None


@asn1.sequence
class PollReq:
    certReqId: int


@asn1.sequence
class PollRep:
    certReqId: int
    checkAfter: int
    reason: list[str] | None = None


@asn1.sequence
class PKIBody:
    """The CHOICE: one of these. What is left out is refused by its tag (messages.py: Kind)."""

    ir: Annotated[list[CertReqMsg] | None, Explicit(0)] = None
    ip: Annotated[CertRepMessage | None, Explicit(1)] = None
    cr: Annotated[list[CertReqMsg] | None, Explicit(2)] = None
    cp: Annotated[CertRepMessage | None, Explicit(3)] = None
    p10cr: Annotated[Anything | None, Explicit(4)] = None
    kur: Annotated[list[CertReqMsg] | None, Explicit(7)] = None
    kup: Annotated[CertRepMessage | None, Explicit(8)] = None
    rr: Annotated[list[RevDetails] | None, Explicit(11)] = None
    rp: Annotated[RevRepContent | None, Explicit(12)] = None
    pkiconf: Annotated[Null | None, Explicit(19)] = None
    genm: Annotated[list[InfoTypeAndValue] | None, Explicit(21)] = None
    genp: Annotated[list[InfoTypeAndValue] | None, Explicit(22)] = None
    error: Annotated[ErrorMsgContent | None, Explicit(23)] = None
    certConf: Annotated[list[CertStatus] | None, Explicit(24)] = None
    pollReq: Annotated[list[PollReq] | None, Explicit(25)] = None
    pollRep: Annotated[list[PollRep] | None, Explicit(26)] = None


@asn1.sequence
class PKIMessage:
    header: asn1.TLV  # a PKIHeader and
    body: asn1.TLV  # a PKIBody: protection covers these very bytes (5.1.3)
    protection: Annotated[asn1.BitString | None, Explicit(0)] = None
    extraCerts: Annotated[list[asn1.TLV] | None, Explicit(1)] = None


# --- Algorithms: RFC 4211 4.4, RFC 8018 A, RFC 4055 3.1 ---------------------------------------------------------------


@asn1.sequence
class PBMParameter:
    salt: bytes
    owf: AlgorithmIdentifier
    iterationCount: int
    mac: AlgorithmIdentifier


@asn1.sequence
class PBMAC1Params:
    keyDerivationFunc: AlgorithmIdentifier
    messageAuthScheme: AlgorithmIdentifier


@asn1.sequence
class PBKDF2Params:
    salt: bytes  # of the CHOICE, `specified` only
    iterationCount: int
    keyLength: int | None = None
    prf: AlgorithmIdentifier | None = None  # DEFAULT hmacWithSHA1, which is refused


@asn1.sequence
class RSASSAPSSParams:
    """The defaults are SHA-1's, which is refused: what is absent is wrong."""

    hashAlgorithm: Annotated[AlgorithmIdentifier | None, Explicit(0)] = None
    maskGenAlgorithm: Annotated[AlgorithmIdentifier | None, Explicit(1)] = None
    saltLength: Annotated[int | None, Explicit(2)] = None
    trailerField: Annotated[int | None, Explicit(3)] = None
