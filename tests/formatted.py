"""A simulated medium that SoftHSM has initialised once, and that everybody gets a copy of: same label, same number."""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from pathlib import Path

from tokenmgr.testbed.simulated import SimulatedMedium


def medium(folder: Path, label: str = "Shinkin IB") -> tuple[SimulatedMedium, str]:
    """And its number."""
    first, serial = _first(label)
    made = SimulatedMedium(folder, os.environ)
    made.prepare()
    shutil.copytree(first, made.tokens, dirs_exist_ok=True)
    return made, serial


@functools.cache
def _first(label: str) -> tuple[Path, str]:
    made = SimulatedMedium(Path(_folder().name) / label, os.environ)
    serial = made.create(label).serial
    return made.tokens, serial


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Of this process; it goes with it."""
    return tempfile.TemporaryDirectory(prefix="tokenmgr-formatted-")
