"""What an operation is to do."""

from __future__ import annotations

from dataclasses import dataclass

from tokenmgr.domain.credential import Credential, KeyKind
from tokenmgr.domain.holding import Whose, marked, rehearsed
from tokenmgr.pki.names import holder_of


@dataclass(frozen=True)
class Order:
    """What is to be done, as it was decided before anything was touched; it stands in the journal's heading."""

    kind: KeyKind
    old: Credential | None  # what is to be replaced; None: an acquisition
    whose: Whose | None = None  # bank, contract and ID of who acquires, as far as this PC knows
    subject: bytes = bytes((0x30, 0))  # of who acquires, where the CA does not know it: ours does
    is_rehearsal: bool = False  # of this renewal (rehearsal.py)

    @property
    def mark(self) -> str:
        """The label of what is made, until it is confirmed."""
        mark = rehearsed if self.is_rehearsal else marked
        return mark(holder_of(self.old.facts.subject_der) if self.old and self.old.facts else self.whose)

    @property
    def recipient(self) -> bytes:
        """Whom a message is for: who has issued what is to be replaced."""
        return self.old.facts.issuer_der if self.old and self.old.facts else bytes((0x30, 0))
