"""What is due among a million certificates, in seconds and memory; and mails a second through a mail server.

The floor of the first is the same rows read by the plain sqlite3 module, that of the second the same letters handed to
the same server by smtplib: in the same run, on the same disk. The server (aiosmtpd) is another process and keeps none.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import smtplib
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import update

from benchmarks.bench import in_turns, ratio, table
from tests.actors import TESTER
from tests.sql.world import BANK, CERTIFICATE, DAY, World, generation
from tokenmgr.config import MailServer
from tokenmgr.domain.generation import State
from tokenmgr.domain.notice import Stage
from tokenmgr.domain.policy import BankPolicy
from tokenmgr.notices import schedule, texts
from tokenmgr.notices.courier import Courier, matter_of
from tokenmgr.notices.letters import Edition
from tokenmgr.notices.mail import as_bytes
from tokenmgr.notices.post import Letter
from tokenmgr.notices.smtp import SmtpPost
from tokenmgr.sql import schema
from tokenmgr.sql.administration import Administration
from tokenmgr.sql.engine import Database
from tokenmgr.sql.outbox import Outbox, Which
from tokenmgr.sql.rows import generation_values, micros

HERE = Path(__file__).parent  # a disk, where /tmp may be memory
MANY, FEW = 1_000_000, 300
EACH = 5  # IDs of a contract, the first an administrator
YEAR = 365 * 86400
POLICIES = {BANK.code: BankPolicy()}
TURNS = 5
_BARE = (
    "SELECT g.serial, g.not_after, s.id, s.email FROM generation g JOIN subscriber s ON s.id = g.subscriber"
    " WHERE g.state = 'active' AND g.not_after BETWEEN ? AND ?"
)


def run() -> None:
    with tempfile.TemporaryDirectory(prefix=".notices-", dir=HERE) as folder:
        _due(Path(folder))
        _mails(Path(folder))


# --- what is due ---


def _due(folder: Path) -> None:
    file = folder / "many.db"
    _filled(file, MANY)
    rows = []
    for title, is_known in (("nothing written yet", False), ("all written: a day like any other", True)):
        if is_known:
            database = Database.open(f"sqlite:///{file}")
            schedule.plan(Outbox(database, ""), POLICIES, DAY)
            database.close()
        told = json.loads(_alone("due", str(file)))
        taken = in_turns(TURNS, {"ours": functools.partial(_look, file), "bare": functools.partial(_bare, file)})
        figures = (
            str(taken["ours"]),
            str(taken["bare"]),
            ratio(taken["ours"], taken["bare"]),
            f"{told['memory']:.0f} MiB",
        )
        rows.append([title, f"{told['candidates']:,}", f"{told['due']:,}", *figures])
    headings = ("", "may be due", "due", "looked through", "the same rows by sqlite3", "ratio", "memory it adds")
    table(f"What is due among {MANY:,} certificates, SQLite: median and quartiles", headings, rows)


def _look(file: Path) -> list[float]:
    database = Database.open(f"sqlite:///{file}")
    started = time.perf_counter()
    for _ in schedule.due(Outbox(database, ""), POLICIES, DAY):
        pass
    taken = (time.perf_counter() - started) * 1e6
    database.close()
    return [taken] * 2


def _bare(file: Path) -> list[float]:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        started = time.perf_counter()
        for _ in connection.execute(_BARE, _window()):
            pass
        return [(time.perf_counter() - started) * 1e6] * 2


def _window() -> tuple[int, int]:
    return micros(DAY - timedelta(days=7)), micros(DAY + timedelta(days=30))


def _alone(*arguments: str) -> str:
    """In a process that has done nothing else: memory that was once used is not given back."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.notices", *arguments], check=True, capture_output=True, text=True
    ).stdout


def _tell_due(file: str) -> None:
    outbox = Outbox(Database.open(f"sqlite:///{file}"), "")
    list(outbox.candidates(datetime.fromisoformat("1980-01-01T00:00:00+00:00"), timedelta()))
    before = _peak()
    due = sum(1 for _ in schedule.due(outbox, POLICIES, DAY))
    memory = _peak() - before
    candidates = sum(1 for _ in outbox.candidates(DAY, timedelta(days=30)))
    print(json.dumps({"due": due, "memory": memory, "candidates": candidates}))


