"""Who is logged in: by a token that only its visitor has, with one certificate at one bank, and not for long."""

from __future__ import annotations

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from tests.sql.world import BANK, DAY, World
from tokenmgr.domain.entry import IDLE, LONGEST, SKEW
from tokenmgr.domain.generation import Generation
from tokenmgr.domain.party import Bank
from tokenmgr.sql.engine import Database
from tokenmgr.sql.schema import session
from tokenmgr.sql.sessions import NOTED, AtDoor, Sessions

SECOND = timedelta(seconds=1)
TOKEN = "the visitor's own"


@pytest.fixture
def one(world: World) -> Generation:
    return world.active()


@pytest.fixture
def sessions(world: World, one: Generation) -> Sessions:
    """With one that has just begun."""
    made = Sessions(world.database)
    made.begin(TOKEN, BANK.code, world.user.id, one.serial, DAY)
    return made


def at(sessions: Sessions, one: Generation, now: datetime = DAY, token: str = TOKEN, bank: str = BANK.code) -> AtDoor:
    found = sessions.at_door(bank, one.serial, token, now)
    assert found is not None
    return found


def count(world: World) -> int:
    return len(world.database.read(select(session.c.token_hash)))


def test_bank_certificate_holder_and_session_are_one_read(world: World, sessions: Sessions, one: Generation) -> None:
    found = at(sessions, one)
    assert (found.bank, found.who, found.found) == (BANK, world.user, world.registry.generation(one.serial))
    assert found.session is not None
    assert (found.session.subscriber, found.session.serial, found.session.began_at) == (world.user.id, one.serial, DAY)


@pytest.mark.parametrize("serial", [None, 0, -1, 1, 1 << 160, 1 << 2000])
def test_of_no_certificate_of_ours_only_the_bank_is_known(sessions: Sessions, serial: int | None) -> None:
    assert sessions.at_door(BANK.code, serial, TOKEN, DAY) == AtDoor(BANK, None, None, None)


@pytest.mark.parametrize("code", ["9999", "", "\0", "x" * 40, "み"])
def test_at_no_bank_there_is_nobody(sessions: Sessions, one: Generation, code: str) -> None:
    assert sessions.at_door(code, one.serial, TOKEN, DAY) is None


@pytest.mark.parametrize("token", ["", "another", TOKEN.upper(), "\udcff", "x" * 10_000])
def test_another_token_is_nobodys(sessions: Sessions, one: Generation, token: str) -> None:
    assert at(sessions, one, token=token).session is None


def test_another_certificate_does_not_go_on_with_it_and_neither_does_another_bank(
    world: World, sessions: Sessions, one: Generation
) -> None:
    newer = world.active(DAY + SECOND)
    assert at(sessions, newer).session is None
    world.administration.add_bank(Bank("5678", "となりの信用金庫", BANK.policy))
    assert at(sessions, one, bank="5678").session is None
    assert at(sessions, one).session is not None


def test_the_token_itself_is_not_in_the_registry(world: World, sessions: Sessions) -> None:
    (row,) = world.database.read(select(session))
    assert TOKEN.encode() not in b"".join(bytes(str(value), "utf-8") for value in row)
    assert TOKEN.encode() not in bytes(row[0])


def test_it_ends_when_nothing_comes_for_a_while(sessions: Sessions, one: Generation) -> None:
    assert at(sessions, one, DAY + IDLE).session is not None
    assert at(sessions, one, DAY + IDLE + IDLE).session is not None
    assert at(sessions, one, DAY + 3 * IDLE + SECOND).session is None


def test_it_ends_after_hours_however_busy(sessions: Sessions, one: Generation) -> None:
    now = DAY
    while now < DAY + LONGEST:
        assert at(sessions, one, now).session is not None
        now += IDLE
    assert at(sessions, one, DAY + LONGEST + SECOND).session is None


@pytest.mark.parametrize("jump", [timedelta(days=-1), -SKEW - SECOND, timedelta(days=365)])
def test_a_clock_that_jumps_ends_it_for_good(sessions: Sessions, one: Generation, jump: timedelta) -> None:
    assert at(sessions, one, DAY + jump).session is None
    assert at(sessions, one, DAY).session is None


def test_a_node_whose_clock_is_behind_and_a_request_that_has_waited_end_nothing(
    sessions: Sessions, one: Generation
) -> None:
    assert at(sessions, one, DAY - SKEW).session is not None  # where it has begun a clock is ahead
    assert at(sessions, one, DAY + NOTED).session is not None
    assert at(sessions, one, DAY + NOTED - SECOND).session is not None  # looked at the clock before the one above did


def test_it_is_not_written_down_at_every_page(world: World, sessions: Sessions, one: Generation) -> None:
    def seen() -> datetime:
        found = at(sessions, one, DAY + NOTED).session
        assert found is not None
        return found.seen_at

    at(sessions, one, DAY + NOTED - SECOND)
    assert seen() == DAY
    assert seen() == DAY + NOTED


def test_who_logs_in_elsewhere_ends_what_was_left_open(world: World, sessions: Sessions, one: Generation) -> None:
    sessions.begin("another", BANK.code, world.user.id, one.serial, DAY)
    assert at(sessions, one).session is None
    assert at(sessions, one, token="another").session is not None


def test_of_many_that_log_in_at_once_one_is_logged_in(url: str, world: World, one: Generation) -> None:
    """On nodes of their own: each has its own connections and its own queue."""
    crowd = 4
    start = threading.Barrier(crowd)

    def begin(_: int) -> None:
        with closing(Database.open(url)) as node:
            start.wait(30)
            Sessions(node).begin(secrets.token_hex(), BANK.code, world.user.id, one.serial, DAY)

    with ThreadPoolExecutor(crowd) as pool:
        list(pool.map(begin, range(crowd)))
    assert count(world) == 1


def test_logged_out_is_out(sessions: Sessions, one: Generation) -> None:
    sessions.end(TOKEN)
    sessions.end(TOKEN)
    assert at(sessions, one).session is None


def test_the_cas_tidying_takes_what_is_over(world: World, sessions: Sessions, one: Generation) -> None:
    world.registry.tidy(DAY + IDLE)
    assert count(world) == 1
    world.registry.tidy(DAY + IDLE + SECOND)
    assert count(world) == 0
