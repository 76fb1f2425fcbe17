"""The process that owns a made-up bus (usb_bus.py). It is started with umockdev's library in front of libc.

It says where the made-up /sys and /dev lie; then it answers each line with the moment at which it was obeyed:
`add DESCRIPTION ADDRESS [RECORDING]` and `remove PATH`, parted by tabs.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from pathlib import Path
from typing import Any

from tokenmgr import system

UNAVAILABLE = 69  # how it leaves where umockdev is not installed (EX_UNAVAILABLE of sysexits.h)
PRELOAD = "libumockdev-preload.so.0"
POINTER = ctypes.c_void_p
SIGNATURES: dict[str, tuple[list[Any], Any]] = {
    "umockdev_testbed_new": ([], POINTER),
    "umockdev_testbed_get_root_dir": ([POINTER], ctypes.c_char_p),
    "umockdev_testbed_add_from_string": ([POINTER, ctypes.c_char_p, POINTER], ctypes.c_int),
    "umockdev_testbed_attach_ioctl": ([POINTER, ctypes.c_char_p, POINTER, POINTER], ctypes.c_int),
    "umockdev_testbed_detach_ioctl": ([POINTER, ctypes.c_char_p, POINTER], ctypes.c_int),
    "umockdev_testbed_uevent": ([POINTER, ctypes.c_char_p, ctypes.c_char_p], None),
    "umockdev_testbed_remove_device": ([POINTER, ctypes.c_char_p], None),
    "umockdev_ioctl_usb_pcap_handler_new": ([ctypes.c_char_p, ctypes.c_int, ctypes.c_int], POINTER),
    "g_object_unref": ([POINTER], None),
}


class Testbed:
    def __init__(self, library: ctypes.CDLL) -> None:
        self._calls: dict[str, Any] = {}
        for name, (takes, gives) in SIGNATURES.items():
            self._calls[name] = call = library[name]
            call.argtypes, call.restype = takes, gives
        self._testbed = self._calls["umockdev_testbed_new"]()
        self._answering: set[bytes] = set()
        self.root = self._ask("get_root_dir").decode()

    def add(self, description: str, address: str, recording: str = "") -> None:
        """umockdev tells of a device as it adds it. By then the device must know its answers: a program that opens it
        while they are being put in place dies of it. For the same reason a device that has gone keeps its answers until
        another has its address. (load_pcap, which is made for this, keeps the first one's for ever.)"""
        node = f"/dev/bus/usb/001/{int(address):03}".encode()
        if node in self._answering:
            self._answering.remove(node)
            self._ask("detach_ioctl", node, None)
        if recording:
            answers = self._calls["umockdev_ioctl_usb_pcap_handler_new"](recording.encode(), 1, int(address))
            self._ask("attach_ioctl", node, answers, None)
            self._calls["g_object_unref"](answers)  # it is the testbed's now
            self._answering.add(node)
        if not self._ask("add_from_string", Path(description).read_bytes(), None):
            raise ValueError(f"umockdev does not take {description}")

    def remove(self, path: str) -> None:
        """In this order: it tells only of what is there."""
        self._ask("uevent", path.encode(), b"remove")
        self._ask("remove_device", path.encode())

    def _ask(self, name: str, *arguments: Any) -> Any:
        return self._calls[f"umockdev_testbed_{name}"](self._testbed, *arguments)


def main() -> None:
    system.leave_interrupts_to_parent()
    try:
        ctypes.CDLL(PRELOAD)  # a system starts a program without it where it is not there
        library = ctypes.CDLL("libumockdev.so.0")
    except OSError:
        sys.exit(UNAVAILABLE)
    os.umask(0)  # its sockets are for every program on the bus: one that cannot connect to them dies of it
    testbed = Testbed(library)
    _say(testbed.root)
    for line in sys.stdin:
        verb, *arguments = line.rstrip("\n").split("\t")
        moment = time.monotonic()
        act = testbed.add if verb == "add" else testbed.remove
        act(*arguments)
        _say(moment)


def _say(answer: object) -> None:
    sys.stdout.write(f"{answer}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
