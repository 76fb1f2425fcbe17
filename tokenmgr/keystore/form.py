"""The file: one JSON text that a person can read, and that has no two ways of saying the same.

{"tokenmgr store": 1, "id": "…",
 "lock": {"by": "passphrase", "kdf": "argon2id", "memory": 65536, "passes": 3, "lanes": 4, "salt": "…", "wrapped": "…"},
 "keys": [{"id": "…", "label": "…", "kind": "p256", "public": "…", "private": "…", "seal": "…"}],
 "certificates": [{"id": "…", "label": "…", "der": "…", "seal": "…"}],
 "seal": "…", "sha256": "…"}

What is read is what would be written: anything else in it, and anything that is said otherwise, is damage. `sha256` is
for accidents, and tells them without the passphrase; seals are for whoever alters it on purpose (sealed.py).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenmgr.domain.credential import KeyKind
from tokenmgr.errors import PcStoreDamaged, PcStoreNewer

VERSION = 1
LARGEST = 1 << 22  # bytes; a certificate has two thousand
LARGEST_MEMORY = 1 << 18  # KiB: what a crafted file may ask for
LARGEST_WORK = 1 << 21  # KiB, each pass over them counted

PASSPHRASE, KEYRING = "passphrase", "keyring"
_NAME = "tokenmgr store"


@dataclass(frozen=True)
class Cost:
    """Of one guess at the passphrase (RFC 9106, 3.1). `memory` is KiB."""

    memory: int
    passes: int
    lanes: int

    @property
    def is_bearable(self) -> bool:
        return (
            1 <= self.lanes <= 16
            and 8 * self.lanes <= self.memory <= LARGEST_MEMORY
            and self.passes >= 1
            and self.memory * self.passes <= LARGEST_WORK
        )


@dataclass(frozen=True)
class Lock:
    """What the master key is wrapped with. `by`: whether a person knows that secret, or the system's keyring."""

    by: str
    cost: Cost
    salt: bytes = field(repr=False)
    wrapped: bytes = field(repr=False, default=b"")


@dataclass(frozen=True)
class KeyEntry:
    key_id: bytes
    label: str
    kind: str
    public_key: bytes
    private: bytes = field(repr=False)  # PKCS#8, sealed
    seal: bytes = b""


@dataclass(frozen=True)
class CertificateEntry:
    key_id: bytes
    label: str
    der: bytes
    seal: bytes = b""


@dataclass(frozen=True)
class Content:
    path: Path = field(compare=False)
    store_id: bytes
    lock: Lock
    keys: tuple[KeyEntry, ...] = ()
    certificates: tuple[CertificateEntry, ...] = ()
    seal: bytes = b""


KIND = "file"


def name_of(path: Path) -> str:
    return f"{KIND}:{path}"


def damaged(path: Path, reason: str, subject: str = "") -> PcStoreDamaged:
    return PcStoreDamaged(serial=name_of(path), place=str(path), reason=reason, subject=subject)


def written(content: Content) -> bytes:
    body = _body(content)
    return (json.dumps({**body, "sha256": digest(body)}, ensure_ascii=False, indent=1) + "\n").encode("utf-8")


def read(path: Path, data: bytes) -> Content:
    """PcStoreDamaged where it is not one of ours to the last value; PcStoreNewer where a later version's is."""
    try:
        told = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise damaged(path, "store-no-json") from error
    version = told.get(_NAME) if isinstance(told, dict) else None
    if type(version) is not int:
        raise damaged(path, "store-of-others")
    if version > VERSION:
        raise PcStoreNewer(serial=name_of(path), place=str(path), version=str(version))
    body = {name: value for name, value in told.items() if name != "sha256"}
    try:
        content = _content(path, told)
        is_whole = told.get("sha256") == digest(body)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise damaged(path, "store-not-whole") from error
    if not is_whole or _body(content) != body or not content.lock.cost.is_bearable:
        raise damaged(path, "store-not-whole")
    return content


def encoded(value: Any) -> bytes:
    """In one way only: for digests and seals."""
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode("ascii")


def digest(value: Any) -> str:
    return hashlib.sha256(encoded(value)).hexdigest()


def key_body(entry: KeyEntry) -> dict[str, Any]:
    """Without its seal, which is over this."""
    return {
        "id": entry.key_id.hex(),
        "label": entry.label,
        "kind": entry.kind,
        "public": _text(entry.public_key),
        "private": _text(entry.private),
    }


def certificate_body(entry: CertificateEntry) -> dict[str, Any]:
    return {"id": entry.key_id.hex(), "label": entry.label, "der": _text(entry.der)}


def heading(content: Content) -> dict[str, Any]:
    lock = content.lock
    return {
        _NAME: VERSION,
        "id": content.store_id.hex(),
        "lock": {**lock_body(lock), "wrapped": lock.wrapped.hex()},
    }


def lock_body(lock: Lock) -> dict[str, Any]:
    cost = {"memory": lock.cost.memory, "passes": lock.cost.passes, "lanes": lock.cost.lanes}
    return {"by": lock.by, "kdf": "argon2id", **cost, "salt": lock.salt.hex()}


def _body(content: Content) -> dict[str, Any]:
    return {
        **heading(content),
        "keys": [{**key_body(one), "seal": one.seal.hex()} for one in content.keys],
        "certificates": [{**certificate_body(one), "seal": one.seal.hex()} for one in content.certificates],
        "seal": content.seal.hex(),
    }


def _content(path: Path, told: dict[str, Any]) -> Content:
    lock = told["lock"]
    cost = Cost(*(_number(lock[name]) for name in ("memory", "passes", "lanes")))
    return Content(
        path,
        _fixed(told["id"], 16),
        Lock(_one_of(lock["by"], (PASSPHRASE, KEYRING)), cost, _fixed(lock["salt"], 16), _fixed(lock["wrapped"], 60)),
        tuple(_each(told["keys"], _key)),
        tuple(_each(told["certificates"], _certificate)),
        _fixed(told["seal"], 32),
    )


def _each(told: Any, make: Callable[[dict[str, Any]], Any]) -> list[Any]:
    if not isinstance(told, list):
        raise TypeError
    return [make(one) for one in told]


def _key(told: dict[str, Any]) -> KeyEntry:
    kind = KeyKind(told["kind"]).value
    parts = _bytes(told["public"]), _bytes(told["private"]), _fixed(told["seal"], 32)
    return KeyEntry(bytes.fromhex(told["id"]), _label(told["label"]), kind, *parts)


def _certificate(told: dict[str, Any]) -> CertificateEntry:
    der, seal = _bytes(told["der"]), _fixed(told["seal"], 32)
    return CertificateEntry(bytes.fromhex(told["id"]), _label(told["label"]), der, seal)


def _label(told: Any) -> str:
    if not isinstance(told, str) or not told.isprintable():  # it is shown as it is: no escape sequences
        raise TypeError
    return told


def _number(told: Any) -> int:
    if type(told) is not int:
        raise TypeError
    return told


def _one_of(told: Any, known: Sequence[str]) -> str:
    if told not in known:
        raise ValueError
    return str(told)


def _fixed(told: Any, length: int) -> bytes:
    found = bytes.fromhex(told)
    if len(found) != length:
        raise ValueError
    return found


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _bytes(told: Any) -> bytes:
    if not isinstance(told, str):
        raise TypeError
    return base64.b64decode(told, validate=True)
