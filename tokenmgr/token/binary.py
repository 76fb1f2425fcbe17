"""For which processor a library was made, by the first bytes of its file: why it does not load, in words."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

_ELF = {0x03: "x86", 0x3E: "x86_64", 0x28: "arm", 0xB7: "arm64"}  # ELF gABI, e_machine
_PE = {0x014C: "x86", 0x8664: "x86_64", 0x01C4: "arm", 0xAA64: "arm64"}  # PE/COFF, Machine
_MACH_O = {0x00000007: "x86", 0x01000007: "x86_64", 0x0100000C: "arm64"}  # mach/machine.h, cputype
_SAME = {"amd64": "x86_64", "aarch64": "arm64", "i386": "x86", "i686": "x86"}
HEAD = 4096  # bytes, more than any header's


def this_processor() -> str:
    name = platform.machine().lower()
    name = _SAME.get(name, name)
    return "x86" if name == "x86_64" and sys.maxsize < 2**32 else name  # a 32-bit Python on a 64-bit system


def foreign(path: str) -> tuple[str, ...]:
    """The processors that it was made for, where this one is not among them; nothing where it is, or is no library."""
    try:
        with Path(path).open("rb") as file:
            made_for = processors(file.read(HEAD))
    except OSError:
        return ()
    return () if this_processor() in made_for else made_for


def processors(head: bytes) -> tuple[str, ...]:
    """Names of processors, or of nothing where the bytes begin no library that is known here."""
    if head[:4] == b"\x7fELF" and len(head) >= 20:
        return _named(_ELF, int.from_bytes(head[18:20], "little" if head[5] == 1 else "big"))
    if head[:2] == b"MZ" and len(head) >= 64:
        start = int.from_bytes(head[60:64], "little")
        if head[start : start + 4] == b"PE\0\0":
            return _named(_PE, int.from_bytes(head[start + 4 : start + 6], "little"))
    if head[:4] in (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe"):
        return _named(_MACH_O, int.from_bytes(head[4:8], "little"))
    if (
        head[:4] == b"\xca\xfe\xba\xbe" and int.from_bytes(head[4:8], "big") < 20
    ):  # several in one file; Java's begin so too
        count = int.from_bytes(head[4:8], "big")
        kinds = (int.from_bytes(head[8 + 20 * n : 12 + 20 * n], "big") for n in range(count))
        return tuple(name for kind in kinds for name in _named(_MACH_O, kind))
    return ()


def _named(names: dict[int, str], machine: int) -> tuple[str, ...]:
    return (names.get(machine, hex(machine)),)
