"""Tells of every plugging and pulling: at once where udev runs, soon where the bus has to be asked again and again."""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from tokenmgr import system
from tokenmgr.domain.device import Change, changes
from tokenmgr.usb.detect import NO_LIBUSB, Bus, look

logger = logging.getLogger(__name__)
UDEV, POLLING = "udev", "polling"
UDEV_RUNS = Path("/run/udev/control")
EVERY = 0.1  # seconds between two looks where nobody tells us
# After an event, and every so often without one: the kernel tells that a device goes before it is gone, and in a
# container with udev's files but not its messages nothing is told at all.
AGAIN = (0.005, 0.02, 0.1, 2.0)


class Watch:
    """Within its `with`, the listener is told each Change, from a thread of the Watch's own, one after the other.

    What was there before is not told: it is in `bus`, which holds the latest look; a change is told once it is in it.
    A window hands changes on to its event loop; a command may give `queue.Queue().put` and read the queue.
    `how` is "udev" or "polling", or "" for the best that there is; within the `with` it says what it became.
    """

    def __init__(self, listener: Callable[[Change], object], interesting: Callable[[str], bool], how: str = "") -> None:
        self.how = how
        self.bus = Bus()
        self._listener = listener
        self._interesting = interesting
        self._thread = threading.Thread(target=self._run, name="usb watch")

    def __enter__(self) -> Self:
        self._bell = _bell(self.how)
        self.how = self._bell.how
        self.bus = look(self._interesting)  # after the bell is hung: what changes from here on rings it
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._bell.stop()
        self._thread.join()
        self._bell.close()

    def _run(self) -> None:
        while self.bus.trouble != NO_LIBUSB and self._bell.wait():
            try:
                self._look_again()
            except Exception as error:
                logger.warning("a look at the USB bus failed", exc_info=error)

    def _look_again(self) -> None:
        before, self.bus = self.bus, look(self._interesting, self.bus.devices)
        for change in changes(before.devices, self.bus.devices):
            logger.info("%s %s at %s", "in: " if change.plugged else "out:", change.device.usb_id, change.device.place)
            try:
                self._listener(change)
            except Exception as error:
                logger.warning("a listener failed", exc_info=error)


class _Bell(Protocol):
    """When to look again."""

    how: str

    def wait(self) -> bool:
        """Until it is time to look; False: it is over."""

    def stop(self) -> None:
        """From another thread, once: ends a `wait` that is under way, and every later one."""

    def close(self) -> None: ...


def _bell(how: str) -> _Bell:
    if how == POLLING or system.NAME != "linux" or (not how and not UDEV_RUNS.exists()):
        return _Timer()
    try:
        return _Udev()
    except (ImportError, OSError) as error:  # no libudev; no socket
        logger.info("no udev: %s", error)
        return _Timer()


class _Timer:
    how = POLLING

    def __init__(self) -> None:
        self._over = threading.Event()

    def wait(self) -> bool:
        return not self._over.wait(EVERY)

    def stop(self) -> None:
        self._over.set()

    def close(self) -> None:
        pass


class _Udev:
    """Events of udev, not of the kernel: when they arrive, its rules have given the device to its users."""

    how = UDEV

    def __init__(self) -> None:
        import pyudev

        self._monitor: Any = pyudev.Monitor.from_netlink(pyudev.Context(), "udev")
        self._monitor.filter_by("usb", "usb_device")
        self._monitor.start()
        self._over, self._end = os.pipe()
        self._heard = selectors.DefaultSelector()
        self._heard.register(self._monitor, selectors.EVENT_READ)
        self._heard.register(self._over, selectors.EVENT_READ)
        self._pauses = [AGAIN[-1]]  # the last one stays

    def wait(self) -> bool:
        pause = self._pauses.pop(0) if len(self._pauses) > 1 else self._pauses[0]
        heard = [key.fileobj for key, _ in self._heard.select(pause)]
        if self._over in heard:
            return False
        if heard:
            with contextlib.suppress(OSError):  # more events than it could hold: to look is all the same
                while self._monitor.poll(0):  # one plugging is several events, and one look
                    pass
            self._pauses = list(AGAIN)
        return True

    def stop(self) -> None:
        os.close(self._end)  # the other end becomes readable

    def close(self) -> None:
        self._heard.close()
        os.close(self._over)
        del self._monitor  # its socket goes with it
