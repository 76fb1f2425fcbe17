"""What a message says, as plain values. All bytes are DER unless they are called a nonce, an id or a hash."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from tokenmgr.cmp.faults import FailInfo


class Kind(Enum):
    """The bodies that are spoken here, by their tags in PKIBody (RFC 4210, 5.1.2)."""

    IR = 0
    IP = 1
    CR = 2
    CP = 3
    P10CR = 4
    KUR = 7
    KUP = 8
    RR = 11
    RP = 12
    PKICONF = 19
    GENM = 21
    GENP = 22
    ERROR = 23
    CERTCONF = 24
    POLLREQ = 25
    POLLREP = 26


class Status(Enum):
    """PKIStatus (RFC 4210, 5.2.3)."""

    ACCEPTED = 0
    GRANTED_WITH_MODS = 1
    REJECTION = 2
    WAITING = 3
    REVOCATION_WARNING = 4
    REVOCATION_NOTIFICATION = 5
    KEY_UPDATE_WARNING = 6


class ProofKind(Enum):
    """How possession of the key is proved (RFC 4211, 4)."""

    RA_VERIFIED = "raVerified"
    SIGNATURE = "signature"
    OTHER = "other"  # encipherment, agreement, or a signature over something else than the request


@dataclass(frozen=True)
class Proof:
    kind: ProofKind
    algorithm: bytes = b""
    signature: bytes = b""


@dataclass(frozen=True)
class Extension:
    oid: str
    critical: bool
    value: bytes


@dataclass(frozen=True, kw_only=True)
class Header:
    """`sender` and `recipient` are Names; a GeneralName of another kind stands with its own tag, never 0x30.

    protectionAlg and senderKID of an outgoing message are its protector's.
    """

    sender: bytes
    recipient: bytes
    transaction_id: bytes | None = None
    sender_nonce: bytes | None = None
    recip_nonce: bytes | None = None
    message_time: datetime | None = None
    pvno: int = 2
    algorithm: bytes | None = None
    sender_kid: bytes | None = None
    recip_kid: bytes | None = None
    free_text: tuple[str, ...] = ()
    implicit_confirm: bool = False
    confirm_wait: datetime | None = None
    profile: str = ""


@dataclass(frozen=True, kw_only=True)
class CertRequest:
    """ir, cr, kur. `signed` is the CertRequest itself, which the proof of possession covers, and all that is sent."""

    signed: bytes
    popo: Proof | None
    req_id: int = 0
    subject: bytes | None = None
    public_key: bytes | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None
    extensions: tuple[Extension, ...] = ()
    old_certificate: tuple[bytes, int] | None = None  # its issuer and serial number
    issuer: bytes | None = None
    version: int | None = None
    reserved: tuple[str, ...] = ()  # fields that are the CA's to fill (RFC 4211, 5)


@dataclass(frozen=True)
class P10:
    csr: bytes


@dataclass(frozen=True, kw_only=True)
class CertReply:
    """ip, cp, kup. Of several bits of failInfo, the first; of several lines of text, all, one a line."""

    req_id: int = 0
    status: Status
    certificate: bytes | None = None
    fail: FailInfo | None = None
    text: str = ""
    ca_pubs: tuple[bytes, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Confirm:
    """certConf. `hash_algorithm` is an AlgorithmIdentifier (RFC 9480, 2.10)."""

    req_id: int = 0
    cert_hash: bytes
    accepted: bool = True
    hash_algorithm: bytes | None = None
    fail: FailInfo | None = None
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Revoke:
    """rr. None where the message leaves it out."""

    issuer: bytes | None
    serial: int | None
    reason: int | None = None


@dataclass(frozen=True, kw_only=True)
class Revoked:
    """rp."""

    status: Status
    fail: FailInfo | None = None
    text: str = ""
    issuer: bytes | None = None
    serial: int | None = None


@dataclass(frozen=True)
class Info:
    """genm, genp."""

    oid: str
    value: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class ErrorBody:
    status: Status = Status.REJECTION
    fail: FailInfo | None = None
    text: str = ""


@dataclass(frozen=True)
class Poll:
    req_id: int = 0


@dataclass(frozen=True)
class PollAnswer:
    req_id: int
    check_after: int  # seconds
    text: str = ""


@dataclass(frozen=True)
class PkiConf:
    pass


Body = CertRequest | P10 | CertReply | Confirm | Revoke | Revoked | Info | ErrorBody | Poll | PollAnswer | PkiConf


@dataclass(frozen=True)
class Message:
    """`protected_part` is what the protection covers (RFC 4210, 5.1.3), from the very bytes that came."""

    header: Header
    kind: Kind
    body: Body
    protected_part: bytes = field(repr=False)
    protection: bytes | None = field(repr=False)
    extra_certs: tuple[bytes, ...] = field(repr=False)
    raw: bytes = field(repr=False)
