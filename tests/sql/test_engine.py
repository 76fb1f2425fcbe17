"""Writes in groups, each act for itself; what is lost is opened again, and what cannot be reached says so."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import OperationalError

from tests.actors import TESTER
from tests.sql import postgres
from tests.sql.postgres import Server
from tests.sql.world import BANK, World
from tokenmgr import clock
from tokenmgr.domain.party import Bank
from tokenmgr.errors import RegistryUnavailable, Taken
from tokenmgr.ra.ports import Stale
from tokenmgr.sql import parties
from tokenmgr.sql.engine import Database
from tokenmgr.sql.turns import MOST

RENAME = text("UPDATE bank SET name = name || :letter WHERE code = :code")
BOUND = 20.0


@contextmanager
def counted(database: Database, word: str) -> Iterator[list[str]]:
    """The statements of this name that reach the database."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith(word):
            seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


@contextmanager
def gathered(database: Database, acts: list[Callable[[Connection], Any]]) -> Iterator[list[Any]]:
    """These acts wait, one thread each, while somebody has the turn; then they all go, as one group."""
    leads, go = threading.Event(), threading.Event()
    outcomes: list[Any] = []

    def hold(_connection: Connection) -> None:
        leads.set()
        assert go.wait(BOUND)

    def outcome(act: Callable[[Connection], Any]) -> Any:
        try:
            return database.write(act)
        except Exception as error:  # noqa: BLE001  it is what is looked at
            return error

    with ThreadPoolExecutor(len(acts) + 1) as pool:
        first = pool.submit(database.write, hold)
        assert leads.wait(BOUND)
        waiting = [pool.submit(outcome, act) for act in acts]
        while len(database._turns._waiting) < len(acts):
            pass
        go.set()
        first.result(BOUND)
        outcomes += [one.result(BOUND) for one in waiting]
    yield outcomes


def adding(number: int) -> Callable[[Connection], int]:
    def act(connection: Connection) -> int:
        parties.add_bank(connection, TESTER, Bank(f"{number:04}", "みほん"))
        return number

    return act


def refusing(connection: Connection) -> None:
    adding(5555)(connection)
    raise LookupError("its own")


def breaking(connection: Connection) -> None:
    adding(6666)(connection)
    connection.execute(text("SELECT 1 FROM generation WHERE 1 / (SELECT COUNT(*) FROM nowhere) = 1"))


def codes(database: Database) -> set[str]:
    return {bank.code for bank in parties.all_banks(database)}


def test_all_nodes_have_one_clock_in_common(url: str) -> None:
    """Whatever this computer's own says; where the database is on another one."""
    wrong = Database.open(url, clock=lambda: clock.now() + timedelta(days=1))
    is_its_own = wrong.engine.dialect.name == "sqlite"
    assert (wrong.now() - clock.now() > timedelta(hours=1)) == is_its_own
    wrong.close()


def test_who_waits_at_the_same_time_is_committed_together(database: Database) -> None:
    with counted(database, "COMMIT") as commits, gathered(database, [adding(n) for n in range(20)]) as outcomes:
        assert outcomes == list(range(20))
    assert len(commits) == 2
    assert len(codes(database)) == 20


def test_savepoints_are_for_groups_in_which_one_fails(database: Database) -> None:
    with counted(database, "SAVEPOINT") as savepoints:
        with gathered(database, [adding(1), adding(2)]):
            assert savepoints == []
        with gathered(database, [adding(3), refusing, adding(4)]):
            assert len(savepoints) == 3


def test_a_group_is_not_a_crowd(database: Database) -> None:
    with counted(database, "COMMIT") as commits, gathered(database, [adding(n) for n in range(MOST + 5)]):
        pass
    assert len(commits) == 3
    assert len(codes(database)) == MOST + 5


def test_who_comes_alone_needs_no_savepoint(database: Database) -> None:
    with counted(database, "") as statements:
        database.write(adding(1))
    assert not [one for one in statements if "SAVEPOINT" in one]
    assert [one.split()[0] for one in statements if one][-1] == "COMMIT"


