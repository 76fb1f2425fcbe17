"""What the engine needs of a store, a CA, and whoever looks on. It is handed them, and imports none (walls 2 and 6)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from tokenmgr.cmp.algorithms import PrivateKey
from tokenmgr.domain.contents import Contents, Target
from tokenmgr.domain.credential import Credential, Key, KeyKind
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.renewal import Step
from tokenmgr.domain.standing import Standing
from tokenmgr.errors import MediumError, TokenmgrError
from tokenmgr.log import Secret
from tokenmgr.renewal.authority import Offer, Ticket


class StorePort(Protocol):
    """One store, pinned by its name from the beginning to the end (S4), and open for whatever is needed."""

    @property
    def kind(self) -> StoreKind: ...
    @property
    def name(self) -> str:
        """A medium's serial number; of a store on the PC, its kind and place."""

    @property
    def keeps_labels(self) -> bool:
        """Else nothing can be marked on it, and the CA is asked instead."""

    def obstacles(self, kind: KeyKind) -> Sequence[TokenmgrError]:
        """What stands in the way of a new key of this kind beside the old one; nothing is touched."""

    def free_key_id(self) -> bytes: ...
    def credentials(self) -> Sequence[Credential]:
        """As they are now: each key with the certificate that is proven to be its own."""

    def contents(self) -> Contents:
        """Everything that concerns us, and not only what belongs together."""

    def generate(self, kind: KeyKind, key_id: bytes, label: str) -> Key: ...
    def signer(self, key: Key) -> PrivateKey: ...
    def write(self, certificate: bytes, key_id: bytes, label: str, chain: Sequence[bytes]) -> None:
        """Read back byte for byte. What is there already is not written twice."""

    def verify_afresh(self, certificate: bytes, key_id: bytes) -> None:
        """Through a conversation of its own: the bytes are there, and the key signs what they verify."""

    def rename(self, key_id: bytes, label: str) -> None:
        """Where the medium keeps labels; else nothing."""

    def require_works(self, one: Credential, now: datetime) -> None:
        """DeletionRefused unless it is here, valid, with its chain, and its key signs: then another may go for it."""

    def remove(
        self, gone: Sequence[Target], successor: Credential | None, now: datetime, kept_in: StorePort | None = None
    ) -> None:
        """S2: refused by the store itself where the successor does not work. `kept_in`: the store that has that one,
        where it is another."""

    def is_here(self) -> bool:
        """Whether it is plugged in now."""

    def close(self) -> None:
        """What was open is not believed any more; it is opened anew for the next question."""


class AuthorityPort(Protocol):
    @property
    def address(self) -> str: ...
    def offer(self) -> Offer: ...
    def standing(self, fingerprint: str) -> Standing:
        """What it has of a key: SHA-256 of its SubjectPublicKeyInfo, in hex."""

    def claim(self, contract: str, user: str, login_pin: Secret, confirmation_pin: Secret, store: str) -> Ticket: ...
    def exchange(self, message: bytes) -> bytes: ...


class ScreenPort(Protocol):
    """The engine owns it: whoever looks on implements this, and decides nothing."""

    def begins(self, step: Step) -> None: ...
    def ends(self, step: Step) -> None: ...
    def waits(self, seconds: int) -> None:
        """The CA has recorded the request and asks to come back; returns once that time has passed."""

    def waits_for_store(self, error: MediumError) -> bool:
        """It is not there. True once it may be: then it is asked again; False where nobody is there to put it in."""
