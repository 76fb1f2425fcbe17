"""A hand-over that the window takes up: proven, redeemed at the CA, and from then on told to the bank's page by both of
its ways: the file that the native host reads, and the CA, where a page without the extension looks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from tokenmgr.customer.handover import Errand, Handover, errand_of
from tokenmgr.customer.profiles import Banks, Profile
from tokenmgr.desk.handovers import Handovers
from tokenmgr.domain.handover import OPENED, WAITING, Progress, State
from tokenmgr.errors import TokenmgrError
from tokenmgr.log import Secret
from tokenmgr.renewal.authority import Authority

log = logging.getLogger(__name__)

AT_THE_END = 3.0  # seconds that a window which closes waits for the CA to hear the last word


class Taken:
    """One at a time, of the window's only thread that knows how far it is. Nothing here stops what is being done."""

    def __init__(self, handover: Handover, authority: Authority, handovers: Handovers) -> None:
        """`authority` is the hand-over's own, and is closed with it."""
        self._handover, self._authority, self._handovers = handover, authority, handovers
        self._news = threading.Condition()
        self._latest: Progress | None = None
        self._is_over = False
        self._teller = threading.Thread(target=self._tell_on, daemon=True)
        self._teller.start()

    @property
    def errand(self) -> Errand:
        return self._handover.errand

    def tell(self, state: State, step: int = 0, code: str = "") -> None:
        """At once to the file; to the CA as soon as it has heard what came before, and of several the latest."""
        progress = Progress(state, step, code)
        if not _noted(self._handovers, self.errand, progress):
            return
        with self._news:
            self._latest = progress
            self._news.notify()

    def close(self, seconds: float = AT_THE_END) -> None:
        with self._news:
            self._is_over = True
            self._news.notify()
        self._teller.join(seconds)

    def _tell_on(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._latest or self._is_over)
                told, self._latest = self._latest, None
            if told is None:
                self._authority.close()
                return
            self._handover.tell(told.state, told.step, told.code)


def take(
    address: str,
    banks: Banks,
    authority: Callable[[Profile], Authority],
    handovers: Handovers,
    now: datetime,
    secret: Secret,
) -> Taken:
    """Of `tokenmgr://…`. Asks the CA, so it takes a while: not in the window's own thread. `secret`: a_secret(); the
    same when it is tried again."""
    errand = errand_of(address, banks, now)
    reached = authority(errand.profile)
    handover = Handover(errand, reached, secret)
    try:
        handover.redeem()
    except TokenmgrError as error:
        reached.close()
        if not error.retriable:
            _noted(handovers, errand, Progress(State.FAILED, code=error.code), only_after=WAITING)
        raise
    _noted(handovers, errand, OPENED)
    return Taken(handover, reached, handovers)


def _noted(handovers: Handovers, errand: Errand, progress: Progress, only_after: Progress | None = None) -> bool:
    """Whether that is news. A disk that takes nothing keeps nobody from a certificate."""
    try:
        return handovers.tell(errand.jti, errand.origin, progress, only_after)
    except OSError as error:
        log.info("the page's file was not written: %s", error)
        return True
