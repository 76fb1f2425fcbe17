"""From the system's word that a device came or went to the listener being told, and what a look at the bus costs.

On a made-up bus (tokenmgr/testbed/usb_bus.py): the peer, a bare monitor of pyudev, lives on one like ours in the same
run. The moment is taken before umockdev writes down the new device, so each plugging has those milliseconds in it.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack

from benchmarks.bench import Measured, in_turns, ratio, table, timed
from tests.usb.bus import MockBus, Program
from tokenmgr.testbed.usb_bus import HUB, Stick
from tokenmgr.usb.watch import EVERY

TURNS = 10
ROUNDS = 8  # in each turn
STICKS = [Stick(0x096E, 0x0807, "EnterSafe", "ePass2003", port, port) for port in ("1", "2", "3")]
STICK = Stick(0x096E, 0x0807, "EnterSafe", "ePass2003", "0123", "4")
NAMES = {"udev": "ours, by udev", "polling": "ours, by asking", "peer": "a bare pyudev.Monitor"}


def run() -> None:
    with ExitStack() as open_:
        beds = {who: Bed(open_, who) for who in NAMES}
        for verb in ("plugged", "pulled"):
            taken = in_turns(TURNS, {who: functools.partial(bed.measure, verb) for who, bed in beds.items()})
            rows = [[NAMES[who], str(times), ratio(times, taken["peer"]), _aim(who)] for who, times in taken.items()]
            headings = (f"who is told that it was {verb}", "after", "to the peer", "aim")
            table("Plugging: median and quartiles; ratios within each turn", headings, rows)
    _looks()


def _aim(who: str) -> str:
    return "" if who == "peer" else "≤ 200 ms"


class Bed:
    """A bus, and somebody who watches it."""

    def __init__(self, open_: ExitStack, who: str) -> None:
        self._bus = open_.enter_context(MockBus(*STICKS))
        self._watcher = self._bus.start([sys.executable, "-m", "benchmarks.plug", who])
        self._watcher.line()

    def measure(self, verb: str) -> list[float]:
        taken = []
        for number in range(ROUNDS):
            time.sleep(EVERY * number / ROUNDS)  # whoever asks every so often is met at every point between
            came = self._told(self._bus.plug(STICK))
            time.sleep(EVERY * number / ROUNDS)
            went = self._told(self._bus.unplug(STICK))
            taken.append(came if verb == "plugged" else went)
        return taken

    def _told(self, moment: float) -> float:
        return (float(self._watcher.line()) - moment) * 1e6


def _looks() -> None:
    with MockBus(*STICKS) as bus:
        program = bus.start([sys.executable, "-m", "benchmarks.plug", "looks"])
        warm = in_turns(TURNS, {name: functools.partial(_asked, program, name) for name in LOOKS})
    with MockBus(*STICKS) as bus:  # whose devices have not yet said all that they have to say
        cold = in_turns(TURNS, {name: functools.partial(_cold, bus, name) for name in ("look", "read")})
    rows = [
        [f"look(), {len(STICKS)} devices known", *_against(warm, "again", "find")],
        ["its peer: usb.core.find(find_all=True), one context for ever", *_against(warm, "find", "find")],
        [f"look(), {len(STICKS)} devices not seen before", *_against(warm, "look", "read")],
        ["its peer: the same, and its devices' three strings", *_against(warm, "read", "read")],
        ["the first look(), what it imports with it", *_against(cold, "look", "read")],
        ["its peer, what it imports with it", *_against(cold, "read", "read")],
    ]
    table("A look: median and quartiles; ratios within each turn", ("what", "time", "to the peer"), rows)


def _against(taken: dict[str, Measured], name: str, peer: str) -> tuple[str, str]:
    return str(taken[name]), ratio(taken[name], taken[peer])


def _asked(program: Program, name: str) -> list[float]:
    program.say(name)
    return [float(figure) for figure in program.line().split()]


def _cold(bus: MockBus, name: str) -> list[float]:
    return [float(bus.run([sys.executable, "-m", "benchmarks.plug", f"cold-{name}"]).stdout) for _ in range(2)]


# --- what runs on the bus ---


def _watch(how: str) -> None:
    from tokenmgr.usb.watch import Watch

    with Watch(lambda _change: print(time.monotonic(), flush=True), lambda _usb_id: True, how) as watch:
        print(watch.how, flush=True)
        sys.stdin.read()


def _bare_monitor() -> None:
    import pyudev

    monitor = pyudev.Monitor.from_netlink(pyudev.Context())
    monitor.filter_by("usb", "usb_device")
    monitor.start()
    print("ready", flush=True)
    for _ in iter(monitor.poll, None):
        print(time.monotonic(), flush=True)


def _look() -> object:
    from tokenmgr.usb.detect import look

    return look(lambda _usb_id: True)


def _again() -> Callable[[], object]:
    from tokenmgr.usb.detect import look

    known = look(lambda _usb_id: True).devices
    return lambda: look(lambda _usb_id: True, known)


def _find() -> object:
    import libusb_package
    import usb.core

    return list(usb.core.find(find_all=True, backend=libusb_package.get_libusb1_backend()))


def _read() -> object:
    """Of what may be read: a hub gives pyusb no strings."""
    import libusb_package
    import usb.core

    found = usb.core.find(find_all=True, backend=libusb_package.get_libusb1_backend())
    return [(one.serial_number, one.manufacturer, one.product) for one in found if one.bDeviceClass != HUB]


LOOKS: dict[str, Callable[[], object]] = {"look": _look, "again": lambda: _again()(), "find": _find, "read": _read}


def main(what: str) -> None:
    if what == "peer":
        _bare_monitor()
    elif what.startswith("cold-"):
        started = time.perf_counter()
        LOOKS[what.removeprefix("cold-")]()
        print((time.perf_counter() - started) * 1e6)
    elif what == "looks":
        acts = {**LOOKS, "again": _again()}
        for line in sys.stdin:
            print(*timed(acts[line.strip()], ROUNDS), flush=True)
    else:
        _watch(what)


if __name__ == "__main__":
    main(sys.argv[1])
