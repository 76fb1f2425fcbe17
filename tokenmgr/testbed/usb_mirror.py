"""What is plugged elsewhere, shown on a made-up USB bus: a simulated medium comes and goes on it as its stick would."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Self

from tokenmgr.testbed.usb_bus import Stick, UsbBus

logger = logging.getLogger(__name__)
EVERY = 0.02  # seconds between two looks
SOCKETS = 8  # of the computer itself, and of each hub that is added to it


class Mirror:
    """Within its `with`, the bus has the sticks that `plugged` names; the first of them are there when it begins.

    A thread of the mirror's own asks `plugged` every 20 ms. A stick that is out and in again between two looks has not
    moved. Each has a port of the mirror's choice. The sticks stay where they are when the `with` ends.
    """

    def __init__(self, bus: UsbBus, plugged: Callable[[], Mapping[str, Stick]]) -> None:
        self._bus = bus
        self._plugged = plugged
        self._shown: dict[str, Stick] = {}
        self._trouble: Exception | None = None
        self._begun = self._done = 0  # looks, by number
        self._news = threading.Condition()
        self._wake = threading.Event()
        self._over = False
        self._thread = threading.Thread(target=self._run, name="usb mirror")

    def __enter__(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._over = True
        self._wake.set()
        self._thread.join()

    @property
    def environment(self) -> dict[str, str]:
        """What makes a program see the bus."""
        return self._bus.environment

    @property
    def shown(self) -> dict[str, Stick]:
        """By name, each with the port that it has on the bus."""
        return self._shown.copy()

    def settle(self, timeout: float = 10.0) -> None:
        """Until the bus shows what `plugged` says from now on; TimeoutError where it does not come to that."""
        with self._news:
            first = self._begun + 1  # a look that is under way may have asked before
            self._wake.set()
            if not self._news.wait_for(lambda: self._done >= first, timeout):
                raise TimeoutError("the made-up USB bus does not show what is plugged in") from self._trouble

    def _run(self) -> None:
        while not self._over:
            self._wake.wait(EVERY)
            self._wake.clear()
            self._look()

    def _look(self) -> None:
        with self._news:
            self._begun += 1
        try:
            self._show(dict(self._plugged()))
        except Exception as error:
            if repr(error) != repr(self._trouble):  # else it would say so fifty times a second
                logger.info("the made-up USB bus is not up to date", exc_info=error)
            self._trouble = error
            return
        with self._news:
            self._trouble = None
            self._done = self._begun
            self._news.notify_all()

    def _show(self, plugged: dict[str, Stick]) -> None:
        for name, stick in self.shown.items():
            wanted = plugged.get(name)
            if wanted is None or replace(wanted, port=stick.port) != stick:
                self._bus.unplug(stick)
                del self._shown[name]
        for name, stick in plugged.items():
            if name not in self._shown:
                placed = replace(stick, port=self._free_port())
                self._bus.plug(placed)
                self._shown[name] = placed

    def _free_port(self) -> str:
        taken = set(self._bus.ports)
        return next(port for port in _ports() if port not in taken)


def _ports() -> Iterator[str]:
    sockets = range(1, SOCKETS + 1)
    yield from map(str, sockets)
    for hub in itertools.count(SOCKETS + 1):
        yield from (f"{hub}.{socket}" for socket in sockets)
