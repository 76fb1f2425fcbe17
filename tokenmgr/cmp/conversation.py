"""The client's side of a CMP transaction (RFC 9483, 4.1), without I/O: what is sent next, and what an answer says.

Whoever begins one says with what it proves who it is, and whom it believes. To go on after a restart takes no more than
the transaction's id and the last nonce that was received, which are no secrets and stand in the journal.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from tokenmgr import errors
from tokenmgr.cmp import checks, oids
from tokenmgr.cmp.algorithms import PrivateKey
from tokenmgr.cmp.certificates import issuer_of, load, subject_of
from tokenmgr.cmp.faults import ProtocolFault
from tokenmgr.cmp.messages import (
    Body,
    CertReply,
    ErrorBody,
    Extension,
    Header,
    Info,
    Kind,
    Message,
    PkiConf,
    Poll,
    PollAnswer,
    Status,
    assemble,
    certificate_request,
    confirmation,
    parse,
)
from tokenmgr.cmp.protection import (
    MacProtector,
    Pbm,
    Pbmac1,
    Protector,
    SignatureProtector,
    is_mac,
    verify_mac,
    verify_signature,
)
from tokenmgr.cmp.rehearsing import failure_message, failure_taken
from tokenmgr.domain.credential import CertificateFacts
from tokenmgr.domain.rehearsal import Failure
from tokenmgr.errors import AuthorityAnswerWrong, AuthorityRefused, NotACertificate, TokenmgrError
from tokenmgr.pki.chain import chain_of
from tokenmgr.pki.facts import certificate_facts

NONCE = 16  # bytes (RFC 9483, 3.1)
POLICIES = "2.5.29.32"
# Who may answer for a CA: id-kp-cmcCA, id-kp-cmcRA (RFC 9480, 2.2), or whoever is not limited to anything.
_ANSWERS_FOR_A_CA = {"1.3.6.1.5.5.7.3.27", "1.3.6.1.5.5.7.3.28", "2.5.29.37.0"}


@dataclass(frozen=True)
class Identity:
    """With what the client proves who it is. `chain` goes along, its own certificate first (RFC 9483, 3.3). `name` is
    no secret, and tells one from another."""

    name: str
    protector: Protector
    sender: bytes
    chain: tuple[bytes, ...] = ()
    secret: bytes = field(default=b"", repr=False)

    @classmethod
    def by_certificate(cls, key: PrivateKey, certificate: bytes, chain: tuple[bytes, ...] = ()) -> Identity:
        """`key` is on its medium."""
        loaded = load(certificate)
        name = f"certificate:{loaded.serial_number:x}"
        return cls(name, SignatureProtector(key, certificate), subject_of(loaded), (certificate, *chain))

    @classmethod
    def by_ticket(cls, reference: str, secret: bytes) -> Identity:
        """A one-time secret that the login PINs have brought (R9)."""
        sender = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, reference)]).public_bytes()
        protector = MacProtector(reference.encode("ascii"), secret, Pbmac1(os.urandom(16)))
        return cls(f"ticket:{reference}", protector, sender, (), secret)

    @classmethod
    def by_reference(cls, reference: str, secret: bytes) -> Identity:
        """A reference value and a secret of a CA that is not ours, with the MAC that all of them know (RFC 4210)."""
        mac = MacProtector(reference.encode("ascii"), secret, Pbm(os.urandom(16)))
        return replace(cls.by_ticket(reference, secret), protector=mac)


@dataclass(frozen=True)
class Reply:
    """`certificate` is empty while the CA has not signed yet: `wait` is how many seconds to leave it alone."""

    nonce: bytes
    certificate: bytes = b""
    chain: tuple[bytes, ...] = ()
    confirm_by: datetime | None = None
    wait: int = 0


class Conversation:
    """One transaction. `roots` are those certificates that the CA's signature must lead to."""

    def __init__(
        self, identity: Identity, recipient: bytes, roots: tuple[bytes, ...], transaction: bytes = b""
    ) -> None:
        self.identity, self.recipient, self.roots = identity, recipient, roots
        self.transaction = transaction or os.urandom(NONCE)

    # --- what is sent ---

    def ask(self, key: PrivateKey, subject: bytes, now: datetime, policy: str = "", old: bytes = b"") -> bytes:
        """ir by a ticket; kur where `old` is the certificate to be replaced. `policy` names the store (S3)."""
        kind = Kind.KUR if old else Kind.IR
        named = (issuer_of(load(old)), load(old).serial_number) if old else None
        wanted = (Extension(POLICIES, False, _policies(policy)),) if policy else ()
        body = certificate_request(key, subject, old_certificate=named, extensions=wanted)
        return self._sealed(kind, body, now, b"")

    def confirm(self, certificate: bytes, nonce: bytes, now: datetime, fault: ProtocolFault | None = None) -> bytes:
        """The certificate is as it should be; with `fault` it is refused."""
        return self._sealed(Kind.CERTCONF, confirmation(certificate, fault), now, nonce)

    def poll(self, nonce: bytes, now: datetime) -> bytes:
        return self._sealed(Kind.POLLREQ, Poll(0), now, nonce)

    def greet(self, now: datetime) -> bytes:
        """A question that is only answered to a certificate that is active: so the answer says that it is."""
        return self._sealed(Kind.GENM, Info(oids.CA_CERTS), now, b"")

    def tell(self, failure: Failure, now: datetime) -> bytes:
        """How a rehearsal has failed (rehearsing.py)."""
        return self._sealed(Kind.GENM, failure_message(failure), now, b"")

    def _sealed(self, kind: Kind, body: Body, now: datetime, nonce: bytes) -> bytes:
        header = Header(
            sender=self.identity.sender,
            recipient=self.recipient,
            transaction_id=self.transaction,
            sender_nonce=os.urandom(NONCE),
            recip_nonce=nonce or None,
            message_time=now,
        )
        return assemble(header, kind, body, self.identity.protector, self.identity.chain)

    # --- what comes back ---

    def read(self, sent: bytes, answer: bytes) -> Reply:
        """Of the CA, to what was sent, and unaltered; else AuthorityAnswerWrong. What the CA refuses is raised as the
        error that it names, or as AuthorityRefused."""
        asked = parse(sent)
        try:
            said = parse(answer)
            checks.answer(said, asked.header, asked.kind)
            self._prove(said)
        except ProtocolFault as fault:
            raise AuthorityAnswerWrong(reason=fault.text) from fault
        nonce = said.header.sender_nonce or b""
        match said.body:
            case PkiConf() | Info():
                return Reply(nonce)
            case PollAnswer():
                return Reply(nonce, wait=max(said.body.check_after, 1))
            case CertReply() if said.body.status is Status.WAITING:
                return Reply(nonce, wait=1)
            case CertReply() if said.body.certificate:
                return Reply(nonce, said.body.certificate, said.extra_certs, said.header.confirm_wait)
            case CertReply() | ErrorBody():
                raise refusal(said.body.fail.name if said.body.fail else "", said.body.text)
        raise AuthorityAnswerWrong(reason=f"a {said.kind.name} that says nothing")

    def heard(self, sent: bytes, answer: bytes, failure: Failure) -> None:
        """As read; and the CA has noted that failure."""
        self.read(sent, answer)
        body = parse(answer).body
        try:
            failure_taken(body if isinstance(body, Info) else Info(""), failure)
        except ProtocolFault as fault:
            raise AuthorityAnswerWrong(reason=fault.text) from fault

    def _prove(self, said: Message) -> None:
        """By the shared secret, or by a certificate that leads to a root that we believe. What nobody could read is
        refused with a signature, whatever the request had (RFC 9483, 3.6)."""
        if is_mac(said):
            if not self.identity.secret:
                raise AuthorityAnswerWrong(reason="a MAC, where none was agreed on")
            verify_mac(said, self.identity.secret)
            return
        certificate = checks.protection_certificate(said)
        verify_signature(said, certificate)
        checks.signature_sender(said.header, certificate)
        self._believe(certificate, said.extra_certs)

    def _believe(self, certificate: x509.Certificate, others: tuple[bytes, ...]) -> None:
        purposes = _purposes(certificate)
        if purposes and not purposes & _ANSWERS_FOR_A_CA:
            raise AuthorityAnswerWrong(reason="signed by somebody who does not answer for a CA")
        own = [one for one in map(_facts, others[1:]) if one and one.subject_der != one.issuer_der]
        leaf, roots = _facts(others[0]), [one for one in map(_facts, self.roots) if one]
        if leaf is None or (chain_of(leaf, [*own, *roots])[1] and leaf.der not in self.roots):
            raise AuthorityAnswerWrong(reason="signed by a CA that is not believed here")


