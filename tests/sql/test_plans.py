"""What is asked at every renewal is found by an index, however many IDs there are, and in few statements."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from tests.actors import TESTER
from tests.sql.test_engine import counted
from tests.sql.test_handovers import CLAIMS
from tests.sql.world import BANK, CERTIFICATE, DAY, REASON, World, exchange, generation
from tokenmgr.domain.handover import Progress, State
from tokenmgr.domain.notice import Stage, due_notices
from tokenmgr.domain.rehearsal import APART
from tokenmgr.sql import handovers
from tokenmgr.sql.outbox import Outbox, Outcome, Start, Which
from tokenmgr.sql.sessions import NOTED, Sessions
from tokenmgr.sql.sessions import tidy as tidy_sessions

READS: dict[str, Callable[[World], object]] = {
    "bank": lambda world: world.registry.bank(BANK.code),
    "enrolled": lambda world: world.registry.enrolled(BANK.code, "C-1", "user-1"),
    "standing": lambda world: world.registry.standing(world.user.id),
    "generation": lambda world: world.registry.generation(7),
    "by_key": lambda world: world.registry.by_key(bytes(32)),
    "known": lambda world: world.registry.known(BANK.code, bytes(32)),
    "exchange": lambda world: world.registry.exchange(BANK.code, b"t"),
    "told": lambda world: world.administration.told(7),
    "told_after": lambda world: world.administration.told_after(7, 9),
    "changes": lambda world: world.administration.changes((7, bytes(32))),
    "crl_header": lambda world: world.administration.crl_header(),
    "delta_crl_header": lambda world: world.administration.delta_crl_header(),
    "was_asked": lambda world: world.registry.was_asked(bytes(32)),
    "is_handed_out": lambda world: world.registry.is_handed_out(7),
    "ticket": lambda world: world.registry.ticket("r1"),
    "handover_keys": lambda world: world.registry.handover_keys(BANK.code),
    "handover": lambda world: world.registry.handover(BANK.code, CLAIMS.jti),
    "at_door": lambda world: Sessions(world.database).at_door(BANK.code, 7, "token", DAY),
}


def renewal(world: World) -> None:
    world.registry.standing(world.user.id)
    one = generation(world.user.id, 1)
    its = exchange(one)
    world.registry.record(one, its, None, DAY)
    world.registry.sign_off(one.serial, CERTIFICATE)
    world.registry.confirm(its, b"digest", DAY, True)


def acquisition(world: World) -> None:
    world.registry.spend_try(BANK.code, "C-1", "user-1", 5, True, DAY)
    world.registry.enrolled(BANK.code, "C-1", "user-1")
    world.registry.open_ticket(world.ticket(), "C-1", "user-1")
    one = generation(world.user.id, 2)
    world.registry.record(one, exchange(one, "ticket:r1"), None, DAY)
    world.registry.bind(exchange(one, "ticket:r1", b"another"))
    world.registry.revoke(one.serial, REASON, DAY)
    world.registry.expire_unconfirmed(DAY)
    list(world.administration.revoked(DAY))


def rehearsal(world: World) -> None:
    world.active()
    for number in (3, 4):
        now = DAY + number * APART
        one = dataclasses.replace(generation(world.user.id, number, now), is_rehearsal=True)
        world.registry.record(one, exchange(one), None, now)
    world.registry.sign_off(one.serial, CERTIFICATE)
    world.registry.rehearsal_passed(exchange(one), b"digest", DAY)
    world.administration.rehearsed(world.user.id)
    list(world.administration.candidates(BANK.code, "C-1"))


def login(world: World) -> None:
    one, sessions = world.active(), Sessions(world.database)
    sessions.begin("token", BANK.code, world.user.id, one.serial, DAY)
    sessions.at_door(BANK.code, one.serial, "token", DAY + NOTED)
    sessions.end("token")
    world.database.write(lambda c: tidy_sessions(c, DAY))


def handover(world: World) -> None:
    world.registry.redeem(CLAIMS, "kid", b"hash", DAY)
    world.registry.tell_handover(BANK.code, CLAIMS.jti, Progress(State.WORKING, 1))
    world.database.write(lambda c: handovers.tidy(c, DAY))


def notices(world: World) -> None:
    outbox, now = Outbox(world.database, "me"), world.active().not_after
    due = [(one.bank, it) for one in outbox.candidates(now, APART) for it in due_notices(one.held, BANK.policy, now)]
    outbox.keep(due, now)
    number, *_ = outbox.take((), now)
    outbox.errand(number)
    outbox.start((), Start(number, "letter", "user-1@example.jp"), now)
    outbox.let_go([Outcome(number, Stage.REFUSED)], [number], now)
    outbox.retry([number], now, TESTER)
    outbox.bounced(number, "user-1@example.jp", "5.1.1", is_permanent=True, by=TESTER)
    list(outbox.entries(Which(serial=7)))


@pytest.mark.parametrize("verb", READS)
def test_a_read_is_one_statement(world: World, verb: str) -> None:
    READS[verb](world)
    with counted(world.database, "") as statements:
        READS[verb](world)
    assert len(statements) == 1


def test_a_renewal_is_few(world: World) -> None:
    with counted(world.database, "") as statements:
        renewal(world)
    assert len([one for one in statements if one.split()[0] not in ("BEGIN", "COMMIT")]) <= 20


MANY = (
    "INSERT INTO subscriber (bank, contract, user_id, role, email, login_hash, confirmation_hash)"
    " SELECT bank, contract, 'n' || n, role, '', '', '' FROM subscriber, generate_series(1, 20000) n WHERE id = {who}",
    "INSERT INTO generation (serial, subscriber, state, key_hash, not_before, not_after, certificate, draft, authority)"
    " SELECT lpad(id::text, 40, '0'), id, 'active', sha256(id::text::bytea), 0, 0, '', '', 1 FROM subscriber",
    "INSERT INTO try SELECT bank, contract, user_id, 1, 0 FROM subscriber",
    "INSERT INTO rehearsal (subscriber, asked_by, code, step) SELECT id, '', '', '' FROM subscriber",
    "ANALYZE",
)


def test_a_key_is_found_by_its_index(kind: str, world: World) -> None:
    """And what goes with it by those of its subscriber."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        asked.append((statement, values))

    event.listen(world.database.engine, "before_cursor_execute", note)
    READS["known"](world)
    event.remove(world.database.engine, "before_cursor_execute", note)
    ((statement, values),) = asked
    with world.database.engine.connect() as connection:
        if kind == "postgresql":  # which reads a table whole as long as it is small
            for many in MANY:
                connection.exec_driver_sql(many.format(who=world.user.id))
        explain = "EXPLAIN QUERY PLAN" if kind == "sqlite" else "EXPLAIN"
        plan = "\n".join(str(row) for row in connection.exec_driver_sql(f"{explain} {statement}", values))
    assert "generation_key" in plan
    assert "Seq Scan" not in plan, plan


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize("what", [renewal, acquisition, rehearsal, handover, login, notices, *READS.values()])
def test_nothing_is_looked_for_row_by_row(kind: str, world: World, what: Callable[[World], object]) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        asked.append((statement, values))

    event.listen(world.database.engine, "before_cursor_execute", note)
    what(world)
    event.remove(world.database.engine, "before_cursor_execute", note)
    with world.database.engine.connect() as connection:
        for statement, values in asked:
            if statement.split()[0] in ("SELECT", "UPDATE", "DELETE"):
                plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
                assert not [step for step in plan if step.startswith("SCAN") and " USING INDEX" not in step], statement