def test_an_act_that_fails_undoes_itself_only(database: Database) -> None:
    acts = [adding(1), refusing, adding(2), adding(1), adding(3)]
    with counted(database, "COMMIT") as commits, gathered(database, acts) as (one, error, two, taken, three):
        assert (one, two, three) == (1, 2, 3)
        assert isinstance(error, LookupError)
        assert isinstance(taken, Taken)
    assert len(commits) == 2
    assert codes(database) == {"0001", "0002", "0003"}


def test_an_act_that_fails_alone_leaves_nothing(database: Database) -> None:
    with pytest.raises(LookupError):
        database.write(refusing)
    assert codes(database) == set()
    assert database.write(adding(1)) == 1


def test_a_group_whose_transaction_fails_is_done_one_by_one(database: Database) -> None:
    acts: list[Callable[[Connection], Any]] = [adding(1), breaking, adding(2)]
    with gathered(database, acts) as (one, error, two):
        assert (one, two) == (1, 2)
        assert isinstance(error, RegistryUnavailable)
        assert "nowhere" in error.reason
    assert codes(database) == {"0001", "0002"}


def test_a_unique_index_that_nobody_explains_is_stale(world: World) -> None:
    with pytest.raises(Stale):
        world.database.write(lambda c: c.execute(text("INSERT INTO contract SELECT * FROM contract")).rowcount)


def test_an_interrupted_leader_tells_those_that_it_took_along(database: Database) -> None:
    class Interrupt(BaseException):
        pass

    def interrupted(_connection: Connection) -> None:
        raise Interrupt

    with pytest.raises(Interrupt):
        database.write(interrupted)
    assert database.write(adding(1)) == 1
    assert codes(database) == {"0001"}


def test_whoever_is_interrupted_while_it_waits_does_not_take_the_turn_along(database: Database) -> None:
    leads, go = threading.Event(), threading.Event()

    def hold(_connection: Connection) -> None:
        leads.set()
        assert go.wait(BOUND)

    def interrupt() -> None:
        while not database._turns._waiting:
            time.sleep(0.001)
        time.sleep(0.05)  # and waits by now
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(database.write, hold)
        assert leads.wait(BOUND)
        pool.submit(interrupt)
        with pytest.raises(KeyboardInterrupt):
            database.write(adding(1))
        go.set()
        first.result(BOUND)
        assert pool.submit(database.write, adding(2)).result(BOUND) == 2
    assert codes(database) == {"0002"}


def test_many_threads_at_once_lose_nothing(database: Database) -> None:
    with counted(database, "COMMIT") as commits, ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda n: database.write(adding(n)), range(400))) == list(range(400))
    assert len(codes(database)) == 400
    assert len(commits) < 400


def test_a_reader_does_not_wait_for_a_writer(world: World) -> None:
    leads, go = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        connection.execute(RENAME, {"letter": "x", "code": BANK.code})
        leads.set()
        assert go.wait(BOUND)

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(world.database.write, hold)
        assert leads.wait(BOUND)
        assert world.registry.bank(BANK.code) == BANK
        go.set()
        writing.result(BOUND)
    assert world.administration.bank(BANK.code).name == BANK.name + "x"


def test_a_stream_shows_one_moment(world: World) -> None:
    rows = world.administration.subscribers()
    first = next(rows)
    world.administration.unlock(first.subscriber.id)
    world.active()
    assert [one.serial for one in rows] == [None]


def test_a_threads_connection_goes_with_it(world: World) -> None:
    def opened() -> int:
        gc.collect()
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  names only: what lists them is among them

    world.registry.bank(BANK.code)
    before = opened()
    for _ in range(10):
        thread = threading.Thread(target=world.registry.bank, args=(BANK.code,))
        thread.start()
        thread.join()
    assert opened() <= before + 1


