"""R11: counted before anything is looked at, alike for every ID that somebody may type."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.sql.world import BANK, DAY, HOUR, World, enrolment, exchange, generation
from tokenmgr.ra.ports import Tries

LIMIT = 5
NOBODY = "nobody"


def spend(world: World, user: str, lock_contract: bool = False) -> Tries:
    return world.registry.spend_try(BANK.code, "C-1", user, LIMIT, lock_contract, DAY)


@pytest.mark.parametrize("user", ["user-1", "admin", NOBODY, "", "\0", "あ" * 5000, "\ud800"])
def test_the_last_try_is_looked_at_and_the_next_is_not(world: World, user: str) -> None:
    assert [spend(world, user) for _ in range(LIMIT)] == [Tries(n, locked=False) for n in range(1, LIMIT + 1)]
    assert [spend(world, user) for _ in range(2)] == [Tries(LIMIT, locked=True)] * 2
    world.registry.forgive_tries(BANK.code, "C-1", user)
    assert spend(world, user) == Tries(1, locked=False)


def test_a_crowd_gets_no_try_for_nothing(world: World) -> None:
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda _: spend(world, "user-1"), range(40)))
    assert sorted(one.spent for one in got if not one.locked) == list(range(1, LIMIT + 1))


def test_a_locked_administrator_locks_the_contract_where_the_bank_says_so(world: World) -> None:
    for _ in range(LIMIT):
        spend(world, "admin")
    assert spend(world, "admin", lock_contract=True) == Tries(LIMIT, locked=True, contract_locked=True)
    assert spend(world, "user-1", lock_contract=True) == Tries(1, locked=False, contract_locked=True)
    assert spend(world, NOBODY, lock_contract=True) == Tries(1, locked=False, contract_locked=True)
    assert spend(world, "user-1") == Tries(2, locked=False)
    world.administration.unlock(world.administrator.id)
    assert spend(world, "user-1", lock_contract=True) == Tries(3, locked=False)


def test_a_locked_user_locks_nobody_else(world: World) -> None:
    for _ in range(LIMIT):
        spend(world, "user-1")
        spend(world, NOBODY)
    assert spend(world, "admin", lock_contract=True) == Tries(1, locked=False)


def test_guesses_at_ids_that_nobody_has_are_forgotten_after_a_day(world: World) -> None:
    for user in ("user-1", NOBODY, "x" * 100):
        for _ in range(LIMIT):
            spend(world, user)
    assert world.registry.tidy(DAY + timedelta(days=1)) == 0
    assert world.registry.tidy(DAY + timedelta(days=1, microseconds=1)) == 2
    assert spend(world, NOBODY) == Tries(1, locked=False)
    assert spend(world, "user-1") == Tries(LIMIT, locked=True)


def test_an_id_that_was_guessed_at_before_it_existed_is_not_locked(world: World) -> None:
    for _ in range(LIMIT + 1):
        spend(world, "user-2")
    world.administration.enrol(enrolment("user-2"))
    assert spend(world, "user-2") == Tries(1, locked=False)


def test_tickets_long_over_are_forgotten_unless_somebody_waits(world: World) -> None:
    waiting = generation(world.user.id, 1)
    world.registry.open_ticket(world.ticket("r1"), "C-1", "user-1")
    world.registry.open_ticket(world.ticket("r2"), "C-1", "user-1")
    world.registry.record(waiting, exchange(waiting, "ticket:r2"), None, DAY)
    assert world.registry.tidy(DAY + timedelta(days=30)) == 0
    assert world.registry.tidy(DAY + timedelta(days=30) + 2 * HOUR) == 1
    assert (world.registry.ticket("r1"), world.registry.ticket("r2") is None) == (None, False)
    world.registry.expire_unconfirmed(DAY + timedelta(days=30))
    assert world.registry.tidy(DAY + timedelta(days=30) + 2 * HOUR) == 1
