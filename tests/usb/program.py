"""What the tests run on a made-up bus: `python -m tests.usb.program VERB ...`, which tells in JSON what it sees."""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict

from tokenmgr.domain.device import Change
from tokenmgr.usb.detect import Bus, look
from tokenmgr.usb.watch import Watch

NOBODY = 65534


def everything(_usb_id: str) -> bool:
    return True


def tell(bus: Bus) -> None:
    print(json.dumps({"devices": [asdict(one) for one in bus.devices], "trouble": bus.trouble}), flush=True)


def look_for(*usb_ids: str) -> None:
    """Of all devices, or only of these, the strings."""
    tell(look(usb_ids.__contains__ if usb_ids else everything))


def look_as_nobody() -> None:
    """Whoever started it had rights enough, or looked already as somebody without."""
    look(everything)  # loads what it needs while it may still be read
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    tell(look(everything))


def look_and_wait() -> None:
    """Between the list and the reading of the first device."""

    def wait(_usb_id: str) -> bool:
        print("listed", flush=True)
        return bool(sys.stdin.readline())

    tell(look(wait))


def look_starved() -> None:
    """Without a file descriptor left, and then with."""
    look(everything)
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, usual[1]))
    tell(look(everything))
    resource.setrlimit(resource.RLIMIT_NOFILE, usual)
    tell(look(everything))


def watch(how: str, listener: str = "") -> None:
    """Each change in a line, until standard input ends. The listener may be a `broken` one."""

    def told(change: Change) -> None:
        print(json.dumps({"plugged": change.plugged, "device": asdict(change.device)}), flush=True)
        if listener == "broken":
            raise RuntimeError("a listener's own fault")

    with Watch(told, everything, how) as started:
        print(started.how, flush=True)
        tell(started.bus)
        sys.stdin.read()
    print("threads", threading.active_count())


VERBS: dict[str, Callable[..., None]] = {
    "look": look_for,
    "look-as-nobody": look_as_nobody,
    "look-and-wait": look_and_wait,
    "look-starved": look_starved,
    "watch": watch,
}

if __name__ == "__main__":
    VERBS[sys.argv[1]](*sys.argv[2:])
