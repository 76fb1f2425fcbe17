"""A database by its URL: short reads on a connection for each thread, writes in groups, durable when they return.

Transactions are begun and ended here by name, on connections that SQLAlchemy leaves alone (AUTOCOMMIT): both databases
then do exactly the same. On SQLite a file lock beside the database makes processes wait fairly, and not by polling.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, Executable, Row, create_engine, event, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.pool import NullPool

from tokenmgr import clock
from tokenmgr.errors import RegistryMissing, RegistryUnavailable
from tokenmgr.ra.ports import Stale
from tokenmgr.sql import migrations, trail
from tokenmgr.sql.turns import Job, Turns
from tokenmgr.system import held, locked

T = TypeVar("T")
Answer = Row[*tuple[Any, ...]]
NOTHING: Mapping[str, Any] = {}
ATTEMPTS = 5  # at a write that another one, or a lost connection, has kept from being done
_NOW = text("SELECT clock_timestamp()")
_TRY_LOCK = text("SELECT pg_try_advisory_lock(hashtextextended('tokenmgr ' || :name, 0))")
BUSY = 5_000  # ms that SQLite waits for somebody who does not know of the file lock
AT_ONCE = 500  # rows of a stream that are in memory
AGAIN = {"40001", "40P01"}  # serialization failure, deadlock: SQLSTATE, appendix A


class Database:
    """`write` is for every change; what it is given may be performed again, so it changes nothing but the database, by
    the connection that it is handed. Opened by each process for itself: no connection outlives a fork."""

    def __init__(self, engine: Engine, lock: Path | None, clock: Callable[[], datetime]) -> None:
        self.engine = engine
        self._clock = clock
        self._lock = lock
        self._own = threading.local()
        self._writer: Connection | None = None  # of whoever has the turn
        self._turns = Turns(self._perform)

    @classmethod
    def open(cls, url: str, new: bool = True, clock: Callable[[], datetime] = clock.now) -> Database:
        """sqlite:////absolute/path, or postgresql://…, of which the rest is libpq's. Unless it may be `new`, its file
        must be there. `clock` dates the audit trail."""
        with _translated():
            parsed = _parsed(url)
            lock = _prepared(parsed, new) if parsed.get_backend_name() == "sqlite" else None
            arguments, hooks = dict[str, Any](check_same_thread=False), dict[str, Any](connect=_sqlite_connected)
            if not lock:
                from tokenmgr.sql import postgresql  # here: SQLite does without, and it takes long to load

                arguments = postgresql.arguments(parsed.query)
                hooks = {"connect": postgresql.connected, "do_connect": postgresql.Door()}
            engine = create_engine(
                parsed,
                poolclass=NullPool,  # a thread keeps its own
                isolation_level="AUTOCOMMIT",
                skip_autocommit_rollback=True,
                connect_args=arguments,
            )
            for when, hook in hooks.items():
                event.listen(engine, when, hook)
            with locked(lock) if lock else contextlib.nullcontext(), engine.connect() as connection:
                if lock:
                    connection.exec_driver_sql("PRAGMA journal_mode = WAL")  # the file remembers it
            return cls(engine, lock, clock)

    def close(self) -> None:
        """This thread's connection and the writer; other threads' go with their threads."""
        self._drop_reader()
        self._drop_writer()
        self.engine.dispose()

    def migrate(
        self, now: datetime, new: bool = True, known: Sequence[migrations.Migration] = migrations.ALL
    ) -> list[str]:
        """What is missing, in order, whoever else starts at the same time. Says what it was. Unless it may be `new`,
        RegistryMissing where nothing has ever been applied."""
        with _translated(), self._alone(), self._at_leisure() as connection:
            if not new and not migrations.is_made(connection):
                raise RegistryMissing(database=self.engine.url.render_as_string())
            return migrations.apply(connection, now, known)

    # --- reading ---

    def read(self, statement: Executable, values: Mapping[str, Any] = NOTHING) -> Sequence[Answer]:
        with _translated():
            try:
                return self._reader().execute(statement, values).all()
            except DBAPIError as error:
                self._drop_reader()
                if not error.connection_invalidated:
                    raise
            return self._reader().execute(statement, values).all()  # the server was started anew: a second time counts

    def first(self, statement: Executable, values: Mapping[str, Any] = NOTHING) -> Answer | None:
        rows = self.read(statement, values)
        return rows[0] if rows else None

    def stream(
        self, statement: Executable, values: Mapping[str, Any] = NOTHING, suspicious: bool = False
    ) -> Iterator[Answer]:
        """As it was at one moment, in bounded memory, on a connection of its own: for as many rows as there are.
        `suspicious`: somebody may have put there what is no text, and that must not end it."""
        with _translated(), self._at_leisure() as connection:
            if suspicious and self._lock:
                connection.connection.dbapi_connection.text_factory = _text  # type: ignore[union-attr]
            connection.exec_driver_sql("BEGIN")
            with connection.execute(statement, values, execution_options={"yield_per": AT_ONCE}) as rows:
                yield from rows
            connection.exec_driver_sql("COMMIT")

    @contextlib.contextmanager
    def moment(self) -> Iterator[Connection]:
        """For several reads that are to see the same moment, whoever writes meanwhile."""
        with _translated():
            connection = self._at_leisure()
        with connection:
            try:
                connection.exec_driver_sql("BEGIN" if self._lock else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                yield connection
                connection.exec_driver_sql("COMMIT")
            except DBAPIError as error:
                raise _unavailable(error) from error

    def now(self) -> datetime:
        """By the one clock that all nodes of a registry have in common; SQLite's is its computer's."""
        row = None if self._lock else self.first(_NOW)
        return row[0] if row else self._clock()

    def _at_leisure(self) -> Connection:
        """One of its own, for what goes through a whole registry."""
        connection = self.engine.connect()
        take_leisure(connection)
        return connection

    def _reader(self) -> Connection:
        found: _Reader | None = getattr(self._own, "reader", None)
        if found is None:
            found = self._own.reader = _Reader(self.engine.connect())
        return found.connection

    def _drop_reader(self) -> None:
        self._own.__dict__.pop("reader", None)

    @contextlib.contextmanager
    def alone(self, name: str) -> Iterator[bool]:
        """Whether nobody else is at this, on any node, for as long as the `with` lasts. A process that dies lets go of
        it at once; a computer that does, when the server has noticed (sql/postgresql.py)."""
        if self._lock:
            with contextlib.ExitStack() as stack:
                with _translated():
                    is_mine = stack.enter_context(held(self._lock.with_name(f"{self._lock.name}.{name}")))
                yield is_mine
            return
        with _translated(), self.engine.connect() as connection:
            mine = connection.execute(_TRY_LOCK, {"name": name}).scalar_one()
            yield bool(mine)  # the lock ends with the connection

    # --- writing ---

    def write(self, act: Callable[[Connection], T]) -> T:
        """Durable when it returns. An act that raises has changed nothing, and disturbs nobody."""
        return self._turns.do(act)

    def _perform(self, jobs: list[Job[Any]]) -> None:
        """Together; where one of them fails, together again and each undone by itself; where the transaction fails,
        each alone, so that whoever is at fault is so alone. What was begun before is undone each time; and what may
        have been done, for all that anybody knows, is not done again."""
        try:
            if len(jobs) > 1:
                for guarded in (False, True):  # nearly all acts succeed, and a savepoint costs as much as an act
                    with contextlib.suppress(_Spoilt, DBAPIError, OSError):
                        self._commit(jobs, guarded)
                        return
            for job in jobs:
                self._persist(job)
        except _Unanswered as error:
            for job in jobs:
                if not job.is_settled:
                    job.fail(_unavailable(error.reason))

    def _persist(self, job: Job[Any]) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._commit([job])
            except DBAPIError as error:
                if attempt < ATTEMPTS and _is_worth_again(error):
                    continue
                job.fail(_unavailable(error))
            except OSError as error:
                job.fail(RegistryUnavailable(reason=str(error)))
            return

    def _commit(self, jobs: list[Job[Any]], guarded: bool = False) -> None:
        """All of them in one transaction, and none settled before it is durable."""
        with self._turn() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE" if self._lock else "BEGIN ISOLATION LEVEL READ COMMITTED")
            noted = trail.begin(connection)
            outcomes: list[tuple[Job[Any], Any, Exception | None]] = []
            is_spoilt = False
            for job in jobs:
                kept = len(noted)
                result, error = _attempted(connection, job, guarded)
                if error is not None:
                    del noted[kept:]
                outcomes.append((job, result, error))
                if is_spoilt := error is not None and not guarded:
                    break
            is_empty = all(error for _, _, error in outcomes)
            if is_spoilt or is_empty:
                connection.exec_driver_sql("ROLLBACK")
            else:
                trail.chain(connection, noted, self._clock())
                _make_durable(connection)
        if is_spoilt and len(jobs) > 1:
            raise _Spoilt
        for job, result, error in outcomes:
            if error is None:
                job.succeed(result)
            else:
                job.fail(error)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[Connection]:
        """The writing connection, which is not used again where it may be in the middle of something."""
        with locked(self._lock) if self._lock else contextlib.nullcontext():
            try:
                if self._writer is None:
                    self._writer = self.engine.connect()
                yield self._writer
            except BaseException:
                self._drop_writer()
                raise

    def _drop_writer(self) -> None:
        found, self._writer = self._writer, None
        _drop(found)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with locked(self._lock) if self._lock else contextlib.nullcontext():
            yield


def take_leisure(connection: Connection) -> None:
    """For what goes through a whole registry, on a connection that is used for nothing else."""
    if connection.dialect.name == "postgresql":
        from tokenmgr.sql import postgresql

        postgresql.take_leisure(connection)


class _Reader:
    """A thread's connection, which goes when the thread does, and not when the collector comes by."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # a program that ends has already taken half of it away
            _drop(self.connection)


