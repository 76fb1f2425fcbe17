"""EST's rules (RFC 7030): who asks, and for what. What it brings is active at once, since EST has nobody confirm it.

Whatever is cut short between its record and its being active, the same request again brings to an end (S6).
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import secrets
from collections.abc import Iterator
from datetime import datetime

from tokenmgr.api.publications import known_bank
from tokenmgr.api.requests import Csr, read_csr, store_asked
from tokenmgr.api.service import Service
from tokenmgr.ca.certificate import read_certificate
from tokenmgr.cmp.faults import ProtocolFault
from tokenmgr.domain.audit import Actor, ActorKind
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.generation import Generation, State, StoreKind
from tokenmgr.domain.party import Bank, Subscriber
from tokenmgr.domain.policy import Reason, Way
from tokenmgr.errors import AuthorityClosed, CertificateWanted, EnrolmentUnfit, EstNotOffered, NotPermittedNow, NotYours
from tokenmgr.pki import der
from tokenmgr.pki.certs_only import certs_only
from tokenmgr.ra import acquire, confirm, issuing, renew
from tokenmgr.ra.ports import BEYOND_SERIALS, Registry

_RSA, _EC = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1"
_SIZES = {KeyKind.RSA_2048: 2048, KeyKind.RSA_3072: 3072, KeyKind.RSA_4096: 4096}
_CURVES = {KeyKind.P256: "1.2.840.10045.3.1.7", KeyKind.P384: "1.3.132.0.34"}
_EXTENSION_REQUEST, _POLICIES = "1.2.840.113549.1.9.14", "2.5.29.32"


def offered(service: Service, code: str) -> Bank:
    bank = known_bank(service, code)
    if not bank.policy.est:
        raise EstNotOffered(bank=bank.code)
    return bank


# --- for everybody (4.1, 4.5) ---


def ca_certificates(service: Service, code: str) -> bytes:
    """4.1.3: the chain, and after a rollover what leads from each root to the other."""
    offered(service, code)
    return certs_only((*service.chain, *service.keys.issuers, *service.keys.anchors))


def attributes(service: Service, code: str) -> bytes:
    """4.5.2: the kinds of keys that are certified; and the policy by which a request names the store that it is for,
    with the value that one without it is taken to have."""
    policy, profile = offered(service, code).policy, service.issuer.profile
    sizes = [der.integer(_SIZES[kind]) for kind in policy.key_kinds if kind in _SIZES]
    curves = [der.oid(_CURVES[kind]) for kind in policy.key_kinds if kind in _CURVES]
    named = der.oid(profile.policy_pc if policy.pc_allowed else profile.policy_medium)
    value = der.tlv(der.OCTET_STRING, der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, named)))
    extensions = der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, der.oid(_POLICIES), value))
    told = ((_RSA, sizes), (_EC, curves), (_EXTENSION_REQUEST, [extensions]))
    return der.tlv(der.SEQUENCE, *(_attribute(kind, values) for kind, values in told if values))


def _attribute(kind: str, values: list[bytes]) -> bytes:
    return der.tlv(der.SEQUENCE, der.oid(kind), der.tlv(der.SET, *sorted(values)))


# --- enrolling (4.2). issuing.StillWaiting: recorded, and to be asked for again ---


def enrol(service: Service, code: str, claim: acquire.Claim, data: bytes, origin: str) -> bytes:
    """4.2.1, proven by both PINs. What cannot be read costs no try (R11)."""
    bank, now = offered(service, code), service.clock()
    asked, store = _read(service, data)
    claim = dataclasses.replace(claim, store=store or claim.store)
    if service.administration.is_closed:
        raise AuthorityClosed
    registry = service.registry.by(Actor(ActorKind.CLAIMANT, bank.code, origin))
    who = acquire.prove(registry, bank, claim, now)
    ask = _ask(who, asked, claim.store, data, f"claim:{who.contract}/{who.user}")
    ask = acquire.accept(registry, who, ask, now)
    registry = service.registry.by(Actor(ActorKind.SUBSCRIBER, who.name, origin))
    found = acquire.at_once(registry, service.issuer, ask, now)
    return _activated(registry, bank, ask, found, now)


def reenrol(service: Service, code: str, peer: bytes | None, data: bytes, origin: str) -> bytes:
    """4.2.2: `peer` is the TLS client's certificate, the one that is renewed. TLS has checked that its key is there."""
    bank, now = offered(service, code), service.clock()
    if peer is None:
        raise CertificateWanted
    old, who = _holder(service, bank, peer)
    asked, store = _read(service, data)
    with _as_unfit():
        asked.require_names_of(peer)
    registry = service.registry.by(Actor(ActorKind.SUBSCRIBER, who.name, origin))
    ask = _ask(who, asked, store or old.store or StoreKind.PC, data, f"certificate:{old.serial:x}")
    found = renew.renew(registry, service.issuer, old, ask, now)
    return _activated(registry, bank, ask, found, now, by=old)


def _read(service: Service, data: bytes) -> tuple[Csr, StoreKind | None]:
    with _as_unfit():
        asked = read_csr(data)
        return asked, store_asked(service, asked.policies)


@contextlib.contextmanager
def _as_unfit() -> Iterator[None]:
    try:
        yield
    except ProtocolFault as fault:
        raise EnrolmentUnfit(reason=fault.text) from fault


def _holder(service: Service, bank: Bank, peer: bytes) -> tuple[Generation, Subscriber]:
    serial = read_certificate(peer).serial
    found = service.registry.generation(serial) if serial < BEYOND_SERIALS else None
    if found is None or found.subscriber is None or found.certificate != peer:
        raise NotYours
    who = service.administration.subscriber(found.subscriber)
    if who.bank != bank.code:
        raise NotYours
    if found.state is State.PENDING:  # asked for by CMP, and not confirmed: it signs nothing
        raise NotPermittedNow(reason=Reason.PENDING.value, way=Way.RESUME.value)
    return found, who


def _ask(who: Subscriber, asked: Csr, store: StoreKind, data: bytes, credential: str) -> issuing.Ask:
    """Under a number of its own: EST has none, and the key says which request it is."""
    return issuing.Ask(
        subscriber=who.id,
        public_key=asked.public_key,
        store=store,
        bank=who.bank,
        transaction=secrets.token_bytes(16),
        request_digest=hashlib.sha256(data).digest(),
        credential=credential,
        kind="est",
    )


def _activated(
    registry: Registry, bank: Bank, ask: issuing.Ask, found: Generation, now: datetime, by: Generation | None = None
) -> bytes:
    """4.2.3: that certificate alone. The one before goes as after a confirmation (R12)."""
    exchange, after = ask.exchange(found.serial), bank.policy.old_generation
    confirm.confirm(registry, exchange, found, ask.request_digest, after, now, by)
    return certs_only([found.certificate])
