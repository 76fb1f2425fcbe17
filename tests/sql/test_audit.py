"""The trail as it is read: every filter says what looking at each entry says; nothing is missed by whoever follows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from tests.sql.child import NOTES
from tests.sql.test_durability import child, line, say
from tests.sql.world import BANK, DAY, HOUR, REASON, World
from tokenmgr.domain.audit import Action, Actor, ActorKind, Checkpoint, Entry
from tokenmgr.domain.audit_check import check
from tokenmgr.domain.audit_lines import entry_line, entry_of_line
from tokenmgr.domain.party import Bank
from tokenmgr.domain.policy import BankPolicy
from tokenmgr.sql.administration import Administration
from tokenmgr.sql.audit import Asked, Trail
from tokenmgr.sql.engine import Database
from tokenmgr.sql.parties import Contract
from tokenmgr.sql.rows import hexed, micros


@pytest.fixture
def busy(database: Database) -> Trail:
    """An hour goes by at every entry; names that begin alike are among them."""
    hours = iter(range(10_000))
    database._clock = lambda: DAY + next(hours) * HOUR
    world = World.founded(database)
    other = Administration(database, Actor(ActorKind.OPERATOR, "sato", "desk-2/sato"))
    other.add_bank(Bank("2345", "ほか", BankPolicy()))
    for number in ("C", "C-1-1", "C-10"):
        other.add_contract(Contract(BANK.code, number, ""))
    for _ in range(4):
        one = world.active()
        world.registry.revoke(one.serial, REASON, DAY)
        other.unlock(world.user.id)
    return Trail(database)


def whole(trail: Trail) -> list[Entry]:
    return [row.entry for row in trail.whole()]


def fits(one: Entry, asked: Asked) -> bool:
    """The same, said once more."""
    return (
        (asked.since is None or one.at >= micros(asked.since))
        and (asked.until is None or one.at <= micros(asked.until))
        and (asked.first or 0) <= one.number <= (asked.last or one.number)
        and asked.actor in ("", one.actor)
        and (asked.kind is None or asked.kind.value == one.actor_kind)
        and (asked.action in ("", one.action) or (asked.action[-1] == "." and one.action.startswith(asked.action)))
        and asked.bank in ("", one.bank)
        and (asked.whom in ("", one.whom) or one.whom.startswith(asked.whom + "/"))
        and (asked.serial is None or one.serial == hexed(asked.serial))
    )


WORDS: dict[str, st.SearchStrategy[Any]] = {
    "since": st.integers(-2, 40).map(lambda hours: DAY + hours * HOUR),
    "until": st.integers(-2, 40).map(lambda hours: DAY + hours * HOUR),
    "first": st.integers(1, 40),
    "last": st.integers(1, 40),
    "actor": st.sampled_from(["tester", "sato", "nobody", "test%"]),
    "kind": st.sampled_from(list(ActorKind)),
    "action": st.sampled_from([one.value for one in Action] + ["certificate.", "bank.", "c."]),
    "bank": st.sampled_from(["1234", "2345", "123", "9999"]),
    "whom": st.sampled_from(["1234", "1234/C", "1234/C-1", "1234/C-1/user-1", "1234/C-1/user-", "%"]),
    "serial": st.integers(1, 1 << 159),
}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.fixed_dictionaries({}, optional=WORDS), st.none() | st.integers(1, 5))
def test_every_filter_says_what_looking_at_each_entry_says(
    busy: Trail, words: dict[str, Any], newest: int | None
) -> None:
    asked = Asked(**words)
    wanted = [one for one in whole(busy) if fits(one, asked)]
    assert list(busy.entries(asked, newest)) == (wanted if newest is None else wanted[-newest:])
    assert busy.after(3, asked) == [one for one in wanted if one.number > 3]


def test_a_certificate_is_found_by_its_serial_number(busy: Trail) -> None:
    (issued, *_) = busy.entries(Asked(action=Action.CERTIFICATE_ISSUED.value))
    found = [one.action for one in busy.entries(Asked(serial=int(issued.serial, 16)))]
    assert found == ["certificate.issued", "certificate.confirmed", "certificate.revoked"]


def test_whoever_follows_misses_nothing_and_sees_nothing_twice(busy: Trail) -> None:
    seen: list[Entry] = []
    while found := busy.after(seen[-1].number if seen else 0, Asked(), at_most=3):
        seen += found
    assert seen == whole(busy)
    assert busy.head() == (seen[-1].number, seen[-1].hash)


def test_every_entry_is_one_line_and_comes_back_from_it(busy: Trail) -> None:
    for one in whole(busy):
        assert entry_of_line(entry_line(one)) == one


@pytest.mark.parametrize("table", ["audit", "checkpoint"])
def test_the_database_itself_keeps_what_was_written(world: World, table: str) -> None:
    statements = [f"UPDATE {table} SET number = number", f"DELETE FROM {table}"]  # noqa: S608
    if world.database.engine.dialect.name == "postgresql":
        statements.append(f"TRUNCATE {table}")
    Trail(world.database).keep(Checkpoint(1, b"", DAY, 1))  # a row that there is to change
    for statement in statements:
        with pytest.raises(DBAPIError, match="only ever added to"), world.database.engine.connect() as connection:
            connection.exec_driver_sql(statement)


def test_two_nodes_that_write_at_the_same_time_keep_one_chain(world: World, url: str) -> None:
    begun = Trail(world.database).head()[0]
    with child("notes", url, world.user.id) as one, child("notes", url, world.administrator.id) as other:
        for process in (one, other):
            assert line(process) == "ready"
        for process in (one, other):
            say(process, "go")
        for process in (one, other):
            assert line(process) == "done"
    trail = Trail(world.database)
    verdict = check(trail.whole(), (), None, _never, DAY + timedelta(days=1))
    assert (verdict.findings, verdict.last) == ((), begun + 2 * NOTES)
    whoms = [entry.whom for entry in trail.entries(Asked(first=begun + 1))]
    assert [whoms.count(whom) for whom in set(whoms)] == [NOTES, NOTES]


_never: Callable[[object], None] = pytest.fail  # type: ignore[assignment]
