"""Everything on a store that concerns us, read in one pass; and what of it may go (S2). Rules only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tokenmgr.domain.credential import CertificateFacts, Credential, Finding, Key, StoredCertificate

Held = Key | StoredCertificate


@dataclass(frozen=True)
class PublicPart:
    """A public key, where a store has it as a thing of its own."""

    key_id: bytes
    label: str
    read: Callable[[], bytes | None] = field(repr=False, compare=False)

    @property
    def public_key(self) -> bytes | None:
        """Its SubjectPublicKeyInfo; None where what the store tells makes no key."""
        return self.read()


Target = Held | PublicPart  # of a removal; half a key pair by itself


@dataclass(frozen=True)
class Contents:
    serial: str
    keys: list[Key]
    certificates: list[StoredCertificate]
    credentials: list[Credential]
    findings: list[Finding]
    public: list[PublicPart] = field(default_factory=list)  # what is seen of a key before a login, on most


def refusal(
    targets: Sequence[Target],
    keys: Sequence[Key],
    certificates: Sequence[StoredCertificate],
    successor: Credential | None,
    now: datetime,
    elsewhere: bool = False,
) -> str:
    """Why these may not be deleted, or "". A key goes with its certificates, and only when another credential works.
    `elsewhere`: the successor is in another store, which has it proven."""
    if not targets:
        return "nothing named"
    if any(target not in (*keys, *certificates) for target in targets if not isinstance(target, PublicPart)):
        return "not on this medium"
    if any(isinstance(one, PublicPart) and one.key_id in [key.key_id for key in keys] for one in targets):
        return "half of a working certificate and key"  # with its key it goes anyhow
    used = [group for group in (_belonging(key, certificates) for key in keys) if len(group) > 1]
    touched = [group for group in used if any(one in targets for one in group)]
    if any(one not in targets for group in touched for one in group):
        return "half of a working certificate and key"
    kept = {key.key_id for key in keys if key not in targets}
    if any(isinstance(one, StoredCertificate) and one.placeholder and one.key_id in kept for one in targets):
        return "half of a working certificate and key"  # with its placeholder a key goes, too
    if successor is None:
        return "the last working certificate" if touched else ""
    if not elsewhere and (successor.certificate not in certificates or successor.key not in keys):
        return "successor not on this medium"
    if not elsewhere and (successor.key in targets or successor.certificate in targets):
        return "the successor itself"
    is_valid = successor.facts is not None and successor.facts.is_valid(now) and not successor.facts.is_rehearsal
    return "" if is_valid else "the successor is not valid now"


def _belonging(key: Key, certificates: Sequence[StoredCertificate]) -> list[Held]:
    """The key and its certificates; where the medium does not show the key's public part, those that may be its own.
    One of a rehearsal works nowhere."""

    def may_be(facts: CertificateFacts, key_id: bytes) -> bool:
        if facts.is_rehearsal:
            return False
        return facts.public_key == key.public_key if key.public_key else key_id == key.key_id

    return [key, *(c for c in certificates if c.facts and not c.placeholder and may_be(c.facts, c.key_id))]
