"""Nothing is deleted but through here (S2): what may be deleted, and a permit that works once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tokenmgr.domain.credential import Credential, Key, StoredCertificate

Target = Key | StoredCertificate


@dataclass
class DeletionPermit:
    """For exactly these things on exactly this medium, once. Given out by Session.permit_deletion."""

    serial: str
    targets: tuple[Target, ...]
    used: bool = False


def refusal(targets: Sequence[Target], credentials: Sequence[Credential], everything: Sequence[Target],
            successor: Credential | None) -> str:  # fmt: skip
    """Why these may not be deleted, or "". A working credential goes whole, and only when another one works."""
    if not targets:
        return "nothing named"
    if any(target not in everything for target in targets):
        return "not on this medium"
    touched = [c for c in credentials if c.certificate and (c.key in targets or c.certificate in targets)]
    if any(c.key not in targets or c.certificate not in targets for c in touched):
        return "half of a working certificate and key"
    if touched and (successor is None or successor.certificate is None):
        return "the last working certificate"
    if successor is not None and successor in touched:
        return "the successor itself"
    if successor is not None and successor not in credentials:
        return "successor not on this medium"
    return ""
