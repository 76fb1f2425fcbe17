"""A process is killed: all that it had said is there afterwards, and whoever opens the database next goes on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.sql.child import LIFE
from tests.sql.conftest import Fresh
from tests.sql.world import BANK, CERTIFICATE, DAY, World, exchange, generation
from tokenmgr.domain.generation import State
from tokenmgr.sql.engine import Database

PATIENCE = 30


@contextmanager
def child(how: str, url: str, subscriber: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.sql.child", how, url, str(subscriber)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()
            process.wait(PATIENCE)


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    said = process.stdout.readline().strip()
    assert said, "it ended"
    return said


def say(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdin
    process.stdin.write(text + "\n")
    process.stdin.flush()


def is_there(world: World, said: str) -> bool:
    one = generation(world.user.id, 1)
    found = world.registry.generation(one.serial)
    past = [State.RECORDED, State.PENDING, State.ACTIVE, State.REVOKED]
    reached = past.index(found.state) if found else -1
    ticket = world.registry.ticket("r1")
    checks = {
        "tried": world.registry.spend_try(BANK.code, "C-1", "user-1", 5, False, DAY).spent > 1,
        "opened": ticket is not None,
        "recorded": reached >= 0 and ticket is not None and ticket.serial == one.serial,
        "pending": reached >= 1 and found is not None and found.certificate == CERTIFICATE,
        "bound": world.registry.exchange(BANK.code, b"another") is not None,
        "active": reached >= 2 and found is not None and found.confirmed_at == DAY,
        "revoked": reached >= 3,
    }
    return checks[said]


def test_killed_after_each_durable_step(fresh: Fresh) -> None:
    for steps in range(1, len(LIFE) + 1):
        url = fresh.made()
        database = Database.open(url)
        world = World.founded(database)
        with child("life", url, world.user.id) as process:
            said = [line(process)]
            for _ in range(steps - 1):
                say(process, "")
                said.append(line(process))
            process.kill()
            process.wait(PATIENCE)
        assert said == list(LIFE[:steps])
        assert all(is_there(world, one) for one in said)
        database.close()


def test_killed_in_a_crowd(url: str, world: World) -> None:
    with child("crowd", url, world.user.id) as process:
        said = [line(process) for _ in range(200)]
        process.kill()
        assert process.stdout
        said += [one.strip() for one in process.stdout if one.endswith("\n")]
    for number in said:
        assert world.registry.spend_try(BANK.code, "C-1", f"guess-{number}", 5, False, DAY).spent == 2


def test_two_processes_that_race_for_one_id_get_one_generation(url: str, world: World) -> None:
    with child("race", url, world.user.id) as one, child("race", url, world.user.id) as other:
        assert (line(one), line(other)) == ("ready", "ready")
        for number in range(20):
            say(one, str(2 * number + 1))
            say(other, str(2 * number + 2))
            assert sorted([line(one), line(other)]) == ["stale", "won"]
            waiting = world.registry.standing(world.user.id).pending
            assert waiting is not None
            assert world.registry.exchange(BANK.code, exchange(waiting).transaction) is not None
            world.registry.sign_off(waiting.serial, CERTIFICATE)
            world.registry.confirm(exchange(waiting), b"digest", DAY, True)
    assert len(world.administration.history(world.user.id)) == 20
