"""An installation's files: written new, through nobody's link, and with the owner of what they replace. And whether
anybody but the administrator can change what is installed for everybody."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tokenmgr import system
from tokenmgr.errors import ModuleUnfit

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True)
class Access:
    """Whose a file is, and who may do what with it."""

    mode: int
    owner: int | None = None  # None: whoever writes it; Windows' files have no such numbers
    group: int | None = None

    @property
    def is_everybodys(self) -> bool:
        return bool(self.mode & 0o004)

    @staticmethod
    def of(path: Path) -> Access:
        seen = path.stat()
        return Access(seen.st_mode & 0o7777, seen.st_uid, seen.st_gid)


def write_new(path: Path, data: bytes, access: Access) -> None:
    """On the disk, before anybody else may read it; what a killed writer has left there goes."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, _NEW, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        _give(path, access)
        os.fsync(file.fileno())


def _give(path: Path, access: Access) -> None:
    made = path.stat()
    owner = made.st_uid if access.owner is None else access.owner
    group = made.st_gid if access.group is None else access.group
    if (owner, group) != (made.st_uid, made.st_gid) and sys.platform != "win32":
        os.chown(path, owner, group)
    path.chmod(access.mode)  # last: a file that is given away loses the bits that run it as its owner


# --- of a whole machine ---


def require_administrators(path: Path) -> None:
    if found := untrusted(path):
        raise ModuleUnfit(library=str(found[0]), reason=found[1])


def untrusted(path: Path) -> tuple[Path, str] | None:
    """What others can change of it, and why: the file or folder itself, or what is on the way to it."""
    for one in _way(path.absolute()):
        if reason := system.distrust(one, leads_on=True):
            return one, reason
    reason = system.distrust(path)
    return (path, reason) if reason else None


def _way(path: Path) -> Iterator[Path]:
    """From the root on, wherever links lead."""
    for one in (*reversed(path.parents), path):
        yield one
        if one.is_symlink():
            yield from _way(one.parent / one.readlink())