class _Unanswered(Exception):
    """The connection was lost with the commit on its way: whoever asks again finds out what has come of it."""

    def __init__(self, reason: DBAPIError) -> None:
        super().__init__()
        self.reason = reason


def _make_durable(connection: Connection) -> None:
    try:
        connection.exec_driver_sql("COMMIT")
    except DBAPIError as error:
        if error.connection_invalidated:
            raise _Unanswered(error) from error
        raise


class _Spoilt(Exception):
    """One of several failed, and with it, for now, all of them."""


def _attempted(connection: Connection, job: Job[Any], guarded: bool) -> tuple[Any, Exception | None]:
    """Its result, or its own error: with all that it had done undone, where it is guarded. What is wrong with the
    database itself is raised."""
    if guarded:
        connection.exec_driver_sql("SAVEPOINT act")
    try:
        result = job.act(connection)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # noqa: BLE001  the caller's, whatever it is: raised again in its own thread
        if guarded:
            connection.exec_driver_sql("ROLLBACK TO SAVEPOINT act")
        return None, _own(error)
    if guarded:
        connection.exec_driver_sql("RELEASE SAVEPOINT act")
    return result, None


def _own(error: Exception) -> Exception:
    """A unique index that held, where nobody has said better what that means, held against somebody who was quicker."""
    if isinstance(error, IntegrityError):
        own: Exception = Stale()
    elif isinstance(error, DBAPIError):
        own = _unavailable(error)
    else:
        return error
    own.__cause__ = error
    return own


