"""What a request for a certificate asks for, whichever of the four bodies it comes in (RFC 9483, 4.1), or by EST."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from tokenmgr.api.credentials import Credential
from tokenmgr.api.service import Service
from tokenmgr.ca.profile import Asked
from tokenmgr.cmp import checks
from tokenmgr.cmp.certificates import load, subject_of
from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.cmp.messages import P10, CertRequest, Kind, Message
from tokenmgr.domain.generation import Generation, StoreKind
from tokenmgr.pki import der

_POLICIES = ExtensionOID.CERTIFICATE_POLICIES.dotted_string
_OTHER_NAMES = ExtensionOID.SUBJECT_ALTERNATIVE_NAME.dotted_string
CHANGE_SUBJECT_NAME = "1.3.6.1.5.5.7.7.36"  # id-cmc-changeSubjectName (RFC 6402, 2.8)
_NOBODY = x509.Name([])
_IS_CA = bytes.fromhex("0101ff")  # BasicConstraints: cA TRUE (RFC 5280, 4.2.1.9)
# id-kp-cmcCA, cmcRA, cmcArchive, cmKGA (RFC 9480, 2.2): who speaks CMP for others
_CMP_PURPOSES = tuple(bytes.fromhex("06082b060105050703") + bytes([last]) for last in (27, 28, 29, 32))


@dataclass(frozen=True)
class Wanted:
    req_id: int
    public_key: bytes
    store: StoreKind
    subject: bytes
    not_before: datetime | None
    not_after: datetime | None
    others: bool  # extensions beside the policy that names the store
    is_rehearsal: bool = False

    def is_met_by(self, found: Generation) -> bool:
        """Item 20: accepted, or granted with modifications."""
        return (
            not self.others
            and self.subject == subject_of(load(found.certificate))
            and self.not_before in (None, found.not_before)
            and self.not_after in (None, found.not_after)
        )


def wanted(service: Service, message: Message, credential: Credential) -> Wanted:
    """Items 13 to 17, in that order; the proof of possession last, because it costs most."""
    body, kind = message.body, message.kind
    if kind is Kind.IR and credential.ticket is None:  # 16: another PKI's certificates prove nothing here
        raise ProtocolFault(FailInfo.notAuthorized, "ir is protected by the MAC of a one-time secret")
    if kind in (Kind.CR, Kind.KUR):
        checks.signed_only(message)
    if isinstance(body, P10):
        return _of_csr(service, body, credential)
    if not isinstance(body, CertRequest):
        raise ProtocolFault(FailInfo.badDataFormat, "not a request for a certificate")
    checks.request_id(body)
    checks.template(body)
    if kind is Kind.KUR and credential.certificate is not None:
        checks.old_certificate(body, credential.certificate)
    checks.proof(body)
    named = {one.oid: one.value for one in body.extensions}
    _refuse_rights(named)
    asked = _asked(service, named.get(_POLICIES), credential)
    if asked.is_rehearsal and kind is not Kind.KUR:
        raise ProtocolFault(FailInfo.unacceptedPolicy, "only a renewal is rehearsed")
    return Wanted(
        req_id=body.req_id,
        public_key=body.public_key or b"",
        store=asked.store,
        subject=body.subject or b"",
        not_before=body.not_before,
        not_after=body.not_after,
        others=bool(named.keys() - {_POLICIES}),
        is_rehearsal=asked.is_rehearsal,
    )


def _of_csr(service: Service, body: P10, credential: Credential) -> Wanted:
    asked = read_csr(body.csr)
    told = _asked(service, asked.policies, credential)
    if told.is_rehearsal:
        raise ProtocolFault(FailInfo.unacceptedPolicy, "only a renewal is rehearsed")
    return Wanted(
        req_id=-1,
        public_key=asked.public_key,
        store=told.store,
        subject=asked.subject.public_bytes(),
        not_before=None,
        not_after=None,
        others=bool(asked.extensions.keys() - {_POLICIES}),
    )


@dataclass(frozen=True)
class Csr:
    """A PKCS#10 request that is signed by its own key, and asks for no rights."""

    public_key: bytes
    subject: x509.Name
    extensions: Mapping[str, bytes]  # by their OIDs
    attributes: frozenset[str]

    @property
    def policies(self) -> bytes | None:
        return self.extensions.get(_POLICIES)

    def require_names_of(self, certificate: bytes) -> None:
        """RFC 7030, 4.2.2: who is renewed stays who it is. Names are compared by what they say, since other encoders
        choose other string types; an empty one leaves it to the CA."""
        told = load(certificate)
        theirs = {one.oid.dotted_string: one.value.public_bytes() for one in told.extensions}
        asked = self.extensions.get(_OTHER_NAMES)
        if CHANGE_SUBJECT_NAME in self.attributes or self.subject not in (_NOBODY, told.subject):
            raise ProtocolFault(FailInfo.badCertTemplate, "the subject is not the old certificate's, nor empty")
        if asked not in (None, theirs.get(_OTHER_NAMES)):
            raise ProtocolFault(FailInfo.badCertTemplate, "subjectAltName is not the old certificate's")


def read_csr(data: bytes) -> Csr:
    try:
        request = checks.csr(data)
        named = {one.oid.dotted_string: one.value.public_bytes() for one in request.extensions}
        _version, _subject, key, *attributes = der.children(request.tbs_certrequest_bytes)
        kinds = (der.children(one.whole)[0] for some in attributes for one in der.elements(some.body))
        found = Csr(key.whole, request.subject, named, frozenset(map(der.dotted, kinds)))  # its own bytes (RFC 2986)
    except (ValueError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise ProtocolFault(FailInfo.badDataFormat, "the request cannot be read") from error
    _refuse_rights(named)
    return found


def _refuse_rights(named: dict[str, bytes]) -> None:
    """Item 15: nobody becomes a CA, or speaks for one, by asking for a customer's certificate."""
    is_ca = _IS_CA in named.get(ExtensionOID.BASIC_CONSTRAINTS.dotted_string, b"")
    purposes = named.get(ExtensionOID.EXTENDED_KEY_USAGE.dotted_string, b"")
    if is_ca or any(one in purposes for one in _CMP_PURPOSES):
        raise ProtocolFault(FailInfo.notAuthorized, "rights that no customer has")


def _asked(service: Service, policies: bytes | None, credential: Credential) -> Asked:
    """Where the key lives, and whether it is a rehearsal, is told by the policy that the client asks for; else it is
    where its ticket, or its last certificate, had it (S3: recorded, never guessed)."""
    told = credential.ticket.store if credential.ticket else credential.generation and credential.generation.store
    if policies is None:
        return Asked(told or StoreKind.PC)
    asked = policy_asked(service, policies)
    if credential.ticket is not None and asked.store is not told:
        raise ProtocolFault(FailInfo.unacceptedPolicy, "another store than the acquisition was begun for")
    return asked


def policy_asked(service: Service, policies: bytes) -> Asked:
    asked = service.issuer.profile.asked(policies)
    if asked is None:
        raise ProtocolFault(FailInfo.unacceptedPolicy, "a certificate policy that this CA does not have")
    return asked


def store_asked(service: Service, policies: bytes | None) -> StoreKind | None:
    """By a request that is no rehearsal's."""
    asked = policy_asked(service, policies) if policies is not None else None
    if asked is not None and asked.is_rehearsal:
        raise ProtocolFault(FailInfo.unacceptedPolicy, "only a renewal is rehearsed")
    return asked.store if asked is not None else None
