"""What is plugged in and what is on it, looked at in a thread of its own, and again whenever that may have changed.

First without the CAs, which may take their time, then with them. A look costs a token's time: between two that nobody
has asked for there is twenty times what one took.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from tokenmgr.domain.medium import MediumFacts
from tokenmgr.domain.presence import Plugged
from tokenmgr.errors import TokenmgrError
from tokenmgr.usb.watch import Watch
from tokenmgr.wiring import around
from tokenmgr.wiring.libraries import known, libraries, settings
from tokenmgr.wiring.looked import Looked, look
from tokenmgr.wiring.places import Where

log = logging.getLogger(__name__)

SHORTEST, LONGEST, SHARE = 0.1, 5.0, 20.0  # seconds between two looks at what is plugged in; times what one took
AGAIN = 600.0  # seconds after which everything is looked at again: days pass, and banks revoke


@dataclass(frozen=True)
class Seen:
    """`broken`: devices that are plugged in and do not work, with why. `is_asked`: whether the CAs were."""

    looked: Looked | None
    media: Sequence[MediumFacts]
    broken: Sequence[tuple[Plugged, TokenmgrError]]
    error: TokenmgrError | None
    is_asked: bool


class Seeing(QObject):
    seen = Signal(object)  # Seen
    plugging = Signal(object)  # domain.device.Change: at once, before anything is known of it

    def __init__(self, bench: threading.Lock) -> None:
        super().__init__()
        self._bench = bench
        self._wake, self._ending = threading.Event(), False
        self._is_changed = True
        self._thread = threading.Thread(target=self._run, name="seeing", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def again(self) -> None:
        """Something has changed that nobody sees from outside."""
        self._is_changed = True
        self._wake.set()

    def stop(self, patience: float = 2.0) -> None:
        self._ending = True
        self._wake.set()
        self._thread.join(patience)

    def _run(self) -> None:
        with Watch(self._on_change, known().claims) if settings().usb else _Nobody():
            self._go_round()

    def _on_change(self, change: object) -> None:
        self.plugging.emit(change)
        self.again()

    def _go_round(self) -> None:
        before: object = None
        looked_at, pause = 0.0, SHORTEST
        while not self._ending:
            started = time.monotonic()
            with self._bench, libraries(None) as found:
                around_us = around.look(found)
            pause = min(max(SHORTEST, SHARE * (time.monotonic() - started)), LONGEST)
            shown = _print_of(around_us)
            if self._is_changed or shown != before or started - looked_at > AGAIN:
                self._is_changed, before, looked_at = False, shown, started
                self._look(around_us)
            self._wake.wait(pause)
            self._wake.clear()

    def _look(self, around_us: around.Surroundings) -> None:
        media, broken = [one for _, one in around_us.media], [*around_us.broken.items()]
        for is_asked in (False, True):
            if self._ending or (is_asked and self._is_changed):
                return
            looked, error = None, None
            try:
                with self._bench:
                    looked = look(Where(), None, None, offline=not is_asked)
            except TokenmgrError as known_error:
                error = known_error
            except Exception as unknown:
                log.info("unexpected", exc_info=unknown)
                error = TokenmgrError()
            self.seen.emit(Seen(looked, media, broken, error, is_asked))


def _print_of(seen: around.Surroundings) -> object:
    """By which two looks are told apart: flags of PINs too, which another program may have changed."""
    return [one for _, one in seen.media], [*seen.broken], seen.troubles


class _Nobody:
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...
