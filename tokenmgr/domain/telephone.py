"""What a computer's doctor has found, in eight letters that a customer can read out on the telephone.

    ABCD-EFGH      seven of 5 bits each, and one that notices a wrong letter or two that changed places

Letters are those of Douglas Crockford's base 32, which has none that looks like another. The numbers are mixed radix:
version, then each probe's state, then the last error. Places are only ever added at the end of `PROBES` and `LETTERS`:
a code of today's program is read by tomorrow's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_HEARD = str.maketrans("OIL", "011", "- ")  # what is taken for another, and what only parts the groups
LENGTH, GROUP = 8, 4

PROBES = ("environment", "settings", "library", "usb", "media", "readers", "holders", "clock", "copies")
STATES = ("ok", "note", "problem")  # the worst last; what was not asked counts as ok
LETTERS = " ULMSPKCDAJRHTX"  # of errors; the blank is no error, and none of a customer's computer
NUMBERS, FIRST = 128, 100  # how many of a letter, and the first
_VERSION = (4, 21, 10)  # how many of each part
_LATER = _VERSION[0] * _VERSION[1] * _VERSION[2]  # a version that has no place of its own


class Misheard(ValueError):
    """No code of ours: a letter is wrong."""


@dataclass(frozen=True)
class Findings:
    """`version` is empty where it is later than a code can say; `error` where there was none."""

    version: str = ""
    states: Mapping[str, str] = field(default_factory=dict)
    error: str = ""


def spell(found: Findings) -> str:
    number = _of_version(found.version)
    for probe in PROBES:
        number = number * len(STATES) + STATES.index(found.states.get(probe, STATES[0]))
    error = found.error if found.error[:1] in LETTERS else ""
    number = (number * 16 + LETTERS.index(error[:1] or " ")) * NUMBERS + _of_number(error)
    values = [number >> 5 * place & 31 for place in reversed(range(LENGTH - 1))]
    letters = "".join(ALPHABET[one] for one in [*values, _check(values)])
    return f"{letters[:GROUP]}-{letters[GROUP:]}"


def read(code: str) -> Findings:
    letters = code.upper().translate(_HEARD)
    if len(letters) != LENGTH or not set(letters) <= set(ALPHABET):
        raise Misheard(code)
    *values, check = [ALPHABET.index(one) for one in letters]
    if check != _check(values):
        raise Misheard(code)
    number = 0
    for one in values:
        number = number << 5 | one
    number, index = divmod(number, NUMBERS)
    number, letter = divmod(number, 16)
    states = {}
    for probe in reversed(PROBES):
        number, state = divmod(number, len(STATES))
        states[probe] = STATES[state]
    if number > _LATER or letter >= len(LETTERS):
        raise Misheard(code)
    return Findings(_version(number), dict(reversed(states.items())), _error(LETTERS[letter], index))


def worst(states: list[str]) -> str:
    return max(states, key=STATES.index, default=STATES[0])


def _of_version(version: str) -> int:
    parts = [int(part) if part.isdigit() else 0 for part in version.split(".")[:3]]
    number = 0
    for part, many in zip([*parts, 0, 0, 0], _VERSION, strict=False):
        if part >= many:
            return _LATER
        number = number * many + part
    return number if version else _LATER


def _version(number: int) -> str:
    if number == _LATER:
        return ""
    rest, patch = divmod(number, _VERSION[2])
    return f"{rest // _VERSION[1]}.{rest % _VERSION[1]}.{patch}"


def _of_number(error: str) -> int:
    return max(0, int(error[1:] or FIRST) - FIRST) % NUMBERS


def _error(letter: str, index: int) -> str:
    """X000 is the only one of its letter."""
    return "" if letter == " " else "X000" if letter == "X" else f"{letter}{FIRST + index}"


def _check(values: list[int]) -> int:
    """Each value times its own power of x in GF(32): another value, or two that changed places, give another sum."""
    found = 0
    for one in values:
        found = _times_x(found ^ one)
    return found


def _times_x(value: int) -> int:
    shifted = value << 1
    return shifted ^ 0b100101 if shifted & 32 else shifted  # x^5 + x^2 + 1 is primitive
