"""PostgreSQL: whoever writes about a subscriber, or a bank, waits for whoever has its row, and sees what that has done.

Another connection has the row; the verb is begun in a thread, and is seen to wait for it; then that one commits.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Connection, text

from tests.sql.world import BANK, DAY, REASON, World, exchange, generation
from tokenmgr.domain.generation import State
from tokenmgr.domain.policy import BankPolicy
from tokenmgr.domain.reissue import Cause
from tokenmgr.ra.ports import Stale
from tokenmgr.sql.administration import Change
from tokenmgr.sql.engine import Database

UNTIL = DAY + timedelta(days=80)
_WAITS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
pytestmark = pytest.mark.parametrize("kind", ["postgresql"])


@contextlib.contextmanager
def having(database: Database, lock: str) -> Iterator[Connection]:
    with database.engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql(lock)
        yield connection
        connection.exec_driver_sql("COMMIT")


def after(world: World, lock: str, other: str, act: Callable[[], object]) -> object:
    """What `act` returned, or was refused with: it is begun while another one has the row, which then does `other`."""
    with ThreadPoolExecutor(1) as pool:
        with having(world.database, lock) as connection:
            begun = pool.submit(act)
            while not connection.execute(text(_WAITS)).scalar_one():
                assert not begun.done(), "it waits for nobody"
                time.sleep(0.002)
            connection.exec_driver_sql(other)
        try:
            return begun.result(30)
        except Stale as stale:
            return stale


def of_user(world: World) -> str:
    return f"SELECT id FROM subscriber WHERE id = {world.user.id} FOR UPDATE"  # noqa: S608  our own numbers


def test_a_record_sees_what_was_held_meanwhile(world: World) -> None:
    one = world.active()
    new = generation(world.user.id, 50)
    held = f"UPDATE generation SET state = 'held' WHERE serial = '{one.serial:040x}'"  # noqa: S608
    asked = exchange(new, f"certificate:{one.serial:x}")
    told = after(world, of_user(world), held, lambda: world.registry.record(new, asked, None, DAY))
    assert isinstance(told, Stale)
    assert world.registry.generation(new.serial) is None


@pytest.mark.parametrize("verb", ["withdraw", "hold", "reissue"])
def test_what_is_taken_back_is_what_is_there_by_then(world: World, verb: str) -> None:
    """A renewal that is recorded while they wait is taken back with the rest."""
    one = world.active()
    new = generation(world.user.id, 51)
    recorded = (
        "INSERT INTO generation (serial, subscriber, state, store, key_hash, not_before, not_after, confirm_by,"  # noqa: S608
        f" certificate, draft, authority) SELECT '{new.serial:040x}', subscriber, 'recorded', store, '\\x01',"
        f" not_before, not_after, confirm_by, '', 'draft', 1 FROM generation WHERE serial = '{one.serial:040x}'"
    )
    verbs: dict[str, Callable[[], object]] = {
        "withdraw": lambda: world.registry.withdraw(world.user.id, REASON, DAY),
        "hold": lambda: world.registry.hold(one.serial, DAY),
        "reissue": lambda: world.registry.reissue(world.user.id, Cause.LOST, UNTIL, None, DAY),
    }
    after(world, of_user(world), recorded, verbs[verb])
    assert world.state(new) is State.VOID
    assert world.state(one) is (State.HELD if verb == "hold" else State.REVOKED)


def test_two_who_change_a_bank_both_do(world: World) -> None:
    lock, other = "SELECT code FROM bank FOR UPDATE", "UPDATE bank SET contact = 'theirs'"
    mine = BankPolicy(grace_days=77)
    after(
        world,
        lock,
        other,
        lambda: world.administration.change_bank(BANK.code, lambda bank: dataclasses.replace(bank, policy=mine)),
    )
    found = world.administration.bank(BANK.code)
    assert (found.contact, found.policy) == ("theirs", mine)


def test_the_trail_tells_what_was_before_by_then(world: World) -> None:
    other = f"UPDATE subscriber SET email = 'theirs@example.jp' WHERE id = {world.user.id}"  # noqa: S608
    change = Change(email="mine@example.jp")
    after(world, of_user(world), other, lambda: world.administration.change_subscriber(world.user.id, change))
    last = world.database.first(text("SELECT before FROM audit ORDER BY number DESC LIMIT 1"))
    assert last is not None
    assert last[0] == '{"email":"theirs@example.jp"}'
