"""What the benchmarks share: turns, medians, ratios and tables. Standard library only: the in-process peer loads it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Measured:
    """Microseconds, turn by turn. Machines are noisy: medians speak, quartiles say how noisy it was."""

    turns: list[list[float]]

    @property
    def median(self) -> float:
        return statistics.median(self._all())

    def __str__(self) -> str:
        low, _, high = statistics.quantiles(self._all(), n=4)
        scale, unit, digits = (1000, "ms", 1) if self.median >= 10_000 else (1, "µs", 0 if self.median >= 10 else 1)
        return f"{self.median / scale:.{digits}f} {unit} ({low / scale:.{digits}f}–{high / scale:.{digits}f})"

    def by_turn(self, peer: Measured, compare: Callable[[float, float], float]) -> list[float]:
        """Within each turn, so that a noisy second, which hit both, is divided out."""
        pairs = zip(self.turns, peer.turns, strict=True)
        return [compare(statistics.median(mine), statistics.median(theirs)) for mine, theirs in pairs]

    def _all(self) -> list[float]:
        return [one for turn in self.turns for one in turn]


def ratio(mine: Measured, peer: Measured) -> str:
    return spread(mine.by_turn(peer, lambda a, b: a / b)) + " ×"


def spread(figures: Sequence[float]) -> str:
    """Median and quartiles, in three significant digits at most."""
    low, middle, high = statistics.quantiles(figures, n=4)
    digits = 0 if abs(middle) >= 100 else 1 if abs(middle) >= 10 else 2
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def in_turns(turns: int, contenders: Mapping[str, Callable[[], list[float]]]) -> dict[str, Measured]:
    """Everybody once a turn, every other turn backwards: noise hits all, and nobody always follows the same one."""
    taken: dict[str, list[list[float]]] = {name: [] for name in contenders}
    for turn in range(turns):
        for name in list(contenders)[:: -1 if turn % 2 else 1]:
            taken[name].append(contenders[name]())
    return {name: Measured(all_turns) for name, all_turns in taken.items()}


def keep(_made: object) -> None:
    """For what leaves nothing to be cleared."""


def timed(act: Callable[[], Any], rounds: int, clear: Callable[[Any], object] = keep) -> list[float]:
    """Microseconds of each round, after one that warms up. What a round made is cleared off the clock."""
    taken = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        made = act()
        taken.append((time.perf_counter() - started) * 1e6)
        clear(made)
    return taken[1:]


def table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    print(f"\n{title}")
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    for line in (headings, *rows):
        print(
            "  " + "   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip(), flush=True
        )
