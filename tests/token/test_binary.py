"""Why a library does not load: for which processor it was made, read from real and from made-up headers."""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

import pytest

from tokenmgr.errors import LibraryForeign, LibraryUnusable
from tokenmgr.testbed.simulated import softhsm
from tokenmgr.token import binary
from tokenmgr.token.module import Library

ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00"
PE = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0"
FAT = (
    struct.pack(">II", 0xCAFEBABE, 2)
    + struct.pack(">IIIII", 0x01000007, 3, 0, 0, 0)
    + struct.pack(">IIIII", 0x0100000C, 0, 0, 0, 0)
)


@pytest.mark.parametrize(
    ("head", "made_for"),
    [
        (ELF + b"\x03\x00", ("x86",)),
        (ELF + b"\x3e\x00", ("x86_64",)),
        (ELF + b"\xb7\x00", ("arm64",)),
        (b"\x7fELF\x01\x02\x01" + bytes(9) + b"\x00\x03\x00\x28", ("arm",)),
        (ELF + b"\xf3\x00", ("0xf3",)),
        (PE + b"\x4c\x01", ("x86",)),
        (PE + b"\x64\x86", ("x86_64",)),
        (PE + b"\x64\xaa", ("arm64",)),
        (b"\xcf\xfa\xed\xfe\x07\x00\x00\x01", ("x86_64",)),
        (b"\xcf\xfa\xed\xfe\x0c\x00\x00\x01", ("arm64",)),
        (FAT, ("x86_64", "arm64")),
        (struct.pack(">II", 0xCAFEBABE, 61), ()),  # a Java class
        (b"", ()),
        (b"\x7fELF", ()),
        (b"MZ", ()),
        (b"#!/bin/sh\n", ()),
    ],
)
def test_the_processor_is_in_the_header(head: bytes, made_for: tuple[str, ...]) -> None:
    assert binary.processors(head) == made_for


def test_this_computers_own_libraries_are_its_own() -> None:
    assert binary.foreign(softhsm()) == ()
    assert binary.processors(Path(sys.executable).resolve().read_bytes()[: binary.HEAD]) == (binary.this_processor(),)


def test_a_library_for_another_processor_is_said_to_be_one(tmp_path: Path) -> None:
    original = bytearray(Path(softhsm()).read_bytes())
    original[18:20] = b"\xf3\x00"  # RISC-V
    path = tmp_path / "libforeign.so"
    path.write_bytes(original)
    with Library(str(path), os.environ) as library, pytest.raises(LibraryForeign) as raised:
        library.slots()
    assert (raised.value.built_for, raised.value.needed) == (("0xf3",), binary.this_processor())


def test_a_file_that_is_no_library_is_not_called_foreign(tmp_path: Path) -> None:
    path = tmp_path / "libnothing.so"
    path.write_bytes(b"nothing")
    with Library(str(path), os.environ) as library, pytest.raises(LibraryUnusable):
        library.slots()
