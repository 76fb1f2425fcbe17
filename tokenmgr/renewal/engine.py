"""The nine steps, top to bottom. Which one is next is not decided here: domain/renewal.py says so from evidence.

Each writes down what it means to do, does it, and writes down what came of it. So whatever cuts it short, the next run
sees as much as this one knew; and what a step does a second time changes nothing that the first time has done.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from tokenmgr.cmp.conversation import Conversation, Identity, Reply
from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.domain.credential import Credential, KeyKind
from tokenmgr.domain.renewal import AtAuthority, Ending, Evidence, Step, next_step
from tokenmgr.errors import (
    AlreadyConfirmed,
    AuthorityRefused,
    CannotConfirm,
    CertificateMismatch,
    KeyCertifiedBefore,
    TicketSpent,
    TokenmgrError,
)
from tokenmgr.pki.chain import chain_of
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.renewal.journal import Journal, Phase, Value
from tokenmgr.renewal.ports import AuthorityPort, ScreenPort, StorePort

Clock = Callable[[], datetime]
MARK = "tokenmgr pending"  # the label of a key whose certificate is not confirmed: found on any PC, without a journal


@dataclass(frozen=True)
class Order:
    """What is to be done, as it was decided before anything was touched; it stands in the journal's heading."""

    kind: KeyKind
    policy: str  # the certificate policy that names the store
    label: str  # of the key once it is confirmed
    old: Credential | None  # what is to be replaced; None: an acquisition
    retires: bool = False  # whether the bank has the old one removed at once (R12)