def refusal(fail: str, text: str) -> TokenmgrError:
    """Our CA puts the code and the facts of the error on the last line; another one has its words only."""
    code, _, facts = text.rpartition("\n")[2].partition(" ")
    try:
        own = refusal_of(code, json.loads(facts))
    except ValueError:
        own = None
    return own or AuthorityRefused(fail=fail, text=text[:500])


def refusal_of(code: str, facts: object) -> TokenmgrError | None:
    """The error of this code with these facts; None where we have none that takes them. Moments are texts in JSON."""
    kind = _BY_CODE.get(code)
    if kind is None or not isinstance(facts, dict):
        return None
    try:
        return kind(**{name: _moment(value) if name == "until" else value for name, value in facts.items()})
    except (ValueError, TypeError):
        return None


def _moment(value: object) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else None


_BY_CODE: dict[str, type[TokenmgrError]] = {
    one.code: one
    for one in vars(errors).values()
    if isinstance(one, type)
    and issubclass(one, errors.RegistrationError | errors.AuthorityError | errors.HandoverError)
    and "code" in vars(one)
}


def _facts(der: bytes) -> CertificateFacts | None:
    try:
        return certificate_facts(der)
    except NotACertificate:
        return None


def _purposes(certificate: x509.Certificate) -> set[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return set()
    return {one.dotted_string for one in found}


def _policies(oid: str) -> bytes:
    return x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(oid), None)]).public_bytes()
