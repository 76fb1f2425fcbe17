"""Who may read the file's keys, and who may alter anything in it: whoever has the master key.

    passphrase ── argon2id ──▶ wraps the master key, which is random and stays the same for as long as the file is
    master key ── HMAC ──┬───▶ a key that seals each private key, with its ID and its public key (AES-256-GCM)
                         └───▶ a key that seals each entry, and all of them together, as they are read (HMAC-SHA256)

An entry has a seal of its own so that what was altered can be named. What was not altered keeps its bytes: who adds
something and takes it away again has the file that was there before.
"""

from __future__ import annotations

import hmac
import os
import unicodedata
from dataclasses import replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from tokenmgr.errors import PassphraseWrong
from tokenmgr.keystore import form
from tokenmgr.keystore.form import CertificateEntry, Content, Cost, KeyEntry, Lock
from tokenmgr.log import Secret

USUAL = Cost(memory=1 << 16, passes=3, lanes=4)  # RFC 9106, 4: the second recommended option
OF_RANDOM = Cost(memory=1 << 10, passes=1, lanes=1)  # for 32 random bytes: nobody guesses those at any speed
_NONCE = 12


def new_lock(by: str = form.PASSPHRASE, cost: Cost = USUAL) -> Lock:
    return Lock(by, cost, os.urandom(16))


def locked(content: Content, lock: Lock, passphrase: Secret, master: Secret) -> Content:
    """Another lock for the same master key; nothing else has to be sealed anew but the whole."""
    nonce = os.urandom(_NONCE)
    with _derived(lock, passphrase) as key:
        wrapped = AESGCM(key.reveal()).encrypt(nonce, master.reveal(), _about_lock(content, lock))
    return sealed(replace(content, lock=replace(lock, wrapped=nonce + wrapped)), master)


def unlocked(content: Content, passphrase: Secret) -> Secret:
    """The master key. Whether the file is as it was written is another question: `check`."""
    lock = content.lock
    with _derived(lock, passphrase) as key:
        try:
            opened = AESGCM(key.reveal()).decrypt(
                lock.wrapped[:_NONCE], lock.wrapped[_NONCE:], _about_lock(content, lock)
            )
        except InvalidTag as error:
            raise PassphraseWrong(serial=form.name_of(content.path)) from error
    return Secret(opened)


def sealed(content: Content, master: Secret) -> Content:
    """Every seal as it has to be; what is unchanged gets the one that it had."""
    keys = tuple(replace(one, seal=_entry_seal(one, master)) for one in content.keys)
    certificates = tuple(replace(one, seal=_entry_seal(one, master)) for one in content.certificates)
    return replace(content, keys=keys, certificates=certificates, seal=_seal(content, keys, certificates, master))


def check(content: Content, master: Secret) -> None:
    """PcStoreDamaged names the entry that is not as it was written; or says that one is missing, or was put there."""
    for key in content.keys:
        if not hmac.compare_digest(key.seal, _entry_seal(key, master)):
            raise form.damaged(content.path, "store-key-altered", key.label)
    for certificate in content.certificates:
        if not hmac.compare_digest(certificate.seal, _entry_seal(certificate, master)):
            raise form.damaged(content.path, "store-certificate-altered", certificate.label)
    if not hmac.compare_digest(content.seal, _seal(content, content.keys, content.certificates, master)):
        raise form.damaged(content.path, "store-altered")


def sealed_key(key_id: bytes, label: str, kind: str, public_key: bytes, private: Secret, master: Secret) -> KeyEntry:
    """`private` is PKCS#8. Where the entry goes its seal is made."""
    nonce = os.urandom(_NONCE)
    entry = KeyEntry(key_id, label, kind, public_key, b"")
    with _part(master, "private keys") as key:
        return replace(entry, private=nonce + AESGCM(key.reveal()).encrypt(nonce, private.reveal(), _about_key(entry)))


def opened_key(content: Content, entry: KeyEntry, master: Secret) -> Secret:
    with _part(master, "private keys") as key:
        try:
            return Secret(
                AESGCM(key.reveal()).decrypt(entry.private[:_NONCE], entry.private[_NONCE:], _about_key(entry))
            )
        except (InvalidTag, ValueError) as error:
            raise form.damaged(content.path, "store-key-altered", entry.label) from error


def normalised(passphrase: Secret) -> str:
    """However a Japanese keyboard has put the letters in, full width or half: they are the same passphrase."""
    return unicodedata.normalize("NFKC", passphrase.reveal().decode("utf-8", "surrogateescape"))


def _derived(lock: Lock, passphrase: Secret) -> Secret:
    cost = lock.cost
    kdf = Argon2id(salt=lock.salt, length=32, iterations=cost.passes, lanes=cost.lanes, memory_cost=cost.memory)
    return Secret(kdf.derive(normalised(passphrase).encode("utf-8", "surrogateescape")))


def _part(master: Secret, of: str) -> Secret:
    return Secret(hmac.digest(master.reveal(), f"tokenmgr store {form.VERSION} {of}".encode(), "sha256"))


def _about_lock(content: Content, lock: Lock) -> bytes:
    return form.encoded([form.VERSION, content.store_id.hex(), form.lock_body(lock)])


def _about_key(entry: KeyEntry) -> bytes:
    """Neither its label, which changes, nor its place."""
    return form.encoded([entry.key_id.hex(), entry.public_key.hex()])


def _entry_seal(entry: KeyEntry | CertificateEntry, master: Secret) -> bytes:
    body = form.key_body(entry) if isinstance(entry, KeyEntry) else form.certificate_body(entry)
    return _mac(master, [type(entry).__name__, body])


def _seal(
    content: Content, keys: tuple[KeyEntry, ...], certificates: tuple[CertificateEntry, ...], master: Secret
) -> bytes:
    seals = [[one.seal.hex() for one in keys], [one.seal.hex() for one in certificates]]
    return _mac(master, [form.heading(content), *seals])


def _mac(master: Secret, what: object) -> bytes:
    with _part(master, "seals") as key:
        return hmac.digest(key.reveal(), form.encoded(what), "sha256")
