"""What a CA has become is told once each, whoever was cut short before telling it."""

from __future__ import annotations

from dataclasses import replace

from tokenmgr.domain.audit import Action, Value
from tokenmgr.domain.lineage import Facts, Lineage, untold

ONE = {"cmp": "a1", "cmp_key": "k1", "ocsp": "b1", "ocsp_key": "k2"}
MADE = Lineage("", "T1", (ONE,))


def told(seen: Lineage, trail: list[Facts], is_moved: bool = False) -> list[tuple[Action, Facts, Facts]]:
    """And from now on it is in the trail."""
    events = untold(seen, trail, is_moved)
    trail += [event.after for event in events]
    return [(event.action, event.before, event.after) for event in events]


def test_made_and_then_each_change_once() -> None:
    trail: list[Facts] = []
    place: dict[str, Value] = {"library": "", "token": "T1"}
    assert told(MADE, trail) == [(Action.CA_MADE, {}, {"authority": 1, **ONE, **place})]
    assert told(MADE, trail) == []
    renewed = replace(MADE, authorities=({**ONE, "cmp": "a2", "cmp_key": "k3"},))
    before, after = {"cmp": "a1", "cmp_key": "k1"}, {"cmp": "a2", "cmp_key": "k3"}
    assert told(renewed, trail) == [(Action.CA_RENEWED, {"authority": 1, **before}, {"authority": 1, **after})]
    two = {"cmp": "c1", "cmp_key": "k4", "ocsp": "d1", "ocsp_key": "k5"}
    rolled = replace(renewed, authorities=(*renewed.authorities, two))
    assert told(rolled, trail) == [(Action.CA_ROLLED_OVER, {"authority": 1}, {"authority": 2, **two})]
    moved, there = replace(rolled, library="l.so", token="T2"), {"library": "l.so", "token": "T2"}
    assert told(moved, trail) == [(Action.CA_MOVED, place, there)]
    assert told(moved, trail) == []
    assert told(rolled, trail, is_moved=True) == [(Action.CA_MOVED, there, place)]  # and back


def test_a_copy_of_the_folder_from_before_tells_nothing() -> None:
    trail: list[Facts] = []
    told(MADE, trail)
    told(Lineage("l.so", "T2", ({**ONE, "cmp": "a2"}, ONE)), trail)
    assert told(MADE, trail) == []


def test_all_that_was_never_told_is_told_in_order() -> None:
    """Of a CA that is older than its trail."""
    assert [one[0] for one in told(Lineage("", "T1", (ONE, ONE)), [])] == [Action.CA_MADE, Action.CA_ROLLED_OVER]
