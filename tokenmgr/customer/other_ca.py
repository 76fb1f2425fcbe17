"""Renewing and acquiring at a CA that is not ours: the same counter, for an address and roots in place of a bank.

Both stand in the journal's heading, so whoever goes on with it need not name them again.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from tokenmgr.cmp.conversation import Identity
from tokenmgr.cmp.faults import ProtocolFault
from tokenmgr.cmp.messages import parse
from tokenmgr.cmp.protection import verify_mac
from tokenmgr.customer.operations import AskApplicant, Counter, Outcome
from tokenmgr.customer.profiles import SYSTEM, Profile
from tokenmgr.domain.credential import CertificateFacts, Credential, KeyKind
from tokenmgr.errors import CmpAsked, SeveralToRenew
from tokenmgr.log import Secret
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.renewal.acceptance import issuers_of, label_of
from tokenmgr.renewal.evidence import decoded
from tokenmgr.renewal.journal import ACQUISITION, RENEWAL, Journal, Value, heading_of, unfinished
from tokenmgr.renewal.order import Order
from tokenmgr.renewal.recovery import CMP, current, heading_here

PBM, PBMAC1 = "pbm", "pbmac1"
_ROOTS, _TLS = "roots", "tls_roots"
NO_NAME = bytes((0x30, 0))
Ask = Callable[[str], tuple[str, Secret]]  # with the reference value, where it is known: both


@dataclass(frozen=True)
class Referred:
    """A first certificate, for a reference value and a secret that the CA has given out. `mac`: how the secret protects
    the messages. `subject` is what the CA is asked for; it may know better."""

    reference: str
    subject: bytes = NO_NAME
    mac: str = PBM


def place(address: str, roots: Sequence[bytes], tls_roots: Sequence[bytes] | None) -> Profile:
    """`roots`: whom its answers and its certificates must lead to; `tls_roots`: its server, None for the system's."""
    try:
        parts = urlsplit(address)
        fits = address.isascii() and parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # of a port, or of brackets
        fits = False
    if not fits or "@" in parts.netloc or parts.query or parts.fragment:
        raise CmpAsked(reason="cmp-address", subject=address)
    for name, those in (("--cmp-roots", roots), ("--cmp-tls-roots", tls_roots)):
        if those is not None and not any(certificate_facts(one).is_authority for one in those):
            raise CmpAsked(reason="cmp-roots", subject=name)
    return Profile("", address, address, tuple(roots), "" if tls_roots is None else _pem(tls_roots), None)


def begun_on(folder: Path, store: str) -> Profile | None:
    """Where what is unfinished on this store was begun, when that is at another CA."""
    found = heading_here(folder, store)
    return _told(found) if found.get(CMP) else None


def is_any_begun(folder: Path) -> bool:
    return any(heading_of(path).get(CMP) for path in unfinished(folder))


def is_of(place: Profile, heading: Mapping[str, Value]) -> bool:
    """Either may have been mistyped when it was begun."""
    same_roots = heading.get(_ROOTS) == _encoded(place.roots)
    return bool(heading.get(CMP)) and (same_roots or heading.get(CMP) == place.address)


def _told(heading: Mapping[str, Value]) -> Profile:
    tls = str(heading.get(_TLS) or "")
    return place(str(heading[CMP]), _decoded(heading.get(_ROOTS)), None if tls == SYSTEM else _decoded(tls))


