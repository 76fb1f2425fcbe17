"""A program that changes a store and is killed while it does; started with the disk of tests/crash/shim.c beneath it.

A line of standard input: what to do, and the store's path. Each is done by a fork, in a process group of its own, which
is what a kill is of. A line of standard output: the status that it ended with, and the error's code if there was one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from tests.keystore.kept import CHEAP, NOW, PASSPHRASE, authority, certificate, made, opened
from tokenmgr.domain.credential import KeyKind
from tokenmgr.errors import PcStoreError
from tokenmgr.keystore import file, sealed
from tokenmgr.log import Secret

NEW_PASSPHRASE = "another passphrase"
OLD, NEW, IDLE, MADE = (letter * 16 for letter in (b"o", b"n", b"i", b"m"))


def prepare(path: Path) -> None:
    """An old certificate, a new one, and a key that waits for its own."""
    store = made(path)
    for key_id in (OLD, NEW, IDLE):
        key = store.generate(KeyKind.P256, key_id, key_id.decode())
        assert key.public_key is not None
        if key_id != IDLE:
            store.write(certificate(key.public_key), key_id, key_id.decode(), authority().chain)


def generate(path: Path) -> None:
    opened(path).generate(KeyKind.P256, MADE, "made")


def write(path: Path) -> None:
    store = opened(path)
    (key,) = (one for one in store.contents().keys if one.key_id == IDLE)
    assert key.public_key is not None
    store.write(certificate(key.public_key), IDLE, "written", authority().chain)


def rename(path: Path) -> None:
    opened(path).rename(NEW, "renamed")


def remove(path: Path) -> None:
    store = opened(path)
    old, new = (next(one for one in store.credentials() if one.key.key_id == key_id) for key_id in (OLD, NEW))
    store.remove(old.parts, new, NOW)


def relock(path: Path) -> None:
    file.lock_anew(path, Secret(PASSPHRASE), Secret(NEW_PASSPHRASE), sealed.new_lock(cost=CHEAP))


def begin(path: Path) -> None:
    made(path)


DOING: dict[str, Callable[[Path], None]] = {
    one.__name__: one for one in (generate, write, rename, remove, relock, begin)
}


def _forked(what: str, path: Path) -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        status = 1
        try:
            DOING[what](path)
            status = 0
        except PcStoreError as error:
            os.write(writing, f"{error.code}{' uncertain' if error.uncertain else ''}".encode())
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as told:
        said = told.read()
    return f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])} {said}".strip()


if __name__ == "__main__":
    for line in sys.stdin:
        what, _, place = line.rstrip("\n").partition(" ")
        sys.stdout.write(f"{_forked(what, Path(place))}\n")
        sys.stdout.flush()
