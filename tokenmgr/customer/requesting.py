"""A request for a CA that is not ours, signed by a key on the medium: a new one, or one that is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tokenmgr.customer.medium_store import MediumStore
from tokenmgr.domain.credential import Key, KeyKind
from tokenmgr.domain.holding import ELSEWHERE, mark_of
from tokenmgr.errors import KeyAtWork, KeyMissing, KeyRefused, TokenmgrError
from tokenmgr.pki.names import common_name
from tokenmgr.pki.request import signed_request
from tokenmgr.renewal.acceptance import shortened


def new_key(store: MediumStore, kind: KeyKind | None, subject: bytes, left: Callable[[bytes], None]) -> Key:
    """Its label says what it waits for. What stands in the way is raised before anything is touched; `left` is told the
    ID where a key of it may be there all the same."""
    found = store.preflight([kind] if kind else tuple(KeyKind))
    if found.obstacles:
        raise found.obstacles[0]
    key_id = store.free_key_id()
    with telling(key_id, left, only_if_uncertain=True):
        return store.generate(found.kinds[0], key_id, f"{ELSEWHERE}: {shortened(common_name(subject))}")


def known_key(store: MediumStore, key_id: bytes) -> Key:
    """S1 holds for it, and no operation of ours is at it."""
    found = next((one for one in store.contents().keys if one.key_id == key_id), None)
    if found is None or found.public_key is None:
        raise KeyMissing(serial=store.name, key_id=key_id.hex())
    if mark_of(found.label):
        raise KeyAtWork(serial=store.name, key_id=key_id.hex())
    if findings := store.judge(found):
        raise KeyRefused(serial=store.name, key_id=key_id.hex(), findings=findings)
    return found


def signed(store: MediumStore, key: Key, subject: bytes, extensions: Sequence[bytes]) -> bytes:
    """DER. Its signature has been verified: a medium may say that it has signed when it has not."""
    return signed_request(store.signer(key), subject, extensions)


def waiting(store: MediumStore) -> list[Key]:
    """Keys that earlier requests have made, and whose certificates are not here."""
    return [one.key for one in store.credentials() if one.certificate is None and one.key.label.startswith(ELSEWHERE)]


@contextmanager
def telling(key_id: bytes, left: Callable[[bytes], None], only_if_uncertain: bool = False) -> Iterator[None]:
    """A key that nobody knows of is worth nothing."""
    try:
        yield
    except BaseException as error:
        if not only_if_uncertain or not isinstance(error, TokenmgrError) or error.uncertain:
            left(key_id)
        raise