@dataclass(frozen=True)
class OtherCounter(Counter):
    """Its profile has no code, and certificates are its CA's where they lead to the roots."""

    ask: Ask | None = None

    def enrol(self, who: Referred, kind: KeyKind | None = None) -> Outcome:
        begun = self._begun()
        if begun is not None:
            self._same(begun, ACQUISITION, reference=who.reference)
            return self._enrol(begun)
        wanted = kind or self._usual_kind()
        told: dict[str, Value] = {"reference": who.reference, "mac": who.mac, "subject": who.subject.hex()}
        return self._enrol(self._new({"operation": ACQUISITION, "kind": wanted.value, **told}))

    def _enrol(self, journal: Journal) -> Outcome:
        heading = journal.heading
        subject = bytes.fromhex(str(heading.get("subject") or "")) or NO_NAME
        order = Order(KeyKind(str(heading["kind"])), None, subject=subject)

        def prove() -> Identity:
            assert self.ask is not None  # noqa: S101  whoever enrols or resumes has given it
            reference, secret = self.ask(str(heading.get("reference") or ""))
            with secret:
                by = Identity.by_ticket if heading.get("mac") == PBMAC1 else Identity.by_reference
                return _as_before(by(reference, bytes(secret.reveal())), journal)

        with journal:
            return self._run(journal, order, prove)

    def _require_hopeless(self) -> None:
        """That CA may never answer."""

    def _leave(self, one: Credential) -> None:
        """Whatever has a certificate stays: what becomes of it there is not known."""
        if one.facts is not None:
            self.store.rename(one.key.key_id, label_of(one.facts))
        else:
            super()._leave(one)

    def _go_on(self, journal: Journal, ask: AskApplicant | None) -> Outcome:
        if journal.heading.get("operation") == ACQUISITION:
            return self._enrol(journal)
        return super()._go_on(journal, ask)

    def _new(self, heading: Mapping[str, Value]) -> Journal:
        return super()._new(self._told_ca() | dict(heading))

    def _told_ca(self) -> dict[str, Value]:
        tls = self.profile.tls_roots
        return {
            CMP: self.profile.address,
            _ROOTS: _encoded(self.profile.roots),
            _TLS: _one_line(tls) if tls else SYSTEM,
        }

    def _is_its_own(self, heading: Mapping[str, Value]) -> bool:
        return is_of(self.profile, heading)

    def _recovered(self, left: Credential) -> Mapping[str, Value] | None:
        """A key that waits, and says of no bank that it is its: the journal is lost, and this CA is named again."""
        heading: dict[str, Value] = {"bank": "", "kind": left.key.kind, **self._told_ca()}
        own = self._valid("", but=left)
        if len(own) > 1:
            return None
        if own:
            return heading | self._told_source() | {"operation": RENEWAL, "old": f"{own[0].serial_number:x}"}
        return heading | {"operation": ACQUISITION}

    def _old(self, serial: str) -> Credential:
        """Of each holder the one that is valid longest, and there is one holder."""
        found = self._valid(serial)
        if not found:
            raise CmpAsked(reason="cmp-nothing", subject=self.profile.address)
        if len(found) > 1:
            names = sorted(f"{one.serial_number:x} {one.subject}" for one in found)
            raise SeveralToRenew(serial=self.store.name, certificates=tuple(names))
        return next(one for one in self._from.credentials() if one.facts == found[0])

    def _valid(self, serial: str, but: Credential | None = None) -> list[CertificateFacts]:
        now, wanted = self.clock(), serial.lower().lstrip("0")
        authorities = [one.der for one in self._from.contents().certificates if one.facts and one.facts.is_authority]
        valid = []
        for one in self._from.credentials():
            facts = one.facts
            if facts is None or not facts.is_valid(now) or (but is not None and one.key == but.key):
                continue
            if wanted in ("", f"{facts.serial_number:x}") and not issuers_of(facts, authorities, self.profile.roots)[1]:
                valid.append(one)
        holders = {one.facts.subject_der for one in valid if one.facts}
        best = [current([one for one in valid if one.facts and one.facts.subject_der == h], now) for h in holders]
        return [one.facts for one in best if one and one.facts]


def _as_before(identity: Identity, journal: Journal) -> Identity:
    """Whoever has mistyped the secret was somebody else: what was sent then nobody answers, and it is asked anew."""
    kept = decoded(journal.fact("request"))
    if not kept:
        return identity
    try:
        verify_mac(parse(kept), identity.secret)
    except ProtocolFault:
        return replace(identity, name=f"{identity.name} {len(journal.lines)}")
    return replace(identity, name=str(journal.fact("by")))


def _encoded(those: Sequence[bytes]) -> str:
    return " ".join(base64.b64encode(one).decode("ascii") for one in those)


def _decoded(told: Value) -> list[bytes]:
    return [base64.b64decode(one) for one in str(told or "").split()]


def _pem(those: Sequence[bytes]) -> str:
    import ssl

    return "".join(map(ssl.DER_cert_to_PEM_cert, those))


def _one_line(pem: str) -> str:
    """What `_decoded` reads."""
    import ssl

    begin = "-----BEGIN CERTIFICATE-----"
    return _encoded([ssl.PEM_cert_to_DER_cert(begin + one.rstrip()) for one in pem.split(begin)[1:]])
