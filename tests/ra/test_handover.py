"""A ticket is redeemed once, by whoever was first, and told of by nobody else."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.actors import TESTER
from tests.api.rig import BANK, OTHER_BANK, SECOND, Rig
from tests.ra.handed import ANOTHERS, KEY, MINUTE, ORIGIN, OTHER_SECRET, SECRET, claims, registered, ticket
from tokenmgr.domain.handover import OPENED, WAITING, Progress, State
from tokenmgr.errors import (
    HandoverActUnknown,
    HandoverAnothers,
    HandoverEarly,
    HandoverForged,
    HandoverNotOffered,
    HandoverOver,
    HandoverSpent,
    HandoverUnreadable,
    TokenmgrError,
)
from tokenmgr.pki import handover as signed
from tokenmgr.ra import handover
from tokenmgr.sql.engine import Database
from tokenmgr.sql.registry import SqlRegistry

WORKING = Progress(State.WORKING, 4)


def redeem(rig: Rig, text: str, secret: str = SECRET, bank: str = BANK, registry: SqlRegistry | None = None) -> str:
    found = rig.registry.bank(bank)
    assert found is not None
    return handover.redeem(registry or rig.registry, found, text, secret, rig.now).jti


def test_a_whole_hand_over(rig: Rig) -> None:
    registered(rig)
    text = ticket(rig)
    jti = redeem(rig, text)
    assert handover.look(rig.registry, BANK, jti) == (OPENED, ORIGIN)
    handover.tell(rig.registry, BANK, jti, SECRET, WORKING)
    handover.tell(rig.registry, BANK, jti, SECRET, OPENED)  # late
    assert handover.look(rig.registry, BANK, jti) == (WORKING, ORIGIN)
    with pytest.raises(HandoverSpent):
        redeem(rig, text, OTHER_SECRET)
    assert redeem(rig, text) == jti
    rig.pass_time(30 * MINUTE)  # a renewal may take longer than its ticket is good
    assert redeem(rig, text) == jti
    handover.tell(rig.registry, BANK, jti, SECRET, Progress(State.DONE))
    assert handover.look(rig.registry, BANK, jti)[0].state is State.DONE


def test_nothing_is_told_of_what_nobody_has_redeemed(quick: Rig) -> None:
    registered(quick)
    jti = claims(quick).jti
    for one in (jti, "not even one", "\0", ""):
        assert handover.look(quick.registry, BANK, one) == (WAITING, "*")
    redeemed = redeem(quick, ticket(quick))
    assert handover.look(quick.registry, OTHER_BANK, redeemed) == (WAITING, "*")


def test_whoever_has_not_redeemed_it_tells_nothing(quick: Rig) -> None:
    registered(quick)
    jti = redeem(quick, ticket(quick))
    for bank, one, secret in ((BANK, jti, OTHER_SECRET), (OTHER_BANK, jti, SECRET), (BANK, "J" * 22, SECRET)):
        with pytest.raises(HandoverAnothers):
            handover.tell(quick.registry, bank, one, secret, WORKING)
    assert handover.look(quick.registry, BANK, jti) == (OPENED, ORIGIN)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"act": "reissue"}, HandoverActUnknown),
        ({"audience": "else"}, HandoverUnreadable),
        ({"user": ""}, HandoverUnreadable),
        ({"bank": OTHER_BANK}, HandoverUnreadable),
    ],
)
def test_what_a_ticket_says_is_judged(quick: Rig, changes: dict[str, Any], error: type[TokenmgrError]) -> None:
    registered(quick)
    made = claims(quick, **changes)
    with pytest.raises(error):
        redeem(quick, signed.issue(made, KEY))
    assert quick.registry.handover(BANK, made.jti) is None


def test_by_the_cas_clock(quick: Rig) -> None:
    registered(quick)
    text, early = ticket(quick), ticket(quick)
    quick.pass_time(6 * MINUTE + SECOND)
    with pytest.raises(HandoverOver):
        redeem(quick, text)
    quick.pass_time(-(7 * MINUTE) - 2 * SECOND)
    with pytest.raises(HandoverEarly):
        redeem(quick, early)


def test_only_the_banks_own_keys_count_and_only_while_they_are_there(quick: Rig) -> None:
    text = ticket(quick)
    with pytest.raises(HandoverNotOffered):
        redeem(quick, text)
    kid = registered(quick)
    registered(quick, OTHER_BANK, ANOTHERS)
    for forged in (ticket(quick, ANOTHERS), ticket(quick, ANOTHERS, bank=OTHER_BANK), text[:-3] + "AAA"):
        with pytest.raises((HandoverForged, HandoverUnreadable)):
            redeem(quick, forged)
    with pytest.raises(HandoverForged):  # another bank's address, with its own ticket
        redeem(quick, text, bank=OTHER_BANK)
    redeem(quick, text)
    quick.administration.withdraw_handover_key(BANK, kid)
    with pytest.raises(HandoverNotOffered):
        redeem(quick, ticket(quick))
    handover.tell(quick.registry, BANK, signed.read(text).claims.jti, SECRET, WORKING)


def test_of_a_crowd_on_two_nodes_one_has_it(rig: Rig) -> None:
    registered(rig)
    nodes = (rig.registry, SqlRegistry(Database.open(rig.url), TESTER))
    text, start = ticket(rig), threading.Barrier(6)

    def run(number: int) -> int | None:
        start.wait(30)
        try:
            redeem(rig, text, str(number // 2) * 43, registry=nodes[number % 2])
        except HandoverSpent:
            return None
        return number // 2

    with ThreadPoolExecutor(6) as pool:
        got = [one for one in pool.map(run, range(6)) if one is not None]
    assert len(got) == 2  # who asks twice with one secret has it twice
    assert len(set(got)) == 1
