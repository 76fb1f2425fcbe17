"""The process that owns a made-up bus (mock_bus.py). It is started with umockdev's library in front of libc.

It says where the made-up /sys and /dev lie; then it answers each line with the moment at which it was obeyed:
`add DESCRIPTION [ADDRESS RECORDING]` and `remove PATH`, parted by tabs.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from pathlib import Path
from typing import Any

SIGNATURES: dict[str, tuple[list[Any], Any]] = {
    "new": ([], ctypes.c_void_p),
    "get_root_dir": ([ctypes.c_void_p], ctypes.c_char_p),
    "add_from_string": ([ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p], ctypes.c_int),
    "load_pcap": ([ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p], ctypes.c_int),
    "uevent": ([ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p], None),
    "remove_device": ([ctypes.c_void_p, ctypes.c_char_p], None),
}


class Testbed:
    def __init__(self) -> None:
        library = ctypes.CDLL("libumockdev.so.0")
        self._calls: dict[str, Any] = {}
        for name, (takes, gives) in SIGNATURES.items():
            self._calls[name] = call = library[f"umockdev_testbed_{name}"]
            call.argtypes, call.restype = takes, gives
        self._testbed = self._calls["new"]()
        self.root = self._ask("get_root_dir").decode()

    def add(self, description: str, address: str = "", recording: str = "") -> None:
        """umockdev tells of a device as it adds it. By then the device must know its answers: a program that opens it
        while they are being put in place dies of it. So they are loaded for a place that only looks like a device."""
        if recording:
            place = Path(self.root, "learning", address)
            place.mkdir(parents=True)
            (place / "busnum").write_text("1")
            (place / "devnum").write_text(address)
            if not self._ask("load_pcap", f"/learning/{address}".encode(), recording.encode(), None):
                raise ValueError(f"umockdev does not take {recording}")
        if not self._ask("add_from_string", Path(description).read_bytes(), None):
            raise ValueError(f"umockdev does not take {description}")

    def remove(self, path: str) -> None:
        """In this order: it tells only of what is there."""
        self._ask("uevent", path.encode(), b"remove")
        self._ask("remove_device", path.encode())

    def _ask(self, name: str, *arguments: Any) -> Any:
        return self._calls[name](self._testbed, *arguments)


def main() -> None:
    os.umask(0)  # its sockets are for every program on the bus: one that cannot connect to them dies of it
    testbed = Testbed()
    print(testbed.root, flush=True)
    for line in sys.stdin:
        verb, *arguments = line.rstrip("\n").split("\t")
        moment = time.monotonic()
        act = testbed.add if verb == "add" else testbed.remove
        act(*arguments)
        print(moment, flush=True)


if __name__ == "__main__":
    main()
