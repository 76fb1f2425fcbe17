"""Simulated media by the hundred: one is made, and its folder is copied."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from tokenmgr.testbed import layer
from tokenmgr.testbed.simulated import SimulatedMedium

PIN = "correct-horse-7"


class Stock:
    def __init__(self, folder: Path, store: Path) -> None:
        self._layer = layer.built(store)
        first = SimulatedMedium(folder / "first", os.environ)
        self.serial = first.create("Shinkin IB", PIN).serial
        self._tokens = first.tokens

    def new(self, folder: Path) -> SimulatedMedium:
        made = SimulatedMedium(folder, os.environ)
        made.prepare()
        shutil.copytree(self._tokens, made.tokens, dirs_exist_ok=True)
        made.put_layer(self._layer).set_text("serial", self.serial)
        return made

    def take(self, medium: SimulatedMedium) -> None:
        """From now on they all are as this one is now."""
        shutil.rmtree(self._tokens)
        shutil.copytree(medium.tokens, self._tokens)


def remove_certificates(medium: SimulatedMedium, certificates: Sequence[bytes]) -> None:
    """By nobody's leave."""
    for path in medium.tokens.rglob("*.object"):
        if any(one in path.read_bytes() for one in certificates):
            path.unlink()
