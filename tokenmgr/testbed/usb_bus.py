"""A USB bus that is made up: programs started on it see a controller and the sticks that are plugged into it.

umockdev does it, on Linux: a library in front of libc that shows a program another /sys and /dev, answers its USB
requests from a recording, and delivers udev's events. A process of its own (usb_driver.py) owns that world.

    stick = Stick(0x096E, 0x0807, "EnterSafe", "ePass2003", "0123")
    with UsbBus(settings.environment, stick) as bus:
        subprocess.run(["tokenmgr", "media"], env=bus.environment)
        bus.unplug(stick)
"""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from types import TracebackType
from typing import IO, Self, cast

from tokenmgr import system
from tokenmgr.testbed.usb_bytes import configuration, device_descriptor, recording
from tokenmgr.testbed.usb_driver import PRELOAD, UNAVAILABLE

CONTROLLER = "/devices/pci0000:00/0000:00:14.0/usb1"
HUB = 0x09
SMART_CARD = 0x0B
VENDOR_SPECIFIC = 0xFF
ADDRESSES = range(2, 128)  # 1 is the controller's


class UsbBusUnavailable(Exception):
    """This computer cannot make a bus up. Nothing has been started."""

    def __init__(self) -> None:
        super().__init__("a made-up USB bus needs Linux and umockdev (Debian: umockdev libumockdev0)")


