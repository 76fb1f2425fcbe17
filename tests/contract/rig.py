"""One kind of token, up and formatted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.contract.services import until
from tokenmgr import catalogue
from tokenmgr.config import TimeLimits
from tokenmgr.domain.family import UNKNOWN
from tokenmgr.domain.medium import MediumFacts
from tokenmgr.token.module import Library


@dataclass
class Rig:
    """`name` is the file of drivers/ that is about it; the token may turn out to be of a narrower family."""

    name: str
    path: str
    environment: Mapping[str, str]
    pin: str
    so_pin: str
    initialise: str = ""  # what C_Initialize is told
    serial: str = ""
    hand: Any = None  # pulls the medium and puts it back (`unplug`, `plug`), where it is one that can be pulled
    beside: Rig | None = None  # the same medium through another library

    def library(self, limits: TimeLimits | None = None) -> Library:
        """As the program itself would take it."""
        *others, usual = catalogue.shipped().of_library(self.path) or (UNKNOWN,)
        return Library(self.path, self.environment, usual, limits, others, self.initialise)

    def wait(self) -> MediumFacts:
        """Until its one medium is seen; it is known by its serial number from then on."""
        with self.library() as library:
            until(lambda: len(library.media()) == 1)
            (medium,) = library.media()
        self.serial = medium.serial
        return medium
