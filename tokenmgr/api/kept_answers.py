"""The OCSP answers that one worker has in memory: given out by its event loop, which alone touches them.

They are dropped as soon as the trail tells of a change, within a second; who cannot ask the registry does not know, and
gives out what it has for LONGEST_APART at most.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tokenmgr.api.caching import Lasting
from tokenmgr.sql.answers import Mark, StatusChange

MOST = 20_000  # of about two kilobytes each
LONGEST_APART = timedelta(minutes=5)  # a revocation is believed to be later than that by nobody (docs/ca-operator.md)


# When the trail was asked, by both clocks: one may be set back, the other stands still while a computer is suspended.
Looked = tuple[float, datetime]


@dataclass(frozen=True)
class Kept:
    serial: int
    lasting: Lasting
    since: datetime
    due: datetime  # from then on there is a newer one, if the registry can be asked


class KeptAnswers:
    """By CertID, octet by octet. `seen` is the last change in the trail that they know of."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.seen: Mark | None = None
        self._monotonic = monotonic
        self._looked_at: Looked | None = None
        self._by_id: OrderedDict[bytes, Kept] = OrderedDict()
        self._by_serial: dict[int, set[bytes]] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, cert_id: bytes, now: datetime, when_due: bool = False) -> Lasting | None:
        """None where it has to be looked up. Where that cannot be, `when_due`: until it ends."""
        found = self._by_id.get(cert_id)
        if found is None or not self._knows(now):
            return None
        if not found.since <= now < (found.lasting.until if when_due else found.due):
            return None
        self._by_id.move_to_end(cert_id)
        return found.lasting

    def _knows(self, now: datetime) -> bool:
        if self._looked_at is None:
            return False
        ticks, at = self._looked_at
        return self._monotonic() - ticks <= LONGEST_APART.total_seconds() and now - at <= LONGEST_APART

    def by_both(self, now: datetime) -> Looked:
        return self._monotonic(), now

    def put(self, cert_id: bytes, kept: Kept, seen: Mark | None) -> None:
        """Looked up when `seen` was the last change: whatever has changed since may be the one that it misses."""
        if seen is None or seen != self.seen:
            return
        self._by_id[cert_id] = kept
        self._by_id.move_to_end(cert_id)
        self._by_serial.setdefault(kept.serial, set()).add(cert_id)
        if len(self._by_id) > MOST:
            gone, last = self._by_id.popitem(last=False)
            self._forget(gone, last.serial)

    def begin(self, mark: Mark, asked_at: Looked) -> None:
        """With nothing, which every change up to that one is in."""
        self._by_id.clear()
        self._by_serial.clear()
        self.seen, self._looked_at = mark, asked_at

    def follow(self, changes: Iterable[StatusChange], asked_at: Looked, is_all: bool) -> None:
        """What the registry has told of the time after `seen`; `asked_at` is when it was asked."""
        for change in changes:
            for cert_id in self._by_serial.pop(change.serial, ()):
                self._by_id.pop(cert_id, None)
            self.seen = change.mark
        if is_all:
            self._looked_at = asked_at

    def _forget(self, cert_id: bytes, serial: int) -> None:
        ids = self._by_serial.get(serial, set())
        ids.discard(cert_id)
        if not ids:
            self._by_serial.pop(serial, None)
