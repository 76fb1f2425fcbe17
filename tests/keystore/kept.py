"""A store in a file whose passphrase costs nothing to try, and what goes into it."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from tokenmgr.domain.credential import Credential, KeyKind
from tokenmgr.keystore import file, sealed
from tokenmgr.keystore.file import FileStore
from tokenmgr.keystore.form import Cost
from tokenmgr.log import Secret
from tokenmgr.testbed.throwaway_ca import ThrowawayCA

NOW = datetime(2026, 4, 1, 3, 0, 0, tzinfo=UTC)
PASSPHRASE = "correct horse 正しい馬"
CHEAP = Cost(memory=8, passes=1, lanes=1)


@functools.cache
def authority() -> ThrowawayCA:
    return ThrowawayCA(NOW, "keystore")


def made(path: Path, passphrase: str = PASSPHRASE) -> FileStore:
    file.make(path, Secret(passphrase), sealed.new_lock(cost=CHEAP))
    return opened(path, passphrase)


def opened(path: Path, passphrase: str = PASSPHRASE) -> FileStore:
    return FileStore(path, Secret(passphrase))


def certificate(public_key: bytes, user: str = "tanaka", days: int = 365) -> bytes:
    names = [(NameOID.COMMON_NAME, user), (NameOID.ORGANIZATION_NAME, "みほん商事")]
    subject = x509.Name([x509.NameAttribute(oid, value) for oid, value in names])
    ends = datetime.fromtimestamp(NOW.timestamp() + 86400 * days, UTC)
    return authority().certify(public_key, subject, datetime(2026, 1, 1, tzinfo=UTC), ends)


def filled(
    store: FileStore, number: int = 1, kind: KeyKind = KeyKind.P256, user: str = "tanaka", days: int = 365
) -> Credential:
    """Another key with its certificate and the chain."""
    key_id = bytes([number]) * 16
    key = store.generate(kind, key_id, f"鍵 {number}")
    assert key.public_key is not None
    store.write(certificate(key.public_key, user, days), key_id, f"鍵 {number}", authority().chain)
    return next(one for one in store.credentials() if one.key.key_id == key_id)
