"""Where the files of tests are: in memory, where there is room. They kill processes and never cut the power, so that
what a disk is asked to keep for good costs its time and shows nothing. Benchmarks stay on the disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

MEMORY, ROOM = Path("/dev/shm"), 3 << 30  # noqa: S108  folders of its own are made in it


def place() -> str | None:
    """None: where this computer has its temporary files. Tests start programs and load libraries that they make."""
    if not MEMORY.is_dir() or os.statvfs(MEMORY).f_flag & os.ST_NOEXEC or shutil.disk_usage(MEMORY).free < ROOM:
        return None
    return str(MEMORY)
