"""SoftHSM, in a folder of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.contract.rig import Rig
from tokenmgr.testbed.simulated import PIN, SO_PIN, SimulatedMedium, softhsm


@contextmanager
def running(folder: Path) -> Iterator[Rig]:
    medium = SimulatedMedium(folder / "medium", os.environ)
    serial = medium.create().serial
    environment = {**os.environ, "SOFTHSM2_CONF": str(medium.configuration)}
    yield Rig("softhsm", softhsm(), environment, PIN, SO_PIN, serial=serial, hand=medium)
