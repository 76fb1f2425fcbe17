"""What is plugged in and what is on it, looked at in a thread of its own, and again whenever that may have changed.

    the bus      tells of a stick that comes or goes: said at once, before any library sees it
    a look       reads every store, one after the other, while no job is at the libraries
    the CAs      are asked of what was read in another thread, for as long as that takes: no look waits for them

A look costs a token's time: between two that nobody has asked for there is twenty times what one took.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import date, datetime

from PySide6.QtCore import QObject, Signal

from tokenmgr import clock
from tokenmgr.desk.bench import Bench
from tokenmgr.domain.device import Change, UsbDevice
from tokenmgr.domain.medium import MediumFacts, SlotTrouble
from tokenmgr.domain.presence import Missing, Plugged, plugged
from tokenmgr.errors import LibraryHung, TokenmgrError
from tokenmgr.usb.watch import Watch
from tokenmgr.wiring import around
from tokenmgr.wiring.libraries import cut, kept, known, libraries, settings
from tokenmgr.wiring.looked import Looked, Taken, take, told

log = logging.getLogger(__name__)

SHORTEST, LONGEST, SHARE = 0.1, 5.0, 20.0  # seconds between two looks at what is plugged in; times what one took
LEAST, RESTING = 4.0, 30.0  # times what one took, however long that was, up to these seconds: a slow token has rest
AGAIN = 600.0  # seconds after which everything is looked at again: banks revoke
WAKING, SOON = 5.0, 0.3  # seconds that a card may take until its library sees it, and between two looks for it


@dataclass(frozen=True)
class Seen:
    """`waking`: devices that have just come, and that no library sees yet. `broken`: those that are plugged in and do
    not work, with why; `silent`: libraries that do not answer, where no device tells for whom; `unread`: slots with
    something in them that cannot be read. `is_asked`: whether the CAs were."""

    looked: Looked | None = None
    media: Sequence[MediumFacts] = ()
    plugged: Sequence[Plugged] = ()
    waking: Sequence[Plugged] = ()
    broken: Sequence[tuple[Plugged, TokenmgrError]] = ()
    silent: Sequence[TokenmgrError] = ()
    unread: Sequence[SlotTrouble] = ()
    error: TokenmgrError | None = None
    is_asked: bool = False

    def with_device(self, came: Plugged) -> Seen:
        return replace(self, waking=[*self.waking, came])

    def without_device(self, went: UsbDevice) -> Seen:
        """Its media are gone, whatever the libraries still show."""
        gone = {one.serial for each in self.plugged if each.device.place == went.place for one in each.media}
        media = [one for one in self.media if one.serial not in gone]
        waking = [one for one in self.waking if one.device.place != went.place]
        broken = [one for one in self.broken if one[0].device.place != went.place]
        looked = self.looked
        if looked and gone:
            stores = [one for one in looked.found.stores if one.look.name not in gone]
            looked = replace(looked, found=replace(looked.found, stores=stores))
        return replace(self, looked=looked, media=media, waking=waking, broken=broken)


class Seeing(QObject):
    seen = Signal(object)  # Seen

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self._bench = bench
        self._wake, self._ending = threading.Event(), False
        self._is_changed, self._is_calm = True, False
        self._telling = threading.Lock()  # what is told comes in the order in which it was found
        self._last = Seen()
        self._shown: object = None  # a print of what was told with the CAs asked
        self._coming: dict[str, float] = {}  # by its place, until when each may be waking
        self._to_ask: queue.SimpleQueue[tuple[Seen, Taken] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=one, name=name, daemon=True)
            for name, one in (("seeing", self._run), ("asking", self._ask))
        ]

    def start(self) -> None:
        for one in self._threads:
            one.start()

    def again(self) -> None:
        """Something has changed that nobody sees from outside."""
        self._is_changed = True
        self._wake.set()

    @property
    def is_busy(self) -> bool:
        return self._threads[0].is_alive()

    def calm(self, is_calm: bool) -> None:
        """Nobody looks at what is seen: tokens are left in peace. Whoever comes back wants it now."""
        self._is_calm = is_calm
        if not is_calm:
            self.again()

    def stop(self, patience: float = 1.0) -> None:
        """A token that hangs keeps nobody: its process is ended."""
        self._ending = True
        self._wake.set()
        self._to_ask.put(None)
        ends, seeing = time.monotonic() + patience, self._threads[0]
        seeing.join(patience / 2)
        while seeing.is_alive() and time.monotonic() < ends:
            cut(only_calls=False)
            seeing.join(0.05)

    # --- the bus ---

    def _on_change(self, change: Change) -> None:
        ours = plugged([change.device], known().of_device, [])  # none, if it is somebody's mouse
        with self._telling:
            self._is_changed = True  # what is being looked at now is of before
            if change.plugged and ours:
                self._coming[change.device.place] = time.monotonic() + WAKING
                self._tell(self._last.with_device(ours[0]))
            elif ours:
                self._coming.pop(change.device.place, None)
                self._tell(self._last.without_device(change.device))
        self.again()

    def _tell(self, seen: Seen) -> None:
        """Within `_telling`."""
        if not self._ending:
            self._last, self._shown = seen, None
            self.seen.emit(seen)

    # --- looks ---

    def _run(self) -> None:
        while not self._ending:
            try:
                with kept(), Watch(self._on_change, known().claims) if settings().usb else nullcontext():
                    self._go_round()
            except Exception as error:
                log.info("no looking", exc_info=error)
                with self._telling:
                    self._tell(Seen(error=_known_or_not(error)))
                self._wake.wait(LONGEST)  # somebody mends the settings
                self._wake.clear()

    def _go_round(self) -> None:
        before: object = None
        days = _Days()
        pause = SHORTEST
        while not self._ending:
            started = time.monotonic()
            with self._bench.for_look(), libraries(None) as found:
                around_us = around.look(found)
                shown = _print_of(around_us)
                if days.is_another() or self._is_changed or shown != before or self._is_late():
                    self._is_changed, before = False, shown
                    self._look(around_us)
            took = time.monotonic() - started
            pause = max(
                LONGEST if self._is_calm else min(max(SHORTEST, SHARE * took), LONGEST), min(LEAST * took, RESTING)
            )
            self._wake.wait(SOON if self._coming else pause)
            self._wake.clear()

    def _look(self, around_us: around.Surroundings) -> None:
        waking = self._waking(around_us)
        seen = Seen(
            media=[one for _, one in around_us.media],
            plugged=around_us.plugged,
            waking=waking,
            broken=[one for one in around_us.broken.items() if one[0] not in waking],
            silent=_silent(around_us),
            unread=around_us.troubles,
        )
        taken = None
        try:
            taken = take(around_us)
            seen = replace(seen, looked=told(taken, offline=True))
        except Exception as error:
            log.info("a look failed", exc_info=error)
            seen = replace(seen, error=_known_or_not(error))
        if self._bench.is_wanted:  # it may have been given up for a job, after which there is another
            self._is_changed = True
        with self._telling:
            if self._is_changed:
                return
            if seen.error or self._shown != _holdings(seen):
                self._tell(seen)
        if taken and not seen.error:
            self._to_ask.put((seen, taken))

    def _is_late(self) -> bool:
        """A card that has come is not waking any more: it does not work."""
        now = time.monotonic()
        return any(until <= now for until in [*self._coming.values()])

    def _waking(self, around_us: around.Surroundings) -> list[Plugged]:
        """Asked again while a card that has just come is not seen yet."""
        now = time.monotonic()
        found = [
            one
            for one in around_us.plugged
            if self._coming.get(one.device.place, 0.0) > now and one.missing in (Missing.SLOT, Missing.MEDIUM)
        ]
        with self._telling:
            there = {one.device.place for one in found}
            self._coming = {place: until for place, until in self._coming.items() if place in there}
        return found

    # --- the CAs ---

    def _ask(self) -> None:
        """Of the latest look only; what was told meanwhile by another one is not told any more."""
        while (asked := _newest(self._to_ask)) is not None:
            seen, taken = asked
            try:
                seen = replace(seen, looked=told(taken, offline=False), is_asked=True)
            except Exception as error:  # what is known without them is
                log.info("unexpected", exc_info=error)
            with self._telling:
                if self._to_ask.empty() and _holdings(self._last) == _holdings(seen):
                    self._tell(seen)
                    self._shown = _holdings(seen)


def _newest(waiting: queue.SimpleQueue[tuple[Seen, Taken] | None]) -> tuple[Seen, Taken] | None:
    found = waiting.get()
    while found is not None and not waiting.empty():
        found = waiting.get()
    return found


class _Days:
    """Whether it is time to look at everything again: midnight in Japan, or the computer was asleep."""

    def __init__(self) -> None:
        self._at = clock.now()

    def is_another(self) -> bool:
        now, before = clock.now(), self._at
        if _day(now) == _day(before) and 0 <= (now - before).total_seconds() < AGAIN:
            return False
        self._at = now
        return True


def _day(moment: datetime) -> date:
    return moment.astimezone(clock.JAPAN).date()


def _silent(seen: around.Surroundings) -> list[TokenmgrError]:
    told_already = list(seen.broken.values())
    return [one for _, one in seen.failures if isinstance(one, LibraryHung) and one not in told_already]


def _known_or_not(error: Exception) -> TokenmgrError:
    return error if isinstance(error, TokenmgrError) else TokenmgrError()


def _print_of(seen: around.Surroundings) -> object:
    """By which two looks are told apart: flags of PINs too, which another program may have changed."""
    failed = [(library.path, error.code) for library, error in seen.failures]
    return [one for _, one in seen.media], [*seen.broken], seen.troubles, failed


def _holdings(seen: Seen) -> object:
    """What is told of stores, without what only a CA knows."""
    if seen.looked is None:
        return None
    stores = [
        (one.look.name, one.look.pin, one.error and one.error.code, [(row.item.key_id, row.number) for row in one.rows])
        for one in seen.looked.found.stores
    ]
    others = [one[0] for one in seen.broken], [one.device for one in seen.waking], len(seen.silent), seen.unread
    return stores, seen.media, others, len(seen.looked.found.begun), len(seen.looked.words.known)
