"""Simulated media by the hundred: one blank one is made, and its folder is copied."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tokenmgr.testbed import layer
from tokenmgr.testbed.simulated import SimulatedMedium

PIN = "correct-horse-7"


class Stock:
    def __init__(self, folder: Path, store: Path) -> None:
        self._layer = layer.built(store)
        self.blank = SimulatedMedium(folder / "blank", os.environ)
        self.serial = self.blank.create("Shinkin IB", PIN).serial

    def new(self, folder: Path) -> SimulatedMedium:
        made = SimulatedMedium(folder, os.environ)
        made.prepare()
        shutil.copytree(self.blank.tokens, made.tokens, dirs_exist_ok=True)
        made.put_layer(self._layer).set_text("serial", self.serial)
        return made
