"""An entry's content is in its hash, all of it and in one way only."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr.domain.audit import FIRST, Action, Actor, ActorKind, Entry, Event, entry

TEXT = st.text(max_size=20)
ENTRIES = st.builds(
    Entry,
    number=st.integers(1, 1 << 40),
    at=st.integers(0, 1 << 50),
    actor_kind=TEXT,
    actor=TEXT,
    origin=TEXT,
    action=TEXT,
    bank=TEXT,
    whom=TEXT,
    serial=TEXT,
    before=TEXT,
    after=TEXT,
)


@given(ENTRIES, ENTRIES)
def test_two_entries_have_one_hash_only_where_they_are_the_same(one: Entry, other: Entry) -> None:
    assert (one.digest(FIRST) == other.digest(FIRST)) == (one == other)


@given(ENTRIES, st.data())
def test_what_is_moved_from_one_field_to_the_next_shows(one: Entry, data: st.DataObject) -> None:
    names = [field.name for field in dataclasses.fields(Entry) if field.type == "str"]
    at = data.draw(st.integers(0, len(names) - 2))
    left, right = getattr(one, names[at]), getattr(one, names[at + 1])
    moved = dataclasses.replace(one, **{names[at]: left + right, names[at + 1]: ""})
    assert (moved.digest(FIRST) == one.digest(FIRST)) == (moved == one)


def test_the_entry_before_is_in_it() -> None:
    made = entry(1, 0, Actor(ActorKind.MACHINE, "node", ""), Event(Action.LIST_MADE))
    assert made.digest(FIRST) != made.digest(bytes(31) + b"\1")


def test_before_and_after_are_json_in_one_order() -> None:
    event = Event(Action.BANK_CHANGED, "1234", "1234", before={"b": 1, "a": "み"}, after={})
    made = entry(1, 0, Actor(ActorKind.STAFF, "山田", "pc"), event)
    assert made.before == '{"a":"み","b":1}'
    assert json.loads(made.after) == {}


def test_nothing_is_done_by_nobody() -> None:
    with pytest.raises(ValueError, match="nobody"):
        Actor(ActorKind.STAFF, "", "pc")


def test_names_of_actions_are_what_they_are_about() -> None:
    assert all(action.value.count(".") == 1 for action in Action)
    assert {action for action in Action if action.changes_status} == {
        Action.CERTIFICATE_REVOKED,
        Action.CERTIFICATE_VOIDED,
        Action.CERTIFICATE_HELD,
        Action.CERTIFICATE_RELEASED,
    }
