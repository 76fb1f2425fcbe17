"""A registry goes out and in again, on either database and from one to the other, as it was at one moment."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text

from tests.actors import TESTER
from tests.sql.conftest import Fresh, sqlite_at
from tests.sql.postgres import Server
from tests.sql.test_handovers import CLAIMS, KEY
from tests.sql.world import BANK, DAY, REASON, World, enrolment, exchange, generation
from tokenmgr.domain.audit import Action, Event
from tokenmgr.errors import RegistryNewer, RegistryNotEmpty
from tokenmgr.sql import copying
from tokenmgr.sql.administration import Administration
from tokenmgr.sql.copying import BEYOND, TABLES, Row, Source, Unlike
from tokenmgr.sql.crls import Crl
from tokenmgr.sql.engine import Database
from tokenmgr.sql.rows import hexed
from tokenmgr.sql.schema import METADATA

Copy = dict[str, list[str]]


def anything(_table: str, _row: Row) -> None:
    pass


def filled(database: Database) -> World:
    """Something in every table that the program writes by itself."""
    world = World.founded(database)
    served = hexed(world.active().serial)
    world.registry.revoke(world.active().serial, REASON, database._clock())  # as the trail's entry of it
    world.recorded()
    world.registry.open_ticket(world.ticket(), "C-1", "user-1")
    world.registry.spend_try(BANK.code, "C-1", "nobody", 5, False, DAY)
    world.registry.nonce_key()
    world.administration.ask_rehearsals(BANK.code, None, DAY)
    world.administration.add_handover_key(BANK.code, KEY)
    world.registry.redeem(CLAIMS, KEY.kid, b"\0hash\xff", DAY)
    number = world.administration.reserve_crl()
    covers = world.administration.last_change()
    world.administration.keep_crl(Crl(1, number, DAY, DAY.replace(year=2027), covers, number, b"\0list\xff"))
    database.write(lambda c: c.execute(text("INSERT INTO node VALUES ('n', '1', 2, 3)")))
    database.write(lambda c: c.execute(insert(METADATA.tables["asked"]), {"digest": b"\0\xff", "at": 1}))
    session = {"bank": BANK.code, "subscriber": world.user.id, "serial": served, "began_at": 1, "seen_at": 2}
    database.write(lambda c: c.execute(insert(METADATA.tables["session"]), session | {"token_hash": b"\0\xff"}))
    look = {"bank": BANK.code, "look": "{}", "logo": b"\0\xff"}
    database.write(lambda c: c.execute(insert(METADATA.tables["bank_look"]), look))
    mail = {"bank": BANK.code, "serial": served, "to_whom": world.user.id, "kind": "due", "lead": 30, "tries": 0}
    mail |= dict.fromkeys(("why", "address", "told", "claimed_by", "letter"), "") | {"state": "waiting"}
    mail |= dict.fromkeys(("due_at", "queued_at", "next_at"), 1)
    database.write(lambda c: c.execute(insert(METADATA.tables["notice"]), mail))
    return world


def out(database: Database) -> tuple[Copy, Source]:
    with copying.moment(database) as moment:
        copy = {name: list(moment.lines(name)) for name in TABLES}
        return copy, source(copy, moment.migrations, moment.head)


def source(copy: Copy, number: int, head: copying.Head) -> Source:
    return Source(number, head, lambda name: copy[name], frozenset(copy), {"backup": "digest", "entry": head[0]})


def rows(database: Database) -> dict[str, list[Any]]:
    return {name: sorted(map(repr, map(tuple, database.read(select(METADATA.tables[name]))))) for name in TABLES}


def opened(url: str) -> Database:
    return Database.open(url, clock=lambda: DAY)


def test_every_table_is_in_it(database: Database) -> None:
    filled(database)
    copy, _ = out(database)
    assert set(copy) == set(METADATA.tables) - {"migration"}
    empty = {name for name, lines in copy.items() if len(lines) == 1}
    assert empty == {"answer", "checkpoint", "job", "mark"}
    for name, lines in copy.items():
        assert json.loads(lines[0]) == [one.name for one in METADATA.tables[name].columns]


@pytest.mark.parametrize("back", ["sqlite", "postgresql"])
def test_from_one_database_to_the_other_and_back(tmp_path: Path, server: Server, back: str) -> None:
    there = {"sqlite": server.database(), "postgresql": sqlite_at(tmp_path / "there.db")}[back]
    home = [sqlite_at(tmp_path / name) if back == "sqlite" else server.database() for name in ("1.db", "3.db")]
    first, second, third = opened(home[0]), opened(there), opened(home[1])
    first.migrate(DAY)
    filled(first)
    before = rows(first)
    copy, _ = out(first)
    for old, new in ((first, second), (second, third)):
        new.migrate(DAY)
        now_copy, now_given = out(old)
        assert now_copy == copy
        new.write(lambda c, g=now_given: copying._load(c, g, anything))  # type: ignore[misc]
        assert rows(new) == before
    for one in (first, second, third):
        one.close()


def test_what_goes_on_after_a_restore(database: Database, fresh: Fresh) -> None:
    world = filled(database)
    copy, given = out(database)
    new = opened(fresh.empty())
    copying.restore(new, TESTER, given, anything, DAY)
    administration = Administration(new, TESTER)
    assert administration.reserve_crl() == 1 + BEYOND + 1
    last = administration.crl()
    assert last is not None
    assert last.covers != administration.last_change()  # so a list is made at once
    assert new.read(text("SELECT name FROM node")) == []
    assert administration.enrol(enrolment("newcomer")).id > world.user.id  # not a number that is taken
    action, after = new.read(text("SELECT action, after FROM audit ORDER BY number DESC LIMIT 2"))[1]
    assert (action, json.loads(after)) == ("ca.restored", {"backup": "digest", "entry": given.head[0]})
    again, _ = out(new)
    assert again["audit"][: len(copy["audit"])] == copy["audit"]
    copied, whole = out(new)
    other = opened(fresh.made())
    other.write(
        lambda c: copying._load(c, source(copied, whole.migrations, whole.head), anything)
    )  # its chain is whole
    other.close()
    new.close()


def test_nothing_goes_over_what_is_there(database: Database, fresh: Fresh) -> None:
    filled(database)
    _, given = out(database)
    other = opened(fresh.made())
    World.founded(other)
    before = rows(other)
    with pytest.raises(RegistryNotEmpty):
        copying.restore(other, TESTER, given, anything, DAY)
    assert rows(other) == before
    other.close()


def test_the_registry_that_it_was_made_from_is_not_taken_for_its_copy(database: Database) -> None:
    """What a backup is ends before the entry that tells of it."""
    filled(database)
    _, given = out(database)
    Administration(database, TESTER).reserve_crl()
    copying.noted(database, TESTER, Event(Action.CA_BACKED_UP))
    with pytest.raises(RegistryNotEmpty):
        copying.restore(database, TESTER, given, anything, DAY)


def test_a_restore_that_was_cut_short_goes_on(database: Database, fresh: Fresh) -> None:
    filled(database)
    _, given = out(database)
    new = opened(fresh.made())
    new.write(lambda c: copying._load(c, given, anything))  # killed here
    for _ in range(3):
        copying.restore(new, TESTER, given, anything, DAY)
    assert new.first(text("SELECT COUNT(*) FROM audit WHERE action = 'ca.restored'")) == (1,)
    assert new.first(text("SELECT MAX(number) FROM crl")) == (1 + BEYOND,)
    new.close()


def _forged(line: str) -> str:
    row = json.loads(line)
    row[3] += "!"
    return json.dumps(row)


EDITS: dict[str, Callable[[Copy], object]] = {
    "an entry of the trail changed": lambda c: c["audit"].__setitem__(3, _forged(c["audit"][3])),
    "one left out": lambda c: c["audit"].pop(4),
    "the last left out": lambda c: c["audit"].pop(),
    "two exchanged": lambda c: c["audit"].insert(2, c["audit"].pop(3)),
    "no such column": lambda c: c["bank"].__setitem__(0, c["bank"][0].replace("policy", "police")),
    "a column too few": lambda c: c["bank"].__setitem__(1, json.dumps(json.loads(c["bank"][1])[:-1])),
    "no JSON": lambda c: c["contract"].append("{"),
    "an object": lambda c: c["contract"].append('[{"a":1},2,3]'),
    "nothing at all": lambda c: c["contract"].clear(),
    "no base64": lambda c: c["secret"].__setitem__(1, '["nonce_key",["?"]]'),
    "somebody of no contract": lambda c: c["contract"].pop(),
    "a table is missing": lambda c: c.pop("try"),
    "one too many": lambda c: c.__setitem__("other", ["[]"]),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_is_not_as_it_was_is_refused_and_nothing_is_kept(database: Database, fresh: Fresh, edit: str) -> None:
    filled(database)
    copy, given = out(database)
    EDITS[edit](copy)
    other = opened(fresh.made())
    with pytest.raises(Unlike):
        copying.restore(other, TESTER, source(copy, given.migrations, given.head), anything, DAY)
    assert not any(rows(other).values())
    other.close()


def test_a_newer_registry_is_refused(database: Database, fresh: Fresh) -> None:
    copy, given = out(database)
    with pytest.raises(RegistryNewer):
        copying.restore(database, TESTER, source(copy, given.migrations + 99, given.head), anything, DAY)


def test_it_is_one_moment_while_others_write(database: Database, fresh: Fresh) -> None:
    """An ID comes with its entry in the trail, and a recorded generation with its exchange: never one without."""
    world = filled(database)
    stop, begun = threading.Event(), threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            who = world.administration.enrol(enrolment(f"crowd-{number}"))
            one = generation(who.id, 1000 + number)
            world.registry.record(one, exchange(one), None, DAY)
            begun.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        begun.wait(30)
        seen: list[int] = []
        for _ in range(3):
            copy, given = _slowly(database, begun)
            seen.append(len(copy["subscriber"]))
            assert len(copy["generation"]) - len(copy["exchange"]) == 0
            assert len([one for one in copy["audit"] if '"subscriber.added"' in one]) == len(copy["subscriber"]) - 1
            other = opened(fresh.made())
            other.write(lambda c, g=given: copying._load(c, g, anything))  # type: ignore[misc]
            other.close()
        assert seen[0] < seen[-1]  # they did write
    finally:
        stop.set()
        writer.join()


def _slowly(database: Database, begun: threading.Event) -> tuple[Copy, Source]:
    """Something is written between any two tables."""
    copy: Copy = {}
    with copying.moment(database) as moment:
        for name in _backwards(TABLES):
            copy[name] = list(moment.lines(name))
            begun.clear()
            begun.wait(30)
        return copy, source(copy, moment.migrations, moment.head)


def _backwards(names: Iterable[str]) -> list[str]:
    return list(reversed(list(names)))