class Engine:
    def __init__(
        self,
        order: Order,
        identity: Identity,
        roots: tuple[bytes, ...],
        store: StorePort,
        authority: AuthorityPort,
        journal: Journal,
        screen: ScreenPort,
        clock: Clock,
    ) -> None:
        self.order, self.identity, self.roots = order, identity, roots
        self.store, self.authority, self.journal, self.screen, self.clock = store, authority, journal, screen, clock
        self.is_checked = False

    def run(self) -> Ending:
        while isinstance(step := next_step(self.evidence()), Step):
            self._take(step)
        return self._end(step)

    def _take(self, step: Step) -> None:
        self.screen.begins(step)
        self.journal.write(step, Phase.INTENT, self._meant(step), self.clock())
        try:
            told = self._do(step)
        except TokenmgrError as error:
            told = _failure(step, error)
            self.journal.write(step, Phase.FAILED, told, self.clock())
            if "stale" in told:
                return
            if "final" in told:
                self._end(Ending.UNDONE)
            raise
        else:
            self.journal.write(step, Phase.DONE, told, self.clock())
            self.screen.ends(step)

    def _do(self, step: Step) -> Mapping[str, Value]:
        match step:
            case Step.CHECKED:
                return self._check()
            case Step.KEY_GENERATED:
                key = self.store.generate(self.order.kind, self.key_id, MARK)
                return {"public_key": _text(key.public_key or b"")}
            case Step.REQUESTED:
                return self._build_request()
            case Step.ISSUED:
                return self._have_it_issued()
            case Step.ACCEPTED:
                return self._accept()
            case Step.WRITTEN:
                self.store.write(self.certificate, self.key_id, MARK, self.chain)
                return {}
            case Step.VERIFIED:
                self.store.verify_afresh(self.certificate, self.key_id)
                return {}
            case Step.CONFIRMED:
                return self._confirm()
            case Step.RETIRED:
                return self._retire()

    # --- the steps that are more than a line ---

    def _meant(self, step: Step) -> Mapping[str, Value]:
        """2: the ID is chosen, and on the disk, before there is a key of it."""
        if step is Step.KEY_GENERATED and not self.journal.fact("key_id"):
            return {"key_id": self.store.free_key_id().hex()}
        return {}

    def _check(self) -> Mapping[str, Value]:
        for obstacle in () if self._key() else self.store.obstacles(self.order.kind):
            raise obstacle
        self.is_checked = True
        return {}

    def _build_request(self) -> Mapping[str, Value]:
        talk, old = self._talk(fresh=True), self.order.old
        replaced = old.certificate.der if old and old.certificate else b""
        subject = old.facts.subject_der if old and old.facts else bytes((0x30, 0))  # the CA knows whose it is
        signer = self.store.signer(self._required_key().key)
        request = talk.ask(signer, subject, self.clock(), self.order.policy, replaced)
        return {"by": self.identity.name, "transaction": talk.transaction.hex(), "request": _text(request)}

    def _have_it_issued(self) -> Mapping[str, Value]:
        """4: the same bytes, however often; then by polling, while the CA has recorded and not signed."""
        talk, sent = self._talk(), _bytes(self.journal.fact("request"))
        reply = talk.read(sent, self.authority.exchange(sent))
        while not reply.certificate:
            self.screen.waits(reply.wait)
            sent = talk.poll(reply.nonce, self.clock())
            reply = talk.read(sent, self.authority.exchange(sent))
        return _issued(reply)

    def _accept(self) -> Mapping[str, Value]:
        """5: every mismatch at once; what does not fit is refused to the CA, which takes it back."""
        findings = tuple(self._mismatches())
        if findings:
            fault = ProtocolFault(FailInfo.incorrectData, ", ".join(findings))
            talk = self._talk()
            sent = talk.confirm(self.certificate, self.nonce, self.clock(), fault)
            talk.read(sent, self.authority.exchange(sent))
            raise CertificateMismatch(findings=findings)
        return {}

    def _confirm(self) -> Mapping[str, Value]:
        talk = self._talk()
        sent = talk.confirm(self.certificate, self.nonce, self.clock())
        with suppress(AlreadyConfirmed):  # the answer was lost, and this is a second one
            talk.read(sent, self.authority.exchange(sent))
        self.store.rename(self.key_id, self.order.label)
        return {}

    def _retire(self) -> Mapping[str, Value]:
        """9: the store refuses by itself, should the new one not work at this very moment (S2)."""
        old = self.order.old
        if self.order.retires and old is not None:
            still = [one for one in self.store.credentials() if one.key.identity == old.key.identity]
            if still:
                self.store.remove(still, self._required_key(), self.clock())
        return {}

    def _end(self, ending: Ending) -> Ending:
        """Undone: what this operation has made goes, and nothing else."""
        made = self._key()
        if ending is Ending.UNDONE and made is not None:
            others = [one for one in self.store.credentials() if one.certificate and one.key != made.key]
            self.store.remove([made], self._successor(others), self.clock())
        self.journal.write(None, Phase.DONE, {"ending": ending.value}, self.clock())
        return ending

    def _successor(self, others: list[Credential]) -> Credential | None:
        valid = [one for one in others if one.facts and one.facts.not_before <= self.clock() <= one.facts.not_after]
        return max(valid, key=lambda one: one.facts.not_after if one.facts else self.clock(), default=None)

    # --- evidence ---

    def evidence(self) -> Evidence:
        """The store is asked each time; the journal for what only it can know. What was asked for by another identity,
        such as a ticket whose secret nobody has any more, is asked for again: the same key brings the same certificate
        (S6)."""
        key, journal = self._key(), self.journal
        goes_on = journal.fact("by") == self.identity.name or journal.is_done(Step.CONFIRMED)
        has_certificate = key is not None and key.certificate is not None and key.certificate.der == self.certificate
        return Evidence(
            is_checked=self.is_checked,
            has_key=key is not None,
            kept_request=goes_on and journal.holds(Step.REQUESTED, "stale"),
            kept_certificate=goes_on and journal.is_done_since(Step.ISSUED, Step.REQUESTED),
            is_accepted=goes_on and journal.is_done_since(Step.ACCEPTED, Step.ISSUED),
            has_certificate=bool(self.certificate) and has_certificate,
            is_verified=journal.is_done(Step.VERIFIED),
            authority=self._at_authority(),
            is_retired=journal.is_done(Step.RETIRED),
        )

    def _at_authority(self) -> AtAuthority:
        refused = any(line.phase is Phase.FAILED and line.facts.get("final") for line in self.journal.lines)
        if self.journal.is_done(Step.CONFIRMED):
            return AtAuthority.CONFIRMED
        if refused:
            return AtAuthority.REFUSED
        return AtAuthority.PENDING if self.certificate else AtAuthority.NOTHING

    def _key(self) -> Credential | None:
        wanted = self.journal.fact("key_id")
        return next((one for one in self.store.credentials() if one.key.key_id.hex() == wanted), None)

    def _required_key(self) -> Credential:
        found = self._key()
        assert found is not None  # noqa: S101  next_step names no step that needs it without it
        return found

    @property
    def key_id(self) -> bytes:
        return bytes.fromhex(str(self.journal.fact("key_id")))

    @property
    def certificate(self) -> bytes:
        return _bytes(self.journal.fact("certificate"))

    @property
    def chain(self) -> tuple[bytes, ...]:
        return tuple(_bytes(one) for one in str(self.journal.fact("chain") or "").split())

    @property
    def nonce(self) -> bytes:
        return bytes.fromhex(str(self.journal.fact("nonce") or ""))

    def _talk(self, fresh: bool = False) -> Conversation:
        known = "" if fresh else str(self.journal.fact("transaction") or "")
        return Conversation(self.identity, self._recipient(), self.roots, bytes.fromhex(known))

    def _recipient(self) -> bytes:
        old = self.order.old
        return old.facts.issuer_der if old and old.facts else bytes((0x30, 0))

    def _mismatches(self) -> list[str]:
        facts, key = certificate_facts(self.certificate), self._required_key().key
        roots = [certificate_facts(one) for one in self.roots]
        others = [one for one in map(certificate_facts, self.chain) if one.subject_der != one.issuer_der]
        old, now = self.order.old, self.clock()
        wrong = {
            "another-key": facts.public_key != key.public_key,
            "another-holder": bool(old and old.facts and old.facts.subject_der != facts.subject_der),
            "an-authority": facts.is_authority,
            "not-of-this-ca": bool(chain_of(facts, [*others, *roots])[1]),
            "not-valid-yet": facts.not_before > now + SKEW,
            "ended": facts.not_after <= now,
            "ends-before-the-old-one": bool(old and old.facts and facts.not_after <= old.facts.not_after),
        }
        return [name for name, is_so in wrong.items() if is_so]


SKEW = timedelta(minutes=5)  # between this computer's clock and the CA's


def _issued(reply: Reply) -> dict[str, Value]:
    chain = [one for one in reply.chain if one != reply.certificate]
    until = reply.confirm_by.isoformat() if reply.confirm_by else None
    return {
        "certificate": _text(reply.certificate),
        "chain": " ".join(map(_text, chain)),
        "nonce": reply.nonce.hex(),
        "confirm_by": until,
    }


def _failure(step: Step, error: TokenmgrError) -> dict[str, Value]:
    """`final`: the CA has said that this key gets no certificate, or none any more. `stale`: the request has lain too
    long to be taken, and another one is built for the same key."""
    told: dict[str, Value] = {"code": error.code}
    if step in (Step.ISSUED, Step.CONFIRMED) and isinstance(error, CannotConfirm | KeyCertifiedBefore | TicketSpent):
        told["final"] = True
    if step is Step.ACCEPTED:
        told["final"] = True
    if step is Step.ISSUED and isinstance(error, AuthorityRefused) and error.fail == FailInfo.badTime.name:
        told["stale"] = True
    return told


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(value: Value) -> bytes:
    return base64.b64decode(str(value or ""))
