"""The nine steps, top to bottom. Which one is next is not decided here: domain/renewal.py says so from evidence.

Each writes down what it means to do, does it, and writes down what came of it. So whatever cuts it short, the next run
sees as much as this one knew; and what a step does a second time changes nothing that the first time has done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from tokenmgr.clock import japan_day
from tokenmgr.cmp.conversation import Conversation, Identity, Reply
from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.domain.credential import CertificateFacts, Credential, KeyKind
from tokenmgr.domain.holding import LEFT, MARK
from tokenmgr.domain.policy import OldGeneration
from tokenmgr.domain.renewal import AtAuthority, Ending, Step, next_step
from tokenmgr.domain.standing import UNKNOWN, Standing
from tokenmgr.errors import (
    AlreadyConfirmed,
    AuthorityRefused,
    AuthorityWaits,
    CannotConfirm,
    CertificateMismatch,
    ClockWrong,
    ConnectionLost,
    DeletionRefused,
    KeyCertifiedBefore,
    KeyIdTaken,
    MediumError,
    MediumGone,
    MediumTroubled,
    NotPermitted,
    NotPermittedNow,
    NotSupported,
    OfficerNeeded,
    RegistrationError,
    TicketSpent,
    TokenmgrError,
)
from tokenmgr.pki.chain import chain_of
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.pki.names import holder_of
from tokenmgr.renewal.evidence import Known, decoded, encoded
from tokenmgr.renewal.journal import Journal, Phase, Value
from tokenmgr.renewal.ports import AuthorityPort, ScreenPort, StorePort

Clock = Callable[[], datetime]
Prove = Callable[[], Identity]


@dataclass(frozen=True)
class Order:
    """What is to be done, as it was decided before anything was touched; it stands in the journal's heading."""

    kind: KeyKind
    old: Credential | None  # what is to be replaced; None: an acquisition
    whose: tuple[str, str, str] | None = None  # bank, contract and ID of who acquires, as far as this PC knows


