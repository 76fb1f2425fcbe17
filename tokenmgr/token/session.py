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
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from tokenmgr.domain.contents import Held, Target
from tokenmgr.domain.credential import (
    Credential,
    Key,
    KeyKind,
    StoredCertificate,
    judge_key,
    pair,
)
from tokenmgr.domain.medium import MediumFacts, PinState
from tokenmgr.errors import (
    ConnectionLost,
    KeyMissing,
    LibraryError,
    MediumBlank,
    MediumError,
    NotPermitted,
    NotSupported,
    ObjectMissing,
    PinToBeChanged,
    PinUnacceptable,
    PinWantedAgain,
    PinWrong,
    SignatureWrong,
)
from tokenmgr.log import Secret
from tokenmgr.token import guard, keys, making, objects, pins, room
from tokenmgr.token.keys import Scheme
from tokenmgr.token.module import Library, check_label

log = logging.getLogger(__name__)

AskPin = Callable[[], Secret]


class Session:
    """Open it with Session.open; leave it with `with`."""

    def __init__(
        self, library: Library, medium: MediumFacts, handle: int, write: bool, ask_pin: AskPin | None = None
    ) -> None:
        self.library = library
        self.medium = medium
        self.family = library.family_of(medium)
        self.ask_pin = ask_pin
        self.write = write
        self._handle = handle
        self._epoch = library.epoch
        self._closed = False
        self._seen: dict[int, Held] = {}  # what this session's handles are, as it last read them
        self._latest: objects.MediumContents | None = None  # until we change something
        self._mechanisms: keys.Mechanisms | None = None

    @classmethod
    def open(cls, library: Library, serial: str, write: bool = False, ask_pin: AskPin | None = None) -> Self:
        """`ask_pin` is called when a key wants the PIN for each signature; without it such keys do not sign."""
        medium = library.find(serial)
        if not medium.initialised:
            raise MediumBlank(serial=serial)
        try:
            handle = library.worker.call("open", slot=medium.slot, write=write)
        except MediumError as error:
            error.serial = serial
            raise
        session = cls(library, medium, handle, write, ask_pin)
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
                self._mechanisms = self.library.mechanisms(self.medium)
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

    def login_officer(self, so_pin: Secret, accept_final_try: bool = False) -> None:
        """For the media that let only their officer make keys and write certificates (`family.by_officer`)."""
        self._login(so_pin, officer=True, accept_final_try=accept_final_try)
        log.info("officer logged in to %s", self.medium.serial)

    def logout(self) -> None:
        self._seen.clear()  # handles of private objects die with the login
        self._latest = None
        self._ask("logout")

    def role(self) -> str:
        """Who is logged in, as the medium sees it now: "user", "officer" or ""."""
        role: str = self._ask("role")
        return role

    def change_pin(self, old: Secret, new: Secret, accept_final_try: bool = False) -> None:
        """The customer's own change. The old PIN is sent alone, so that a wrong one counts once; where only a login
        tells that it is wrong, it logs in first."""
        role = self.role()
        if role == "officer":  # it would be the officer's PIN that is changed
            raise NotPermitted(serial=self.medium.serial)
        facts = self.refresh()
        pins.refuse_hopeless(facts, self.family, officer=False, accept_final_try=accept_final_try)
        for pin in (old, new):
            pins.refuse_malformed(pin, facts, self.family)
        if self.family.pin.change_logged_in:
            if role:
                self.logout()
            self._try_pin(False, "login", officer=False, pin=old)
        self._try_pin(False, "set_pin", old=old, new=new)
        if self.family.pin.change_logged_in and not role:
            self.logout()
        log.info("PIN of %s changed", facts.serial)

    def reset_pin(self, so_pin: Secret, new: Secret, accept_final_try: bool = False) -> None:
        """By the security officer: the first PIN, or a new one for a locked medium. Keys and certificates stay."""
        pins.refuse_unblocking(self.medium, self.family)
        pins.refuse_malformed(new, self.refresh(), self.family)
        self._login(so_pin, officer=True, accept_final_try=accept_final_try)
        try:
            self._ask("init_pin", new=new)
        except PinWrong as error:  # some take any unblocking PIN at its login, and count it wrong only here
            before = self.medium
            with suppress(MediumError, LibraryError):
                self.refresh()
            raise pins.after_failure(error, before, self.medium, self.family, officer=True) from error
        except PinUnacceptable as error:
            error.shortest, error.longest = pins.limits(self.medium)
            raise
        finally:
            with suppress(MediumError, LibraryError):  # the session is about to end in any case
                self._ask("logout")
        log.info("PIN of %s set by the security officer", self.medium.serial)

    def _login(self, pin: Secret, officer: bool, accept_final_try: bool) -> None:
        facts, self._latest = self.refresh(), None  # without a login private objects are not seen
        pins.refuse_hopeless(facts, self.family, officer, accept_final_try)
        pins.refuse_malformed(pin, facts, self.family, "so" if officer else "user")
        self._try_pin(officer, "login", officer=officer, pin=pin)

    def _try_pin(self, by_officer: bool, verb: str, **arguments: Any) -> Any:
        try:
            return self._ask(verb, **arguments)
        except (MediumError, LibraryError) as error:
            before = self.medium
            with suppress(MediumError, LibraryError):  # what it shows now, if it still shows anything
                self.refresh()
            raise pins.after_failure(error, before, self.medium, self.family, by_officer) from error

    # --- keys ---

    def free_key_id(self) -> bytes:
        """A CKA_ID for the next generation. NoPlace where the medium has fixed places and all are taken."""
        return making.free_key_id(self)

    def generate_key(self, kind: KeyKind, key_id: bytes, label: str) -> Key:
        """A new key pair under a CKA_ID that the caller chose before, read back and judged by S1. The rest stays."""
        check_label(label, making.LONGEST_OBJECT_LABEL)
        making.make_key(self, kind, key_id, label)
        return self.contents().key(key_id)

    def judge(self, key: Key) -> tuple[str, ...]:
        """S1, asked of the medium now: attributes, and an attempt to read the private part, which must be refused."""
        handle = self._handle_of(key)
        trust = objects.trust(self._ask("read", handle=handle, attributes=objects.TRUST))
        told = self._ask("told", handle=handle, attributes=objects.SECRET_PARTS)
        return judge_key(trust, not told, frozenset(self.family.keys.untruthful))

    def sign(self, key: Key, message: bytes, scheme: Scheme, prehashed: bool = False) -> bytes:
        """A signature as X.509 and TLS carry it. The mechanism is always named, SHA-256 or better."""
        plan = keys.plan(scheme, self.mechanisms(), keys.modulus_bits(key.kind), prehashed)
        how: dict[str, Any] = {"mechanism": plan.mechanism, "pss": plan.pss, "data": plan.before(message)}
        how["handle"] = self._handle_of(key)
        return plan.after(self._sign_with_pin(key, how) if key.pin_each_time else self._ask("sign", **how))

    def _sign_with_pin(self, key: Key, how: dict[str, Any]) -> bytes:
        if self.ask_pin is None:
            raise PinWantedAgain(serial=self.medium.serial)
        pins.refuse_hopeless(self.refresh(), self.family, officer=False, accept_final_try=False)
        with self.ask_pin() as pin:
            pins.refuse_malformed(pin, self.medium, self.family)
            raw: bytes = self._try_pin(False, "sign_with_pin", pin=pin, **how)
        return raw

    def prove(self, key: Key, public_key: bytes | None = None) -> None:
        """The key signs a nonce that `public_key` (its own, or a certificate's) verifies; SignatureWrong else."""
        expected = public_key or key.public_key
        if expected is None:
            raise KeyMissing(serial=self.medium.serial, key_id=key.key_id.hex())
        from tokenmgr.pki.signature import check_signature  # here: it takes longer to load than a medium to answer

        nonce = os.urandom(32)
        try:
            check_signature(expected, self.sign(key, nonce, keys.usual_scheme(key.kind)), nonce)
        except SignatureWrong as error:
            raise SignatureWrong(serial=self.medium.serial, key_id=key.key_id.hex()) from error

    # --- objects ---

    def contents(self) -> objects.MediumContents:
        """One pass over the medium: keys, certificates, which belongs to which, and what is wrong with that."""
        found = self._find({})
        self.refresh()  # a medium that is gone is not an empty one
        held, certificates = objects.keys(found), objects.certificates(found, self.family.certificates.placeholder)
        self._seen = {key.handle: key for key in held} | {c.handle: c for c in certificates}
        credentials, findings = pair(held, certificates)
        public = objects.public_keys(found)
        told = objects.MediumContents(self.medium.serial, held, certificates, credentials, findings, public)
        self._latest = told
        return told

    def known(self) -> objects.MediumContents:
        """As they were read last, where we have changed nothing since: a card takes a second for each look."""
        return self._latest or self.contents()

    def put_certificate(
        self, der: bytes, key_id: bytes, label: str, chain: Iterable[bytes] = ()
    ) -> list[StoredCertificate]:
        """Written beside its key with its intermediates, read back byte for byte. Nothing is replaced; what is there
        already, byte for byte, is not written twice. A medium that takes no chain is given none."""
        check_label(label, making.LONGEST_OBJECT_LABEL)
        return making.write_certificate(self, der, key_id, label, chain)

    def relabel(self, item: Key | StoredCertificate, label: str) -> None:
        """A key's public part first: before a login others know it by that. Where the family renames everything of one
        ID together, key and certificate are called so from now on."""
        check_label(label, making.LONGEST_OBJECT_LABEL)
        if not self.family.labels.kept:
            raise NotSupported(serial=self.medium.serial, wanted="label")
        handle = self._handle_of(item)
        for public in self._public_parts(item) if isinstance(item, Key) else ():
            with suppress(MediumError):  # one that cannot be renamed is told by its certificate
                self._change("update", handle=public, attributes={"LABEL": label})
        self._change("update", handle=handle, attributes={"LABEL": label})

    def permit_deletion(
        self,
        targets: Sequence[Target],
        now: datetime,
        successor: Credential | None = None,
        elsewhere: guard.Proof | None = None,
    ) -> guard.DeletionPermit:
        """S2: what is to be deleted is read now, and a successor is proven now, by a signature that its certificate
        verifies. DeletionRefused names the reason. Where only the officer may write, the permit is given to the user,
        whose key signs, and used by the officer."""
        permit = guard.DeletionPermit(self.medium.serial, tuple(targets), successor, now, elsewhere)
        guard.hold(self, permit)
        return permit

    def require_works(self, one: Credential, now: datetime) -> None:
        """It is here now, valid, with its chain, and its key signs: what it replaces may go, wherever that is (S2)."""
        guard.require_works(self, one, now)

    def delete(self, permit: guard.DeletionPermit) -> None:
        guard.delete(self, permit)

    def _public_parts(self, key: Key) -> list[int]:
        found = self._find({"CLASS": "PUBLIC_KEY", "ID": key.key_id})
        return [one["handle"] for one in found if objects.public_key(one)[1] in (key.public_key, None)]

    def _destroy(self, handle: int) -> None:
        """On some media one object goes with another: what is not there any more need not be destroyed."""
        try:
            self._change("destroy", handle=handle)
        except ObjectMissing:
            if any(item["handle"] == handle for item in self._find({})):
                raise

    # --- the way to the child ---

    def _handle_of(self, item: Held) -> int:
        """A handle is worth nothing in another session: what this one has not read as that very object is looked up."""
        if (seen := self._seen_as(item)) is not None:
            return seen
        self.contents()
        if (found := self._seen_as(item)) is None:
            raise ObjectMissing(serial=self.medium.serial)
        return found

    def _seen_as(self, item: Held) -> int | None:
        """Its own, if this session has read it there; else the only one that is that very object."""
        if self._is_seen_at(item.handle, item):
            return item.handle
        now = [handle for handle in self._seen if self._is_seen_at(handle, item)]
        return now[0] if len(now) == 1 else None

    def _is_seen_at(self, handle: int, item: Held) -> bool:
        seen = self._seen.get(handle)
        return type(seen) is type(item) and seen.identity == item.identity

    def _find(self, template: dict[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask("find", template=template, attributes=objects.WANTED)
        return found

    def _change(self, verb: str, **arguments: Any) -> Any:
        """Whatever comes of it, what was read before is not believed any more."""
        self._latest = None
        return self._ask(verb, **arguments)

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
