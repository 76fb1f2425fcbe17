"""A store on the PC that is reached as a token is (NSS's database, a TPM), as the engine's store. Nothing of
non-exportable is promised for it, on screen either (S1)."""

from __future__ import annotations

from collections.abc import Callable

from tokenmgr.customer.medium_store import MediumStore
from tokenmgr.domain.generation import StoreKind
from tokenmgr.errors import PassphraseWrong, PcStoreInUse, PinWrong
from tokenmgr.keystore import nss
from tokenmgr.log import Secret
from tokenmgr.token.module import Library
from tokenmgr.token.session import Session

Programs = Callable[[], tuple[str, ...]]


class PcStore(MediumStore):
    def __init__(
        self, library: Library, serial: str, pin: Secret | None, name: str, programs: Programs = lambda: ()
    ) -> None:
        """`serial` is the token's, `name` the store's (S4). `programs` have it open, and would not see what we change:
        as long as there are any it is as good as not there, and is waited for."""
        super().__init__(library, serial, pin, kind=StoreKind.PC)
        self.name, self._programs = name, programs

    def is_here(self) -> bool:
        return not self._programs() and super().is_here()

    def _open(self) -> Session:
        if self._session is None and (programs := self._programs()):
            raise PcStoreInUse(serial=self.name, programs=programs)
        return super()._open()

    def _changing(self) -> Session:
        if programs := self._programs():  # opened since: what it has in memory would win
            self.close()
            raise PcStoreInUse(serial=self.name, programs=programs)
        return super()._changing()

    def _login(self, session: Session) -> None:
        try:
            super()._login(session)
        except PinWrong as error:
            if not self.name.startswith(f"{nss.KIND}:"):  # a chip counts the tries, and locks itself
                raise
            raise PassphraseWrong(serial=self.name) from error
