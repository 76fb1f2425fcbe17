"""A session with the CA's token that outlives what happens to the token."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from tokenmgr.domain.credential import Key
from tokenmgr.domain.medium import MediumFacts
from tokenmgr.errors import LibraryError, MediumError, PinError, PinWrong
from tokenmgr.log import Secret
from tokenmgr.system import locked
from tokenmgr.token.keys import Scheme
from tokenmgr.token.module import Library
from tokenmgr.token.objects import MediumContents
from tokenmgr.token.session import Session

log = logging.getLogger(__name__)


class LastingSession:
    """Opened anew when it has died: the token was pulled and is back, its library crashed, it stays in the middle of
    something. The signature is asked for once more then. The PIN was right before; should it not be any more, it is not
    tried again (S5), by none of the processes that share `refused`, a file that is made then: those of one keeper,
    whose PIN it is. Somebody else's mistake at another prompt is no concern of theirs.

    One process logs in at a time, by `turn`, a file: SoftHSM writes its token's file anew at each login, and whoever
    reads it at that moment is told that the token is broken, or that there is none."""

    def __init__(self, library: Library, serial: str, pin: Secret, turn: Path, refused: Path) -> None:
        self._library, self._serial, self._pin = library, serial, pin
        self._turn, self._refused = turn, refused
        self._session: Session | None = None
        self._lock = threading.RLock()  # the token does one thing at a time in any case

    @property
    def medium(self) -> MediumFacts:
        return self.session().medium

    def sign(self, key: Key, message: bytes, scheme: Scheme, prehashed: bool = False) -> bytes:
        with self._lock:
            session = self.session()
            try:
                return session.sign(key, message, scheme, prehashed)
            except (MediumError, LibraryError) as error:
                log.warning("the session with the CA's token is opened anew", extra={"error": str(error)})
                self.close()
            return self.session().sign(key, message, scheme, prehashed)

    def contents(self) -> MediumContents:
        with self._lock, locked(self._turn):
            self._session = self._session or self._opened()
            return self._session.contents()

    def session(self) -> Session:
        with self._lock:
            if self._session is None:
                with locked(self._turn):
                    self._session = self._opened()
            return self._session

    def _opened(self) -> Session:
        if self._refused.exists():
            raise PinWrong(serial=self._serial)
        opened = Session.open(self._library, self._serial)
        try:
            opened.login(self._pin)
        except BaseException as error:
            if isinstance(error, PinError):
                self._refused.touch()
            opened.close()
            raise
        return opened

    def close(self) -> None:
        with self._lock:
            found, self._session = self._session, None
            if found is not None:
                found.close()
