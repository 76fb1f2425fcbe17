"""A contract's IDs: what is pressing first, as domain/member.py says it, a page at a time, in one statement."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

from sqlalchemy import event, insert

from tests.sql.test_engine import counted
from tests.sql.test_plans import MANY
from tests.sql.world import BANK, DAY, World, enrolment, generation
from tokenmgr.domain.generation import State
from tokenmgr.domain.member import Member, Told
from tokenmgr.sql.members import AT_ONCE
from tokenmgr.sql.parties import Contract
from tokenmgr.sql.rows import generation_values, hexed, micros, micros_or_none
from tokenmgr.sql.schema import generation as generations
from tokenmgr.sql.schema import notice, subscriber, tries

ONE_DAY = timedelta(days=1)
NOW = DAY + 400 * ONE_DAY


def shown(world: World, find: str = "", page: int = 1) -> list[str]:
    return [one.subscriber.user for one in world.administration.members(BANK, "C-1", find, page, NOW).shown]


def test_what_is_pressing_comes_first_by_the_same_rule(world: World) -> None:
    """Every kind of an ID that there is, and each kind's limit to the second."""
    of_certificate = [None, *((State.ACTIVE, left) for left in (-1, 0, 30, 31)), (State.HELD, 31)]
    rows = list(itertools.product(of_certificate, (None, -1, 1), (0, 5), (False, True), (False, True)))
    world.administration.enrol_all(enrolment(f"u{number}", contract="C-1") for number in range(len(rows)))
    numbers = itertools.count(1)

    def act(connection: Any) -> None:
        for number, (held, opened, spent, is_waiting, is_undelivered) in enumerate(rows):
            who = world.administration.find(BANK.code, "C-1", f"u{number}").id
            until = None if opened is None else NOW + opened * ONE_DAY
            of_who = subscriber.update().where(subscriber.c.id == who)
            connection.execute(of_who.values(open_until=micros_or_none(until), reissued_at=micros(DAY)))
            if spent:
                connection.execute(insert(tries).values(_try(f"u{number}", spent)))
            if held is not None:
                state, left = held
                serial = _add(connection, who, next(numbers), state, left)
                if is_undelivered:
                    connection.execute(insert(notice).values(_refused(serial, who)))
            if is_waiting:
                _add(connection, who, next(numbers), State.PENDING, 365)

    world.database.write(act)
    found: list[Member] = []
    page = world.administration.members(BANK, "C-1", "u", 1, NOW)
    for each in range(1, -(-page.number // AT_ONCE) + 1):
        found += world.administration.members(BANK, "C-1", "u", each, NOW).shown
    needs = [one.need(BANK.policy, NOW).value for one in found]
    assert needs == sorted(needs)
    assert len(found) == len({one.subscriber.id for one in found}) == page.number == len(rows) + 1
    assert (page.now, page.soon) == (needs.count(0), needs.count(1))
    assert {told for one in found for told in one.told(BANK.policy, NOW)} == set(Told) - {Told.OPEN}


_NOTICES = (
    "INSERT INTO notice (bank, serial, to_whom, kind, lead, state, why, address, tries, told, due_at, queued_at,"
    " next_at, claimed_by, letter) SELECT '1234', serial, subscriber, 'due', 30, 'sent', '', '', 1, '', 0, 0, 0, '', ''"
    " FROM generation"
)


def _add(connection: Any, who: int, number: int, state: State, left: int) -> str:
    values = generation_values(generation(who, number)) | {
        "state": state.value,
        "not_after": micros((NOW + left * ONE_DAY).replace(microsecond=0)),
    }
    connection.execute(insert(generations).values(values))
    return str(values["serial"])


def _try(user: str, spent: int) -> dict[str, object]:
    return {"bank": BANK.code, "contract": "C-1", "user_id": user, "spent": spent, "last_at": 0}


def _refused(serial: str, who: int) -> dict[str, object]:
    kept = dict.fromkeys(("due_at", "queued_at", "next_at", "tries", "lead"), 0)
    words = dict.fromkeys(("why", "address", "told", "claimed_by", "letter"), "")
    return {**kept, **words, "bank": BANK.code, "serial": serial, "to_whom": who, "kind": "due", "state": "refused"}


def test_of_another_contract_there_is_nothing(world: World) -> None:
    world.administration.add_contract(Contract(BANK.code, "C-2", "つぎ"))
    world.administration.enrol(enrolment("far", contract="C-2"))
    assert shown(world) == ["admin", "user-1"]
    assert world.administration.member(BANK, "C-1", "far", NOW) is None
    assert world.administration.member(BANK, "C-2", "far", NOW) is not None


def test_an_id_is_found_by_any_part_of_it(world: World) -> None:
    for user in ("Tanaka-1", "tanaka-2", "tanAka3"):
        world.administration.enrol(enrolment(user))
    assert shown(world, "TANAKA") == ["Tanaka-1", "tanAka3", "tanaka-2"]
    assert shown(world, "aka-") == ["Tanaka-1", "tanaka-2"]
    for nothing in ("%", "_", "\0", "た", "' OR 1=1 --", "x" * 33):
        assert shown(world, nothing) == []
        assert world.administration.member(BANK, "C-1", nothing, NOW) is None
    assert shown(world, page=2) == []


def test_a_page_is_one_statement_and_reads_no_table_whole(kind: str, world: World) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        asked.append((statement, values))

    world.administration.add_contract(Contract(BANK.code, "C-9", "ほか"))
    far = world.administration.enrol(enrolment("far", contract="C-9")).id  # of a contract that has very many
    with counted(world.database, "") as statements:
        shown(world)
    assert len(statements) == 1
    event.listen(world.database.engine, "before_cursor_execute", note)
    shown(world, "user")
    world.administration.member(BANK, "C-1", "user-1", NOW)
    event.remove(world.database.engine, "before_cursor_execute", note)
    with world.database.engine.connect() as connection:
        if kind == "postgresql":  # which reads a table whole as long as it is small
            for many in MANY:
                connection.exec_driver_sql(many.format(who=far))
            connection.exec_driver_sql(_NOTICES)
            connection.exec_driver_sql("ANALYZE notice")
        explain = "EXPLAIN QUERY PLAN" if kind == "sqlite" else "EXPLAIN"
        for statement, values in asked:
            plan = [str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {statement}", values)]
            whole = [step for step in plan if "Seq Scan" in step or step.startswith(("SCAN g", "SCAN s", "SCAN n"))]
            assert not whole, plan


def test_serial_numbers_and_stores_are_told(world: World) -> None:
    one = world.active()
    found = world.administration.member(BANK, "C-1", "user-1", DAY)
    assert found is not None
    assert (found.serial, found.not_after, found.store) == (one.serial, one.not_after, one.store)
    assert hexed(one.serial) == f"{found.serial:040x}"
