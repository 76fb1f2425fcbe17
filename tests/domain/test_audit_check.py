"""Whatever is done to a chain is found, and its number named."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr.domain.audit import FIRST, Action, Actor, ActorKind, Checkpoint, Entry, Event, entry
from tokenmgr.domain.audit_check import MOST, Forged, Kept, Sealed, Verdict, What, check

DAY = datetime(2026, 4, 1, 3, 0, 0, tzinfo=UTC)
STAFF = Actor(ActorKind.STAFF, "tanaka", "desk-1/tanaka")
COLUMNS = [one.name for one in dataclasses.fields(Entry)]


def written(count: int, previous: bytes = FIRST) -> list[Kept]:
    rows = []
    for number in range(1, count + 1):
        action = (Action.SUBSCRIBER_ADDED, Action.CERTIFICATE_REVOKED)[number % 2]
        whom = f"1234/C-1/u{number}"
        one = entry(
            number, 1_775_000_000_000_000 + number, STAFF, Event(action, "1234", whom, number, after={"n": number})
        )
        previous = one.digest(previous)
        rows.append(Kept(dataclasses.replace(one, hash=previous), int(action.changes_status)))
    return rows


CHAIN = written(20)


def signed(rows: Sequence[Kept], *numbers: int) -> list[Sealed]:
    return [Sealed(Checkpoint(n, rows[n - 1].entry.hash, DAY + timedelta(minutes=n), 1, b"by the CA")) for n in numbers]


def genuine(one: Checkpoint) -> None:
    if one.signature != b"by the CA":
        raise Forged("test")


def checked(
    rows: Sequence[Kept], table: Sequence[Sealed] = (), file: Sequence[Sealed] | None = None, until: datetime = DAY
) -> Verdict:
    return check(rows, table, file, genuine, until)


def named(verdict: Verdict) -> list[str]:
    return [str(one) for one in verdict.findings]


def changed(rows: Sequence[Kept], number: int, /, **values: Any) -> list[Kept]:
    found = list(rows)
    found[number - 1] = dataclasses.replace(
        found[number - 1], entry=dataclasses.replace(found[number - 1].entry, **values)
    )
    return found


def chained(rows: Sequence[Kept], first: int) -> list[Kept]:
    """Anew, from there on."""
    found = list(rows[: first - 1])
    for row in rows[first - 1 :]:
        previous = found[-1].entry.hash if found else FIRST
        one = row.entry
        found.append(dataclasses.replace(row, entry=dataclasses.replace(one, hash=one.digest(previous))))
    return found


def test_what_is_as_it_was_is_fine_and_vouched_for() -> None:
    marks = signed(CHAIN, 5, 12)
    verdict = checked(CHAIN, marks, marks, DAY + timedelta(days=1))
    assert (verdict.findings, verdict.last, verdict.hash) == ((), 20, CHAIN[-1].entry.hash)
    assert verdict.vouched == marks[-1].checkpoint
    assert checked([]).findings == ()


# --- one change -------------------------------------------------------------------------------------------------------


@st.composite
def another(draw: st.DrawFn) -> tuple[int, str, Any]:
    number, column = draw(st.integers(1, 20)), draw(st.sampled_from([*COLUMNS, "changes_status"]))
    now = CHAIN[number - 1].changes_status if column == "changes_status" else getattr(CHAIN[number - 1].entry, column)
    values: dict[type, st.SearchStrategy[Any]] = {
        int: st.integers(-(2**62), 2**62) | st.integers(0, 25),
        str: st.text(max_size=9) | st.just(now) if isinstance(now, str) else st.nothing(),
        bytes: st.binary(max_size=33) | st.sampled_from([row.entry.hash for row in CHAIN]),
    }
    return number, column, draw(values[type(now)].filter(lambda value: value != now))


@given(another())
def test_any_change_of_any_column_of_any_entry_is_found_and_its_number_named(case: tuple[int, str, Any]) -> None:
    number, column, value = case
    if column == "changes_status":
        rows = list(CHAIN)
        rows[number - 1] = dataclasses.replace(rows[number - 1], changes_status=value)
    else:
        rows = changed(CHAIN, number, **{column: value})
    if column == "number":  # as a primary key has it: another place, and never another's number
        if value in range(1, 21):
            return
        rows.sort(key=lambda row: row.entry.number)
        found = checked(rows).findings
        if value > 20 or number == 20:
            assert any(one.first <= number <= one.last or one.other == number for one in found), found
        assert any(value in (one.first, one.last) for one in found), found
        return
    (only,) = checked(rows).findings
    assert (only.what, only.first, only.last) == (What.ALTERED, number, number)


@given(st.integers(1, 19), st.integers(1, 19))
def test_what_was_dropped_is_named(first: int, count: int) -> None:
    last = min(first + count - 1, 19)
    (only,) = checked([row for row in CHAIN if not first <= row.entry.number <= last]).findings
    assert (only.what, only.first, only.last) == (What.MISSING, first, last)


@given(st.lists(st.integers(1, 20), min_size=2, max_size=2, unique=True))
def test_two_that_were_swapped_are_named_and_nobody_else(pair: list[int]) -> None:
    one, other = sorted(pair)
    rows = list(CHAIN)
    for at, source in ((one, other), (other, one)):
        kept = CHAIN[source - 1]
        rows[at - 1] = dataclasses.replace(kept, entry=dataclasses.replace(kept.entry, number=at))
    assert named(checked(rows)) == [f"misplaced {one} was {other}", f"misplaced {other} was {one}"]


def test_what_was_put_in_between_is_named_with_those_that_it_has_moved() -> None:
    rows = [*CHAIN[:9], CHAIN[3], *CHAIN[9:]]
    rows = [dataclasses.replace(row, entry=dataclasses.replace(row.entry, number=n)) for n, row in enumerate(rows, 1)]
    assert named(checked(rows)) == ["altered 10", "misplaced 11..21 was 10"]


def test_what_was_added_without_the_chain_is_named() -> None:
    stranger = dataclasses.replace(CHAIN[3].entry, number=21)
    assert named(checked([*CHAIN, Kept(stranger, 0)])) == ["altered 21"]


def test_of_a_new_hash_that_fits_the_entry_the_next_tells() -> None:
    """Whether it is this one that was altered, or the one before together with its hash, nobody can say."""
    rows = changed(CHAIN, 7, actor="mallory")
    one = rows[6].entry
    rows = changed(rows, 7, hash=one.digest(rows[5].entry.hash))
    assert named(checked(rows)) == ["altered 8"]


def test_what_follows_an_altered_entry_can_be_unsure() -> None:
    rows = changed(CHAIN, 7, actor="mallory", hash=b"x" * 32)
    assert named(checked(rows)) == ["altered 7", "unsure 8"]


def test_of_more_than_can_be_named_the_rest_is_counted() -> None:
    rows = written(5 * MOST)
    for number in range(1, 5 * MOST, 2):
        rows = changed(rows, number, actor="mallory")
    verdict = checked(rows)
    assert len(verdict.findings) == MOST
    assert verdict.count > 2 * MOST
    assert named(verdict)[0] == "altered 1"


def test_a_thousand_neighbours_are_one_finding() -> None:
    rows = written(1000)
    for number in range(200, 1000):
        rows[number] = dataclasses.replace(rows[number], entry=dataclasses.replace(rows[number].entry, actor="m"))
    assert named(checked(rows)) == ["altered 201", "unsure 202..1000"]


# --- checkpoints ------------------------------------------------------------------------------------------------------


def test_a_tail_that_was_cut_off_is_known_by_a_checkpoint_only() -> None:
    marks = signed(CHAIN, 5, 12, 18)
    assert named(checked(CHAIN[:18], marks)) == []
    assert named(checked(CHAIN[:15], marks)) == ["cut 16..18"]
    assert named(checked([], marks)) == ["cut 1..18"]


def test_a_tail_that_was_cut_off_with_its_checkpoints_is_known_by_the_file() -> None:
    marks = signed(CHAIN, 5, 12, 18)
    assert named(checked(CHAIN[:15], marks[:2], marks)) == ["cut 16..18"]


def test_a_right_chain_that_is_not_the_one_that_was_signed() -> None:
    rows = chained(changed(CHAIN, 7, actor="mallory"), 7)
    assert named(checked(rows)) == []
    assert named(checked(rows, signed(CHAIN, 5, 12, 18))) == ["rewritten 6..18"]
    assert checked(rows, signed(CHAIN, 5, 12, 18)).vouched == signed(CHAIN, 5)[0].checkpoint


def test_a_checkpoint_that_no_key_signed_vouches_for_nothing() -> None:
    rows = chained(changed(CHAIN, 7, actor="mallory"), 7)
    good, forged = signed(CHAIN, 5, 12), signed(rows, 12)[0]
    forged = Sealed(dataclasses.replace(forged.checkpoint, signature=b"by me"))
    verdict = checked(rows, [good[0], forged])
    assert named(verdict) == ["forged 12"]
    assert verdict.vouched == good[0].checkpoint
    assert named(checked(rows, [good[0], forged], good)) == ["rewritten 6..12", "forged 12", "different 12"]


def test_the_file_and_the_table_are_held_against_each_other() -> None:
    marks = signed(CHAIN, 5, 8, 12, 18)
    later = DAY + timedelta(days=1)
    lines = [dataclasses.replace(one, line=line) for line, one in enumerate(marks, start=1)]
    assert named(checked(CHAIN, marks[:1] + marks[2:], lines)) == ["unkept 8 line 2"]
    assert named(checked(CHAIN, marks, lines[:1] + lines[3:], later)) == ["unfiled 8..12"]
    assert named(checked(CHAIN, marks, lines[:2], later)) == ["unfiled 12..18"]
    assert named(checked(CHAIN, marks, lines[:3], DAY)) == []  # the file is given it in a moment
    swapped = [lines[0], lines[2], lines[1], lines[3]]
    assert named(checked(CHAIN, marks, swapped, later)) == ["unfiled 8", "unordered 8 line 2"]
    assert named(checked(CHAIN, marks, None, later)) == []
    assert named(checked(CHAIN, marks, [], later)) == ["unfiled 5..18"]


@pytest.mark.parametrize("number", [0, -3])
def test_numbers_that_are_none(number: int) -> None:
    row = dataclasses.replace(CHAIN[0], entry=dataclasses.replace(CHAIN[0].entry, number=number))
    assert f"misplaced {number} was 1" in named(checked([row, *CHAIN[1:]]))
