"""openCryptoki's soft token, behind a pkcsslotd of its own.

Its library knows its places by heart. So this process moves into namespaces of its own while the rig is up: what it
starts then meets this openCryptoki, and nobody else does.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.contract.rig import Rig
from tests.contract.services import require, service, until
from tests.token.helpers import run
from tokenmgr import catalogue
from tokenmgr.log import Secret

PIN, SO_PIN = "1234", "87654321"  # the officer's is what a new soft token has
SLOT = 3
PLACES = {
    "/dev/shm": "",  # noqa: S108
    "/etc/opencryptoki": "",
    "/run": "lock/opencryptoki/swtok",
    "/var/lib/opencryptoki": "swtok/TOK_OBJ",
    "/var/log": "opencryptoki",
}
CLONE_FS, CLONE_NEWNS, CLONE_NEWIPC = 0x200, 0x20000, 0x8000000


@contextmanager
def running(folder: Path) -> Iterator[Rig]:
    library = catalogue.library(catalogue.shipped().family("opencryptoki"))
    require("pkcsslotd", library or "the library of opencryptoki", root=True)
    assert library is not None
    with _namespaces():
        _furnish(folder)
        with service("pkcsslotd", "-f", log=folder / "log") as daemon:
            until(Path("/run/pkcsslotd.socket").exists, daemon)
            rig = Rig("opencryptoki", library, dict(os.environ), PIN, SO_PIN)
            with rig.library() as opened:
                rig.serial = opened.format("", Secret(SO_PIN), Secret(PIN), "openCryptoki").serial
            yield rig


def _furnish(folder: Path) -> None:
    """Every place that it knows, as if it had just been installed with the soft token and no other."""
    for place, inside in PLACES.items():
        empty = folder / place.strip("/")
        (empty / inside).mkdir(parents=True)
        if folder.is_relative_to(place):  # else whoever is in here would see none of the tests' files
            ours = folder.relative_to(place).parts[0]
            (empty / ours).mkdir()
            run("mount", "--bind", Path(place, ours), empty / ours)
        run("mount", "--rbind", empty, place)
    slots = f"version opencryptoki-3.1\nslot {SLOT}\n{{\nstdll = libpkcs11_sw.so\n}}\n"
    Path("/etc/opencryptoki/opencryptoki.conf").write_text(slots)


@contextmanager
def _namespaces() -> Iterator[None]:
    """Mounts and shared memory of our own, for this thread and what it starts."""
    folder, kinds = Path.cwd(), ("mnt", "ipc")
    outside = [os.open(f"/proc/thread-self/ns/{kind}", os.O_RDONLY) for kind in kinds]
    root = os.open("/", os.O_RDONLY)
    try:
        _system("unshare", CLONE_NEWNS | CLONE_NEWIPC)
        try:
            run("mount", "--make-rprivate", "/")
            yield
        finally:
            _system("unshare", CLONE_FS)  # from the threads begun meanwhile: who shares a working folder may not move
            for namespace in outside:
                _system("setns", namespace, 0)
            os.fchdir(root)  # to go back was to go to the namespace's own root; ours may be a folder in it
            os.chroot(".")
            os.chdir(folder)
    finally:
        for descriptor in (*outside, root):
            os.close(descriptor)


def _system(call: str, *arguments: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, call)(*arguments):
        raise OSError(ctypes.get_errno(), call)
