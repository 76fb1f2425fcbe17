"""Where a key ceremony works until all of it is done: `ca.making-…` beside the CA's folder, which it becomes at once.

One ceremony at a time, by a lock that ends with its process; so every such folder that whoever has the lock finds was
left by one that was killed. What it has put on a token that is not its own it has written down before: `ceremony.json`
names the library, the token and the key IDs, and those keys are destroyed, and no others.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tokenmgr import system
from tokenmgr.ca.folder import write_whole
from tokenmgr.errors import AuthorityExists, CeremonyBusy

RECORD = "ceremony.json"


@dataclass(frozen=True)
class Record:
    """`library` and `serial` of somebody else's token, empty where the keys are in the folder itself."""

    library: str
    serial: str
    keys: tuple[str, ...]  # CKA_IDs, chosen at random before there was any key of them


@dataclass(frozen=True)
class Leftover:
    """Of a ceremony that was cut short."""

    folder: Path
    record: Record | None

    @property
    def is_elsewhere(self) -> bool:
        return self.record is not None and bool(self.record.library)


@contextlib.contextmanager
def alone(target: Path) -> Iterator[None]:
    """While a CA is made at `target`. AuthorityExists where there is one, CeremonyBusy while another is being made."""
    system.private_folder(target.parent)
    try:
        lock = system.hold(target.with_name(f"{target.name}.lock"))
    except OSError as error:
        raise CeremonyBusy(folder=str(target)) from error
    with lock:
        if target.exists():
            raise AuthorityExists(folder=str(target))
        yield


def leftovers(target: Path) -> list[Leftover]:
    """Only for whoever is alone."""
    found = sorted(target.parent.glob(f"{target.name}.making-*"))
    return [Leftover(folder, read_record(folder)) for folder in found]


def create(target: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=target.parent, prefix=f"{target.name}.making-"))


def write_record(folder: Path, record: Record) -> None:
    """On the disk, and the folder's own entry with it, before the first key is made."""
    write_whole(folder / RECORD, json.dumps(asdict(record), indent=2))
    system.sync_folder(folder)
    system.sync_folder(folder.parent)


def read_record(folder: Path) -> Record | None:
    """None where the ceremony had not come so far: it is written whole, before any key."""
    try:
        told = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return Record(told["library"], told["serial"], tuple(told["keys"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def clean(leftover: Leftover, destroy: Callable[[bytes], bool]) -> int:
    """The keys first, by the IDs that were written down; then the folder. How many keys there were."""
    destroyed = 0
    if leftover.is_elsewhere and leftover.record is not None:
        destroyed = sum(destroy(bytes.fromhex(key)) for key in leftover.record.keys)
    shutil.rmtree(leftover.folder, ignore_errors=True)  # its library may still be on its way out
    if leftover.folder.exists():
        shutil.rmtree(leftover.folder)
    return destroyed


def settle(folder: Path, target: Path) -> None:
    """From now on it is the CA's folder: one rename, after everything in it is on the disk."""
    (folder / RECORD).unlink()
    for place, _folders, files in os.walk(folder):
        for name in files:
            with (Path(place) / name).open("rb") as file:
                os.fsync(file.fileno())
        system.sync_folder(Path(place))
    folder.rename(target)
    system.sync_folder(target.parent)
