"""What the benchmarks share: medians, rows of a table, and a simulated medium with keys to measure on."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tokenmgr.domain.credential import KeyKind
from tokenmgr.log import Secret
from tokenmgr.testbed.simulated import PIN, SimulatedMedium
from tokenmgr.token.session import Session


@dataclass(frozen=True)
class Measured:
    """Microseconds of many rounds. The machines are noisy: the median speaks, the quartiles say how noisy."""

    rounds: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    def __str__(self) -> str:
        low, _, high = statistics.quantiles(self.rounds, n=4)
        return f"{self.median:.0f} µs ({low:.0f}–{high:.0f})"


def heading(title: str, *columns: str) -> None:
    print(f"\n{title}")
    row(*columns)


def row(*cells: str) -> None:
    print("  " + "".join(cell.ljust(33) for cell in cells).rstrip())


def ratio(mine: Measured, peer: Measured) -> str:
    return f"{mine.median / peer.median:.2f} ×"


@contextmanager
def medium_with_keys() -> Iterator[tuple[SimulatedMedium, str]]:
    """One RSA-2048 and one P-256 key; the medium is registered in a home of its own, the folder above it."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        medium = SimulatedMedium(home / "testbed" / "bench", os.environ)
        serial = medium.create().serial
        medium.register(home / "libraries.d")
        (home / "settings.toml").write_text("catalogue = false\n")
        with medium.library() as library, Session.open(library, serial, write=True) as session, Secret(PIN) as pin:
            session.login(pin)
            session.generate_key(KeyKind.RSA_2048, b"rsa", "rsa")
            session.generate_key(KeyKind.P256, b"p256", "p256")
        yield medium, serial
