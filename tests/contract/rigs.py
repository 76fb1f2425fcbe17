"""Tokens of several makes, each started for real: fresh, formatted, and private to whoever started it.

    with rigs.start("tpm", folder) as rig, rig.library() as library:
        ...

What a rig starts is a child of this process, is ended by its process id, and dies with this process however that ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.contract import nss, opencryptoki, piv, softhsm, tpm
from tests.contract.rig import Rig

_KINDS = {
    "softhsm": softhsm.running,
    "opencryptoki": opencryptoki.running,
    "nss": nss.running,
    "tpm": tpm.running,
    "yubikey": piv.by_yubico,
    "opensc": piv.by_opensc,
}
NAMES = tuple(_KINDS)
LONGEST_FOLDER = 108 - len("/run/pcscd.comm")  # sockaddr_un.sun_path, its NUL included


@contextmanager
def start(name: str, folder: Path) -> Iterator[Rig]:
    """`name` is the file in drivers/ that is about this token."""
    assert len(str(folder)) < LONGEST_FOLDER, "too long a name for the sockets in it"
    folder.mkdir(parents=True, exist_ok=True)
    with _KINDS[name](folder) as rig:
        yield rig