# --- out of reach ---


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////nowhere/at/all/registry.db",
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://host/name",
        "not a URL",
        "postgresql://user:hush@localhost:1/name",
    ],
)
def test_what_cannot_be_opened_says_why(url: str) -> None:
    with pytest.raises(RegistryUnavailable) as caught:
        Database.open(url)
    assert caught.value.reason
    assert "hush" not in caught.value.reason


def test_a_database_without_tables_says_so(fresh: Any) -> None:
    database = Database.open(fresh.empty())
    for ask in (lambda: parties.all_banks(database), lambda: database.write(adding(1))):
        with pytest.raises(RegistryUnavailable, match="bank"):
            ask()
    database.close()


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_file_that_is_no_database_says_so(kind: str, tmp_path: Path) -> None:
    (tmp_path / "registry.db").write_bytes(b"something else " * 1000)
    with pytest.raises(RegistryUnavailable, match="not a database"):
        Database.open(f"sqlite:///{tmp_path}/registry.db")


@pytest.mark.parametrize("kind", ["sqlite"])
def test_the_file_and_all_beside_it_are_their_owners_alone(kind: str, database: Database, tmp_path: Path) -> None:
    database.write(adding(1))
    modes = {path.name.partition(".")[2]: path.stat().st_mode & 0o777 for path in tmp_path.glob("registry-*")}
    assert modes == dict.fromkeys(("db", "db-wal", "db-shm", "db.lock"), 0o600)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_every_connection_is_durable_and_keeps_references(kind: str, database: Database) -> None:
    for connection in (database._reader(), database.engine.connect()):
        asked = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("synchronous", "foreign_keys")
        }
        assert asked == {"synchronous": 2, "foreign_keys": 1}
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    connection.close()


@pytest.mark.parametrize("kind", ["postgresql"])
def test_a_lost_connection_is_opened_again(kind: str, world: World, server: Any) -> None:
    world.registry.nonce_key()
    server.say("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname <> 'postgres'")
    assert world.registry.bank(BANK.code) == BANK
    world.recorded()


@pytest.mark.parametrize("kind", ["postgresql"])
def test_a_connection_that_a_group_loses_costs_nobody_anything(kind: str, database: Database) -> None:
    first = iter([True])

    def losing(connection: Connection) -> str:
        if next(first, False):
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        return "done"

    with gathered(database, [adding(1), losing, adding(2)]) as outcomes:
        assert outcomes == [1, "done", 2]
    assert codes(database) == {"0001", "0002"}


@pytest.mark.parametrize("kind", ["postgresql"])
def test_two_nodes_that_wait_for_each_other_both_get_through(kind: str, database: Database, url: str) -> None:
    for number in (1, 2):
        database.write(adding(number))
    meeting = threading.Barrier(2)

    def crossing(letter: str, first: str, second: str) -> None:
        node, meets = Database.open(url), iter([True])

        def act(connection: Connection) -> None:
            connection.execute(RENAME, {"letter": letter, "code": first})
            if next(meets, False):
                meeting.wait(BOUND)
            connection.execute(RENAME, {"letter": letter, "code": second})

        node.write(act)
        node.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(crossing, "ab", ("0001", "0002"), ("0002", "0001")))
    assert {"".join(sorted(bank.name[3:])) for bank in parties.all_banks(database)} == {"ab"}


@pytest.mark.parametrize("kind", ["postgresql"])
def test_a_server_that_would_rather_be_quick_is_told_to_be_durable(kind: str, url: str, server: Any) -> None:
    name = url.partition("@/")[2].partition("?")[0]
    for set_, found in (("off", "on"), ("remote_apply", "remote_apply")):
        server.say(f"ALTER DATABASE {name} SET synchronous_commit = {set_}")
        database = Database.open(url)
        assert database.first(text("SELECT current_setting('synchronous_commit')")) == (found,)
        database.close()


