"""Acquire, renew, go on: one medium and one bank put together for the engine. It decides nothing that the engine, the
CA or the domain decides; what it knows is who is meant, and which journal is whose."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NoReturn, TypeVar

from tokenmgr.cmp.conversation import Identity
from tokenmgr.customer.choosing import of_serial, to_renew
from tokenmgr.customer.hooks import Hooks, about
from tokenmgr.customer.profiles import Profile
from tokenmgr.domain.credential import CertificateFacts, Credential, Key, KeyKind
from tokenmgr.domain.holding import LEFT, LIVED, Whose
from tokenmgr.domain.rehearsal import Failure
from tokenmgr.domain.renewal import Ending, Step
from tokenmgr.domain.standing import UNKNOWN
from tokenmgr.errors import (
    AuthorityUnreachable,
    AuthorityUntrusted,
    BankNotNamed,
    CmpAsked,
    MediumChanged,
    NothingToRenew,
    NothingUnfinished,
    NotSupported,
    ProxyRefused,
    RehearsalTakenBack,
    RehearsalUntold,
    RenewalError,
    SourceMissing,
    TokenmgrError,
    UndoneHere,
    UnfinishedFirst,
)
from tokenmgr.log import Secret
from tokenmgr.renewal import rehearsal
from tokenmgr.renewal.engine import STAYS, Engine
from tokenmgr.renewal.journal import ACQUISITION, REHEARSAL, RENEWAL, SOURCE, STORE, Journal, Phase, Value
from tokenmgr.renewal.order import Order
from tokenmgr.renewal.ports import AuthorityPort, ScreenPort, StorePort
from tokenmgr.renewal.recovery import (
    begun_elsewhere,
    begun_here,
    current,
    headings_here,
    is_a_banks,
    is_rehearsed,
    meant_for,
    named,
    of_banks,
    pending,
    require_nobody_at,
    unclaimed,
    unmarked,
)
from tokenmgr.renewal.rehearsal import Rehearsal

UNREACHED = (AuthorityUnreachable, AuthorityUntrusted, ProxyRefused)  # nobody is there to be told anything
E = TypeVar("E", bound=Engine)


@dataclass(frozen=True)
class Applicant:
    """Who acquires (R9): the IDs, and how to get the two PINs, which are asked for only when the CA is to be told."""

    contract: str
    user: str
    pins: Callable[[], tuple[Secret, Secret]]


AskApplicant = Callable[[str, str], Applicant]  # with what is known of contract and user, which may be nothing


@dataclass(frozen=True)
class Outcome:
    """What the completion page shows (R7)."""

    operation: str
    certificate: CertificateFacts
    store: StorePort
    journal: Path


@dataclass(frozen=True)
class Rehearsed:
    """A renewal that would go through. `certificate` is the one that it would replace."""

    certificate: CertificateFacts
    kind: KeyKind
    store: StorePort
    journal: Path
    is_as_it_was: bool  # the store


@dataclass(frozen=True)
class Counter:
    """Where everything comes together: a store, its bank, the folder of journals. `usb` is the stick that the store is
    in, as the bus tells; empty where that tells nothing. `source` has what is replaced, where that is another store;
    `lost` is the name of one that a journal tells of, and that is not here."""

    profile: Profile
    store: StorePort
    authority: AuthorityPort
    folder: Path
    screen: ScreenPort
    clock: Callable[[], datetime]
    tell: Callable[[RenewalError], None]
    usb: str = ""
    source: StorePort | None = None
    hooks: Hooks = field(default_factory=Hooks)
    lost: str = ""

    @property
    def _from(self) -> StorePort:
        return self.source or self.store

    def renew(self, certificate: str = "", kind: KeyKind | None = None) -> Outcome:
        """`certificate` is a serial number in hex, where several could be meant. What was begun before is finished."""
        self._take_back()
        begun = self._begun()
        if begun is not None:
            self._same(begun, RENEWAL, old=certificate.lower().lstrip("0"))
            return self._go_on(begun, None)
        old = self._old(certificate)
        wanted = kind or self._usual_kind(old.key.kind)
        serial = f"{old.facts.serial_number:x}" if old.facts else ""
        with self._new(self._told_source() | {"operation": RENEWAL, "kind": wanted.value, "old": serial}) as journal:
            return self._run(journal, Order(wanted, old), self._by(old))

    def acquire(self, applicant: Applicant, kind: KeyKind | None = None) -> Outcome:
        self._take_back()
        begun = self._begun()
        if begun is not None:
            self._same(begun, ACQUISITION, contract=applicant.contract, user=applicant.user)
            return self._go_on(begun, lambda _contract, _user: applicant)
        wanted = kind or self._usual_kind()
        who: dict[str, Value] = {"contract": applicant.contract, "user": applicant.user}
        with self._new({"operation": ACQUISITION, "kind": wanted.value, **who}) as journal:
            return self._run(journal, Order(wanted, None, self._whose(applicant)), lambda: self._claim(applicant))

    def resume(self, ask: AskApplicant) -> Outcome:
        was_rehearsed = self._take_back(is_told=False)
        begun = self._begun()
        if begun is None:
            raise RehearsalTakenBack(serial=self.store.name) if was_rehearsed else self._nothing()
        return self._go_on(begun, ask)

    def give_up(self) -> Outcome | None:
        """What nobody can go on with: the key that was made for it goes, and what the CA has of it ends by itself (S7).
        What the CA has confirmed is finished instead."""
        begun = self._begun()
        if begun is None:
            raise self._nothing()
        with begun:
            self._require_hopeless()
            made = [one for one in self.store.credentials() if one.key.key_id.hex() == begun.fact("key_id")]
            if any(one.key.public_key and self.authority.standing(one.key.fingerprint).state in LIVED for one in made):
                return self._go_on(begun, None)
            for one in made:
                self._leave(one)
            begun.write(None, Phase.DONE, {"ending": Ending.UNDONE.value}, self.clock())
        return None

    def _require_hopeless(self) -> None:
        if not self.lost:
            raise CmpAsked(reason="cmp-not-begun", subject="--give-up")

    def _leave(self, one: Credential) -> None:
        try:
            self.store.remove(one.parts, None, self.clock())
        except STAYS:
            self.store.rename(one.key.key_id, LEFT)

    # --- a rehearsal ---

    def rehearse(self, certificate: str = "", kind: KeyKind | None = None) -> Rehearsed:
        """As renew, and nothing of it stays. What was begun before comes first."""
        self._take_back()
        begun = self._begun()
        if begun is not None:
            self._refuse_other(begun)
        old = self._old(certificate)
        engine: Rehearsal | None = None
        try:
            wanted = kind or self._usual_kind(old.key.kind)
            serial = f"{old.facts.serial_number:x}" if old.facts else ""
            told = self._told_source() | {"operation": RENEWAL, "kind": wanted.value, "old": serial}
            with self._new(told | {REHEARSAL: True}) as journal:
                engine = self._engine(Rehearsal, journal, Order(wanted, old, is_rehearsal=True), self._by(old))
                if engine.run() is Ending.UNDONE:
                    raise UndoneHere(serial=self.store.name)
                assert old.facts is not None  # noqa: S101  only what has a certificate is renewed
                return Rehearsed(old.facts, wanted, self.store, journal.path, engine.is_as_it_was)
        except TokenmgrError as error:
            self._tell_failure(
                old, Failure(error.code, engine.step if engine else Step.CHECKED, self.store.kind), error
            )
            raise

    def _tell_failure(self, old: Credential, failure: Failure, error: TokenmgrError) -> None:
        if isinstance(error, UNREACHED):
            return
        try:
            rehearsal.tell(self.authority, self._by(old), old, self.profile.roots, failure, self.clock())
        except TokenmgrError as untold:
            self.tell(RehearsalUntold(failed=error.code, reason=untold.code))

    def _take_back(self, is_told: bool = True) -> bool:
        """What rehearsals that were cut short have left, on this PC or another: so none is in a renewal's way. Whether
        there was anything."""
        was_here = False
        while found := begun_here(self.folder, self.store.name, self.tell, is_rehearsed):
            with found:
                self._require_same_stick(found)
                rehearsal.take_back(self.store, found, self.clock())
            was_here = True
        left = rehearsal.left(self.store.contents(), known=self._unmarked())
        rehearsal.remove(self.store, left, self.clock())
        if is_told and (was_here or left):
            self.tell(RehearsalTakenBack(serial=self.store.name))
        return was_here or bool(left)

    def _unmarked(self) -> list[Key]:
        """Keys of rehearsals on a store that keeps no labels, as the CA tells."""
        if self.store.keeps_labels:
            return []
        bare = [one.key for one in self._unclaimed() if one.certificate is None and one.key.public_key]
        return [one for one in bare if self.authority.standing(one.fingerprint).is_rehearsal]

    # --- what is unfinished ---

    def _begun(self) -> Journal | None:
        """What is another bank's stays as it is, however long that one's CA is silent: nothing here waits for it."""
        require_nobody_at(self.folder, self.store.name)
        found = begun_here(self.folder, self.store.name, self.tell, self._is_its_own)
        if found is not None:
            self._require_same_stick(found)
            if str(found.heading.get(SOURCE) or "") != (self.source.name if self.source else self.lost):
                self._refuse_other(found)
            return found
        for left in self._left():
            heading = self._recovered(left)
            if heading is not None:
                return begun_elsewhere(self.folder, self.store, left, heading, self.clock())
        return None

    def _left(self) -> Sequence[Credential]:
        """Found by the store alone. Where that keeps no labels, this CA is asked of nothing that is another bank's."""
        own = self._unclaimed()
        return pending(own) or ([] if self.store.keeps_labels else unmarked(own, self.authority.standing))

    def _unclaimed(self) -> list[Credential]:
        return unclaimed(self.store.credentials(), self.folder, self.store.name, self.profile.code)

    def _is_its_own(self, heading: Mapping[str, Value]) -> bool:
        return of_banks([self.profile.code])(heading)

    def _nothing(self) -> RenewalError:
        """Of this bank; but there may be something of others, and one of them may be meant."""
        told = headings_here(self.folder, self.store.name, is_a_banks)
        marked = filter(None, map(meant_for, pending(self.store.credentials())))
        others = {str(one.get("bank") or "") for one in told} | {one.bank for one in marked}
        if others := others - {"", self.profile.code}:
            return BankNotNamed(banks=tuple(sorted(others)))
        return NothingUnfinished(serial=self.store.name)

    def _require_same_stick(self, begun: Journal) -> None:
        told = str(begun.heading.get("usb") or "")
        if told and self.usb and told != self.usb:
            begun.close()
            raise MediumChanged(serial=self.store.name, seen=self.usb)

    def _recovered(self, left: Credential) -> Mapping[str, Value] | None:
        """Whose it is, and by what: its certificate says so, or its mark, or the CA. None where nothing does: then
        nobody goes on with it."""
        others = [one for one in self._from.credentials() if one.key != left.key]
        is_whole = left.key.public_key is not None  # of half a key pair nobody knows anything; it is taken back
        known = self.authority.standing(left.key.fingerprint) if is_whole else UNKNOWN
        by_ca = Whose(self.profile.code, known.contract, known.user) if known.user else None
        who = meant_for(left) or by_ca
        if who is None:
            return None
        old = current(others, self.clock(), who)
        kind = left.key.kind if is_whole else self._usual_kind().value
        heading: dict[str, Value] = {"bank": self.profile.code, "kind": kind}
        if old is not None and old.facts is not None:
            return heading | self._told_source() | {"operation": RENEWAL, "old": f"{old.facts.serial_number:x}"}
        return heading | {"operation": ACQUISITION, "contract": who.contract, "user": who.user}

    def _same(self, begun: Journal, operation: str, **wanted: str) -> None:
        """What was begun is what is wanted now, as far as both are known; else it comes first."""
        told = {name: str(begun.heading.get(name) or "") for name in wanted}
        others = [name for name, value in wanted.items() if value and told[name] and value != told[name]]
        if begun.heading.get("operation") != operation or others:
            self._refuse_other(begun)

    def _refuse_other(self, begun: Journal) -> NoReturn:
        begun.close()
        names = [str(begun.heading.get(name) or "") for name in ("contract", "user", "old", SOURCE)]
        what = str(begun.heading.get("operation") or "")
        raise UnfinishedFirst(serial=self.store.name, operation=what, about=" ".join(filter(None, names)) or None)

    def _go_on(self, journal: Journal, ask: AskApplicant | None) -> Outcome:
        with journal:
            operation = str(journal.heading.get("operation"))
            kind = KeyKind(str(journal.heading["kind"]))
            old = None if self.lost else of_serial(self._from.credentials(), str(journal.heading.get("old") or ""))
            if old is not None:
                return self._run(journal, Order(kind, old), self._by(old))
            told = [str(journal.heading.get(name) or "") for name in ("contract", "user")]

            def prove() -> Identity:
                if self.lost:
                    raise SourceMissing(serial=self.store.name, source=self.lost)
                if ask is None or operation == RENEWAL:  # what was to be renewed is not there any more
                    raise NothingToRenew(serial=self.store.name, bank=self.profile.code)
                return self._claim(ask(told[0], told[1]))

            applicant = Whose(self.profile.code, told[0], told[1]) if all(told) else None
            return self._run(journal, Order(kind, None, applicant), prove)

    # --- with what ---

    def _told_source(self) -> dict[str, Value]:
        return {SOURCE: self.source.name} if self.source else {}

    def _new(self, heading: Mapping[str, Value]) -> Journal:
        now = self.clock()
        told = {STORE: self.store.name, "usb": self.usb, "bank": self.profile.code, **heading}
        return Journal.create(self.folder, named(now, os.urandom(4).hex()), told, now)

    def _run(self, journal: Journal, order: Order, identity: Identity | Callable[[], Identity]) -> Outcome:
        stores = [self.store, self.source] if self.source else [self.store]
        told = about(self.profile, stores, order, journal, is_resumed=len(journal.lines) > 1)
        with self.hooks.around(told, self._let_go, lambda: journal.ending) as tell, journal.telling():
            engine = self._engine(Engine, journal, order, identity)
            if engine.run() is Ending.UNDONE:
                raise UndoneHere(serial=self.store.name)
            tell(engine.known.facts)
        return Outcome(str(journal.heading["operation"]), engine.known.facts, self.store, journal.path)

    def _let_go(self) -> None:
        self.store.close()
        self._from.close()

    def _engine(self, kind: type[E], journal: Journal, order: Order, identity: Identity | Callable[[], Identity]) -> E:
        parts = self.store, self.authority, journal, self.screen, self.clock
        return kind(order, identity, self.profile.roots, *parts, source=self.source)

    def _by(self, old: Credential) -> Identity:
        assert old.certificate is not None  # noqa: S101  only what has one is renewed
        return Identity.by_certificate(self._from.signer(old.key), old.certificate.der)

    def _claim(self, applicant: Applicant) -> Identity:
        login, confirmation = applicant.pins()
        with login, confirmation:
            kind = self.store.kind.value
            ticket = self.authority.claim(applicant.contract, applicant.user, login, confirmation, kind)
        return Identity.by_ticket(ticket.reference, bytes(ticket.secret.reveal()))

    def _usual_kind(self, like: str = "") -> KeyKind:
        """As before where the bank still certifies it; else the first that the bank does and the store can make."""
        named = self.authority.offer().key_kinds
        offered = [kind for kind in KeyKind if kind.value in named]  # a later CA may name more
        if not offered:
            raise NotSupported(serial=self.store.name, wanted=" / ".join(named))
        if like in named and (self.source is None or not self.store.obstacles(KeyKind(like))):
            return KeyKind(like)
        return next((kind for kind in offered if not self.store.obstacles(kind)), offered[0])

    # --- whose ---

    def _whose(self, applicant: Applicant) -> Whose:
        return Whose(self.profile.code, applicant.contract, applicant.user)

    def _old(self, serial: str) -> Credential:
        return to_renew(self._from, self.profile.code, serial, self.authority, self.clock())
