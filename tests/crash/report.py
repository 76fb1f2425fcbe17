"""What came of it: a table of parts and outcomes, and each violation with all that repeats it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from tests.crash.points import PARTS, Recording, every
from tests.crash.runner import OUTCOMES, Result

_SHORT = ("at once", "resumed", "again", "refused", "no place", "not hit")
MISSED = OUTCOMES[-2:]


def table(found: Iterable[tuple[str, Result]]) -> str:
    counts: Counter[tuple[str, str]] = Counter()
    wrong: Counter[str] = Counter()
    for part, result in found:
        counts[part, result.outcome] += 1
        wrong[part] += bool(result.violations)
    parts = [*PARTS, *sorted({part for part, _ in counts} - set(PARTS))]
    lines = ["".join([f"{'':<12}{'points':>8}", *(f"{one:>10}" for one in _SHORT), f"{'violations':>12}"])]
    for part in (one for one in parts if any(counts[one, each] for each in (*OUTCOMES, ""))):
        numbers = [counts[part, one] for one in OUTCOMES]
        points = sum(numbers[:-2]) + counts[part, ""]
        lines.append("".join([f"{part:<12}{points:>8,}", *(f"{one:>10,}" for one in numbers), f"{wrong[part]:>12,}"]))
    return "\n".join(lines)


def places(recordings: Mapping[str, Recording], found: Iterable[tuple[str, Result]]) -> str:
    """Of all that each part could hit, whatever with, how many it has hit."""
    there: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    hit: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for recording in recordings.values():
        for part, (_, point) in every(recording):
            there[part].add(point.place)
    for part, result in found:
        if result.outcome not in MISSED:
            hit[part].add(result.point.place)
    lines = [f"{part:<12}  {_counted(there[part], hit[part])}" for part in PARTS if hit[part] and there[part]]
    return "\n".join(["places hit of places", *lines]) if lines else ""


def _counted(there: set[tuple[str, str]], hit: set[tuple[str, str]]) -> str:
    of, among = Counter(kind for kind, _ in there | hit), Counter(kind for kind, _ in hit)
    return ", ".join(f"{among[kind]:,} of {of[kind]:,} {kind}" for kind in sorted(of))


def violation(result: Result) -> str:
    """What was said, from the first command on, and how to have it again."""
    told = "\n".join(map(str, result.said))
    wrong = "\n".join(f"  {one}" for one in result.violations)
    return f"VIOLATION {result.point.name}\n{wrong}\n{told}\n  python -m tests.crash --point '{result.point.name}'\n"


def not_reached(found: Iterable[tuple[str, Result]]) -> list[str]:
    return [result.point.name for _, result in found if result.outcome == OUTCOMES[-1]]


def is_proven(found: list[tuple[str, Result]], chosen: int) -> bool:
    """Something was, all that was chosen has been where there is such a place, and nothing was found wrong."""
    is_something = any(result.outcome not in MISSED for _, result in found)
    is_whole = is_something and len(found) == chosen and not not_reached(found)
    return is_whole and not any(result.violations for _, result in found)


def last_line(found: list[tuple[str, Result]]) -> str:
    reached = sum(result.outcome not in MISSED for _, result in found)
    wrong = sum(bool(result.violations) for _, result in found)
    return f"{reached:,} points, {wrong:,} violation{'' if wrong == 1 else 's'}"
