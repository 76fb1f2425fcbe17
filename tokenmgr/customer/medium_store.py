"""A PKCS#11 token as the engine's store (renewal/ports.py): one conversation that writes, opened anew when it has died.

A medium, or a store on the PC that is reached in the same way (pc_store.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from tokenmgr.cmp.algorithms import PrivateKey
from tokenmgr.domain.contents import Contents, Target
from tokenmgr.domain.credential import Credential, Key, KeyKind
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.medium import MediumFacts
from tokenmgr.errors import (
    ConnectionLost,
    LibraryError,
    MediumChanged,
    MediumError,
    ObjectMissing,
    PinError,
    TokenmgrError,
    WrittenDifferently,
)
from tokenmgr.log import Secret
from tokenmgr.renewal.ports import StorePort
from tokenmgr.token.checkup import Checkup, check
from tokenmgr.token.keys import Scheme
from tokenmgr.token.module import Library
from tokenmgr.token.preflight import Preflight, preflight
from tokenmgr.token.session import Session
from tokenmgr.token.signer import signer


class MediumStore:
    """The PIN is sent a second time only once it was right: where the first login fails, however it does, the medium
    may have counted it. One that is not right any more is not tried again (S5)."""

    def __init__(
        self,
        library: Library,
        serial: str,
        pin: Secret | None,
        accept_final_try: bool = False,
        instead: Callable[[], str] = lambda: "",
        kind: StoreKind = StoreKind.MEDIUM,
    ) -> None:
        """`pin` is None where none is needed. `instead` tells which other stick is plugged in while ours is not: S4
        asks for more than a token's number, which two of them may have."""
        self.name = self.serial = serial
        self.kind = kind
        self._instead = instead
        self._library, self._pin, self._accepts = library, pin, accept_final_try
        self._session: Session | None = None
        self._was_right = False
        self._refused: TokenmgrError | None = None
        self._fresh: Library | None = None  # for the look afresh

    def close(self) -> None:
        found, self._session = self._session, None
        if found is not None:
            found.close()
        fresh, self._fresh = self._fresh, None
        if fresh is not None:
            fresh.worker.stop()

    # --- what the engine asks ---

    @property
    def keeps_labels(self) -> bool:
        return self._open().family.labels.kept

    def is_here(self) -> bool:
        try:
            return self._library.find(self.serial).serial == self.serial and not self._instead()
        except (MediumError, LibraryError):
            return False

    def obstacles(self, kind: KeyKind) -> Sequence[MediumError]:
        return self.preflight([kind]).obstacles

    def preflight(self, kinds: Sequence[KeyKind]) -> Preflight:
        return preflight(self._open(), kinds)

    def free_key_id(self) -> bytes:
        return self._open().free_key_id()

    def credentials(self) -> Sequence[Credential]:
        return self.contents().credentials

    def contents(self) -> Contents:
        """Read once between two changes: a card takes a second for it, and the engine asks before each step."""
        try:
            return self._open().known()
        except ConnectionLost:
            self.close()
            return self._open().known()

    def generate(self, kind: KeyKind, key_id: bytes, label: str) -> Key:
        session = self._changing()
        if self._fresh is None:  # the next thing but one to be needed: it starts while the medium makes a key
            self._fresh = self._library.another()
            self._fresh.stand_by()
        return session.generate_key(kind, key_id, label)

    def judge(self, key: Key) -> tuple[str, ...]:
        """S1, of a key that somebody has made before."""
        return self._open().judge(key)

    def signer(self, key: Key) -> PrivateKey:
        """Good for longer than one conversation."""
        return signer(self, key, proven=True)

    def write(self, certificate: bytes, key_id: bytes, label: str, chain: Sequence[bytes]) -> None:
        self._changing().put_certificate(certificate, key_id, label, chain)

    def verify_afresh(self, certificate: bytes, key_id: bytes) -> None:
        fresh, self._fresh = self._fresh or self._library.another(), None
        self.close()  # some media take one conversation that writes, and nothing beside it
        with fresh as library, Session.open(library, self.serial) as session:
            self._login(session)
            contents = session.contents()
            key = next((one for one in contents.keys if one.key_id == key_id), None)
            beside = (one for one in contents.certificates if one.key_id == key_id and one.der == certificate)
            facts = next((one.facts for one in beside), None)
            if key is None or facts is None:
                raise WrittenDifferently(serial=self.name, subject="")
            session.prove(key, facts.public_key)

    def rename(self, key_id: bytes, label: str) -> None:
        """The key's own last: while that has its mark, it is found again (renewal/recovery.py)."""
        session = self._changing()
        if not self.keeps_labels:
            return
        found = [one for one in session.contents().credentials if one.key.key_id == key_id]
        if not found:  # a look that shows nothing of what is there must not pass for a mark that is gone
            raise ObjectMissing(serial=self.name)
        for one in found:
            for item in (one.certificate, one.key):
                if item is not None:
                    session.relabel(item, label)

    def require_works(self, one: Credential, now: datetime) -> None:
        self._open().require_works(one, now)

    def remove(
        self, gone: Sequence[Target], successor: Credential | None, now: datetime, kept_in: StorePort | None = None
    ) -> None:
        def works() -> None:
            if kept_in is not None and successor is not None:
                kept_in.require_works(successor, now)

        session = self._changing()
        session.delete(session.permit_deletion(gone, now, successor, works if kept_in is not None else None))

    def checkup(self, now: datetime) -> Checkup:
        """Every key signs once."""
        return check(self._open(), now)

    # --- what a signer asks (token/signer.py) ---

    @property
    def medium(self) -> MediumFacts:
        return self._open().medium

    def sign(self, key: Key, message: bytes, scheme: Scheme, prehashed: bool = False) -> bytes:
        return self._open().sign(key, message, scheme, prehashed)

    def _changing(self) -> Session:
        """In which something is about to be changed."""
        return self._open()

    def _open(self) -> Session:
        if self._session is None:
            opened = Session.open(self._library, self.serial, write=True)
            try:
                self._login(opened)
            except BaseException:
                opened.close()
                raise
            self._session = opened
        return self._session

    def _login(self, session: Session) -> None:
        if self._refused is not None:
            raise self._refused
        if other := self._instead():
            raise MediumChanged(serial=self.name, seen=other)
        if self._pin is None:
            return
        accepts, self._accepts = self._accepts, False  # a yes is for one try
        try:
            session.login(self._pin, accepts)
        except TokenmgrError as error:
            if isinstance(error, PinError) or not self._was_right:
                self._refused = error
            raise
        self._was_right = True