class UsbBusBroken(Exception):
    """The process that owns the bus has ended by itself; this bus cannot be used again."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"the made-up USB bus has broken down ({status}): {said}")


@dataclass(frozen=True)
class Stick:
    """`port` is the way from the controller: "2", or "1.4" behind a hub, which is plugged in with it."""

    vendor: int
    product: int
    maker: str = ""
    name: str = ""
    serial: str = ""
    port: str = "2"
    smart_card: bool = True
    answers: bool = True  # to those who ask it over USB; else the request fails
    silent: bool = False  # it takes requests and never answers
    kept: bool = True  # the kernel has read its strings and shows them in /sys
    forbidden: bool = False  # nobody but root may open it

    @property
    def strings(self) -> tuple[str, str, str]:
        return self.maker, self.name, self.serial


class UsbBus:
    """Bus number 1. Every plugging takes a new address, as the kernel gives them out. Threads may share it."""

    def __init__(self, environment: Mapping[str, str], *sticks: Stick) -> None:
        self._given = environment
        self._sticks = sticks
        self._addresses: dict[str, int] = {}  # by port
        self._last = 1
        self._lock = threading.RLock()

    def __enter__(self) -> Self:
        if system.NAME != "linux":
            raise UsbBusUnavailable
        # A short name: sockets lie in it. And not below /dev, where umockdev takes every file for a device.
        below = None if not gettempdir().startswith("/dev/") else "/tmp"  # noqa: S108  a folder of its own is made in it
        self._files = TemporaryDirectory(prefix="bus-", dir=below, ignore_cleanup_errors=True)
        self._said = Path(self._files.name) / "driver.log"
        with self._said.open("w") as said:
            self._driver = subprocess.Popen(
                [sys.executable, "-P", "-m", "tokenmgr.testbed.usb_driver"],
                env={**self._given, "TMPDIR": self._files.name, "LD_PRELOAD": PRELOAD},
                text=True, encoding="utf-8", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said,
            )  # fmt: skip
        try:
            self._begin()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._end()

    def _begin(self) -> None:
        self.root = Path(self._answer())
        self._add(
            CONTROLLER, 1, device_descriptor(0x1D6B, 2, HUB), configuration(HUB), ("Linux", "xHCI", "0000:00:14.0")
        )
        for stick in self._sticks:
            self.plug(stick)

    def _end(self) -> None:
        with self._driver, contextlib.suppress(OSError):  # it may be gone before
            cast(IO[str], self._driver.stdin).close()  # its end of the conversation: it leaves by itself
        self._files.cleanup()

    @property
    def environment(self) -> dict[str, str]:
        """What makes a program see this bus."""
        return {**self._given, "LD_PRELOAD": PRELOAD, "UMOCKDEV_DIR": str(self.root)}

    def plug(self, stick: Stick) -> float:
        """Returns the moment just before the system tells of it, as time.monotonic() of every process has it."""
        *ways, _ = stick.port.split(".")
        interface = SMART_CARD if stick.smart_card else VENDOR_SPECIFIC
        descriptor = device_descriptor(stick.vendor, stick.product, 0, stick.strings)
        kept = stick.strings if stick.kept else ("", "", "")
        with self._lock:
            for depth in range(1, len(ways) + 1):
                hub = ".".join(ways[:depth])
                if hub not in self._addresses:
                    self._plug(hub, device_descriptor(0x0BDA, 0x5411, HUB), configuration(HUB), ("", "", ""))
            answers = (() if stick.silent else stick.strings) if stick.answers else None
            moment = self._plug(stick.port, descriptor, configuration(interface), kept, answers)
            if stick.forbidden:
                self.node(stick).chmod(0)
        return moment

    def unplug(self, stick: Stick) -> float:
        """The moment, as with plug."""
        with self._lock:
            node = self.node(stick)
            node.unlink()  # umockdev would leave it, and go on answering
            node.mkdir()  # which cannot be opened; where nothing is, the real device of that number would be
            del self._addresses[stick.port]
            return float(self._ask("remove", f"/sys{self._path(stick.port)}"))

    @property
    def ports(self) -> list[str]:
        """Where something is plugged in, hubs among them."""
        with self._lock:
            return sorted(self._addresses)

    def address(self, stick: Stick) -> int:
        return self._addresses[stick.port]

    def node(self, stick: Stick) -> Path:
        """The file that a program opens to talk to it."""
        return self._node(self._addresses[stick.port])

    def _node(self, address: int) -> Path:
        return self.root / f"dev/bus/usb/001/{address:03}"

    def _plug(
        self,
        port: str,
        descriptor: bytes,
        configured: bytes,
        kept: tuple[str, str, str],
        answers: tuple[str, ...] | None = None,
    ) -> float:
        if port in self._addresses:
            raise ValueError(f"port {port} is taken")
        address = self._next_address()
        answered = b"" if answers is None else recording(1, address, answers)
        if self._node(address).is_dir():  # what had this address long ago has been pulled
            self._node(address).rmdir()
        self._addresses[port], self._last = address, address
        return self._add(self._path(port), address, descriptor, configured, kept, answered)

    def _next_address(self) -> int:
        """As the kernel does it: the one after the last, and from the beginning after 127."""
        used = set(self._addresses.values())
        for address in itertools.chain(range(self._last + 1, ADDRESSES.stop), range(ADDRESSES.start, self._last + 1)):
            if address not in used:
                return address
        raise ValueError("a USB bus has no more than 127 devices")

    def _path(self, port: str) -> str:
        ways = port.split(".")
        return CONTROLLER + "".join(f"/1-{'.'.join(ways[: depth + 1])}" for depth in range(len(ways)))

    def _add(
        self,
        path: str,
        address: int,
        descriptor: bytes,
        configured: bytes,
        kept: tuple[str, str, str],
        answered: bytes = b"",
    ) -> float:
        description = Path(self._files.name) / f"{address}.umockdev"
        description.write_text(_description(path, address, descriptor, configured, kept), encoding="utf-8")
        recorded = description.with_suffix(".pcap")
        if not answered:
            return float(self._ask("add", description, address))
        recorded.write_bytes(answered)
        return float(self._ask("add", description, address, recorded))

    def _ask(self, *words: object) -> str:
        with self._lock:
            questions = cast(IO[str], self._driver.stdin)
            with contextlib.suppress(OSError):  # nobody listens: then there is no answer either
                questions.write("\t".join(map(str, words)) + "\n")
                questions.flush()
            return self._answer()

    def _answer(self) -> str:
        if answer := cast(IO[str], self._driver.stdout).readline().strip():
            return answer
        if self._driver.wait() == UNAVAILABLE:
            raise UsbBusUnavailable
        raise UsbBusBroken(self._driver.returncode, self._said.read_text(encoding="utf-8", errors="replace").strip())


def _description(path: str, address: int, descriptor: bytes, configured: bytes, kept: tuple[str, str, str]) -> str:
    """One device in umockdev's language: P path, N node, E udev's properties, A files in /sys, H the same in binary."""
    whole = (descriptor + configured).hex().upper()
    vendor, product = (int.from_bytes(descriptor[at : at + 2], "little") for at in (8, 10))
    node = f"bus/usb/001/{address:03}"
    properties = {
        "DEVNAME": f"/dev/{node}",
        "DEVTYPE": "usb_device",
        "DRIVER": "usb",
        "PRODUCT": f"{vendor:x}/{product:x}/100",
        "TYPE": f"{descriptor[4]}/0/0",
        "BUSNUM": "001",
        "DEVNUM": f"{address:03}",
        "MAJOR": "189",
        "MINOR": str(address - 1),
        "SUBSYSTEM": "usb",
        "ID_VENDOR_ID": f"{vendor:04x}",
        "ID_MODEL_ID": f"{product:04x}",
    }
    files = {
        "busnum": "1",
        "devnum": str(address),
        "bConfigurationValue": "1",
        "bDeviceClass": f"{descriptor[4]:02x}",
        "bDeviceSubClass": "00",
        "bDeviceProtocol": "00",
        "bNumConfigurations": "1",
        "bNumInterfaces": " 1",
        "idVendor": f"{vendor:04x}",
        "idProduct": f"{product:04x}",
        "speed": "12",
        "version": " 2.00",
        **{name: text for name, text in zip(("manufacturer", "product", "serial"), kept, strict=True) if text},
    }
    lines = [
        f"P: {path}",
        f"N: {node}={whole}",
        *(f"E: {name}={value}" for name, value in properties.items()),
        *(f"A: {name}={value}\\n" for name, value in files.items()),
        f"H: descriptors={whole}",
    ]
    return "\n".join(lines) + "\n"
