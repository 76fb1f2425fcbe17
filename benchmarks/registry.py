"""What it costs to remember: durable writes alone and in company, the work of each verb, and what a million IDs add.

The floor is the disk's own: 4 KiB written and fsynced, and a commit of the plain sqlite3 module, in the same run and on
the same disk. PostgreSQL is the tests' own, of this machine; where there is none, its rows are left out.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from sqlalchemy import insert

from benchmarks.bench import Measured, in_turns, ratio, table, timed
from tests.sql import postgres
from tests.sql.world import BANK, CERTIFICATE, DAY, World, enrolment, exchange, generation
from tokenmgr.domain.generation import State
from tokenmgr.sql import schema
from tokenmgr.sql.engine import Database
from tokenmgr.sql.rows import generation_values, micros

TURNS = 10
ROUNDS = 60  # in each turn
CROWD = 32  # threads that write at once
FEW, MANY = 10_000, 1_000_000
HERE = Path(__file__).parent  # a disk, where /tmp may be memory
CHUNK = 10_000


def run() -> None:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".registry-", dir=HERE)))
        worlds = {"SQLite": _world(f"sqlite:///{folder}/registry.db")}
        if reason := postgres.missing():
            print(f"\nwithout PostgreSQL: {reason}")
        else:
            server = stack.enter_context(postgres.Server.started(on_disk=True))
            worlds["PostgreSQL"] = _world(server.database())
        for world in worlds.values():
            stack.callback(world.database.close)
        _writes(worlds, folder)
        for name, world in worlds.items():
            _work(name, world, folder)
        _grown(folder)


def _world(url: str) -> World:
    database = Database.open(url)
    database.migrate(DAY)
    return World.founded(database)


# --- durable writes ---


def _writes(worlds: dict[str, World], folder: Path) -> None:
    names = itertools.count()
    with _plain_sqlite(folder) as commit, _plain_file(folder) as sync, ThreadPoolExecutor(CROWD) as pool:
        contenders: dict[str, Callable[[], list[float]]] = {
            "fsync": functools.partial(timed, sync, ROUNDS),
            "commit": functools.partial(timed, commit, ROUNDS),
        }
        for name, world in worlds.items():
            spend = functools.partial(_spend, world, names)
            contenders[f"{name}, one by one"] = functools.partial(timed, spend, ROUNDS)
            contenders[f"{name}, {CROWD} at once"] = functools.partial(_crowd, pool, spend)
        taken = in_turns(TURNS, contenders)
    titles = {"fsync": "the disk: 4 KiB written, fsync", "commit": "a peer: an insert and COMMIT by plain sqlite3"}
    rows = [
        [titles.get(name, name), str(times), f"{1e6 / times.median:,.0f}", ratio(times, taken["commit"])]
        for name, times in taken.items()
    ]
    headings = ("a durable write", "time each", "a second", "to plain sqlite3")
    table("Writes, durable when they return: median and quartiles; ratios within each turn", headings, rows)


def _spend(world: World, names: Iterator[int], _number: int = 0) -> None:
    world.registry.spend_try(BANK.code, "C-1", f"guess-{next(names)}", 5, False, DAY)


def _crowd(pool: ThreadPoolExecutor, spend: Callable[[int], None]) -> list[float]:
    """The time that each takes of the whole's."""
    started = time.perf_counter()
    list(pool.map(spend, range(ROUNDS * 8)))
    return [(time.perf_counter() - started) * 1e6 / (ROUNDS * 8)] * 2


@contextlib.contextmanager
def _plain_file(folder: Path) -> Iterator[Callable[[], None]]:
    file = os.open(folder / "plain", os.O_RDWR | os.O_CREAT)

    def sync() -> None:
        os.pwrite(file, os.urandom(4096), 0)
        os.fsync(file)

    yield sync
    os.close(file)


@contextlib.contextmanager
def _plain_sqlite(folder: Path) -> Iterator[Callable[[], object]]:
    with contextlib.closing(sqlite3.connect(folder / "plain.db", isolation_level=None)) as plain:
        for line in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "DROP TABLE IF EXISTS try",
                     "CREATE TABLE try (a, b, c, d, e)", "CREATE UNIQUE INDEX own ON try (a, b, c)"):  # fmt: skip
            plain.execute(line)
        numbers = itertools.count()

        def commit() -> None:
            plain.execute("BEGIN IMMEDIATE")
            plain.execute("INSERT INTO try VALUES ('1234', 'C-1', ?, 1, 0)", (f"guess-{next(numbers)}",))
            plain.execute("COMMIT")

        yield commit


# --- the work of a verb ---


