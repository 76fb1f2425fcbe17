"""What the audit trail costs: to check it all anew, to write it with every renewal, and to have it durable.

The floor of a check is what nobody can leave out: the same rows read by plain sqlite3, and as many bytes hashed.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from unittest import mock

from sqlalchemy import insert

from benchmarks.bench import Measured, in_turns, ratio, table, timed
from tests.actors import TESTER
from tests.sql.world import DAY, World, exchange, generation
from tokenmgr.domain.audit import FIRST, Action, Event, encoded, entry
from tokenmgr.domain.audit_check import Findings, check
from tokenmgr.domain.audit_export import entries_of, lines_of
from tokenmgr.domain.generation import RevocationReason
from tokenmgr.sql import schema, trail
from tokenmgr.sql.audit import Trail
from tokenmgr.sql.engine import Database

ENTRIES, MEANT = 200_000, 1_000_000
CHUNK = 10_000
TURNS, ROUNDS = 5, 40
HERE = Path(__file__).parent  # a disk, where /tmp may be memory


def run() -> None:
    with tempfile.TemporaryDirectory(prefix=".audit-", dir=HERE) as name:
        _checked(Path(name))
        _renewed(Path(name))
        _durable(Path(name))


def _world(path: Path) -> World:
    database = Database.open(f"sqlite:///{path}")
    database.migrate(DAY)
    return World.founded(database)


# --- to check it ------------------------------------------------------------------------------------------------------


def _checked(folder: Path) -> None:
    database = _world(folder / "long.db").database
    _fill(database)
    lines = folder / "trail.jsonl"
    with lines.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines_of((row.entry for row in Trail(database).whole()), ()))
    taken = in_turns(
        TURNS,
        {
            "floor": lambda: _once(lambda: _floor(folder / "long.db")),
            "registry": lambda: _once(lambda: _sound(database)),
            "file": lambda: _once(lambda: _sound_file(lines)),
        },
    )
    titles = {"floor": "plain sqlite3: rows read, as many bytes hashed", "registry": "the registry, checked",
              "file": "an exported file, checked"}  # fmt: skip
    rows = [
        [titles[name], f"{times.median:.1f} µs", f"{1e6 / times.median:,.0f}", f"{times.median * MEANT / 1e6:.0f} s",
         ratio(times, taken["floor"])]
        for name, times in taken.items()
    ]  # fmt: skip
    table(
        f"The trail checked: {ENTRIES:,} entries", ("what", "an entry", "a second", f"{MEANT:,}", "to the floor"), rows
    )
    database.close()


def _fill(database: Database) -> None:
    number, previous = Trail(database).head()
    with database.engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        for _ in range(ENTRIES // CHUNK):
            rows = []
            for _ in range(CHUNK):
                number += 1
                event = Event(
                    Action.CERTIFICATE_ISSUED, "1234", f"1234/C-1/u{number}", number, after={"store": "medium"}
                )
                one = entry(number, 1_775_000_000_000_000 + number, TESTER, event)
                previous = one.digest(previous)
                rows.append({**vars(one), "hash": previous, "changes_status": 0})
            connection.execute(insert(schema.audit), rows)
        connection.exec_driver_sql("COMMIT")


def _once(act: Callable[[], None]) -> list[float]:
    """Microseconds an entry, twice, so that there are quartiles."""
    started = time.perf_counter()
    act()
    return [(time.perf_counter() - started) * 1e6 / ENTRIES] * 2


def _floor(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as plain:
        content = b""
        for row in plain.execute("SELECT * FROM audit ORDER BY number"):
            content = content or FIRST + encoded(list(row[:11])).encode()
            hashlib.sha256(content).digest()


def _sound(database: Database) -> None:
    assert not check(Trail(database).whole(), (), None, _nobody, DAY).findings


def _sound_file(path: Path) -> None:
    found = Findings()
    with path.open(encoding="utf-8") as file:
        assert not check(entries_of(file, found), (), None, _nobody, DAY, found).findings


def _nobody(_checkpoint: object) -> None:
    raise AssertionError


# --- to write it ------------------------------------------------------------------------------------------------------


def _renewed(folder: Path) -> None:
    """The three durable steps of a certificate, and its end; in processor time and by the clock."""
    world = _world(folder / "renewals.db")
    numbers = itertools.count(1)
    with_trail = functools.partial(_life, world, numbers)
    taken: dict[str, Measured] = {}
    for clock in (time.process_time, time.perf_counter):
        contenders = {
            "with": functools.partial(_clocked, with_trail, clock),
            "without": functools.partial(_untold, functools.partial(_clocked, with_trail, clock)),
        }
        taken |= {f"{name} {clock.__name__}": times for name, times in in_turns(TURNS * 2, contenders).items()}
    rows = []
    for clock_name, word in (("process_time", "work"), ("perf_counter", "by the clock")):
        peer = taken[f"without {clock_name}"]
        for name in ("with", "without"):
            times = taken[f"{name} {clock_name}"]
            rows.append([f"{name} the trail, {word}", str(times), ratio(times, peer)])
    table("A renewal, from recorded to revoked, four durable writes: SQLite", ("what", "time", "to without"), rows)
    world.database.close()


def _life(world: World, numbers: Iterator[int]) -> None:
    one = generation(world.user.id, next(numbers), DAY)
    its = exchange(one)
    world.registry.record(one, its, None, DAY)
    world.registry.sign_off(one.serial, b"certificate" * 100)
    world.registry.confirm(its, b"digest", DAY + timedelta(minutes=1), False)
    world.registry.revoke(one.serial, RevocationReason.SUPERSEDED, DAY + timedelta(minutes=2))


def _clocked(act: Callable[[], None], clock: Callable[[], float]) -> list[float]:
    taken = []
    for _ in range(ROUNDS):
        started = clock()
        act()
        taken.append((clock() - started) * 1e6)
    return taken


def _untold(measure: Callable[[], list[float]]) -> list[float]:
    """As if nothing were noted."""
    with mock.patch.object(trail, "chain"), mock.patch("tokenmgr.sql.generations.note_of"):
        return measure()


# --- to have it durable -----------------------------------------------------------------------------------------------


def _durable(folder: Path) -> None:
    world = _world(folder / "commits.db")
    with _plain(folder / "full.db", "FULL") as full, _plain(folder / "off.db", "OFF") as off:
        taken = in_turns(
            TURNS * 2,
            {
                "ours": functools.partial(timed, lambda: world.administration.unlock(world.user.id), ROUNDS),
                "full": functools.partial(timed, full, ROUNDS),
                "off": functools.partial(timed, off, ROUNDS),
            },
        )
    titles = {"ours": "one act with its entry, durable", "full": "plain sqlite3, a row, durable",
              "off": "plain sqlite3, a row, synchronous = OFF: lost in a power cut"}  # fmt: skip
    rows = [[titles[name], str(times), ratio(times, taken["full"])] for name, times in taken.items()]
    table("A commit", ("what", "time", "to plain sqlite3"), rows)
    world.database.close()


@contextlib.contextmanager
def _plain(path: Path, synchronous: str) -> Iterator[Callable[[], None]]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as plain:
        for line in ("PRAGMA journal_mode = WAL", f"PRAGMA synchronous = {synchronous}", "CREATE TABLE one (a, b)"):
            plain.execute(line)
        numbers = itertools.count()

        def commit() -> None:
            plain.execute("BEGIN IMMEDIATE")
            plain.execute("INSERT INTO one VALUES (?, ?)", (next(numbers), "x" * 400))
            plain.execute("COMMIT")

        yield commit
