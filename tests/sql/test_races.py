"""Threads, on one node and on several, that want the same thing: one gets it, and the others read again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.actors import TESTER
from tests.sql.world import BANK, CERTIFICATE, DAY, HOUR, REASON, World, exchange, generation
from tokenmgr.domain.generation import State
from tokenmgr.ra.ports import Stale
from tokenmgr.sql.administration import Administration
from tokenmgr.sql.engine import Database
from tokenmgr.sql.registry import SqlRegistry

ROUNDS = 10


def raced(*acts: Callable[[], object]) -> list[bool]:
    """Who got through; nobody fails of anything but being late."""
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], object]) -> bool:
        start.wait(20)
        try:
            act()
        except Stale:
            return False
        return True

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


@pytest.fixture(params=["one node", "two nodes"])
def nodes(request: pytest.FixtureRequest, world: World, url: str) -> tuple[SqlRegistry, SqlRegistry]:
    return world.registry, world.registry if request.param == "one node" else SqlRegistry(Database.open(url), TESTER)


Nodes = tuple[SqlRegistry, SqlRegistry]


def test_two_renewals_of_one_id_get_one_generation(world: World, nodes: Nodes) -> None:
    for number in range(ROUNDS):
        one, other = generation(world.user.id, 2 * number), generation(world.user.id, 2 * number + 1)
        got = raced(
            lambda one=one: nodes[0].record(one, exchange(one), None, DAY),  # type: ignore[misc]
            lambda other=other: nodes[1].record(other, exchange(other), None, DAY),  # type: ignore[misc]
        )
        assert sorted(got) == [False, True]
        waiting = world.registry.standing(world.user.id).pending
        assert waiting == (one if got[0] else other)
        world.registry.revoke(waiting.serial, REASON, DAY)
    assert {one.state for one in world.administration.history(world.user.id)} == {State.VOID}


def test_a_confirmation_and_a_revocation_leave_one_outcome(world: World, nodes: Nodes) -> None:
    old = world.active()
    for _ in range(ROUNDS):
        one, its = world.pending(DAY + HOUR)
        confirmed, revoked = raced(
            lambda its=its: nodes[0].confirm(its, b"digest", DAY + HOUR, True),  # type: ignore[misc]
            lambda one=one: nodes[1].revoke(one.serial, REASON, DAY + HOUR),  # type: ignore[misc]
        )
        assert revoked
        assert world.state(one) is State.REVOKED
        assert world.state(old) is (State.REVOKED if confirmed else State.ACTIVE)
        if confirmed:
            old = world.active()


def test_a_displacement_and_a_signature_leave_one_that_waits(world: World, nodes: Nodes) -> None:
    for number in range(ROUNDS):
        one, _ = world.recorded()
        new = generation(world.user.id, 1000 + number)
        signed, displaced = raced(
            lambda one=one: nodes[0].sign_off(one.serial, CERTIFICATE),  # type: ignore[misc]
            lambda one=one, new=new: nodes[1].record(new, exchange(new), one, DAY),  # type: ignore[misc]
        )
        assert signed is not displaced
        assert world.state(one) is (State.PENDING if signed else State.VOID)
        waiting = world.registry.standing(world.user.id).pending
        assert waiting is not None
        world.registry.revoke(waiting.serial, REASON, DAY)


def test_one_confirmation_counts(world: World, nodes: Nodes) -> None:
    for _ in range(ROUNDS):
        _, its = world.pending()
        got = raced(
            lambda its=its: nodes[0].confirm(its, b"one", DAY, True),  # type: ignore[misc]
            lambda its=its: nodes[1].confirm(its, b"two", DAY, True),  # type: ignore[misc]
        )
        assert sorted(got) == [False, True]
        found = world.registry.exchange(BANK.code, its.transaction)
        assert found is not None
        assert found.confirm_digest == (b"one" if got[0] else b"two")


def test_no_two_nodes_get_one_number_of_a_revocation_list(world: World, url: str) -> None:
    others = [Administration(Database.open(url), TESTER) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(lambda one: [one.reserve_crl() for _ in range(10)], others))
    assert sorted(number for some in numbers for number in some) == list(range(1, 41))
