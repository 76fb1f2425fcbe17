"""The OCSP answers that one worker has in memory: given out by its event loop, which alone touches them.

They are dropped as soon as the trail tells of a change, within a second; who cannot ask the registry does not know, and
gives out what it has for LONGEST_APART at most.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from tokenmgr.api.caching import Lasting

MOST = 20_000  # of about two kilobytes each
LONGEST_APART = 300.0  # seconds: a revocation is believed to be later than that by nobody (docs/ca-operator.md)


@dataclass(frozen=True)
class Kept:
    serial: int
    lasting: Lasting
    since: datetime
    due: datetime  # from then on there is a newer one, if the registry can be asked


class KeptAnswers:
    """By CertID, octet by octet. `seen` is the last entry of the trail that they know of."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.seen: int | None = None
        self._monotonic = monotonic
        self._looked_at = float("-inf")
        self._by_id: OrderedDict[bytes, Kept] = OrderedDict()
        self._by_serial: dict[int, set[bytes]] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, cert_id: bytes, now: datetime, when_due: bool = False) -> Lasting | None:
        """None where it has to be looked up. Where that cannot be, `when_due`: until it ends."""
        found = self._by_id.get(cert_id)
        if found is None or self._monotonic() - self._looked_at > LONGEST_APART:
            return None
        if not found.since <= now < (found.lasting.until if when_due else found.due):
            return None
        self._by_id.move_to_end(cert_id)
        return found.lasting

    def put(self, cert_id: bytes, kept: Kept, seen: int | None) -> None:
        """Looked up when `seen` was the last change: whatever has changed since may be the one that it misses."""
        if seen is None or seen != self.seen:
            return
        self._by_id[cert_id] = kept
        self._by_id.move_to_end(cert_id)
        self._by_serial.setdefault(kept.serial, set()).add(cert_id)
        if len(self._by_id) > MOST:
            gone, last = self._by_id.popitem(last=False)
            self._forget(gone, last.serial)

    def follow(self, changes: Iterable[tuple[int, int]], asked_at: float, is_all: bool) -> None:
        """What the registry has told of the time after `seen`; `asked_at` is when it was asked. What comes first says
        where to begin: there is nothing here before it."""
        for number, serial in changes:
            for cert_id in self._by_serial.pop(serial, ()):
                self._by_id.pop(cert_id, None)
            self.seen = number
        if is_all:
            self._looked_at = asked_at

    def _forget(self, cert_id: bytes, serial: int) -> None:
        ids = self._by_serial.get(serial, set())
        ids.discard(cert_id)
        if not ids:
            self._by_serial.pop(serial, None)
