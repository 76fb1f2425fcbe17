"""An encrypted file as the engine's store (renewal/ports.py). What it can be asked means what it means on a medium
(token/session.py): nothing is overwritten, everything is read back, nothing goes but for a successor that works.

    contents(path)                what anybody may know of it: no passphrase
    make(path, passphrase)        a new one, empty
    FileStore(path, passphrase)   asked as a medium is
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tokenmgr import system
from tokenmgr.cmp.algorithms import PrivateKey
from tokenmgr.domain.contents import Contents, Target, not_working, refusal
from tokenmgr.domain.credential import Credential, Key, KeyKind, StoredCertificate, TrustAttributes, pair
from tokenmgr.domain.generation import StoreKind
from tokenmgr.errors import (
    CertificateForNoKey,
    DeletionRefused,
    KeyIdTaken,
    KeyIdWrong,
    KeyMissing,
    LabelWrong,
    NotACertificate,
    ObjectMissing,
    PassphraseUnfit,
    PassphraseWrong,
    PcStoreBusy,
    PcStoreError,
    PcStoreExists,
    SignatureWrong,
    TokenmgrError,
    WrittenDifferently,
)
from tokenmgr.keystore import disk, keys, sealed
from tokenmgr.keystore.form import (
    KEYRING,
    PASSPHRASE,
    CertificateEntry,
    Content,
    KeyEntry,
    Lock,
    damaged,
    name_of,
)
from tokenmgr.log import Secret
from tokenmgr.pki.chain import chain_of
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.pki.signature import check_signature

log = logging.getLogger(__name__)

SHORTEST = 8  # characters of a passphrase
_LONGEST_LABEL = 255  # bytes
_LONGEST_KEY_ID = 32
_SOFTWARE = TrustAttributes(True, True, False, True, True, False, False)  # S1 promises nothing of a key on the PC


def contents(path: Path) -> Contents:
    """As on a medium before a login. What was altered on purpose shows only when it is unlocked."""
    return _contents(disk.read(path.absolute()))


def is_by_keyring(path: Path) -> bool:
    """Else a person knows its passphrase."""
    return disk.read(path.absolute()).lock.by == KEYRING


def make(path: Path, passphrase: Secret, lock: Lock | None = None) -> None:
    """Empty, and only where nothing is."""
    path, lock = path.absolute(), lock or sealed.new_lock()
    _require_fit(passphrase, lock)
    try:
        if not path.parent.exists():
            system.private_folder(path.parent)
            system.sync_folder(path.parent.parent)
    except OSError as error:
        raise disk.unwritable(path, error) from error
    with disk.alone(path), Secret(os.urandom(32)) as master:
        require_absent(path)
        disk.write(sealed.locked(Content(path, os.urandom(16), lock), lock, passphrase, master))
    log.info("made %s", name_of(path))


def require_absent(path: Path) -> None:
    if path.is_symlink() or path.exists():
        disk.read(path)  # of one that is damaged that is said, and not that it can be used
        raise PcStoreExists(serial=name_of(path), place=str(path))


def lock_anew(path: Path, old: Secret, new: Secret, lock: Lock | None = None) -> None:
    """Another passphrase. Whoever has a copy of the file from before opens that one with the old passphrase."""
    path, lock = path.absolute(), lock or sealed.new_lock()
    _require_fit(new, lock)
    before = disk.read(path)
    with sealed.unlocked(before, old) as master, disk.alone(path):
        content = disk.read(path)
        if content.lock != before.lock:  # another window is doing the same: one of them would be told what is not so
            raise PcStoreBusy(serial=name_of(path), place=str(path))
        sealed.check(content, master)
        disk.write(sealed.locked(content, lock, new, master))
    log.info("%s is locked anew", name_of(path))


class Proves(Protocol):
    """What is asked of another store that has the successor."""

    def require_works(self, one: Credential, now: datetime) -> None: ...


class FileStore:
    """Unlocked when something is first asked. A passphrase that is wrong is not tried again (S5)."""

    kind = StoreKind.PC
    keeps_labels = True

    def __init__(self, path: Path, passphrase: Secret) -> None:
        self.path = path.absolute()
        self.name = name_of(self.path)
        self._passphrase = passphrase
        self._master: Secret | None = None
        self._store_id = b""
        self._refused: PassphraseWrong | None = None

    def close(self) -> None:
        if self._master is not None:
            self._master.wipe()
        self._master = None

    # --- what the engine asks ---

    def is_here(self) -> bool:
        try:
            return disk.read(self.path).store_id == self._store_id or not self._store_id
        except PcStoreError:
            return False

    def obstacles(self, kind: KeyKind) -> Sequence[TokenmgrError]:
        """Every kind can be made here: what remains is whether it can be written."""
        self._read()
        try:
            with disk.alone(self.path):
                disk.require_room(self.path)
        except PcStoreError as error:
            return [error]
        return []

    def free_key_id(self) -> bytes:
        return os.urandom(16)

    def contents(self) -> Contents:
        return _contents(self._read())

    def credentials(self) -> Sequence[Credential]:
        return self.contents().credentials

    def generate(self, kind: KeyKind, key_id: bytes, label: str) -> Key:
        _require_label(label)
        if not 1 <= len(key_id) <= _LONGEST_KEY_ID:
            raise KeyIdWrong(serial=self.name, key_id=key_id.hex())
        _, master = self._opened()
        log.info("generating %s in %s", kind.value, self.name)
        entry = keys.generated(kind, key_id, label, master)

        def with_key(content: Content) -> Content:
            if key_id in {one.key_id for one in content.keys} | {one.key_id for one in content.certificates}:
                raise KeyIdTaken(serial=self.name, key_id=key_id.hex())
            return replace(content, keys=(*content.keys, entry))

        return next(key for key in _contents(self._change(with_key)).keys if key.key_id == key_id)

    def signer(self, key: Key) -> PrivateKey:
        """Out of the file, and in memory for as long as whoever asked has it."""
        content, master = self._opened()
        return keys.opened(content, self._entry(content, key), master)

    def write(self, certificate: bytes, key_id: bytes, label: str, chain: Sequence[bytes]) -> None:
        """All of it in one change: cut short, none is there."""
        _require_label(label)
        facts = certificate_facts(certificate)
        issuers = [certificate_facts(one) for one in chain]
        wanted = [CertificateEntry(b"", _shortened(one.subject), one.der) for one in issuers]

        def with_certificates(content: Content) -> Content:
            own = next((one for one in content.keys if one.key_id == key_id), None)
            if own is None:
                raise KeyMissing(serial=self.name, key_id=key_id.hex())
            if facts.public_key != own.public_key:
                raise CertificateForNoKey(serial=self.name, subject=facts.subject)
            found = list(content.certificates)
            for one in dict.fromkeys([*wanted, CertificateEntry(key_id, label, facts.der)]):
                if not any(c.der == one.der and one.key_id in (b"", c.key_id) for c in found):
                    found.append(one)
            return replace(content, certificates=tuple(found))

        self._change(with_certificates)

    def verify_afresh(self, certificate: bytes, key_id: bytes) -> None:
        self.close()
        found = [one for one in self.credentials() if one.key.key_id == key_id and one.certificate]
        if not any(one.certificate is not None and one.certificate.der == certificate for one in found):
            raise WrittenDifferently(serial=self.name, subject="")
        self.prove(found[0])

    def rename(self, key_id: bytes, label: str) -> None:
        _require_label(label)

        def renamed(content: Content) -> Content:
            found = [one for one in _contents(content).credentials if one.key.key_id == key_id]
            if not found:
                raise ObjectMissing(serial=self.name)
            own = {one.certificate.identity for one in found if one.certificate}
            return replace(
                content,
                keys=tuple(replace(one, label=label) if one.key_id == key_id else one for one in content.keys),
                certificates=tuple(
                    replace(one, label=label) if (one.key_id, one.der) in own else one for one in content.certificates
                ),
            )

        self._change(renamed)

    def require_works(self, one: Credential, now: datetime) -> None:
        contents = self.contents()
        if reason := not_working(one, contents.keys, contents.certificates, now):
            raise DeletionRefused(serial=self.name, reason=reason)
        assert one.facts is not None  # noqa: S101  what works has some
        if chain_of(one.facts, [c.facts for c in contents.certificates if c.facts])[1]:
            raise DeletionRefused(serial=self.name, reason="the successor's chain is not whole")
        self.prove(one)

    def remove(
        self, gone: Sequence[Target], successor: Credential | None, now: datetime, kept_in: Proves | None = None
    ) -> None:
        def without(content: Content) -> Content:
            held = _contents(content)
            elsewhere = kept_in is not None
            if reason := refusal(gone, held.keys, held.certificates, successor, now, elsewhere):
                raise DeletionRefused(serial=self.name, reason=reason)
            if successor is not None:
                (kept_in or self).require_works(successor, now)
            return replace(
                content,
                keys=tuple(one for one, key in zip(content.keys, held.keys, strict=True) if key not in gone),
                certificates=tuple(
                    one for one, that in zip(content.certificates, held.certificates, strict=True) if that not in gone
                ),
            )

        self._change(without)
        log.info("%d objects deleted from %s", len(gone), self.name)

    # --- the file ---

    def _read(self) -> Content:
        return self._opened()[0]

    def _opened(self) -> tuple[Content, Secret]:
        """As it is now, every seal checked."""
        content = disk.read(self.path)
        if self._store_id not in (b"", content.store_id):
            raise damaged(self.path, "store-another")  # S4: from the beginning to the end it is one store
        if self._master is None:
            self._master = self._unlock(content)
        sealed.check(content, self._master)
        self._store_id = content.store_id
        return content, self._master

    def _unlock(self, content: Content) -> Secret:
        if self._refused is not None:
            raise self._refused
        system.keep_out_of_core_dumps()
        try:
            return sealed.unlocked(content, self._passphrase)
        except PassphraseWrong as error:
            self._refused = error
            raise

    def _change(self, alter: Callable[[Content], Content]) -> Content:
        """What is there now is changed, and not what was seen before; then it is read back."""
        self._read()  # unlocking takes longest: not while others wait
        with disk.alone(self.path):
            before, master = self._opened()
            after = sealed.sealed(alter(before), master)
            if after == before:
                return before
            disk.write(after)
            if disk.read(self.path) != after:
                raise WrittenDifferently(serial=self.name, subject="")
            return after

    def _entry(self, content: Content, key: Key) -> KeyEntry:
        for one in content.keys:
            if (one.key_id, one.public_key) == key.identity:
                return one
        raise ObjectMissing(serial=self.name)

    def prove(self, one: Credential) -> None:
        """The key signs a nonce that its certificate verifies."""
        nonce = os.urandom(32)
        public_key = one.facts.public_key if one.facts else one.key.public_key or b""
        try:
            check_signature(public_key, keys.signed(self.signer(one.key), nonce), nonce)
        except SignatureWrong as error:
            raise SignatureWrong(serial=self.name, key_id=one.key.key_id.hex()) from error


def _contents(content: Content) -> Contents:
    """Keys and certificates in the order in which they lie in the file; a handle is the place there."""
    count = len(content.keys)
    held = [
        Key(one.key_id, one.label, one.kind, one.public_key, _SOFTWARE, place) for place, one in enumerate(content.keys)
    ]
    certificates = [_stored(one, place) for place, one in enumerate(content.certificates, start=count)]
    credentials, findings = pair(held, certificates)
    return Contents(name_of(content.path), held, certificates, credentials, findings)


def _stored(entry: CertificateEntry, place: int) -> StoredCertificate:
    try:
        facts = certificate_facts(entry.der)
    except NotACertificate:
        facts = None
    return StoredCertificate(entry.key_id, entry.label, entry.der, facts, place)


def _require_fit(passphrase: Secret, lock: Lock) -> None:
    if lock.by == PASSPHRASE and len(sealed.normalised(passphrase)) < SHORTEST:
        raise PassphraseUnfit(shortest=SHORTEST)


def _require_label(label: str) -> None:
    if not label.strip():
        raise LabelWrong(reason="empty")
    if len(label.encode("utf-8", errors="replace")) > _LONGEST_LABEL:
        raise LabelWrong(reason="too long", longest=_LONGEST_LABEL)
    if not label.isprintable():
        raise LabelWrong(reason="not printable")


def _shortened(text: str) -> str:
    """As a label of what names itself: without what nobody sees."""
    seen = "".join(letter for letter in text if letter.isprintable())
    return seen.encode("utf-8")[:_LONGEST_LABEL].decode("utf-8", errors="ignore")
