"""What a medium can be asked. One Session is one conversation with one medium.

    with Session.open(library, serial, write=True) as session:
        session.login(pin)
        key = session.generate_key(KeyKind.P256, key_id, label)
        session.put_certificate(der, key_id, label, chain=[intermediate])
        contents = session.contents()

Reading is the default; a session that writes says so. The medium is found by its serial number, wherever it is plugged
in; a session that has died says ConnectionLost from then on, and a new one may be opened.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from tokenmgr.domain.credential import (
    CertificateFacts,
    Credential,
    Key,
    KeyKind,
    StoredCertificate,
    judge_key,
    pair,
)
from tokenmgr.domain.medium import MediumFacts, PinState
from tokenmgr.errors import (
    CertificateForNoKey,
    ConnectionLost,
    DeletionRefused,
    KeyIdTaken,
    KeyIdWrong,
    KeyMissing,
    KeyRefused,
    LibraryError,
    MediumBlank,
    MediumError,
    MediumTroubled,
    NotSupported,
    ObjectMissing,
    PinToBeChanged,
    RequestRejected,
    SignatureWrong,
    WrittenDifferently,
)
from tokenmgr.log import Secret
from tokenmgr.pki.chain import chain_of
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.pki.signature import check_signature
from tokenmgr.token import guard, keys, objects, pins, room
from tokenmgr.token.keys import Scheme
from tokenmgr.token.module import Library, check_label

log = logging.getLogger(__name__)

LONGEST_OBJECT_LABEL = 255
LONGEST_KEY_ID = 32


class Session:
    """Open it with Session.open; leave it with `with`."""

    def __init__(self, library: Library, medium: MediumFacts, handle: int, write: bool) -> None:
        self.library = library
        self.medium = medium
        self.write = write
        self._handle = handle
        self._epoch = library.epoch
        self._closed = False
        self._seen: dict[int, guard.Target] = {}  # what this session's handles are, as it last read them
        self._mechanisms: keys.Mechanisms | None = None

    @classmethod
    def open(cls, library: Library, serial: str, write: bool = False) -> Self:
        medium = library.find(serial)
        if not medium.initialised:
            raise MediumBlank(serial=serial)
        try:
            handle = library.worker.call("open", slot=medium.slot, write=write)
        except MediumError as error:
            error.serial = serial
            raise
        session = cls(library, medium, handle, write)
        library.open_sessions += 1
        try:
            session.refresh()  # the slot may have changed hands between finding and opening (S4)
        except BaseException:
            session.close()
            raise
        return session

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """A medium that is gone cannot be said goodbye to: that is not an error any more."""
        if self._closed:
            return
        self._closed = True
        self.library.open_sessions -= 1
        try:
            self._ask("close")
        except (MediumError, LibraryError) as error:
            log.info("closing the session with %s: %s", self.medium.serial, error)

    # --- the medium ---

    def refresh(self) -> MediumFacts:
        """The medium's information and flags, read now. MediumChanged if it is not the one we began with."""
        with self._speaking():
            self.medium = self.library.facts(self.medium.slot, self.medium.serial, self.medium.reader)
        return self.medium

    def mechanisms(self) -> keys.Mechanisms:
        if self._mechanisms is None:
            with self._speaking():
                self._mechanisms = self.library.mechanisms(self.medium.slot)
        return self._mechanisms

    def key_kinds(self) -> tuple[KeyKind, ...]:
        """What this medium says it can generate."""
        return keys.supported(self.mechanisms())

    def has_room_for(self, size: int) -> bool | None:
        """From the token where it tells, else by writing so many bytes and deleting them; None where neither works."""
        free = self.refresh().free_memory
        return room.probe(self, size) if free is None else free >= size

    # --- PINs ---

    def login(self, pin: Secret, accept_final_try: bool = False) -> None:
        """Once. A wrong PIN is never tried again by the program, and the last try needs an explicit yes (S5)."""
        self._login(pin, officer=False, accept_final_try=accept_final_try)
        log.info("logged in to %s", self.medium.serial)
        if self.medium.pin is PinState.TO_BE_CHANGED:
            raise PinToBeChanged(serial=self.medium.serial)

    def change_pin(self, old: Secret, new: Secret, accept_final_try: bool = False) -> None:
        """The customer's own change. No login before it: the old PIN is sent once, and counts once."""
        facts = self.refresh()
        pins.refuse_hopeless(facts, officer=False, accept_final_try=accept_final_try)
        for pin in (old, new):
            pins.refuse_malformed(pin, facts, self.library.family)
        self._try_pin(False, "set_pin", old=old, new=new)
        log.info("PIN of %s changed", facts.serial)

    def reset_pin(self, so_pin: Secret, new: Secret, accept_final_try: bool = False) -> None:
        """By the security officer: the first PIN, or a new one for a locked medium. Keys and certificates stay."""
        pins.refuse_malformed(new, self.refresh(), self.library.family)
        self._login(so_pin, officer=True, accept_final_try=accept_final_try)
        try:
            self._try_pin(False, "init_pin", new=new)
        finally:
            with suppress(MediumError, LibraryError):  # the session is about to end in any case
                self._ask("logout")
        log.info("PIN of %s set by the security officer", self.medium.serial)

    def _login(self, pin: Secret, officer: bool, accept_final_try: bool) -> None:
        facts = self.refresh()
        pins.refuse_hopeless(facts, officer, accept_final_try)
        pins.refuse_malformed(pin, facts, self.library.family, "so" if officer else "user")
        self._try_pin(officer, "login", officer=officer, pin=pin)

    def _try_pin(self, by_officer: bool, verb: str, **arguments: Any) -> None:
        try:
            self._ask(verb, **arguments)
        except (MediumError, LibraryError) as error:
            before = self.medium
            with suppress(MediumError, LibraryError):  # what it shows now, if it still shows anything
                self.refresh()
            raise pins.after_failure(error, before, self.medium, by_officer) from error

    # --- keys ---

    def generate_key(self, kind: KeyKind, key_id: bytes, label: str) -> Key:
        """A new key pair under a CKA_ID that the caller chose before, read back and judged by S1. The rest stays."""
        check_label(label, LONGEST_OBJECT_LABEL)
        if not 1 <= len(key_id) <= LONGEST_KEY_ID:
            raise KeyIdWrong(serial=self.medium.serial, key_id=key_id.hex())
        if kind not in self.key_kinds():
            raise NotSupported(serial=self.medium.serial, wanted=kind.value)
        if self._find({"ID": key_id}):
            raise KeyIdTaken(serial=self.medium.serial, key_id=key_id.hex())
        log.info("generating %s on %s", kind.value, self.medium.serial)
        handles = self._generate(kind, key_id, label)
        findings = self._findings_of_new(handles[1], key_id)
        if findings:
            refused = KeyRefused(serial=self.medium.serial, key_id=key_id.hex(), findings=findings)
            for handle in reversed(handles):  # just made, used by nothing, not to be kept: the private one first
                try:
                    self._ask("destroy", handle=handle)
                except (MediumError, LibraryError):
                    refused.uncertain = True
            raise refused
        return self.contents().key(key_id)

    def _generate(self, kind: KeyKind, key_id: bytes, label: str) -> list[int]:
        """The first template that the token takes, the strictest first, while a refusal leaves nothing behind."""
        recipe = keys.RECIPES[kind]
        attempts = [(parameters, plain) for plain in (False, True) for parameters in (recipe.parameters or (None,))]
        for last, (parameters, plain) in enumerate(attempts, start=1 - len(attempts)):
            try:
                pair_: list[int] = self._ask(
                    "generate",
                    mechanism=recipe.mechanism,
                    key_type=recipe.key_type,
                    public=objects.public_template(recipe, parameters, key_id, label),
                    private=objects.private_template(key_id, label, plain),
                )
            except (RequestRejected, NotSupported, MediumTroubled) as error:
                if last == 0 or not self._left_nothing(key_id):
                    raise
                log.info("%s did not take this template: %s", self.medium.serial, error)
            else:
                return pair_
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _left_nothing(self, key_id: bytes) -> bool:
        """The medium is still there, and the refused generation left no half of a pair."""
        try:
            self.refresh()
            return not self._find({"ID": key_id})
        except MediumError:
            return False

    def _findings_of_new(self, handle: int, key_id: bytes) -> tuple[str, ...]:
        new = [key for key in objects.keys(self._find({"ID": key_id})) if key.handle == handle]
        if not new:
            return ("key-not-stored",)
        return (*self.judge(new[0]), *(() if new[0].public_key else ("key-without-public-part",)))

    def judge(self, key: Key) -> tuple[str, ...]:
        """S1, asked of the medium now: attributes, and an attempt to read the private part, which must be refused."""
        handle = self._handle_of(key)
        trust = objects.trust(self._ask("read", handle=handle, attributes=objects.TRUST))
        told = self._ask("told", handle=handle, attributes=objects.SECRET_PARTS)
        return judge_key(trust, not told, self.library.family.untruthful)

    def sign(self, key: Key, message: bytes, scheme: Scheme, prehashed: bool = False) -> bytes:
        """A signature as X.509 and TLS carry it. The mechanism is always named, SHA-256 or better."""
        plan = keys.plan(scheme, self.mechanisms(), keys.modulus_bits(key.kind), prehashed)
        raw = self._ask(
            "sign", handle=self._handle_of(key), mechanism=plan.mechanism, pss=plan.pss, data=plan.before(message)
        )
        return plan.after(raw)

    def prove(self, key: Key, public_key: bytes | None = None) -> None:
        """The key signs a nonce that `public_key` (its own, or a certificate's) verifies; SignatureWrong else."""
        expected = public_key or key.public_key
        if expected is None:
            raise KeyMissing(serial=self.medium.serial, key_id=key.key_id.hex())
        nonce = os.urandom(32)
        try:
            check_signature(expected, self.sign(key, nonce, keys.usual_scheme(key.kind)), nonce)
        except SignatureWrong as error:
            raise SignatureWrong(serial=self.medium.serial, key_id=key.key_id.hex()) from error

    # --- objects ---

    def contents(self) -> objects.Contents:
        """One pass over the medium: keys, certificates, which belongs to which, and what is wrong with that."""
        found = self._find({})
        self.refresh()  # a medium that is gone is not an empty one
        held, certificates = objects.keys(found), objects.certificates(found)
        self._seen = {key.handle: key for key in held} | {c.handle: c for c in certificates}
        credentials, findings = pair(held, certificates)
        return objects.Contents(self.medium.serial, held, certificates, credentials, findings)

    def put_certificate(
        self, der: bytes, key_id: bytes, label: str, chain: Iterable[bytes] = ()
    ) -> list[StoredCertificate]:
        """Written beside its key with its intermediates, read back byte for byte. Nothing is replaced; what is there
        already, byte for byte, is not written twice. The certificate itself comes last: cut short, it is not there."""
        check_label(label, LONGEST_OBJECT_LABEL)
        facts = certificate_facts(der)
        issuers = [certificate_facts(one) for one in chain]
        before = self.contents()
        if facts.public_key != before.key(key_id).public_key:
            raise CertificateForNoKey(serial=self.medium.serial, subject=facts.subject)
        wanted = [*((one, b"", _shortened(one.subject)) for one in issuers), (facts, key_id, label)]
        written = []
        for one, one_id, one_label in dict.fromkeys(wanted):
            if not any(c.der == one.der and (c.key_id == one_id or not one_id) for c in before.certificates):
                self._ask("create", template=objects.certificate_template(one, one_id, one_label))
            written.append(self._read_back(one, one_id))
        return [written[-1], *written[:-1]]

    def _read_back(self, facts: CertificateFacts, key_id: bytes) -> StoredCertificate:
        found = objects.certificates(self._find({"CLASS": "CERTIFICATE", "SUBJECT": facts.subject_der}))
        for certificate in found:
            if certificate.der == facts.der and (certificate.key_id == key_id or not key_id):
                return certificate
        raise WrittenDifferently(serial=self.medium.serial, subject=facts.subject)

    def relabel(self, item: Key | StoredCertificate, label: str) -> None:
        check_label(label, LONGEST_OBJECT_LABEL)
        self._ask("update", handle=self._handle_of(item), attributes={"LABEL": label})

    def permit_deletion(
        self, targets: Sequence[guard.Target], now: datetime, successor: Credential | None = None
    ) -> guard.DeletionPermit:
        """S2: what is to be deleted is read now, and a successor is proven now, by a signature that its certificate
        verifies. DeletionRefused names the reason."""
        permit = guard.DeletionPermit(self.medium.serial, tuple(targets), successor, now)
        self._hold(permit)
        return permit

    def _hold(self, permit: guard.DeletionPermit) -> objects.Contents:
        if not self._ask(
            "is_user"
        ):  # private keys are not seen without a login, and what is not seen would count as unused
            raise DeletionRefused(serial=self.medium.serial, reason="not logged in")
        contents = self.contents()
        held = contents.keys, contents.certificates
        if reason := guard.refusal(permit.targets, *held, permit.successor, permit.now):
            raise DeletionRefused(serial=self.medium.serial, reason=reason)
        if permit.successor is not None and permit.successor.facts is not None:
            if chain_of(permit.successor.facts, [c.facts for c in contents.certificates if c.facts])[1]:
                raise DeletionRefused(serial=self.medium.serial, reason="the successor's chain is not whole")
            self.prove(permit.successor.key, permit.successor.facts.public_key)
        return contents

    def delete(self, permit: guard.DeletionPermit) -> None:
        """Certificates before keys: cut short, it leaves an idle key, not a certificate that cannot log in."""
        if permit.used or permit.serial != self.medium.serial:
            raise DeletionRefused(serial=self.medium.serial, reason="permit used, or for another medium")
        permit.used = True
        contents = self._hold(permit)
        for certificate in contents.certificates:
            if certificate in permit.targets:
                self._ask("destroy", handle=certificate.handle)
        for key in contents.keys:
            if key in permit.targets:
                self._ask("destroy", handle=key.handle)
                for public in self._find({"CLASS": "PUBLIC_KEY", "ID": key.key_id}):
                    if objects.public_key(public)[1] in (key.public_key, None):
                        self._ask("destroy", handle=public["handle"])
        log.info("%d objects deleted from %s", len(permit.targets), self.medium.serial)

    # --- the way to the child ---

    def _handle_of(self, item: guard.Target) -> int:
        """A handle is worth nothing in another session: what this one has not read as that very object is looked up."""
        if not self._is_seen_at(item.handle, item):
            self.contents()
        now = [handle for handle in self._seen if self._is_seen_at(handle, item)]
        if item.handle in now:
            return item.handle
        if len(now) != 1:
            raise ObjectMissing(serial=self.medium.serial)
        return now[0]

    def _is_seen_at(self, handle: int, item: guard.Target) -> bool:
        seen = self._seen.get(handle)
        return type(seen) is type(item) and seen.identity == item.identity

    def _find(self, template: dict[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask("find", template=template, attributes=objects.WANTED)
        return found

    def _ask(self, verb: str, **arguments: Any) -> Any:
        with self._speaking():
            return self.library.worker.call(verb, self._require_alive, session=self._handle, **arguments)

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """While the session lives; and an error says which medium it is about."""
        self._require_alive()
        try:
            yield
        except MediumError as error:
            error.serial = self.medium.serial
            raise

    def _require_alive(self) -> None:
        """Also asked within a call, when nobody else can have the library started anew: its handles begin again."""
        if self.library.epoch != self._epoch or self.library.worker.process is None:
            raise ConnectionLost(serial=self.medium.serial)


def _shortened(label: str) -> str:
    return label.encode("utf-8")[:LONGEST_OBJECT_LABEL].decode("utf-8", errors="ignore")
