"""One CMP message in, one out (RFC 9483). Reads the protocol; ra/ decides.

The numbers are the items of the checklist that tokenmgr/cmp/checks.py is made of.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from datetime import datetime

from tokenmgr.api import rehearsals, reissues, revocations, support
from tokenmgr.api.credentials import Credential, Guard
from tokenmgr.api.refusals import REFUSALS, as_fault
from tokenmgr.api.requests import Wanted, wanted
from tokenmgr.api.service import Service
from tokenmgr.ca.certificate import read_certificate
from tokenmgr.cmp import checks
from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.cmp.messages import (
    Body,
    CertReply,
    Confirm,
    Header,
    Info,
    Kind,
    Message,
    PkiConf,
    Poll,
    PollAnswer,
    Revoked,
    Status,
    answer_header,
    assemble,
    error,
    parse,
    parse_header,
    rejection,
)
from tokenmgr.domain.generation import Generation, State
from tokenmgr.domain.party import Bank
from tokenmgr.errors import CannotConfirm
from tokenmgr.ra import acquire, confirm, issuing, renew
from tokenmgr.ra.ports import Exchange, Registry

ASK_AGAIN = 5  # seconds: how soon a client that waits may ask (item 27)
_REPLY = {Kind.IR: Kind.IP, Kind.CR: Kind.CP, Kind.P10CR: Kind.CP, Kind.KUR: Kind.KUP}
# RFC 9483, 6.1: the last part of the address, where a client gives one.
_OPERATIONS = {
    "initialization": {Kind.IR},
    "certification": {Kind.CR},
    "keyupdate": {Kind.KUR},
    "pkcs10": {Kind.P10CR},
    "revocation": {Kind.RR},
    "getcacerts": {Kind.GENM},
    "getrootupdate": {Kind.GENM},
    "getcertreqtemplate": {Kind.GENM},
    "getcrls": {Kind.GENM},
}
_FOLLOWING = {Kind.CERTCONF, Kind.POLLREQ}


class Front:
    """Stateless: whatever a transaction needs to remember is in the registry."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.guard = Guard(service)

    def answer(self, bank: Bank, operation: str, data: bytes, origin: str = "") -> bytes:
        """`origin` is where it came from, for the audit trail."""
        now = self.service.clock()
        try:
            message = parse(data)
        except ProtocolFault as fault:
            return self._refuse_unread(data, fault, now)
        talk = _Talk(self, bank, message, now, origin)
        try:
            kind, body = talk.answer(operation)
        except ProtocolFault as fault:
            kind, body = Kind.ERROR, error(fault)
        self.service.metrics.messages.labels(message.kind.name, kind.name).inc()
        return talk.sealed(kind, body)

    def _refuse_unread(self, data: bytes, fault: ProtocolFault, now: datetime) -> bytes:
        """Protected by our signature, since nobody knows by what else; of the transaction, if that much can be read."""
        try:
            asked = parse_header(data)
        except ProtocolFault:
            asked = Header(sender=_NOBODY, recipient=_NOBODY)
        self.service.metrics.messages.labels("unread", Kind.ERROR.name).inc()
        nonce = self.service.nonce(asked.transaction_id or b"", hashlib.sha256(data).digest())
        asked = dataclasses.replace(asked, transaction_id=asked.transaction_id or nonce, pvno=2)
        header = answer_header(asked, now, self.guard.subject, nonce)
        return assemble(header, Kind.ERROR, error(fault), self.service.protector, self.guard.signing_chain)


_NOBODY = bytes((0x30, 0))  # an empty Name


