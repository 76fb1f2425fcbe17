"""The passphrase kept by the system: 32 random bytes in the user's keyring. They are there under the number of the lock
that they open, so that no secret is ever put in another's place.

The keyrings of the systems themselves, and no other: what "keyring" would take instead keeps secrets as plain text, or
keeps none.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tokenmgr.errors import KeyringUnavailable, PcStoreError, PcStoreSoftware
from tokenmgr.keystore import disk, file, sealed
from tokenmgr.keystore.form import KEYRING, Lock, name_of
from tokenmgr.log import Secret

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

log = logging.getLogger(__name__)

SERVICE = "tokenmgr"
_GOOD = ("SecretService", "libsecret", "kwallet", "Windows", "macOS")  # modules of keyring.backends


def secret_of(path: Path) -> Secret:
    """What opens this store; KeyringUnavailable where the keyring has it not, or is locked."""
    path = path.absolute()
    lock = disk.read(path).lock
    with _speaking(path) as backend:
        kept = backend.get_password(SERVICE, lock.salt.hex())
    if not kept:
        raise KeyringUnavailable(serial=name_of(path), reason="keyring-has-none")
    return Secret(kept)


def make(path: Path) -> None:
    """An empty store that only this user's keyring opens."""
    path = path.absolute()
    file.require_absent(path)
    with _kept(path) as (lock, secret):
        file.make(path, secret, lock)


def take_over(path: Path, passphrase: Secret) -> None:
    """From now on the keyring opens it. Cut short, what has opened it before does."""
    path = path.absolute()
    with _kept(path) as (lock, secret):
        hand_over(path, passphrase, secret, lock)


def hand_over(path: Path, old: Secret, new: Secret, lock: Lock | None = None) -> None:
    """From now on `new` opens it. What the keyring had goes once it opens nothing any more."""
    path = path.absolute()
    before = disk.read(path).lock
    file.lock_anew(path, old, new, lock)
    if before.by == KEYRING:
        with suppress(PcStoreError):
            _forget(path, before)


@contextmanager
def _kept(path: Path) -> Iterator[tuple[Lock, Secret]]:
    """A lock that is not used yet; what opens it is in the keyring first, and not left there where that fails."""
    lock = sealed.new_lock(KEYRING, sealed.OF_RANDOM)
    with Secret(os.urandom(32).hex()) as secret:
        with _speaking(path) as backend:
            backend.set_password(SERVICE, lock.salt.hex(), secret.reveal().decode("ascii"))
            kept = backend.get_password(SERVICE, lock.salt.hex())
        if kept is None or Secret(kept) != secret:
            raise KeyringUnavailable(serial=name_of(path), reason="keyring-has-none")
        try:
            yield lock, secret
        except PcStoreError as error:
            if not error.uncertain:
                with suppress(PcStoreError):
                    _forget(path, lock)
            raise


def _forget(path: Path, lock: Lock) -> None:
    with _speaking(path) as backend:
        backend.delete_password(SERVICE, lock.salt.hex())


@contextmanager
def _speaking(path: Path) -> Iterator[KeyringBackend]:
    """With the keyring that the user has chosen, or the system's best one."""
    name = name_of(path)
    try:
        import keyring  # here: it looks for every backend that there is, and most stores have a passphrase
    except ImportError as error:
        raise PcStoreSoftware(serial=name, software="keyring", get="pip install 'tokenmgr[keyring]'") from error
    try:
        chosen = keyring.get_keyring()
        backends = [one for one in getattr(chosen, "backends", [chosen]) if _is_good(one)]
        if not backends:
            raise KeyringUnavailable(serial=name, reason="keyring-none")
        yield backends[0]
    except PcStoreError:
        raise
    except Exception as error:  # each backend has a library of its own, with errors of its own
        log.info("the keyring: %s", type(error).__name__)
        raise KeyringUnavailable(serial=name, reason=str(error) or type(error).__name__) from error


def _is_good(backend: object) -> bool:
    room, _, module = type(backend).__module__.rpartition(".")
    return room == "keyring.backends" and module in _GOOD
