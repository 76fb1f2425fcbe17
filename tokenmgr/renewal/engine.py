"""The nine steps, top to bottom. Which one is next is not decided here: domain/renewal.py says so from evidence.

Each writes down what it means to do, does it, and writes down what came of it. So whatever cuts it short, the next run
sees as much as this one knew; and what a step does a second time changes nothing that the first time has done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime

from tokenmgr.cmp.conversation import Conversation, Identity
from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.domain.credential import Key, is_over
from tokenmgr.domain.generation import State
from tokenmgr.domain.holding import DEAD, LEFT, LIVED, MARK, mark_of
from tokenmgr.domain.policy import OldGeneration, Reason, Way
from tokenmgr.domain.renewal import AtAuthority, Ending, Step, next_step
from tokenmgr.domain.standing import UNKNOWN, Standing
from tokenmgr.errors import (
    AlreadyConfirmed,
    AuthorityRefused,
    AuthorityWaits,
    CannotConfirm,
    CertificateMismatch,
    ConnectionLost,
    DeletionRefused,
    KeyCertifiedBefore,
    KeyIdTaken,
    KeyMissing,
    MediumError,
    MediumGone,
    MediumTroubled,
    NothingToRenew,
    NotPermitted,
    NotPermittedNow,
    NotSupported,
    OfficerNeeded,
    RegistrationError,
    SourceMissing,
    TicketSpent,
    TokenmgrError,
)
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.renewal.acceptance import Expected, is_of_another, issuers_of, label_of, mismatches, require_clock
from tokenmgr.renewal.evidence import Known, decoded, encoded, is_final, issued
from tokenmgr.renewal.journal import SOURCE, Journal, Phase, Value
from tokenmgr.renewal.order import Order
from tokenmgr.renewal.ports import AuthorityPort, ScreenPort, StorePort
from tokenmgr.renewal.recovery import current

Clock = Callable[[], datetime]
Prove = Callable[[], Identity]


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
        source: StorePort | None = None,
    ) -> None:
        """`identity`: with what to prove who asks; where that costs the customer something, how to get it. `source` has
        what is replaced, where that is another store."""
        self.order, self.roots = order, roots
        self.store, self.authority, self.journal, self.screen, self.clock = store, authority, journal, screen, clock
        self.source = source or store
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
                self.source.close()
                if not self._may_go_on(error):
                    raise

    def _ask_as(self, identity: Identity) -> None:
        self._identity, self.known.asker = identity, identity.name

    def _may_go_on(self, error: MediumError) -> bool:
        """What a medium answers while it is pulled may be anything; so it is looked for."""
        missing = next((one for one in (self.store, self.source) if not one.is_here()), None)
        if missing is not None:
            found = MediumGone(serial=missing.name) if isinstance(error, MediumTroubled) else error
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
            if {"taken", "stale", "half"} & told.keys():
                return
            if "final" in told:
                self._end(Ending.UNDONE)
            raise
        else:
            self.journal.write(step, Phase.DONE, told, self.clock())
            self.screen.ends(step)

    def _is_in_vain(self) -> bool:
        with suppress(TokenmgrError):
            return self._heard().state in {UNKNOWN.state} | DEAD
        return False

    def _is_over(self, error: TokenmgrError) -> bool:
        """It is not permitted, and there is no more than a key at most; or it was confirmed long ago, and has run out
        or was superseded since: the CA says so when it is greeted with it, and another thing to one that is pending."""
        key = self.known.key()
        if isinstance(error, KeyCertifiedBefore):
            return True
        if isinstance(error, NotPermittedNow):
            return (key is None or key.certificate is None) and self.known.heard.state in {UNKNOWN.state} | DEAD
        if isinstance(error, NothingToRenew):  # what would have proven who asks is gone from the store
            return key is None or key.certificate is None or self._is_none_of_the_cas(key.key, key.certificate.der)
        is_past = key is not None and key.facts is not None and is_over(key.facts.not_after, self.clock())
        is_replaced = self.known.heard.state == State.SUPERSEDED.value
        return isinstance(error, AuthorityRefused) and (
            is_past or (is_replaced and error.fail == FailInfo.certRevoked.name)
        )

    def _is_none_of_the_cas(self, key: Key, certificate: bytes) -> bool:
        try:
            self._adopt(key, certificate)
        except AuthorityRefused as error:
            return is_final(error)
        return False

    def _do(self, step: Step) -> Mapping[str, Value]:
        match step:
            case Step.CHECKED:
                return self._check()
            case Step.KEY_GENERATED:
                key = self.store.generate(self.order.kind, self.known.key_id, self.order.mark)
                return {"public_key": encoded(key.public_key or b"")}
            case Step.REQUESTED:
                return self._build_request()
            case Step.ISSUED:
                return self._have_it_issued()
            case Step.ACCEPTED:
                return self._accept()
            case Step.WRITTEN:
                self.store.write(
                    self.known.certificate,
                    self.known.key_id,
                    self.order.mark,
                    issuers_of(self.known.facts, self.known.chain, self.roots)[0],
                )
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
        built for the same key. `taken`: half a key pair has the ID, and another one is chosen. `half`: the public half
        was never written, so nobody was asked for it."""
        told: dict[str, Value] = {"code": error.code}
        refused = is_final(error)
        if step in TALKS and isinstance(error, CannotConfirm | KeyCertifiedBefore | TicketSpent | CertificateMismatch):
            told["final"] = True
        elif step is Step.ISSUED and refused and not self._is_fresh:
            told["stale"] = True
        elif step is Step.ISSUED and refused:
            told |= {"final": True} if self._is_in_vain() else {}
        elif step is Step.CHECKED:  # somebody else has gone on with this key, or nothing comes of it
            told |= {"final": True} if self._is_over(error) else {}
        told |= {"taken": True} if step is Step.KEY_GENERATED and isinstance(error, KeyIdTaken) else {}
        if step is Step.REQUESTED and isinstance(error, KeyMissing) and not self.journal.fact("public_key"):
            told |= {"final": True, "half": True}
        return told

    def _check(self) -> Mapping[str, Value]:
        """1: all that can be known beforehand is known before anything is touched. What was begun in time is finished,
        whatever has run out since: then the CA decides (S6)."""
        self.offer = self.authority.offer()
        require_clock(self.offer.now, self.clock())
        key, self.known.heard = self.known.key(), self._heard()
        if key is None and self.known.heard == UNKNOWN:
            self._require_open()
            for obstacle in self.store.obstacles(self.order.kind):
                raise obstacle
        if key and key.certificate and self.known.heard.state in LIVED:
            self._adopt(key.key, key.certificate.der)
        if self._identity is None and not self._is_the_stores() and not isinstance(self._prove, Identity):
            self._ask_as(self._prove())
        self.known.is_checked = True
        return {"heard": self.known.heard.state}

    def _is_the_stores(self) -> bool:
        """Confirmed, and its certificate known: what is left to do the CA need not be asked for."""
        seen = self.known.evidence()
        is_whole = seen.has_key and seen.kept_certificate and seen.is_accepted
        return self.known.lived or (seen.authority is AtAuthority.CONFIRMED and is_whole)

    def _require_open(self) -> None:
        """R2, before a key is made in vain. An acquisition was permitted with its PINs."""
        old = self.order.old
        store = self.store.kind.value
        if self.offer.stores and store not in self.offer.stores:  # S3
            raise NotPermittedNow(reason=Reason.STORE_FORBIDDEN.value, way=Way.OTHER_STORE.value)
        if self.offer.key_kinds and self.order.kind.value not in self.offer.key_kinds:
            raise NotPermittedNow(reason=Reason.KIND_FORBIDDEN.value, way=Way.OTHER_KEY.value)
        answer = self._standing(old.key.public_key).renewal if old else None
        if answer is not None and not answer.is_open and answer.reason:
            raise NotPermittedNow(reason=answer.reason, way=answer.way, until=answer.until)

    def _heard(self) -> Standing:
        key = self.known.key()
        return self._standing(key.key.public_key if key else decoded(self.journal.fact("public_key")))

    def _standing(self, public_key: bytes | None) -> Standing:
        return self.authority.standing(hashlib.sha256(public_key).hexdigest()) if public_key else UNKNOWN

    def _adopt(self, key: Key, certificate: bytes) -> None:
        """Confirmed before, it is said: then the CA answers it. What is beside the key is what was confirmed, and who
        had it confirmed has accepted it."""
        old, facts = self.order.old, certificate_facts(certificate)
        if is_of_another(facts, old.facts if old else None, self.order.whose):
            raise KeyCertifiedBefore
        by = Identity.by_certificate(self.store.signer(key), certificate)
        talk = Conversation(by, facts.issuer_der, self.roots)
        sent = talk.greet(self.clock())
        talk.read(sent, self.authority.exchange(sent))
        self.known.lived = True
        if not self.known.certificate:
            self.journal.write(Step.ISSUED, Phase.DONE, {"certificate": encoded(certificate)}, self.clock())
            self.journal.write(Step.ACCEPTED, Phase.DONE, {}, self.clock())

    def _build_request(self) -> Mapping[str, Value]:
        talk, old = self._talk(fresh=True), self.order.old
        replaced = old.certificate.der if old and old.certificate else b""
        subject = old.facts.subject_der if old and old.facts else self.order.subject
        signer = self.store.signer(self.known.required_key().key)
        policies = self.offer.rehearsals if self.order.is_rehearsal else self.offer.policies
        policy = policies.get(self.store.kind.value, "")
        request = talk.ask(signer, subject, self.clock(), policy, replaced)
        self._is_fresh = True
        return {"by": talk.identity.name, "transaction": talk.transaction.hex(), "request": encoded(request)}

    def _have_it_issued(self) -> Mapping[str, Value]:
        """4: the same bytes, however often; then by polling, while the CA has recorded and not signed."""
        talk, sent, left = self._talk(), decoded(self.journal.fact("request")), LONGEST_WAIT
        reply = talk.read(sent, self.authority.exchange(sent))
        while not reply.certificate:
            if reply.wait > left:
                raise AuthorityWaits(seconds=reply.wait)
            left -= reply.wait
            self.screen.waits(reply.wait)
            sent = talk.poll(reply.nonce, self.clock())
            reply = talk.read(sent, self.authority.exchange(sent))
        return issued(reply)

    def _accept(self) -> Mapping[str, Value]:
        """5: every mismatch at once; what does not fit is refused to the CA, which takes it back."""
        order, known = self.order, self.known
        expected = Expected(
            known.required_key().key, order.old, order.whose, known.chain, self.roots, order.is_rehearsal
        )
        findings = mismatches(self.known.facts, expected, self.clock())
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
        self.store.rename(self.known.key_id, self.order.mark if self.order.is_rehearsal else label_of(self.known.facts))
        return {}

    def _retire(self) -> Mapping[str, Value]:
        """9: the store refuses by itself, should the new one not work at this very moment (S2). What it will not give
        away stays: the new one is in service, and clean-up lists the old one."""
        old = self.order.old
        if self.offer.old_generation != OldGeneration.AT_CONFIRMATION.value:
            return {}
        if old is None:
            is_lost = self.source is self.store and self.journal.heading.get(SOURCE)
            return {"stays": SourceMissing.code} if is_lost else {}
        still = [one for one in self.source.credentials() if one.key.identity == old.key.identity]
        gone = [part for one in still for part in one.parts]
        elsewhere = self.store if self.source is not self.store else None
        try:
            if gone:
                self.source.remove(gone, self.known.required_key(), self.clock(), elsewhere)
        except STAYS as error:
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
        until that one's time is over (S7). Where it does not let itself be told, that is all that is left."""
        refused = self.known.at_authority() is AtAuthority.REFUSED
        if refused or self._identity is None or not self.known.evidence().kept_request:
            return
        try:
            if not self.known.certificate:
                self.journal.write(Step.ISSUED, Phase.DONE, self._have_it_issued(), self.clock())
            self._refuse("the key is lost")
        except (RegistrationError, AuthorityRefused) as error:
            if not is_final(error):
                raise

    def _remove_made(self) -> None:
        """What cannot become of use any more. A certificate goes only where the CA has signed that, and another works;
        a key that it knows from elsewhere is somebody's: it is left, and clean-up asks again."""
        made, code = self.known.key(), self.journal.fact("code")
        if made is None:
            return
        issued = self.known.certificate  # another than that is somebody's as well
        is_anothers = made.certificate is not None and issued not in (b"", made.certificate.der)
        is_dead = code in (CannotConfirm.code, CertificateMismatch.code) and not is_anothers
        others = [one for one in self.store.credentials() if one.key != made.key and made.certificate]
        may_go = is_dead or (made.certificate is None and code != KeyCertifiedBefore.code)
        try:
            if may_go:
                self.store.remove(made.parts, current(others, self.clock()), self.clock())
        except STAYS:
            may_go = False
        if not may_go and mark_of(made.key.label) == MARK:
            self.store.rename(self.known.key_id, LEFT)

    # --- what is needed for that ---

    def _talk(self, fresh: bool = False) -> Conversation:
        known = "" if fresh else str(self.journal.fact("transaction") or "")
        assert self._identity is not None  # noqa: S101  CHECKED is before every step that talks
        return Conversation(self._identity, self.order.recipient, self.roots, bytes.fromhex(known))


STAYS = (DeletionRefused, NotSupported, NotPermitted, OfficerNeeded)  # what is not to be had of this store
TALKS = (Step.ISSUED, Step.ACCEPTED, Step.CONFIRMED)  # to the CA, which may say that there is nothing to be had
LOOSE = 5  # how often a medium may have been out for a moment: a contact that is loose for ever is told
LONGEST_WAIT = 120  # seconds that somebody sits there for; the rest is for another day