def is_dangling(error: IntegrityError) -> bool:
    """Refers to what is not there; else it is there already."""
    return "FOREIGN KEY" in str(error.orig) or getattr(error.orig, "sqlstate", "") == "23503"


def _is_worth_again(error: DBAPIError) -> bool:
    return error.connection_invalidated or getattr(error.orig, "sqlstate", "") in AGAIN


def _unavailable(error: DBAPIError) -> RegistryUnavailable:
    """In the database's own words, of which none is from a row: statements and their values stay out of it."""
    return RegistryUnavailable(reason=str(error.orig).strip().partition("\n")[0])


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise _unavailable(error) from error
    except OSError as error:
        raise RegistryUnavailable(reason=str(error)) from error


def _drop(connection: Connection | None) -> None:
    """Closed whatever it is in the middle of."""
    if connection is not None:
        with contextlib.suppress(DBAPIError):
            connection.invalidate()
            connection.close()


# --- the two databases ---


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
        name = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}[parsed.get_backend_name()]
    except (ArgumentError, NoSuchModuleError, KeyError) as error:
        raise RegistryUnavailable(reason="sqlite:////path or postgresql://host/name") from error
    return parsed.set(drivername=name)


def _prepared(url: URL, new: bool) -> Path:
    """The database and its lock, for their owner alone: hashes of PINs are in it. -wal and -shm take after it."""
    if not url.database or url.database == ":memory:":
        raise RegistryUnavailable(reason="a database in memory forgets")
    path = Path(url.database)
    if not new and not path.exists():
        raise RegistryMissing(database=str(path))
    lock = path.with_name(path.name + ".lock")
    for one in (path, lock):
        one.touch(mode=0o600)
    return lock


def _sqlite_connected(connection: Any, _record: object) -> None:
    for pragma in ("synchronous = FULL", "foreign_keys = ON", f"busy_timeout = {BUSY}"):
        connection.execute(f"PRAGMA {pragma}")


def _text(data: bytes) -> str:
    """SQLite takes anything for a text. What is none reads as nothing that was ever written."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"\0{data!r}"
