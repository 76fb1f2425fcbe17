"""Folders that go with the process that made them, however it ends: what a killed run leaves is known as such.

Each has a mark that its maker holds locked. Making, settling and sweeping are done one at a time, under one lock of the
parent folder; so a mark that nobody holds, or a folder aside without a mark, belongs to nobody who lives.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

from tokenmgr import system

MARK = "alive"
LOCK = ".lock"


class Claim:
    """On one folder, which begins aside, with a name that begins with a dot."""

    def __init__(self, parent: Path, prefix: str) -> None:
        system.private_folder(parent)
        self._parent = parent
        with system.locked(parent / LOCK):
            self.folder = Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
            self._mark: IO[bytes] = system.hold(self.folder / MARK)

    def settle(self, target: Path, alive: bool = False) -> None:
        """It becomes `target`: for good, or for as long as this process lives. OSError where that is there already."""
        with system.locked(self._parent / LOCK):
            if not alive:
                (self.folder / MARK).unlink()
            try:
                self.folder.rename(target)
            except OSError:
                (self.folder / MARK).touch()
                raise
        self.folder = target
        if not alive:
            self._mark.close()

    def drop(self) -> None:
        """Does nothing to a folder that is gone, or has settled for good."""
        if not self._mark.closed:
            with system.locked(self._parent / LOCK):
                shutil.rmtree(self.folder, ignore_errors=True)
            self._mark.close()


@contextlib.contextmanager
def aside(parent: Path, prefix: str) -> Iterator[Claim]:
    """What is not settled at the end is removed."""
    claim = Claim(parent, prefix)
    try:
        yield claim
    finally:
        if claim.folder.name.startswith("."):
            claim.drop()


def discard(folder: Path) -> None:
    """At once for whoever looks for it: its name is free, and a sweep finishes what is cut short."""
    with contextlib.suppress(OSError):
        aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".making-"))
        with contextlib.suppress(OSError):
            folder.rename(aside / folder.name)
        shutil.rmtree(aside, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)  # where it could not be moved


def alone(parent: Path) -> AbstractContextManager[None]:
    """While something is not as a sweep expects it."""
    return system.locked(parent / LOCK)


def sweep(
    parent: Path, remove: Callable[[Path], None], is_broken: Callable[[Path], bool] = lambda _: False
) -> list[str]:
    """Removes what belongs to nobody who lives, and what is broken. Their names."""
    if not parent.is_dir():
        return []
    gone = []
    with alone(parent):
        for folder in sorted(path for path in parent.iterdir() if path.is_dir()):
            aside = folder.name.startswith((".making-", ".shell-"))
            if not (aside or (folder / MARK).exists() or (not folder.name.startswith(".") and is_broken(folder))):
                continue
            try:
                claim = system.hold(folder / MARK)
            except OSError:
                continue  # its maker lives
            with claim:
                remove(folder)
            gone.append(folder.name)
    return gone