def test_alone_says_no_only_where_somebody_else_is_at_it(tmp_path: Path) -> None:
    """A folder that is full or not ours, or a file system without locks, is no other node."""
    database = Database.open(f"sqlite:///{tmp_path / 'registry.db'}")
    with database.alone("jobs") as first, database.alone("jobs") as second:
        assert (first, second) == (True, False)
    (tmp_path / "registry.db.lock.other").mkdir()
    with pytest.raises(RegistryUnavailable), database.alone("other"):
        pass
    database.close()


def test_a_child_that_was_forked_meanwhile_holds_nothing(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'registry.db'}")
    come, go = os.pipe()
    with database.alone("jobs"):
        child = os.fork()
        if child == 0:
            os.close(go)
            os.read(come, 1)
            os._exit(0)
    try:
        with database.alone("jobs") as is_mine:
            assert is_mine
    finally:
        os.close(go)
        os.waitpid(child, 0)
        os.close(come)
        database.close()


# --- a server that hangs, and nodes that are gone ---------------------------------------------------------------------


def settings(connection: Connection) -> list[str]:
    return [connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in ("statement_timeout", "lock_timeout")]


def test_nobody_waits_for_ever_but_whoever_goes_through_everything(server: Server) -> None:
    database = Database.open(server.database())
    with database.engine.connect() as connection:
        assert settings(connection) == ["8s", "4s"]
    with database.moment() as connection:
        assert settings(connection) == ["0", "0"]
    assert [row[0] for row in database.stream(text("SELECT current_setting('statement_timeout')"))] == ["0"]
    database.close()


def test_a_lock_that_nobody_lets_go_of_is_no_reason_to_wait_for_ever(server: Server) -> None:
    """As that of a node which lost its power in the middle of a commit."""
    database = Database.open(server.database())
    with database.engine.connect() as gone:
        gone.execute(text("SELECT pg_advisory_lock(4711)"))
        with pytest.raises(RegistryUnavailable, match="lock timeout"):
            database.write(lambda c: c.execute(text("SELECT pg_advisory_xact_lock(4711)")))
    database.write(lambda c: c.execute(text("SELECT pg_advisory_xact_lock(4711)")))
    database.close()


def test_a_peer_that_is_gone_is_noticed_unless_the_url_says_otherwise(server: Server) -> None:
    database = Database.open(server.database() + "&keepalives_idle=60")
    with database.engine.connect() as connection:
        said = connection.connection.dbapi_connection.info.get_parameters()  # type: ignore[union-attr]
    names = ("connect_timeout", "tcp_user_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count")
    assert [said[name] for name in names] == ["3", "10000", "60", "5", "3"]
    database.close()


def test_a_commit_whose_answer_is_lost_is_not_done_again(server: Server) -> None:
    """It was done; the server went before it could say so. A bank is there once, and told of once."""
    url = server.database(postgres.TEMPLATE)
    database = Database.open(url)
    is_over: list[str] = []

    def cut(_connection: Any, cursor: Any, statement: str, *_rest: Any) -> None:
        if statement == "COMMIT" and not is_over:
            is_over.append(statement)
            cursor.connection.execute("COMMIT")
            raise OperationalError("COMMIT", {}, Exception("the connection was lost"), connection_invalidated=True)

    event.listen(database.engine, "before_cursor_execute", cut)
    with pytest.raises(RegistryUnavailable):
        database.write(adding(1))
    event.remove(database.engine, "before_cursor_execute", cut)
    assert [one.code for one in parties.all_banks(database)] == ["0001"]
    assert database.read(text("SELECT COUNT(*) FROM audit")) == [(1,)]
    database.close()
    server.drop(url)


def test_whatever_isolation_the_server_prefers_every_write_goes_through(server: Server) -> None:
    """One whose snapshot was older than the trail's last entry could not go on from it."""
    url = server.database(postgres.TEMPLATE)
    name = url.partition("@/")[2].partition("?")[0]
    server.say(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    nodes = [Database.open(url) for _ in range(3)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: nodes[number % 3].write(adding(number)), range(60)))
    assert nodes[0].read(text("SELECT COUNT(*), MAX(number) FROM audit")) == [(60, 60)]
    for node in nodes:
        node.close()
    server.drop(url)