def _work(name: str, world: World, folder: Path) -> None:
    """Processor time of this process: what PostgreSQL's own take is theirs."""
    people = [enrolment(f"w{number}") for number in range(TURNS * ROUNDS)]
    world.administration.enrol_all(people)
    with _plain_sqlite(folder) as commit:
        turns = [{**_verbs(world, turn), "commit": [_cpu(commit)[0] for _ in range(ROUNDS)]} for turn in range(TURNS)]
    rows = [[verb, str(Measured([turn[verb] for turn in turns])), aim] for verb, aim in VERBS.items()]
    table(f"Work, {name}: processor time, median and quartiles", ("a verb", "time", "aim"), rows)


VERBS = {
    "standing": "≤ 100 µs",
    "generation": "≤ 100 µs",
    "record": "",
    "sign_off": "",
    "confirm": "",
    "commit": "plain sqlite3's",
}


def _verbs(world: World, turn: int) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {verb: [] for verb in VERBS if verb != "commit"}
    registry = world.registry
    for number in range(ROUNDS):
        who = world.administration.find(BANK.code, "C-1", f"w{turn * ROUNDS + number}")
        one = generation(who.id, turn * ROUNDS + number)
        its = exchange(one)
        taken["standing"] += _cpu(functools.partial(registry.standing, who.id))
        taken["record"] += _cpu(functools.partial(registry.record, one, its, None, DAY))
        taken["sign_off"] += _cpu(functools.partial(registry.sign_off, one.serial, CERTIFICATE * 80))
        taken["generation"] += _cpu(functools.partial(registry.generation, one.serial))
        taken["confirm"] += _cpu(functools.partial(registry.confirm, its, b"digest", DAY, True))
    return taken


def _cpu(act: Callable[[], object]) -> list[float]:
    started = time.process_time()
    act()
    return [(time.process_time() - started) * 1e6]


# --- a million IDs ---


def _grown(folder: Path) -> None:
    worlds = {size: _filled(folder, size) for size in (FEW, MANY)}
    for verb, act in {"standing": _standings, "standing, record, sign_off, confirm": _renewals}.items():
        taken = in_turns(TURNS, {str(size): functools.partial(act, world, size) for size, world in worlds.items()})
        rows = [[f"{size:,}", str(taken[str(size)]), ratio(taken[str(size)], taken[str(FEW)])] for size in worlds]
        table(f"{verb}, SQLite: wall time, median and quartiles", ("IDs", "time", "to the first"), rows)
    for world in worlds.values():
        world.database.close()


_picked = itertools.count()


def _pick(size: int) -> int:
    """Anybody, all over the table, and nobody twice."""
    return next(_picked) * 7919 % size + 1


def _standings(world: World, size: int) -> list[float]:
    return timed(lambda: world.registry.standing(_pick(size)), ROUNDS)


def _renewals(world: World, size: int) -> list[float]:
    def renew() -> None:
        standing = world.registry.standing(_pick(size))
        one = generation(standing.subscriber.id, -1 - next(_picked))
        its = exchange(one)
        world.registry.record(one, its, None, DAY)
        world.registry.sign_off(one.serial, CERTIFICATE * 80)
        world.registry.confirm(its, b"digest", DAY, True)

    return timed(renew, ROUNDS)


def _filled(folder: Path, size: int) -> World:
    """Everybody with an active certificate of the usual size, loaded past the registry's verbs."""
    world = _world(f"sqlite:///{folder}/{size}.db")
    one = enrolment("some")
    who = {"bank": one.bank, "contract": one.contract, "role": "user", "email": "", "open_until": micros(DAY)}
    hashes = {"login_hash": "x" * 97, "confirmation_hash": "x" * 97}
    model = {
        **generation_values(generation(None, 0)),
        "state": State.ACTIVE.value,
        "confirmed_at": micros(DAY - timedelta(days=340)),
        "certificate": CERTIFICATE * 80,
        "draft": b"",
    }
    for first in range(3, size + 1, CHUNK):
        numbers = range(first, min(first + CHUNK, size + 1))
        people = [{"id": number, "user_id": f"u{number}", **who, **hashes} for number in numbers]
        keys = [hashlib.sha256(b"%d" % number).digest() for number in numbers]
        given = [
            {**model, "subscriber": number, "serial": "6" + key.hex()[:39], "key_hash": key}
            for number, key in zip(numbers, keys, strict=True)
        ]
        with world.database.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            connection.execute(insert(schema.subscriber), people)
            connection.execute(insert(schema.generation), given)
            connection.exec_driver_sql("COMMIT")
    return world
