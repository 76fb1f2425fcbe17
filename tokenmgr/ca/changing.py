"""A change of a CA that is there: one at a time, and done at one moment, when ca.toml is written anew.

Before it new keys and new files are named by nobody; after it those are that it replaces. A change writes down the keys
that it is about, as a ceremony does (staging.RECORD), before it touches any. Killed at any moment it leaves the CA as
it was or as it is to be, and the next change removes what ca.toml does not name: keys of the record, certificates.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from tokenmgr import system
from tokenmgr.ca import staging
from tokenmgr.ca.folder import ABOUT, CaFolder, open_folder, write_whole
from tokenmgr.errors import CeremonyBusy

LOCK = "change.lock"
_CERTIFICATES = re.compile(r"(root|issuing|cmp|ocsp)(-\d+)?(-by-\d+)?(\.\d+)?\.pem")
_HALF_WRITTEN = re.compile(rf"({_CERTIFICATES.pattern}|{re.escape(ABOUT)}|{re.escape(staging.RECORD)})\.\d+\.new")


@contextlib.contextmanager
def alone(path: Path) -> Iterator[CaFolder]:
    """The CA as it is, and stays but for whoever has this. CeremonyBusy while another has it."""
    open_folder(path)
    try:
        lock = system.hold(path / LOCK)
    except OSError as error:
        raise CeremonyBusy(folder=str(path)) from error
    with lock:
        yield open_folder(path)


def tidy(folder: CaFolder, destroy: Callable[[bytes], bool]) -> int:
    """Keys of the record that are not the CA's, then the record; how many there were. Only for whoever is alone."""
    destroyed = 0
    if staging.read_record(folder.path) is not None:
        destroyed = sum(map(destroy, idle_keys(folder)))
        (folder.path / staging.RECORD).unlink()
    tidy_files(folder)
    return destroyed


def idle_keys(folder: CaFolder) -> list[bytes]:
    """Those that a killed change may have left on the token, and that are not the CA's."""
    record = staging.read_record(folder.path)
    return [key for key in map(bytes.fromhex, record.keys if record else ()) if key not in folder.about.key_ids]


def keep_record(folder: CaFolder) -> None:
    """Of keys on a token that is away, under its name too: whoever finds it again knows which they are."""
    record = (folder.path / staging.RECORD).read_text(encoding="utf-8")
    write_whole(folder.path / f"ceremony-{folder.about.serial}.json", record)


def tidy_files(folder: CaFolder) -> None:
    """At the beginning of a change only: whoever has just read the ca.toml before still wants what that names."""
    for file in folder.path.iterdir():
        old = _CERTIFICATES.fullmatch(file.name) and file.name not in folder.about.files
        if old or _HALF_WRITTEN.fullmatch(file.name):
            file.unlink()
