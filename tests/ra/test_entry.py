"""R11, R12: tries are spent before a PIN is looked at, and the first login of a new certificate ends the old one."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta

import pytest

from tests.actors import TESTER
from tests.api.rig import LOGIN_PIN, hashes
from tests.sql import compiled
from tests.sql.world import BANK, CERTIFICATE, DAY, World
from tokenmgr.domain.entry import Barred
from tokenmgr.domain.generation import Generation, State
from tokenmgr.domain.party import Bank, Role
from tokenmgr.domain.policy import OldGeneration
from tokenmgr.errors import LoginLocked, LoginPinWrong
from tokenmgr.log import Secret
from tokenmgr.ra import entry
from tokenmgr.ra.ports import Enrolled
from tokenmgr.sql.engine import Database
from tokenmgr.sql.parties import Enrolment
from tokenmgr.sql.registry import SqlRegistry

PIN, HOUR = LOGIN_PIN, timedelta(hours=1)
HASH, _ = hashes()


@pytest.fixture
def world(url: str) -> Iterator[World]:
    """Its user has a PIN."""
    with closing(compiled.once(Database.open(url))) as database:
        database.migrate(DAY)
        made = World.founded(database)
        made.user = made.administration.enrol(Enrolment(BANK.code, "C-1", "tanaka", Role.USER, "", HASH, HASH))
        yield made


def with_policy(world: World, **changes: object) -> Bank:
    changed = dataclasses.replace(BANK.policy, **changes)  # type: ignore[arg-type]
    return world.administration.change_bank(BANK.code, lambda bank: dataclasses.replace(bank, policy=changed))


def log_in(world: World, bank: Bank, pin: str = PIN, registry: SqlRegistry | None = None) -> None:
    last = world.registry.standing(world.user.id).last
    with Secret(pin) as secret:
        entry.log_in(registry or world.registry, bank, world.user, last.serial if last else 0, secret, DAY + HOUR)


@pytest.mark.parametrize(
    ("policy", "becomes"),
    [
        (OldGeneration.AT_CONFIRMATION, State.REVOKED),
        (OldGeneration.AT_LOGIN, State.REVOKED),
        (OldGeneration.AT_EXPIRY, State.SUPERSEDED),
    ],
)
def test_what_becomes_of_the_old_one_is_the_banks_policy(world: World, policy: OldGeneration, becomes: State) -> None:
    bank = with_policy(world, old_generation=policy)
    at_once = policy is OldGeneration.AT_CONFIRMATION
    old, new = world.active(), world.active(DAY + HOUR, retire=at_once)
    assert world.state(old) is (State.REVOKED if at_once else State.SUPERSEDED)
    log_in(world, bank)
    assert (world.state(old), world.state(new)) == (becomes, State.ACTIVE)
    log_in(world, bank)
    assert (world.state(old), world.state(new)) == (becomes, State.ACTIVE)


def test_a_wrong_pin_ends_nothing(world: World) -> None:
    bank = with_policy(world, old_generation=OldGeneration.AT_LOGIN)
    old, _new = world.active(), world.active(DAY + HOUR)
    with pytest.raises(LoginPinWrong):
        log_in(world, bank, "000000")
    assert world.state(old) is State.SUPERSEDED


class Killed(BaseException):
    """As a process that dies: nobody handles it, and nothing is done after it."""


class Mortal(SqlRegistry):
    """Dies before its k-th verb, or after it."""

    left = 0

    def _step(self) -> None:
        if self.left == 0:
            raise Killed
        self.left -= 1

    def forgive_tries(self, bank: str, contract: str, user: str) -> None:
        self._step()
        super().forgive_tries(bank, contract, user)
        self._step()

    def retire(self, subscriber: int, by: int, now: datetime) -> int:
        self._step()
        done = super().retire(subscriber, by, now)
        self._step()
        return done


@pytest.mark.parametrize("steps", range(4))
def test_a_login_that_is_cut_short_is_made_up_for_by_the_next(world: World, steps: int) -> None:
    bank = with_policy(world, old_generation=OldGeneration.AT_LOGIN)
    old, new = world.active(), world.active(DAY + HOUR)
    dying = Mortal(world.database, TESTER)
    dying.left = steps
    with pytest.raises(Killed):
        log_in(world, bank, registry=dying)
    assert world.state(new) is State.ACTIVE
    log_in(world, bank)
    assert (world.state(old), world.state(new)) == (State.REVOKED, State.ACTIVE)
    assert world.registry.spend_try(BANK.code, "C-1", "tanaka", 5, False, DAY).spent == 1


def test_an_old_one_that_is_renewed_while_its_pin_is_compared_does_not_end_itself(world: World) -> None:
    """R12: the new one has not logged in yet."""
    bank, old, new = with_policy(world, old_generation=OldGeneration.AT_LOGIN), world.active(), list[Generation]()

    class Renewed(SqlRegistry):
        def enrolled(self, bank: str, contract: str, user: str) -> Enrolled | None:
            new.append(world.active(DAY + HOUR))
            return super().enrolled(bank, contract, user)

    log_in(world, bank, registry=Renewed(world.database, TESTER))
    assert (world.state(old), world.state(new[0])) == (State.SUPERSEDED, State.ACTIVE)


@pytest.fixture
def nodes(url: str) -> Iterator[list[SqlRegistry]]:
    with closing(Database.open(url)) as first, closing(Database.open(url)) as second:
        yield [SqlRegistry(first, TESTER), SqlRegistry(second, TESTER)]


def crowd(world: World, bank: Bank, nodes: list[SqlRegistry], pins: list[str]) -> list[str]:
    """What each was told, all at one moment."""
    start = threading.Barrier(len(pins))

    def run(number: int) -> str:
        start.wait(30)
        try:
            log_in(world, bank, pins[number], nodes[number % len(nodes)])
        except (LoginPinWrong, LoginLocked) as error:
            return error.code
        return "in"

    with ThreadPoolExecutor(len(pins)) as pool:
        return list(pool.map(run, range(len(pins))))


def test_two_logins_at_one_moment_end_the_old_one_once(world: World, nodes: list[SqlRegistry]) -> None:
    bank = with_policy(world, old_generation=OldGeneration.AT_LOGIN)
    old, new = world.active(), world.active(DAY + HOUR)
    assert crowd(world, bank, nodes, [PIN] * 4) == ["in"] * 4
    assert (world.state(old), world.state(new)) == (State.REVOKED, State.ACTIVE)


def test_a_crowd_that_guesses_gets_no_try_more(world: World, nodes: list[SqlRegistry]) -> None:
    bank = with_policy(world, wrong_pins=3)
    told = crowd(world, bank, nodes, [f"{guess:06d}" for guess in range(12)])
    assert sorted(told) == ["E109"] * 2 + ["E110"] * 10
    with pytest.raises(LoginLocked):
        log_in(world, bank)  # the right one comes too late


def test_tries_are_shared_with_acquisitions_and_the_right_pin_forgives_them(world: World) -> None:
    bank = with_policy(world, wrong_pins=5)
    world.registry.spend_try(BANK.code, "C-1", "tanaka", 5, False, DAY)  # as a claim does (R9)
    with pytest.raises(LoginPinWrong) as caught:
        log_in(world, bank, "000000")
    assert caught.value.left == 3
    log_in(world, bank)
    with pytest.raises(LoginPinWrong) as caught:
        log_in(world, bank, "000000")
    assert caught.value.left == 4


def test_of_a_single_try_the_wrong_one_locks_and_an_administrator_asks_the_branch(world: World) -> None:
    bank = with_policy(world, wrong_pins=1)
    with pytest.raises(LoginLocked) as caught:
        log_in(world, bank, "000000")
    assert caught.value.way == "unlock-ask-administrator"
    world.user = world.administrator
    with pytest.raises(LoginLocked) as caught:
        log_in(world, bank)  # whose hash is none
    assert caught.value.way == "unlock-visit-branch"


def test_a_locked_contract_is_told_of_only_to_whoever_knows_the_pin(world: World) -> None:
    bank = with_policy(world, wrong_pins=2, lock_contract=True)
    for _ in range(2):
        world.registry.spend_try(BANK.code, "C-1", world.administrator.user, 2, True, DAY)
    with pytest.raises(LoginPinWrong):
        log_in(world, bank, "000000")
    with pytest.raises(LoginLocked) as caught:
        log_in(world, bank)
    assert caught.value.way == "unlock-contract"


def looked_at(world: World, one: Generation, certificate: bytes | None = CERTIFICATE, bank: Bank = BANK) -> object:
    found = world.registry.generation(one.serial)
    return entry.look_at(certificate, found, world.user, bank, DAY + HOUR).barred


def test_only_the_very_bytes_that_were_issued_are_somebodys(world: World) -> None:
    one = world.active()
    assert looked_at(world, one) is None
    assert looked_at(world, one, CERTIFICATE + b"\0") is Barred.UNKNOWN
    assert looked_at(world, one, b"") is Barred.UNKNOWN
    assert looked_at(world, one, None) is Barred.NO_CERTIFICATE
    assert looked_at(world, one, bank=Bank("5678", "となりの信用金庫", BANK.policy)) is Barred.OTHER_BANK
    pending, _ = world.pending(DAY + HOUR)
    assert looked_at(world, pending) is Barred.UNCONFIRMED
