"""OCSP answers that were made ahead, the entries of the trail that they follow, and the nodes that serve."""

from __future__ import annotations

import json
from datetime import timedelta

from tests.actors import TESTER
from tests.sql.world import CERTIFICATE, DAY, REASON, World, exchange, generation
from tokenmgr.domain.audit import Action
from tokenmgr.domain.generation import State
from tokenmgr.sql.answers import BEGINNING, Answer
from tokenmgr.sql.audit import Asked
from tokenmgr.sql.nodes import KEPT, Node

HOUR = timedelta(hours=1)


def issued(world: World, number: int) -> int:
    one = generation(world.user.id, number)
    its = exchange(one)
    world.registry.record(one, its, None, DAY)
    world.registry.sign_off(one.serial, CERTIFICATE)
    world.registry.confirm(its, b"digest", DAY, True)
    return one.serial


def test_an_answer_is_read_with_what_is_true(world: World) -> None:
    serial = issued(world, 1)
    assert world.administration.told(4711) is None
    first, second = (Answer(serial, DAY + n * HOUR, DAY + 24 * HOUR, 7, b"answer %d" % n) for n in range(2))
    for one in (first, second):
        world.administration.keep_answers([one])
        found = world.administration.told(serial)
        assert found
        assert (found.answer, found.state, found.revoked_at) == (one, State.ACTIVE, None)
    world.registry.revoke(serial, REASON, DAY)
    found = world.administration.told(serial)
    assert found
    assert (found.answer, found.state, found.revoked_at, found.reason) == (second, State.REVOKED, DAY, REASON)
    world.administration.drop_answers([serial, 4711])
    found = world.administration.told(serial)
    assert found
    assert found.answer is None


def test_a_walk_goes_over_all_and_carries_no_bytes(world: World) -> None:
    serials = sorted(issued(world, number) for number in range(1, 6))
    world.administration.keep_answers([Answer(serials[0], DAY, DAY + HOUR, 7, b"answer")])
    at, walked = 0, []
    while some := world.administration.told_after(at, 2):
        walked += some
        at = some[-1].serial
    assert [one.serial for one in walked] == serials
    assert [one.answer for one in walked] == [Answer(serials[0], DAY, DAY + HOUR, 7, b""), *[None] * 4]


def test_changes_of_status_are_told_in_their_order(world: World) -> None:
    assert world.administration.last_mark() == BEGINNING
    assert world.administration.changes(BEGINNING) == []
    first = issued(world, 1)
    world.registry.hold(first, DAY)
    world.registry.release(first)
    (held, released) = world.administration.changes(BEGINNING) or []
    assert (held.serial, released.serial) == (first, first)
    assert held.mark[0] < released.mark[0] == world.administration.last_change()
    assert world.administration.changes(held.mark) == [released]
    assert world.administration.changes(released.mark) == []
    assert released.mark == world.administration.last_mark()


def test_a_trail_that_has_gone_back_has_no_changes_to_tell(world: World) -> None:
    """Also where it has come as far again, with others."""
    _, digest = world.administration.last_mark()
    world.registry.hold(issued(world, 1), DAY)
    at, right = world.administration.last_mark()
    for gone in ((at + 1, right), (at, digest), (at + 1, digest)):
        assert world.administration.changes(gone) is None


def test_answers_go_when_they_end(world: World) -> None:
    serial = issued(world, 1)
    world.administration.keep_answers([Answer(serial, DAY, DAY + HOUR, 7, b"answer")])
    assert world.administration.tidy_answers(DAY + HOUR) == 0
    assert world.administration.tidy_answers(DAY + 2 * HOUR) == 1


def test_nodes_come_live_and_go(world: World) -> None:
    one, other = (Node(f"ca{n}/77", "1.0", DAY, DAY) for n in (1, 2))
    for node in (one, other):
        world.administration.node_started(node)
    later = Node(one.name, one.version, DAY, DAY + HOUR)
    world.administration.node_seen(later)
    assert world.administration.nodes() == [later, other]
    world.administration.node_stopped(later)
    world.administration.node_seen(later)  # by a worker that is finishing
    assert world.administration.nodes() == [other]
    told = list(world.administration.trail.entries(Asked(action="node.")))
    assert [(entry.action, entry.actor, json.loads(entry.after)) for entry in told] == [
        (action.value, TESTER.name, {"node": node.name, "version": "1.0"})
        for action, node in ((Action.NODE_STARTED, one), (Action.NODE_STARTED, other), (Action.NODE_STOPPED, one))
    ]
    assert world.administration.tidy_nodes(DAY + KEPT) == 0
    assert world.administration.tidy_nodes(DAY + KEPT + HOUR) == 1