class Engine:
    def __init__(
        self,
        order: Order,
        identity: Identity | Prove,
        roots: tuple[bytes, ...],
        store: StorePort,
        authority: AuthorityPort,
        journal: Journal,
        screen: ScreenPort,
        clock: Clock,
    ) -> None:
        """`identity`: with what to prove who asks; where that costs the customer something, how to get it."""
        self.order, self.roots = order, roots
        self.store, self.authority, self.journal, self.screen, self.clock = store, authority, journal, screen, clock
        self.known = Known(journal, store)
        self._identity: Identity | None = None
        self._prove = identity
        if isinstance(identity, Identity):
            self._ask_as(identity)
        self._loose = LOOSE
        self._is_fresh = False  # the request was built in this run: another one would fare no better

    def run(self) -> Ending:
        """Through to the end. A medium that is pulled is waited for, where somebody can put it in again (S4)."""
        while True:
            try:
                while isinstance(step := next_step(self.known.evidence()), Step):
                    self._take(step)
                return self._end(step)
            except MediumError as error:
                self.known.is_checked = False
                self.store.close()
                if not self._may_go_on(error):
                    raise

    def _ask_as(self, identity: Identity) -> None:
        self._identity, self.known.asker = identity, identity.name

    def _may_go_on(self, error: MediumError) -> bool:
        """What a medium answers while it is pulled may be anything; so it is looked for."""
        if not self.store.is_here():
            found = MediumGone(serial=self.store.name) if isinstance(error, MediumTroubled) else error
            if not self.screen.waits_for_store(found):
                raise found from error
            return True
        self._loose -= 1  # it was pulled, and is back
        return isinstance(error, MediumGone | ConnectionLost) and self._loose >= 0

    def _take(self, step: Step) -> None:
        self.screen.begins(step)
        self.journal.write(step, Phase.INTENT, self._meant(step), self.clock())
        try:
            told = self._do(step)
        except TokenmgrError as error:
            told = self._failed(step, error)
            self.journal.write(step, Phase.FAILED, told, self.clock())
            if "taken" in told or "stale" in told:
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
                key = self.store.generate(self.order.kind, self.known.key_id, MARK)
                return {"public_key": encoded(key.public_key or b"")}
            case Step.REQUESTED:
                return self._build_request()
            case Step.ISSUED:
                return self._have_it_issued()
            case Step.ACCEPTED:
                return self._accept()
            case Step.WRITTEN:
                self.store.write(self.known.certificate, self.known.key_id, MARK, self._issuers()[0])
                return {}
            case Step.VERIFIED:
                self.store.verify_afresh(self.known.certificate, self.known.key_id)
                return {}
            case Step.CONFIRMED:
                return self._confirm()
            case Step.RETIRED:
                return self._retire()

    # --- the steps that are more than a line ---

    def _meant(self, step: Step) -> Mapping[str, Value]:
        """2: the ID is chosen, and on the disk, before there is a key of it. Another where half a key pair has it."""
        if step is Step.KEY_GENERATED and (not self.journal.fact("key_id") or self.journal.is_newer("taken", "key_id")):
            return {"key_id": self.store.free_key_id().hex()}
        return {}

    def _failed(self, step: Step, error: TokenmgrError) -> dict[str, Value]:
        """`final`: nothing comes of this key. The CA has taken back what it had of it; or it has nothing of it, and
        refuses a request that was made for it now. `stale`: the request that it refuses is an older one, and another is
        built for the same key. `taken`: half a key pair has the ID, and another one is chosen."""
        told: dict[str, Value] = {"code": error.code}
        refused = isinstance(error, RegistrationError | AuthorityRefused) and not error.retriable
        in_vain = self.known.heard == UNKNOWN
        if step in TALKS and isinstance(error, CannotConfirm | KeyCertifiedBefore | TicketSpent | CertificateMismatch):
            told["final"] = True
        elif step is Step.ISSUED and refused and not self._is_fresh:
            told["stale"] = True
        elif (step is Step.ISSUED and refused) or (step is Step.CHECKED and isinstance(error, NotPermittedNow)):
            told |= {"final": True} if in_vain else {}
        if step is Step.KEY_GENERATED and isinstance(error, KeyIdTaken):
            told["taken"] = True
        return told

    def _check(self) -> Mapping[str, Value]:
        """1: all that can be known beforehand is known before anything is touched. What was begun in time is finished,
        whatever has run out since: then the CA decides (S6)."""
        self.offer = self.authority.offer()
        apart = self.offer.now - self.clock()
        if abs(apart) > SKEW:
            raise ClockWrong(seconds=round(apart.total_seconds()), there=self.offer.now)
        key = self.known.key()
        self.known.heard = self._standing(key.key.public_key if key else decoded(self.journal.fact("public_key")))
        if key is None and self.known.heard == UNKNOWN:
            self._require_open()
            for obstacle in self.store.obstacles(self.order.kind):
                raise obstacle
        if self._identity is None and not (self.known.lived or self.known.died or isinstance(self._prove, Identity)):
            self._ask_as(self._prove())
        self._adopt(key)
        self.known.is_checked = True
        return {"heard": self.known.heard.state}

    def _require_open(self) -> None:
        """R2, before a key is made in vain. An acquisition was permitted with its PINs."""
        old = self.order.old
        answer = self._standing(old.key.public_key).renewal if old else None
        if answer is not None and not answer.is_open and answer.reason:
            raise NotPermittedNow(reason=answer.reason, way=answer.way, until=answer.until)

    def _standing(self, public_key: bytes | None) -> Standing:
        return self.authority.standing(hashlib.sha256(public_key).hexdigest()) if public_key else UNKNOWN

    def _adopt(self, key: Credential | None) -> None:
        """Confirmed before, and nothing here knows it: what is beside the key is what the CA has confirmed, and who had
        it confirmed has accepted it."""
        if self.known.lived and key and key.certificate and not self.known.certificate:
            self.journal.write(Step.ISSUED, Phase.DONE, {"certificate": encoded(key.certificate.der)}, self.clock())
            self.journal.write(Step.ACCEPTED, Phase.DONE, {}, self.clock())

    def _build_request(self) -> Mapping[str, Value]:
        talk, old = self._talk(fresh=True), self.order.old
        replaced = old.certificate.der if old and old.certificate else b""
        subject = old.facts.subject_der if old and old.facts else bytes((0x30, 0))  # the CA knows whose it is
        signer = self.store.signer(self.known.required_key().key)
        policy = self.offer.policies.get(self.store.kind.value, "")
        request = talk.ask(signer, subject, self.clock(), policy, replaced)
        self._is_fresh = True
        return {"by": talk.identity.name, "transaction": talk.transaction.hex(), "request": encoded(request)}

    def _have_it_issued(self) -> Mapping[str, Value]:
        """4: the same bytes, however often; then by polling, while the CA has recorded and not signed."""
        talk, sent = self._talk(), decoded(self.journal.fact("request"))
        reply = talk.read(sent, self.authority.exchange(sent))
        while not reply.certificate:
            if reply.wait > LONGEST_WAIT:
                raise AuthorityWaits(seconds=reply.wait)
            self.screen.waits(reply.wait)
            sent = talk.poll(reply.nonce, self.clock())
            reply = talk.read(sent, self.authority.exchange(sent))
        return _issued(reply)

    def _accept(self) -> Mapping[str, Value]:
        """5: every mismatch at once; what does not fit is refused to the CA, which takes it back."""
        findings = tuple(self._mismatches())
        if findings:
            self._refuse(", ".join(findings))
            raise CertificateMismatch(findings=findings)
        return {}

    def _refuse(self, why: str) -> None:
        talk = self._talk()
        fault = ProtocolFault(FailInfo.incorrectData, why)
        sent = talk.confirm(self.known.certificate, self.known.nonce, self.clock(), fault)
        talk.read(sent, self.authority.exchange(sent))

    def _confirm(self) -> Mapping[str, Value]:
        if not self.known.lived:
            talk = self._talk()
            sent = talk.confirm(self.known.certificate, self.known.nonce, self.clock())
            with suppress(AlreadyConfirmed):  # the answer was lost, and this is a second one
                talk.read(sent, self.authority.exchange(sent))
        self.store.rename(self.known.key_id, label_of(self.known.facts))
        return {}

    def _retire(self) -> Mapping[str, Value]:
        """9: the store refuses by itself, should the new one not work at this very moment (S2). What it will not give
        away stays: the new one is in service, and clean-up lists the old one."""
        old = self.order.old
        if self.offer.old_generation != OldGeneration.AT_CONFIRMATION.value or old is None:
            return {}
        still = [one for one in self.store.credentials() if one.key.identity == old.key.identity]
        try:
            if still:
                self.store.remove(still, self.known.required_key(), self.clock())
        except (DeletionRefused, NotSupported, NotPermitted, OfficerNeeded) as error:
            return {"stays": error.code}
        return {}

    def _end(self, ending: Ending) -> Ending:
        """Undone: what this operation has made goes, and nothing else."""
        if ending is Ending.UNDONE:
            self._take_back()
            self._remove_made()
        self.journal.write(None, Phase.DONE, {"ending": ending.value}, self.clock())
        return ending

    def _take_back(self) -> None:
        """The key is gone, and the CA has a certificate of it, or may have: it is told, or it would let nobody renew
        until that one's time is over (S7)."""
        if self.known.at_authority() is AtAuthority.REFUSED or not self.known.evidence().kept_request:
            return
        with suppress(AlreadyConfirmed, CannotConfirm, KeyCertifiedBefore, TicketSpent):
            if not self.known.certificate:
                self.journal.write(Step.ISSUED, Phase.DONE, self._have_it_issued(), self.clock())
            self._refuse("the key is lost")

    def _remove_made(self) -> None:
        made = self.known.key()
        if made is None:
            return
        others = [one for one in self.store.credentials() if one.certificate and one.key != made.key]
        try:
            self.store.remove([made], self._successor(others), self.clock())
        except DeletionRefused:  # a certificate that nothing else is there for: S2 does not ask what the CA says of it
            self.store.rename(self.known.key_id, LEFT)

    def _successor(self, others: list[Credential]) -> Credential | None:
        valid = [one for one in others if one.facts and one.facts.not_before <= self.clock() <= one.facts.not_after]
        return max(valid, key=lambda one: one.facts.not_after if one.facts else self.clock(), default=None)

    # --- what is needed for that ---

    def _talk(self, fresh: bool = False) -> Conversation:
        known = "" if fresh else str(self.journal.fact("transaction") or "")
        assert self._identity is not None  # noqa: S101  CHECKED is before every step that talks
        return Conversation(self._identity, self._recipient(), self.roots, bytes.fromhex(known))

    def _recipient(self) -> bytes:
        old = self.order.old
        return old.facts.issuer_der if old and old.facts else bytes((0x30, 0))

    def _issuers(self) -> tuple[list[bytes], str]:
        """From the certificate up to a root that is believed, and what is missing. The CA sends more than that: by what
        its answer is signed belongs on no medium."""
        others = [one for one in map(certificate_facts, self.known.chain) if one.subject_der != one.issuer_der]
        found, missing = chain_of(self.known.facts, [*others, *map(certificate_facts, self.roots)])
        return [one.der for one in found], missing

    def _mismatches(self) -> list[str]:
        facts, key = self.known.facts, self.known.required_key().key
        old, now = self.order.old, self.clock()
        wrong = {
            "another-key": facts.public_key != key.public_key,
            "another-holder": self._is_of_another(facts),
            "an-authority": facts.is_authority,
            "not-of-this-ca": bool(self._issuers()[1]),
            "not-valid-yet": facts.not_before > now + SKEW,
            "ended": facts.not_after <= now,
            "ends-before-the-old-one": bool(old and old.facts and facts.not_after < old.facts.not_after),
        }
        return [name for name, is_so in wrong.items() if is_so]

    def _is_of_another(self, facts: CertificateFacts) -> bool:
        old, whose, named = self.order.old, self.order.whose, holder_of(facts.subject_der)
        if old and old.facts:
            return old.facts.subject_der != facts.subject_der
        return whose is not None and (named is None or (named.bank, named.contract, named.user) != whose)


TALKS = (Step.ISSUED, Step.ACCEPTED, Step.CONFIRMED)  # to the CA, which may say that there is nothing to be had
LOOSE = 5  # how often a medium may have been out for a moment: a contact that is loose for ever is told
LONGEST_WAIT = 120  # seconds that somebody sits there for; the rest is for another day
SKEW = timedelta(minutes=5)  # between this computer's clock and the CA's


def label_of(facts: CertificateFacts) -> str:
    """R12: what tells two generations apart wherever a medium's labels are shown: whose, and until which day."""
    holder = holder_of(facts.subject_der)
    whose = f"{holder.bank}-{holder.contract} {holder.user}" if holder else facts.subject
    return f"{whose} {japan_day(facts.not_after)}"


def _issued(reply: Reply) -> dict[str, Value]:
    # An answer brings the certificate of who signed it too (RFC 9483, 3.3), which is nothing for a medium.
    chain = [one for one in reply.chain if one != reply.certificate and certificate_facts(one).is_authority]
    until = reply.confirm_by.isoformat() if reply.confirm_by else None
    return {
        "certificate": encoded(reply.certificate),
        "chain": " ".join(map(encoded, chain)),
        "nonce": reply.nonce.hex(),
        "confirm_by": until,
    }
