"""A bank's keys, and its tickets that were redeemed: once, whoever comes at the same time, and not kept for ever."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select

from tests.actors import TESTER
from tests.sql.test_races import raced
from tests.sql.world import BANK, DAY, World
from tokenmgr.domain.handover import OPENED, Claims, Progress, State
from tokenmgr.errors import AuthorityClosed, NotRegistered, Taken
from tokenmgr.sql import marks
from tokenmgr.sql.engine import Database
from tokenmgr.sql.handovers import KEPT, HandoverKey
from tokenmgr.sql.registry import SqlRegistry
from tokenmgr.sql.schema import audit

ENDS = DAY + timedelta(minutes=5)
CLAIMS = Claims(BANK.code, "tokenmgr", "J" * 22, DAY, ENDS, "https://ib.example", "renew", "C-1", "user-1")
KEY = HandoverKey("0123456789abcdef", b"0Y\0key\xff", DAY)


def entries(world: World) -> list[tuple[str, str, str, str]]:
    statement = select(audit.c.action, audit.c.whom, audit.c.before, audit.c.after).order_by(audit.c.number)
    return [tuple(row) for row in world.database.read(statement) if row[0].startswith("handover")]


def test_keys_come_and_go_in_somebodys_name(world: World) -> None:
    administration, later = world.administration, HandoverKey("ffff", b"other", DAY + timedelta(days=1))
    administration.add_handover_key(BANK.code, later)
    administration.add_handover_key(BANK.code, KEY)
    with pytest.raises(Taken):
        administration.add_handover_key(BANK.code, KEY)
    with pytest.raises(NotRegistered):
        administration.add_handover_key("9999", KEY)
    assert administration.handover_keys(BANK.code) == [KEY, later]
    assert world.registry.handover_keys(BANK.code) == (KEY.public_key, later.public_key)
    administration.withdraw_handover_key(BANK.code, later.kid)
    with pytest.raises(NotRegistered):
        administration.withdraw_handover_key(BANK.code, later.kid)
    assert world.registry.handover_keys(BANK.code) == (KEY.public_key,)
    assert entries(world) == [
        ("handover-key.added", "1234", "{}", '{"kid":"ffff"}'),
        ("handover-key.added", "1234", "{}", '{"kid":"0123456789abcdef"}'),
        ("handover-key.withdrawn", "1234", '{"kid":"ffff"}', "{}"),
    ]


def test_it_is_redeemed_once_and_progress_is_in_no_trail(world: World) -> None:
    registry = world.registry
    assert registry.handover(BANK.code, CLAIMS.jti) is None
    first = registry.redeem(CLAIMS, KEY.kid, b"hash", DAY)
    assert (first.origin, first.expires_at, first.redeemed_at) == (CLAIMS.origin, ENDS, DAY)
    assert (first.secret_hash, first.progress) == (b"hash", OPENED)
    assert registry.redeem(CLAIMS, KEY.kid, b"another's", DAY + timedelta(seconds=1)) == first
    assert registry.handover(BANK.code, CLAIMS.jti) == first
    assert registry.handover("5678", CLAIMS.jti) is None
    registry.tell_handover(BANK.code, CLAIMS.jti, Progress(State.WORKING, 2))
    after = f'{{"act":"renew","jti":"{CLAIMS.jti}","kid":"{KEY.kid}","origin":"https://ib.example"}}'
    assert entries(world) == [("handover.redeemed", "1234/C-1/user-1", "{}", after)]


def test_whoever_comes_later_is_in_the_trail_once(world: World) -> None:
    """However often: a trail that anybody with an old ticket can fill is none."""
    world.registry.redeem(CLAIMS, KEY.kid, b"hash", DAY)
    other = replace(CLAIMS, jti="K" * 22)
    for refused in (CLAIMS, CLAIMS, other, CLAIMS):
        world.registry.refuse_handover(refused, KEY.kid)
    told = [(action, whom, json.loads(after)["jti"]) for action, whom, _, after in entries(world)]
    assert told[1:] == [("handover.refused", "1234/C-1/user-1", jti) for jti in (CLAIMS.jti, other.jti)]


def test_what_is_told_goes_forward_and_ends(world: World) -> None:
    world.registry.redeem(CLAIMS, KEY.kid, b"hash", DAY)
    failed = Progress(State.FAILED, code="M104")
    for told, seen in (
        (Progress(State.WORKING, 3), Progress(State.WORKING, 3)),
        (Progress(State.WORKING, 2), Progress(State.WORKING, 3)),
        (OPENED, Progress(State.WORKING, 3)),
        (failed, failed),
        (Progress(State.DONE), failed),
    ):
        world.registry.tell_handover(BANK.code, CLAIMS.jti, told)
        found = world.registry.handover(BANK.code, CLAIMS.jti)
        assert found is not None
        assert found.progress == seen
    world.registry.tell_handover(BANK.code, "K" * 22, OPENED)  # nobody's


def redeemed(node: SqlRegistry, own: bytes, claims: Claims, got: list[bytes]) -> None:
    """Whose it is then."""
    got.append(node.redeem(claims, KEY.kid, own, DAY).secret_hash)


def test_on_two_nodes_one_has_it(world: World, url: str) -> None:
    nodes = [SqlRegistry(Database.open(url), TESTER) for _ in range(2)]
    for number in range(4):
        claims = Claims(**vars(CLAIMS) | {"jti": f"{number:022}"})
        got: list[bytes] = []
        raced(*(partial(redeemed, node, own, claims, got) for node, own in zip(nodes, (b"one", b"two"), strict=True)))
        assert got in ([b"one"] * 2, [b"two"] * 2)
    assert len(entries(world)) == 4


def test_what_is_long_over_goes(world: World) -> None:
    world.registry.redeem(CLAIMS, KEY.kid, b"hash", DAY)
    assert world.registry.tidy(ENDS + KEPT) == 0
    assert world.registry.tidy(ENDS + KEPT + timedelta(microseconds=1)) == 1
    assert world.registry.handover(BANK.code, CLAIMS.jti) is None


def test_a_closed_ca_redeems_nothing(world: World) -> None:
    marks.close(world.database, TESTER, DAY)
    with pytest.raises(AuthorityClosed):
        world.registry.redeem(CLAIMS, KEY.kid, b"hash", DAY)
