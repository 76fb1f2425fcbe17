"""A medium as the engine's store (renewal/ports.py): one conversation that writes, opened anew when it has died."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tokenmgr.cmp.algorithms import PrivateKey
from tokenmgr.domain.credential import Credential, Key, KeyKind
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.medium import MediumFacts
from tokenmgr.errors import ConnectionLost, LibraryError, MediumError, PinError, WrittenDifferently
from tokenmgr.log import Secret
from tokenmgr.token.keys import Scheme
from tokenmgr.token.module import Library
from tokenmgr.token.preflight import preflight
from tokenmgr.token.session import Session
from tokenmgr.token.signer import signer


class MediumStore:
    """Logged in with a PIN that was right once; should it not be any more, it is not tried again (S5)."""

    kind = StoreKind.MEDIUM

    def __init__(self, library: Library, serial: str, pin: Secret, accept_final_try: bool = False) -> None:
        self.name = serial
        self._library, self._pin, self._accepts = library, pin, accept_final_try
        self._session: Session | None = None
        self._refused: PinError | None = None

    def close(self) -> None:
        found, self._session = self._session, None
        if found is not None:
            found.close()

    # --- what the engine asks ---

    @property
    def keeps_labels(self) -> bool:
        return self._open().family.labels.kept

    def is_here(self) -> bool:
        try:
            return self._library.find(self.name).serial == self.name
        except (MediumError, LibraryError):
            return False

    def obstacles(self, kind: KeyKind) -> Sequence[MediumError]:
        return preflight(self._open(), [kind]).obstacles

    def free_key_id(self) -> bytes:
        return self._open().free_key_id()

    def credentials(self) -> Sequence[Credential]:
        try:
            return self._open().contents().credentials
        except ConnectionLost:
            self.close()
            return self._open().contents().credentials

    def generate(self, kind: KeyKind, key_id: bytes, label: str) -> Key:
        return self._open().generate_key(kind, key_id, label)

    def signer(self, key: Key) -> PrivateKey:
        """Good for longer than one conversation."""
        return signer(self, key)

    def write(self, certificate: bytes, key_id: bytes, label: str, chain: Sequence[bytes]) -> None:
        self._open().put_certificate(certificate, key_id, label, chain)

    def verify_afresh(self, certificate: bytes, key_id: bytes) -> None:
        self.close()  # some media take one conversation that writes, and nothing beside it
        with self._library.another() as library, Session.open(library, self.name) as session:
            session.login(self._pin)
            contents = session.contents()
            key = contents.key(key_id)
            found = next((one for one in contents.credentials if one.key == key), None)
            if (
                found is None
                or found.certificate is None
                or found.facts is None
                or found.certificate.der != certificate
            ):
                raise WrittenDifferently(serial=self.name, subject="")
            session.prove(key, found.facts.public_key)

    def rename(self, key_id: bytes, label: str) -> None:
        session = self._open()
        if not self.keeps_labels:
            return
        for one in session.contents().credentials:
            if one.key.key_id == key_id:
                for item in (one.key, one.certificate):
                    if item is not None:
                        session.relabel(item, label)

    def remove(self, gone: Sequence[Credential], successor: Credential | None, now: datetime) -> None:
        session = self._open()
        targets = [item for one in gone for item in (one.key, one.certificate) if item is not None]
        session.delete(session.permit_deletion(targets, now, successor))

    # --- what a signer asks (token/signer.py) ---

    @property
    def medium(self) -> MediumFacts:
        return self._open().medium

    def sign(self, key: Key, message: bytes, scheme: Scheme, prehashed: bool = False) -> bytes:
        return self._open().sign(key, message, scheme, prehashed)

    def _open(self) -> Session:
        if self._refused is not None:
            raise self._refused
        if self._session is None:
            opened = Session.open(self._library, self.name, write=True)
            try:
                opened.login(self._pin, self._accepts)
                self._accepts = False  # a yes is for one try
            except BaseException as error:
                opened.close()
                self._refused = error if isinstance(error, PinError) else None
                raise
            self._session = opened
        return self._session
