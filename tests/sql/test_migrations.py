"""The migrations build what schema.py says, once, whoever starts at the same time, and never an older program's way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import inspect, text

from tests.sql.conftest import Fresh
from tests.sql.world import DAY
from tokenmgr.errors import RegistryNewer, RegistryUnavailable
from tokenmgr.ra.ports import Stale
from tokenmgr.sql import migrations, schema
from tokenmgr.sql.engine import Database
from tokenmgr.sql.migrations import Migration


def drawn(database: Database) -> dict[str, Any]:
    """All that the database itself says of its tables."""
    seen = inspect(database.engine)

    def columns(table: str) -> list[str]:
        return sorted(
            f"{one['name']} {one['type']!r} {one['nullable']} {one['default']} {one.get('identity')}"
            for one in seen.get_columns(table)
        )

    def indexes(table: str) -> list[str]:
        return sorted(
            f"{one['name']} {one['column_names']} {one['unique']} "
            + " ".join(str(value) for name, value in one.get("dialect_options", {}).items() if name.endswith("where"))
            for one in seen.get_indexes(table)
        )

    return {
        table: (
            columns(table),
            seen.get_pk_constraint(table)["constrained_columns"],
            sorted(
                f"{one['constrained_columns']} {one['referred_table']} {one['referred_columns']}"
                for one in seen.get_foreign_keys(table)
            ),
            sorted(one["column_names"] for one in seen.get_unique_constraints(table)),
            indexes(table),
            sorted(f"{one['name']} {one['sqltext']}" for one in seen.get_check_constraints(table)),
        )
        for table in seen.get_table_names()
    }


TRIGGERS = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name",
    "postgresql": "SELECT tgname, pg_get_triggerdef(t.oid), pg_get_functiondef(tgfoid) FROM pg_trigger t"
    " WHERE NOT tgisinternal ORDER BY tgname",
}


def triggers(database: Database) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in database.read(text(TRIGGERS[database.engine.dialect.name]))]


def test_they_build_exactly_what_the_schema_says(fresh: Fresh) -> None:
    migrated, created = Database.open(fresh.made()), Database.open(fresh.empty())
    schema.METADATA.create_all(created.engine)
    assert drawn(migrated) == drawn(created)
    assert triggers(migrated) == triggers(created) != []
    assert set(drawn(migrated)) == set(schema.METADATA.tables)
    migrated.close()
    created.close()


BEFORE = (  # as the first version leaves them
    "INSERT INTO bank VALUES ('1234', 'みほん', '{}', '', '', '')",
    "INSERT INTO contract VALUES ('1234', 'C-1', '')",
    *(
        f"INSERT INTO subscriber VALUES ({number}, '1234', 'C-1', 'u{number}', 'user', '', '', '', 0, 0, 0)"  # noqa: S608
        for number in (1, 2)
    ),
)
ROW = (
    "INSERT INTO generation (serial, subscriber, state, key_hash, not_before, not_after, certificate, draft, authority"
    "{more}) VALUES ('{serial}', {who}, '{state}', :key_hash, 0, 1, :empty, :empty, 1{values})"
)


def test_rehearsals_come_to_what_is_there(fresh: Fresh) -> None:
    database = Database.open(fresh.empty())

    def do(statement: str, **values: object) -> None:
        database.write(lambda c: c.execute(text(statement), values).rowcount)

    def add(serial: str, state: str, who: int = 1, rehearses: int | None = None) -> None:
        told = ("", "") if rehearses is None else (", is_rehearsal", f", {rehearses}")
        row = ROW.format(serial=serial, who=who, state=state, more=told[0], values=told[1])
        do(row, key_hash=serial.encode(), empty=b"")

    with database.engine.connect() as connection:
        migrations.apply(connection, DAY, migrations.ALL[:1])
    for statement in BEFORE:
        do(statement)
    for serial, state, who in (("a", "active", 1), ("b", "pending", 1), ("c", "held", 2), ("d", "superseded", 2)):
        add(serial, state, who)
    assert database.migrate(DAY, known=migrations.ALL[:2]) == ["0002 rehearsal"]
    assert {row[0] for row in database.read(text("SELECT is_rehearsal FROM generation"))} == {0}
    with pytest.raises(Stale):
        add("e", "pending")  # one real one, as before
    add("f", "pending", rehearses=1)
    with pytest.raises(Stale):
        add("g", "recorded", rehearses=1)
    for state in ("active", "held", "superseded"):  # as a node of the version before would have it
        with pytest.raises(Stale):
            do("UPDATE generation SET state = :state WHERE serial = 'f'", state=state)
    do("UPDATE generation SET state = 'active' WHERE serial = 'a'")
    database.close()


def test_they_are_numbered_without_a_gap() -> None:
    assert [one.number for one in migrations.ALL] == list(range(1, len(migrations.ALL) + 1))


def test_what_is_there_is_not_done_again(fresh: Fresh) -> None:
    database = Database.open(fresh.empty())
    assert database.migrate(DAY) == [f"{one.number:04} {one.name}" for one in migrations.ALL]
    assert database.migrate(DAY) == []
    assert [tuple(row) for row in database.read(text("SELECT number, name FROM migration"))] == [
        (one.number, one.name) for one in migrations.ALL
    ]
    database.close()


def test_of_many_nodes_that_start_at_once_one_does_it(fresh: Fresh) -> None:
    url = fresh.empty()

    def start(_number: int) -> list[str]:
        database = Database.open(url)
        applied = database.migrate(DAY)
        database.close()
        return applied

    with ThreadPoolExecutor(6) as pool:
        applied = [one for one in pool.map(start, range(6)) if one]
    assert len(applied) == 1


def test_a_newer_database_is_refused_and_left_alone(database: Database) -> None:
    database.write(lambda c: c.execute(text("INSERT INTO migration VALUES (99, 'tomorrow', 0)")).rowcount)
    before = drawn(database)
    with pytest.raises(RegistryNewer) as caught:
        database.migrate(DAY)
    assert (caught.value.found, caught.value.known) == (99, migrations.ALL[-1].number)
    assert drawn(database) == before


def test_another_programs_migrations_are_refused(database: Database) -> None:
    database.write(lambda c: c.execute(text("UPDATE migration SET name = 'other'")).rowcount)
    with pytest.raises(RegistryUnavailable, match="not this program's"):
        database.migrate(DAY)


def test_one_that_fails_halfway_leaves_nothing_and_those_before_stay(database: Database) -> None:
    after = migrations.ALL[-1].number
    good = Migration(after + 1, "good", ("CREATE TABLE good (a {big})",))
    bad = Migration(after + 2, "bad", ("CREATE TABLE bad (a {big})", "NONSENSE"))
    with database.engine.connect() as connection:
        with pytest.raises(Exception, match="NONSENSE"):
            migrations.apply(connection, DAY, (*migrations.ALL, good, bad))
        names = set(inspect(connection).get_table_names())
        assert "good" in names
        assert "bad" not in names
        mended = Migration(after + 2, "bad", ("CREATE TABLE bad (a {big})",))
        assert migrations.apply(connection, DAY, (*migrations.ALL, good, mended)) == [f"{after + 2:04} bad"]