def _peak() -> float:
    """Of this program alone, in MiB: what getrusage says has also seen the one that it was forked from."""
    (line,) = [one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def _filled(file: Path, size: int) -> None:
    """Contracts of five, everybody with an address and a certificate; they end all over a year."""
    database = Database.open(f"sqlite:///{file}")
    database.migrate(DAY)
    World.founded(database)
    database.close()
    model = {
        **generation_values(generation(None, 0)),
        "state": State.ACTIVE.value,
        "certificate": CERTIFICATE * 80,
        "draft": b"",
    }
    with contextlib.closing(sqlite3.connect(file)) as connection:
        numbers = range(3, size + 3)
        connection.executemany(
            "INSERT INTO contract VALUES (?, ?, '株式会社みほん')",
            ((BANK.code, f"M-{number}") for number in {number // EACH for number in numbers}),
        )
        connection.executemany(
            "INSERT INTO subscriber (id, bank, contract, user_id, role, email, login_hash, confirmation_hash)"
            " VALUES (?, ?, ?, ?, ?, ?, '', '')",
            (_subscriber(number) for number in numbers),
        )
        names = ", ".join(model)
        connection.executemany(
            f"INSERT INTO generation ({names}) VALUES ({', '.join(f':{name}' for name in model)})",  # noqa: S608
            (_generation(model, number, size) for number in numbers),
        )
        connection.commit()
        connection.execute("ANALYZE")


def _subscriber(number: int) -> tuple[object, ...]:
    role = "user" if number % EACH else "administrator"
    return number, BANK.code, f"M-{number // EACH}", f"u{number}", role, f"u{number}@mihon.example"


def _generation(model: dict[str, object], number: int, size: int) -> dict[str, object]:
    key = hashlib.sha256(b"%d" % number).digest()
    ends = DAY + timedelta(seconds=(number * 7919 % size) * YEAR // size)
    moments = {"not_after": micros(ends), "confirmed_at": micros(ends - timedelta(days=365))}
    return {**model, **moments, "subscriber": number, "serial": "6" + key.hex()[:39], "key_hash": key}


# --- mails ---


def _mails(folder: Path) -> None:
    file = folder / "few.db"
    _filled(file, FEW)
    database = Database.open(f"sqlite:///{file}")
    administration, policy = Administration(database, TESTER), BankPolicy(notice_days=(364,), escalation_days=())
    administration.change_look(BANK.code, lambda look: dataclasses.replace(look, sender="ib@mihon.example"))
    administration.change_bank(BANK.code, lambda bank: dataclasses.replace(bank, policy=policy))
    schedule.plan(Outbox(database, ""), {BANK.code: policy}, DAY)
    letters = _letters(database)
    with _server() as port:
        contenders: dict[str, Callable[[], list[float]]] = {
            "smtplib": functools.partial(_by_smtplib, port, letters),
            "ours": functools.partial(_by_courier, port, database),
        }
        taken = in_turns(TURNS, contenders)
    database.close()
    titles = {"smtplib": "smtplib: the same letters, written before, and nothing kept", "ours": "a run, each mail kept"}
    rows = [
        [titles[name], str(times), f"{1e6 / times.median:,.0f}", ratio(times, taken["smtplib"])]
        for name, times in taken.items()
    ]
    table(
        f"{len(letters):,} mails through a local server: median and quartiles", ("", "each", "a second", "ratio"), rows
    )


def _courier(port: int, database: Database) -> Courier:
    post = SmtpPost(MailServer(host="127.0.0.1", port=port, security="none"))
    return Courier(Outbox(database, "bench"), post, texts.write, bytes(32), lambda: DAY, time.sleep)


def _letters(database: Database) -> list[Letter]:
    outbox = Outbox(database, "")
    errands = [outbox.errand(one.number) for one in outbox.entries(Which(stage=Stage.WAITING))]
    editions = [Edition(one.number, one.notice, one.address, one.queued_at) for one in errands]
    return [
        texts.write(matter_of(one.about, edition, bytes(32), DAY))
        for one, edition in zip(errands, editions, strict=True)
    ]


def _by_courier(port: int, database: Database) -> list[float]:
    database.write(lambda c: c.execute(update(schema.notice).values(state="waiting", next_at=0, sent_at=None)))
    courier = _courier(port, database)
    started = time.perf_counter()
    courier.deliver()
    taken = time.perf_counter() - started
    courier.post.close()
    return [taken * 1e6 / courier.tally.sent] * 2


def _by_smtplib(port: int, letters: list[Letter]) -> list[float]:
    mails = [(one.return_path, one.to, as_bytes(one)) for one in letters]
    with smtplib.SMTP("127.0.0.1", port) as server:
        started = time.perf_counter()
        for mail in mails:
            server.sendmail(*mail)
        return [(time.perf_counter() - started) * 1e6 / len(mails)] * 2


@contextlib.contextmanager
def _server() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        port = int(chosen.getsockname()[1])
    command = [sys.executable, "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{port}", "-c", "aiosmtpd.handlers.Sink"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            while process.poll() is None:
                with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()


if __name__ == "__main__":
    _tell_due(sys.argv[2])
