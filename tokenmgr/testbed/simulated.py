"""A simulated medium: SoftHSM with a directory of its own, which nothing else sees. Moved away, it is unplugged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from tokenmgr import catalogue, data, system
from tokenmgr.config import TimeLimits
from tokenmgr.domain.family import Family
from tokenmgr.domain.medium import MediumFacts
from tokenmgr.errors import LibraryMissing
from tokenmgr.log import Secret
from tokenmgr.token.module import Library

SO_PIN = "12345678"  # of simulated media only; a bank's media have their own
PIN = "1234"


class SimulatedMedium:
    """Lives in `folder`: its SoftHSM configuration, its tokens, and the entry by which `tokenmgr media` finds it."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.configuration = folder / "softhsm2.conf"
        self.tokens = folder / "tokens"
        self._unplugged = folder / "unplugged"
        self._environment = environment

    @property
    def entry(self) -> dict[str, object]:
        """A file of libraries.d in the settings (config.py)."""
        return {"path": softhsm(), "family": "softhsm", "environment": {"SOFTHSM2_CONF": str(self.configuration)}}

    def create(self, label: str = "Shinkin IB", pin: str = PIN, so_pin: str = SO_PIN) -> MediumFacts:
        system.private_folder(self.tokens)
        template = (data.folder("softhsm_config") / "softhsm2.conf").read_text(encoding="utf-8")
        self.configuration.write_text(template.replace("{tokens}", str(self.tokens)), encoding="utf-8")
        with self.library() as library:
            return library.format("", Secret(so_pin), Secret(pin), label)

    def library(self, limits: TimeLimits | None = None, family: Family | None = None) -> Library:
        """`family`: another one's habits, on this medium."""
        environment = {**self._environment, "SOFTHSM2_CONF": str(self.configuration)}
        return Library(softhsm(), environment, family or catalogue.shipped().family("softhsm"), limits)

    def unplug(self) -> None:
        """Under whatever call is running. An open session gets CKR_GENERAL_ERROR, a new look finds no medium."""
        _move(self.tokens, self._unplugged)

    def plug(self) -> None:
        _move(self._unplugged, self.tokens)

    def register(self, libraries: Path) -> None:
        """Let `tokenmgr media` see it, by an entry among the settings."""
        system.private_folder(libraries)
        entry = self.entry
        lines = [f"path = {json.dumps(entry['path'])}", f"family = {json.dumps(entry['family'])}", "[environment]"]
        lines.append(f"SOFTHSM2_CONF = {json.dumps(str(self.configuration))}")
        (libraries / f"{self.folder.name}.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def remove(self, libraries: Path | None = None) -> None:
        if libraries is not None:
            (libraries / f"{self.folder.name}.toml").unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def _move(here: Path, there: Path) -> None:
    there.mkdir(exist_ok=True)
    for token in here.iterdir():
        token.rename(there / token.name)


def softhsm() -> str:
    found = catalogue.library(catalogue.shipped().family("softhsm"))
    if found is None:
        raise LibraryMissing(library="SoftHSM")
    return found