class _Talk:
    """One message on its way to its answer."""

    def __init__(self, front: Front, bank: Bank, message: Message, now: datetime, origin: str) -> None:
        self.service, self.guard, self.origin = front.service, front.guard, origin
        self.registry = front.service.registry
        self.bank, self.message, self.now = bank, message, now
        self.digest = hashlib.sha256(message.raw).digest()
        self.transaction = message.header.transaction_id or b""
        self.credential: Credential | None = None
        self.confirm_wait: datetime | None = None

    def answer(self, operation: str) -> tuple[Kind, Body]:
        kind = self.message.kind
        if operation and kind not in _OPERATIONS.get(operation, set()) | _FOLLOWING:
            raise ProtocolFault(FailInfo.badRequest, "this address is for another kind of request")
        checks.version(self.message)  # 1
        if kind in _FOLLOWING and self.message.header.transaction_id is None:
            raise ProtocolFault(FailInfo.badRequest, "no such transaction")  # 6
        checks.transaction_id(self.message.header)  # 6
        checks.sender_nonce(self.message.header)  # 7
        checks.general_info(self.message.header)  # 8
        self.credential = self.guard.authenticate(self.bank, self.message)  # 2, 4, 5, 10, 12
        self.registry = self.registry.by(self.credential.actor(self.origin))
        exchange = self.registry.exchange(self.bank.code, self.transaction)
        acts = kind is Kind.RR or reissues.is_asked(self.message) or rehearsals.is_told(self.message)
        is_done = acts and self.registry.was_asked(self.digest)
        if not is_done and not self._is_repeated(exchange):
            checks.message_time(self.message.header, self.now)  # 3
        if kind in _FOLLOWING:
            return self._follow(self.credential, exchange)
        checks.no_recip_nonce(self.message.header)  # 7
        if exchange is not None and exchange.request_digest != self.digest:
            raise ProtocolFault(FailInfo.transactionIdInUse, "this transaction was begun by another request")  # 6
        if kind in _REPLY:
            return _REPLY[kind], self._refusing(lambda: self._certify(_proven(self.credential), exchange))
        if kind is Kind.RR and is_done:
            return Kind.RP, Revoked(status=Status.ACCEPTED)  # S6
        if kind is Kind.RR:
            return Kind.RP, revocations.answer(
                self.service, self.registry, self.message, self._standing_certificate, self.now
            )
        if reissues.is_asked(self.message):
            return Kind.GENP, self._acting(reissues.answer)
        if rehearsals.is_told(self.message):
            return Kind.GENP, self._acting(rehearsals.answer)
        if isinstance(self.message.body, Info) and kind is Kind.GENM:
            if self.credential.ticket is None:
                self._standing_certificate()
            return Kind.GENP, support.answer(self.service, self.message.body)
        raise ProtocolFault(FailInfo.badRequest, "not a request")

    def _is_repeated(self, exchange: Exchange | None) -> bool:
        """S6: the same bytes again, however late, are the same request."""
        return exchange is not None and self.digest in (exchange.request_digest, exchange.confirm_digest)

    # --- certificates (items 13 to 20) ---

    def _certify(self, credential: Credential, before: Exchange | None) -> CertReply:
        asked = wanted(self.service, self.message, credential)
        known = self.registry.generation(before.serial) if before else None
        if known is not None and known.state in (State.VOID, State.REVOKED):
            raise CannotConfirm(
                until=known.confirm_by
            )  # the same bytes have come to their end: another request is needed
        ask = issuing.Ask(
            subscriber=credential.subscriber.id,
            public_key=asked.public_key,
            store=asked.store,
            bank=self.bank.code,
            transaction=self.transaction,
            request_digest=self.digest,
            credential=credential.name,
            kind=self.message.kind.name.lower(),
            is_rehearsal=asked.is_rehearsal,
        )
        registry, issuer = self.registry, self.service.issuer
        try:
            if credential.ticket is not None:
                found = acquire.complete(registry, issuer, credential.ticket, ask, self.now)
            else:
                found = renew.renew(registry, issuer, _held(credential), ask, self.now)
        except issuing.StillWaiting:
            return CertReply(req_id=asked.req_id, status=Status.WAITING, text="The CA has recorded the request.")
        return self._granted(found, asked.req_id, asked)

    def _granted(self, found: Generation, req_id: int, asked: Wanted | None = None) -> CertReply:
        """Item 20, and 24 by the header. Whom to trust is told to one who shares a secret only (11)."""
        same = asked is None or asked.is_met_by(found)
        self.confirm_wait = found.confirm_by
        by_mac = self.message.kind is Kind.IR
        return CertReply(
            req_id=req_id,
            status=Status.ACCEPTED if same else Status.GRANTED_WITH_MODS,
            certificate=found.certificate,
            ca_pubs=self.service.chain[-1:] if by_mac else (),
        )

    def _refusing(self, act: Callable[[], CertReply]) -> CertReply:
        """Item 19: once the body is understood, no is said in the reply."""
        req_id = -1 if self.message.kind is Kind.P10CR else 0
        try:
            return act()
        except ProtocolFault as fault:
            return rejection(fault, req_id)
        except REFUSALS as refusal:
            self.service.metrics.refusals.labels(refusal.code).inc()
            return rejection(as_fault(refusal), req_id)

    # --- confirmation and polling (items 21 to 24, 27) ---

    def _follow(self, credential: Credential, exchange: Exchange | None) -> tuple[Kind, Body]:
        if exchange is None:
            raise ProtocolFault(FailInfo.badRequest, "no such transaction")
        if exchange.credential != credential.name:
            raise ProtocolFault(FailInfo.wrongIntegrity, "another credential than the request's")  # 9
        if not self.service.is_nonce_of(self.transaction, self.message.header.recip_nonce or b""):
            raise ProtocolFault(FailInfo.badRecipientNonce, "recipNonce is none of this transaction")
        found = self.registry.generation(exchange.serial)
        body, asked = self.message.body, Kind[exchange.kind.upper()]
        assert found is not None  # noqa: S101  an exchange names one
        assert isinstance(body, Confirm | Poll)  # noqa: S101  parse has seen to it
        checks.request_id(body, -1 if asked is Kind.P10CR else 0)  # 13, 23, 27
        try:
            if isinstance(body, Confirm):
                return self._confirm(body, exchange, found)
            return self._poll(body.req_id, _REPLY[asked], found)
        except REFUSALS as refusal:
            self.service.metrics.refusals.labels(refusal.code).inc()
            raise as_fault(refusal) from refusal

    def _confirm(self, body: Confirm, exchange: Exchange, found: Generation) -> tuple[Kind, Body]:
        if found.state is State.RECORDED:
            raise ProtocolFault(FailInfo.badRequest, "nothing has been issued yet")
        if not body.accepted:
            confirm.reject(self.registry, found, self.now)
            return Kind.PKICONF, PkiConf()
        self._still_entitled(found)
        if found.certificate:
            checks.cert_hash(body, found.certificate)  # 22
        policy = self.bank.policy.old_generation
        by = _proven(self.credential).generation
        confirm.confirm(self.registry, exchange, found, self.digest, policy, self.now, by)
        return Kind.PKICONF, PkiConf()

    def _still_entitled(self, found: Generation) -> None:
        """Whoever has lost the certificate that asked, or has had it taken back, gets nothing more by it. (That it has
        run out meanwhile is no matter: what was begun in time is finished, R13.)"""
        by = _proven(self.credential).generation
        if by and by.state is not State.ACTIVE and found.state in (State.RECORDED, State.PENDING):
            raise ProtocolFault(FailInfo.certRevoked, "the certificate that asked for this one is not valid any more")

    def _poll(self, req_id: int, reply: Kind, found: Generation) -> tuple[Kind, Body]:
        self._still_entitled(found)
        try:
            found = issuing.resume(self.registry, self.service.issuer, found, self.now)
        except issuing.StillWaiting:
            return Kind.POLLREP, PollAnswer(req_id, ASK_AGAIN)
        if found.state not in (State.PENDING, State.ACTIVE):
            raise ProtocolFault(FailInfo.badRequest, "this request has come to its end")
        return reply, self._granted(found, req_id)

    # --- taking back (item 25), re-issuing, rehearsing and support (26) ---

    def _acting(self, answer: Callable[[Registry, Generation, Message, datetime], Info]) -> Info:
        try:
            return answer(self.registry, self._standing_certificate(), self.message, self.now)
        except REFUSALS as refusal:
            self.service.metrics.refusals.labels(refusal.code).inc()
            raise as_fault(refusal) from refusal

    def _standing_certificate(self) -> Generation:
        """The sender's, valid now."""
        found = _held(_proven(self.credential))
        if found.state is not State.ACTIVE:
            raise ProtocolFault(FailInfo.certRevoked, f"the protection certificate is {found.state.value}")
        if self.now < found.not_before or found.is_over(self.now):
            raise ProtocolFault(FailInfo.signerNotTrusted, "the protection certificate is out of its time")
        return found

    # --- the answer ---

    def sealed(self, kind: Kind, body: Body) -> bytes:
        """Protected as the request was (12); what nobody proved is answered under our signature."""
        nonce = self.service.nonce(self.transaction, self.digest)
        who = self.credential
        sender = who.sender if who else self.guard.subject
        header = answer_header(self.message.header, self.now, sender, nonce, confirm_wait=self.confirm_wait)
        if not self.transaction:
            header = dataclasses.replace(header, transaction_id=nonce)
        chain = who.chain if who else self.guard.signing_chain
        if isinstance(body, CertReply) and body.certificate:
            chain = chain or self.service.chain  # 11
            if read_certificate(body.certificate).issuer != self.service.issuer.subject:  # asked for before a rollover
                chain = (*chain, *self.service.keys.issuers)
        return assemble(header, kind, body, who.protector if who else self.service.protector, chain)


def _proven(credential: Credential | None) -> Credential:
    assert credential is not None  # noqa: S101  asked only after authenticate
    return credential


def _held(credential: Credential) -> Generation:
    if credential.generation is None:
        raise ProtocolFault(FailInfo.wrongIntegrity, "this wants a signature, not a MAC")
    return credential.generation
