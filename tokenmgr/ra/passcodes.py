"""The login PIN and the confirmation PIN of a subscriber: kept as argon2id hashes, compared in the same time always.

The only importer of argon2. Never the PIN of a medium, which does not leave the PC (PRODUCT.md, Words).
"""

from __future__ import annotations

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from tokenmgr.log import Secret

# RFC 9106, 4: the second recommended option, 64 MiB and 3 passes; four lanes on two cores only cost threads.
_HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
# What an unknown ID's PINs are compared with, at the price of a known one's: of no PIN, and written down, since to make
# one takes as long as a comparison, and every program that starts would wait for it.
_NOBODY = f"$argon2id$v=19$m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}${'A' * 22}${'A' * 43}"
AT_ONCE = 4  # comparisons; each takes 64 MiB while it runs
_room = threading.BoundedSemaphore(AT_ONCE)


def hashed(pin: Secret) -> str:
    return _HASHER.hash(bytes(pin.reveal()))


def match(login: Secret, confirmation: Secret, login_hash: str | None, confirmation_hash: str | None) -> bool:
    """Both are compared whatever the first one says, and an unknown ID (None), or one without PINs (""), as long as a
    known one: nobody learns from the time which of the four fields was wrong (R9)."""
    with _room:
        first = _is(login, login_hash or _NOBODY)
        second = _is(confirmation, confirmation_hash or _NOBODY)
    return first and second and bool(login_hash) and bool(confirmation_hash)


def is_login(pin: Secret, login_hash: str) -> bool:
    """At a login, where the certificate has already said who it is."""
    with _room:
        return _is(pin, login_hash or _NOBODY) and bool(login_hash)


def _is(pin: Secret, digest: str) -> bool:
    try:
        return _HASHER.verify(digest, bytes(pin.reveal()))
    except (VerificationError, InvalidHashError):
        return False
