"""A process of its own for the tests: `python -m tests.sql.child HOW URL`. Says a line once what it says is durable."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

from tests.actors import TESTER
from tests.sql.world import BANK, CERTIFICATE, DAY, REASON, exchange, generation
from tokenmgr.domain.generation import State, StoreKind
from tokenmgr.ra.ports import Stale, Ticket
from tokenmgr.sql.administration import Administration
from tokenmgr.sql.engine import Database
from tokenmgr.sql.registry import SqlRegistry

# What a killed process had said, and what must be there for it.
LIFE = ("tried", "opened", "recorded", "pending", "bound", "active", "revoked")


NOTES = 200  # entries of each process


def say(what: str) -> None:
    sys.stdout.write(what + "\n")
    sys.stdout.flush()


def life(registry: SqlRegistry, subscriber: int) -> Iterator[str]:
    """All the durable steps of one ID's certificate, one after the other."""
    registry.spend_try(BANK.code, "C-1", "user-1", 5, False, DAY)
    yield "tried"
    registry.open_ticket(Ticket("r1", b"s", BANK.code, subscriber, StoreKind.PC, DAY), "C-1", "nobody")
    yield "opened"
    one = generation(subscriber, 1)
    registry.record(one, exchange(one, "ticket:r1"), None, DAY)
    yield "recorded"
    registry.sign_off(one.serial, CERTIFICATE)
    yield "pending"
    registry.bind(exchange(one, transaction=b"another"))
    yield "bound"
    registry.confirm(exchange(one), b"digest", DAY, False)
    yield "active"
    registry.revoke(one.serial, REASON, DAY)
    yield "revoked"


def crowd(registry: SqlRegistry, _subscriber: int) -> None:
    """Four threads that spend tries of made-up IDs until the process is killed."""

    saying = threading.Lock()  # or the lines of two come out as one, and an empty one

    def run(first: int) -> None:
        for number in range(first, first + 100_000):
            registry.spend_try(BANK.code, "C-1", f"guess-{number}", 5, False, DAY)
            with saying:
                say(str(number))

    threads = [threading.Thread(target=run, args=(start * 1_000_000,), daemon=True) for start in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def race(registry: SqlRegistry, subscriber: int) -> None:
    """Each line that it reads is a number to record a generation by; it says whether it was the quicker one."""
    say("ready")
    for line in sys.stdin:
        one = generation(subscriber, int(line))
        try:
            registry.record(one, exchange(one), None, DAY)
        except Stale:
            say("stale")
        else:
            assert one.state is State.RECORDED
            say("won")


def notes(registry: SqlRegistry, _subscriber: int) -> None:
    """Two threads that leave entries in the trail, some in one commit."""
    say("ready")
    sys.stdin.readline()
    administration = Administration(registry._database, TESTER)
    threads = [threading.Thread(target=_note, args=(administration, _subscriber)) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    say("done")


def _note(administration: Administration, subscriber: int) -> None:
    for _ in range(NOTES // 2):
        administration.unlock(subscriber)


def main(how: str, url: str, subscriber: str) -> None:
    registry = SqlRegistry(Database.open(url), TESTER)
    if how == "life":
        for said in life(registry, int(subscriber)):
            say(said)
            sys.stdin.readline()
    elif how == "notes":
        notes(registry, int(subscriber))
    elif how == "crowd":
        crowd(registry, int(subscriber))
    else:
        race(registry, int(subscriber))


if __name__ == "__main__":
    main(*sys.argv[1:])
