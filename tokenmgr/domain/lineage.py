"""What the CA itself has become, and what its audit trail has not told of that yet.

A change is done at one moment, when ca.toml is written anew (ca/changing.py); its entry follows. Whoever is killed
between the two, or loses the registry there, leaves the entry to the next start or change, which compares the two: an
intent written before could be told of a change that never was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tokenmgr.domain.audit import Action, Event, Value

ACTIONS = (Action.CA_MADE, Action.CA_RENEWED, Action.CA_ROLLED_OVER, Action.CA_MOVED)
_KEY = "_key"
Facts = Mapping[str, Value]


@dataclass(frozen=True)
class Lineage:
    """As ca.toml has it."""

    library: str
    token: str
    authorities: tuple[Mapping[str, str], ...]  # each purpose's serial number; under purpose_key the ID of its key

    @property
    def place(self) -> dict[str, Value]:
        return {"library": self.library, "token": self.token}


def untold(seen: Lineage, told: Iterable[Facts], is_moved: bool = False) -> list[Event]:
    """`told` is what such entries said came after, in their order. A serial number is told of once: a node with a copy
    of the folder from before tells nothing. Nor of the token, unless it `is_moved` just now."""
    last: dict[tuple[Value, str], Value] = {}
    ever: set[tuple[Value, str, Value]] = set()
    place: Facts = {}
    tokens: set[Value] = set()
    for facts in told:
        place = {name: facts[name] for name in ("library", "token")} if "token" in facts else place
        tokens.add(place.get("token"))
        last |= {(facts.get("authority"), name): value for name, value in facts.items()}
        ever |= {(facts.get("authority"), name, value) for name, value in facts.items()}
    found: list[Event] = []
    for number, names in enumerate(seen.authorities, 1):
        if (number, "authority") not in last:
            found.append(_begun(seen, number, names))
            continue
        for purpose in (name for name in names if not name.endswith(_KEY)):
            if (number, purpose, names[purpose]) not in ever:
                both = (purpose, purpose + _KEY)
                before = {"authority": number} | {name: last.get((number, name), "") for name in both}
                after = {"authority": number} | {name: names[name] for name in both}
                found.append(Event(Action.CA_RENEWED, serial=int(names[purpose], 16), before=before, after=after))
    if place and place != seen.place and (is_moved or seen.token not in tokens):
        found.append(Event(Action.CA_MOVED, before=place, after=seen.place))
    return found


def _begun(seen: Lineage, number: int, names: Mapping[str, str]) -> Event:
    if number == 1:
        return Event(Action.CA_MADE, after={"authority": 1, **names, **seen.place})
    return Event(Action.CA_ROLLED_OVER, before={"authority": number - 1}, after={"authority": number, **names})
