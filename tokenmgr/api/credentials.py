"""Who sends this message: the holder of a one-time ticket, or of a certificate that this CA has issued."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from cryptography import x509
from cryptography.x509.oid import NameOID

from tokenmgr.api.service import Service
from tokenmgr.cmp import checks
from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.cmp.messages import Message
from tokenmgr.cmp.protection import Protector, is_mac, mac_like, verify_mac, verify_signature
from tokenmgr.domain.audit import Actor, ActorKind
from tokenmgr.domain.generation import Generation, State
from tokenmgr.domain.party import Bank, Subscriber
from tokenmgr.ra.ports import BEYOND_SERIALS, Ticket

KEPT = 100_000  # subscribers who are remembered


@dataclass(frozen=True)
class Credential:
    """Proven by the protection of a message. Its answer is protected in the same kind (RFC 9483, 3.1)."""

    name: str
    subscriber: Subscriber
    protector: Protector
    sender: bytes  # what the answer's header says of us
    chain: tuple[bytes, ...]  # what makes the answer's signature checkable
    ticket: Ticket | None = None
    generation: Generation | None = None
    certificate: x509.Certificate | None = None

    def actor(self, origin: str) -> Actor:
        return Actor(ActorKind.SUBSCRIBER, self.subscriber.name, origin)


class Guard:
    def __init__(self, service: Service) -> None:
        self._service = service
        self._known: dict[int, Subscriber] = {}

    def authenticate(self, bank: Bank, message: Message) -> Credential:
        """Raises ProtocolFault; who is proven may still be revoked or out of time, which is for the caller to judge."""
        if message.protection is None:
            raise ProtocolFault(FailInfo.badMessageCheck, "the message is not protected")
        return self._by_ticket(bank, message) if is_mac(message) else self._by_certificate(bank, message)

    def _by_ticket(self, bank: Bank, message: Message) -> Credential:
        checks.mac_sender(message.header)
        reference = (message.header.sender_kid or b"").decode("ascii", "replace")
        ticket = self._service.registry.ticket(reference) if reference.isalnum() else None
        if ticket is None or ticket.bank != bank.code:
            raise ProtocolFault(FailInfo.badMessageCheck, "no such reference, or it is over")
        verify_mac(message, ticket.secret)
        protector = mac_like(message, ticket.secret, self._service.salt(hashlib.sha256(message.raw).digest()))
        sender = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, reference)]).public_bytes()
        who = self._subscriber(ticket.subscriber)
        return Credential(f"ticket:{reference}", who, protector, sender, (), ticket=ticket)

    def _by_certificate(self, bank: Bank, message: Message) -> Credential:
        """That the registry holds this very certificate proves its issuer: nothing is left for a path to show."""
        certificate = checks.protection_certificate(message)
        serial = certificate.serial_number
        found = self._service.registry.generation(serial) if serial < BEYOND_SERIALS else None
        if found is None or found.subscriber is None or found.certificate != message.extra_certs[0]:
            raise ProtocolFault(FailInfo.signerNotTrusted, "the protection certificate is none of this CA")
        verify_signature(message, certificate)
        checks.signature_sender(message.header, certificate)
        who = self._subscriber(found.subscriber)
        if who.bank != bank.code:
            raise ProtocolFault(FailInfo.notAuthorized, "the protection certificate is another bank's")
        if found.state is State.PENDING:
            raise ProtocolFault(FailInfo.notAuthorized, "an unconfirmed certificate signs nothing")
        return Credential(
            f"certificate:{found.serial:x}",
            who,
            self._service.protector,
            self.subject,
            self.signing_chain,
            generation=found,
            certificate=certificate,
        )

    def _subscriber(self, number: int) -> Subscriber:
        """Kept for its bank and its name, which never change; whoever needs its role asks anew."""
        known = self._known.get(number)
        if known is None:
            if len(self._known) >= KEPT:
                self._known.clear()
            known = self._known[number] = self._service.administration.subscriber(number)
        return known

    @cached_property
    def subject(self) -> bytes:
        return self._service.keys.cmp.facts.subject

    @cached_property
    def signing_chain(self) -> tuple[bytes, ...]:
        return (self._service.keys.cmp.certificate, *self._service.chain[:-1])
