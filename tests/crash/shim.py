"""shim.c from Python's side: which call to a disk does what; and how many there were."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from tokenmgr.testbed import compiling

KINDS = ("write", "sync", "rename")  # the last: an unlink and a truncation, too
ACTIONS = ("nothing", "kill-before", "kill-within", "kill-after", "full", "partly-full", "fails", "crash")
_SIZE = 8 * 8
_KIND, _AT, _ACTION, _HITS = range(3, 7)


class Disk:
    """Under those files of a program whose path has one of `parts` in it."""

    def __init__(self, page: Path, parts: Sequence[str], store: Path) -> None:
        page.write_bytes(bytes(_SIZE))
        with page.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), _SIZE)
        source = (Path(__file__).parent / "shim.c").read_text(encoding="utf-8")
        self.library = compiling.built("shim", source, store)
        self.told = ";".join(f"{part}={page}" for part in parts)

    @property
    def environment(self) -> Mapping[str, str]:
        return beneath(self)

    def arm(self, kind: str = "write", at: int = 0, action: str = "nothing") -> None:
        """Calls are counted from now on."""
        self._put(_ACTION, 0)
        for place, value in enumerate((0, 0, 0, KINDS.index(kind), at)):
            self._put(place, value)
        self._put(_HITS, 0)
        self._put(_ACTION, ACTIONS.index(action))

    def disarm(self) -> None:
        """What has been counted stays."""
        self._put(_ACTION, 0)

    @property
    def counted(self) -> dict[str, int]:
        return {kind: self._read(place) for place, kind in enumerate(KINDS)}

    @property
    def hits(self) -> int:
        return self._read(_HITS)

    def _read(self, place: int) -> int:
        (value,) = struct.unpack_from("Q", self._page, 8 * place)
        return int(value)

    def _put(self, place: int, value: int) -> None:
        struct.pack_into("Q", self._page, 8 * place, value)


def beneath(*disks: Disk) -> Mapping[str, str]:
    """Of a program that has all of them."""
    return {"LD_PRELOAD": str(disks[0].library), "CRASH_DISKS": ";".join(disk.told for disk in disks)}
