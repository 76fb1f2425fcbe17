"""A USB bus that is made up: programs started on it see a controller and the sticks that are plugged into it.

umockdev does it: a library in front of libc that shows a program another /sys and /dev, answers its USB requests from
a recording, and delivers udev's events. A process of its own (bus_driver.py) owns that world; the test plugs and pulls:

    stick = Stick(0x096E, 0x0807, "EnterSafe", "ePass2003", "0123")
    with MockBus(stick) as bus:
        bus.run(["tokenmgr", "media"])
        bus.unplug(stick)
"""

from __future__ import annotations

import functools
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import IO, Any, Self, cast

from tests.usb.descriptors import configuration, device_descriptor, recording

PRELOAD = "libumockdev-preload.so.0"
CONTROLLER = "/devices/pci0000:00/0000:00:14.0/usb1"
STAGE = Path(__file__).parents[2]  # what the driver and the programs of this folder are imported from
HUB = 0x09
SMART_CARD = 0x0B
VENDOR_SPECIFIC = 0xFF
BOUND = 60.0  # seconds: only what never happens takes so long


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


class Program:
    """One that goes on while the test does something. What it says on standard error goes to the test's."""

    def __init__(self, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, env=environment, cwd=STAGE, text=True, stdin=pipe, stdout=pipe)
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def line(self) -> str:
        """The next one that it says, which may take it a while."""
        if (line := self._lines.get(timeout=BOUND)) is None:
            raise EOFError("it has ended")
        return line

    def say(self, line: str) -> None:
        given = cast(IO[str], self._process.stdin)
        given.write(line + "\n")
        given.flush()

    def end(self) -> list[str]:
        """Closes its standard input, waits for it to leave by itself, and returns what it still said."""
        cast(IO[str], self._process.stdin).close()
        rest = list(iter(functools.partial(self._lines.get, timeout=BOUND), None))
        if self._process.wait(BOUND):
            raise RuntimeError(f"it left with {self._process.returncode}")
        return rest

    def kill(self) -> None:
        """Does nothing to one that has ended."""
        with self._process:
            self._process.kill()
            self._reader.join()

    def _read(self) -> None:
        for line in cast(IO[str], self._process.stdout):
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)


class MockBus:
    """Bus number 1. Every plugging takes a new address, as the kernel gives them out."""

    def __init__(self, *sticks: Stick) -> None:
        self._sticks = sticks
        self._addresses: dict[str, int] = {}  # by port
        self._next = 2
        self._files = TemporaryDirectory(prefix="bus-", ignore_cleanup_errors=True)  # a short name: sockets lie in it
        self._programs: list[Program] = []

    def __enter__(self) -> Self:
        environment = {**os.environ, "TMPDIR": self._files.name, "LD_PRELOAD": PRELOAD}
        self._driver = subprocess.Popen(
            [sys.executable, "-m", "tests.usb.bus_driver"],
            env=environment, cwd=STAGE, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.root = Path(self._answer())
        for folder in (Path(self._files.name), self.root):
            folder.chmod(0o777)  # programs that gave up root's rights live on this bus too
        self._add(
            CONTROLLER, 1, device_descriptor(0x1D6B, 2, HUB), configuration(HUB), ("Linux", "xHCI", "0000:00:14.0")
        )
        for stick in self._sticks:
            self.plug(stick)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for program in self._programs:
            program.kill()
        with self._driver:
            cast(IO[str], self._driver.stdin).close()  # its end of the conversation: it leaves by itself
        self._files.cleanup()

    @property
    def environment(self) -> dict[str, str]:
        """What makes a program see this bus."""
        return {**os.environ, "LD_PRELOAD": PRELOAD, "UMOCKDEV_DIR": str(self.root)}

    def run(
        self, command: Sequence[str | Path], environment: Mapping[str, str] | None = None, **how: Any
    ) -> subprocess.CompletedProcess[str]:
        """A program on this bus, to its end. `environment` comes on top."""
        given = {**self.environment, **(environment or {})}
        how = {"cwd": STAGE, "timeout": 120, **how}
        return subprocess.run(command, env=given, text=True, capture_output=True, check=False, **how)

    def start(self, command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Program:
        """A program on this bus that goes on; with the bus it is ended."""
        program = Program(command, {**self.environment, **(environment or {})})
        self._programs.append(program)
        return program

    def plug(self, stick: Stick) -> float:
        """Returns the moment just before the system tells of it, as time.monotonic() of every process has it."""
        *ways, _ = stick.port.split(".")
        for depth in range(1, len(ways) + 1):
            hub = ".".join(ways[:depth])
            if hub not in self._addresses:
                self._plug(hub, device_descriptor(0x0BDA, 0x5411, HUB), configuration(HUB), ("", "", ""))
        interface = SMART_CARD if stick.smart_card else VENDOR_SPECIFIC
        descriptor = device_descriptor(stick.vendor, stick.product, 0, stick.strings)
        kept = stick.strings if stick.kept else ("", "", "")
        answered = recording(1, self._next, () if stick.silent else stick.strings) if stick.answers else b""
        moment = self._plug(stick.port, descriptor, configuration(interface), kept, answered)
        if stick.forbidden:
            self.node(stick).chmod(0)
        return moment

    def unplug(self, stick: Stick) -> float:
        node = self.node(stick)
        node.unlink()  # umockdev would leave it, and go on answering
        node.mkdir()  # which cannot be opened; where nothing is, the real device of that number would be
        del self._addresses[stick.port]
        return float(self._ask("remove", f"/sys{self._path(stick.port)}"))

    @property
    def ports(self) -> list[str]:
        """Where something is plugged in, hubs among them."""
        return sorted(self._addresses)

    def address(self, stick: Stick) -> int:
        return self._addresses[stick.port]

    def node(self, stick: Stick) -> Path:
        """The file that a program opens to talk to it."""
        return self.root / f"dev/bus/usb/001/{self._addresses[stick.port]:03}"

    def _plug(self, port: str, *shown: Any) -> float:
        if port in self._addresses:
            raise ValueError(f"port {port} is taken")
        self._addresses[port] = address = self._next
        self._next += 1
        return self._add(self._path(port), address, *shown)

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
            return float(self._ask("add", description))
        recorded.write_bytes(answered)
        return float(self._ask("add", description, address, recorded))

    def _ask(self, *words: object) -> str:
        questions = cast(IO[str], self._driver.stdin)
        questions.write("\t".join(map(str, words)) + "\n")
        questions.flush()
        return self._answer()

    def _answer(self) -> str:
        answer = cast(IO[str], self._driver.stdout).readline().strip()
        if not answer:
            raise RuntimeError("the made-up bus broke down; it has said why on standard error")
        return answer


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
