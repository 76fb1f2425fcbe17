"""A home with a CA whose keys certify: in this process, on its own SoftHSM token; and the hand that kills a command."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import select

from tests import warm
from tests.actors import TESTER
from tests.cli.bank_rig import BankHome
from tests.cli.runner import Home, Result
from tests.sql.world import BANK, enrolment
from tokenmgr import clock
from tokenmgr.ca.folder import CaFolder, open_folder
from tokenmgr.ca.issuer import Issuer
from tokenmgr.cli.authority import open_authority
from tokenmgr.domain.audit import FIRST, Entry
from tokenmgr.domain.generation import Generation, RevocationReason, StoreKind
from tokenmgr.log import Secret
from tokenmgr.ra import issuing
from tokenmgr.ra.issuing import Ask
from tokenmgr.sql.administration import Administration
from tokenmgr.sql.engine import Database
from tokenmgr.sql.parties import Contract
from tokenmgr.sql.registry import SqlRegistry
from tokenmgr.sql.schema import METADATA

PIN = "pin-12345678"  # bank_rig.make_ca's
_numbers = itertools.count(1)


class CaHome(BankHome):
    @property
    def ca(self) -> CaFolder:
        return open_folder(self.folder / "ca")

    def op(self, *arguments: str, typed: str = f"{PIN}\n") -> Result:
        return self.run("ca", *arguments, typed=typed)


def bare(folder: Path) -> CaHome:
    """A home without a CA."""
    made = CaHome.__new__(CaHome)
    Home.__init__(made, folder)
    return made


@contextlib.contextmanager
def registry_of(home: CaHome) -> Iterator[Database]:
    database = Database.open(home.ca.database, new=False)
    try:
        yield database
    finally:
        database.close()


@dataclass
class Works:
    """A CA at work, as `ca serve` has it in its hands."""

    database: Database
    registry: SqlRegistry
    administration: Administration
    issuer: Issuer

    def issue(self, user: str, confirmed: bool = True) -> Generation:
        now = clock.now()
        who = self.administration.enrol(enrolment(user))
        ask = asking(who.id)
        found = issuing.issue(self.registry, self.issuer, ask, lambda _standing, _same: None, True, now)
        if confirmed:
            self.registry.confirm(ask.exchange(found.serial), b"digest", now, retire=False)
        return found


def asking(subscriber: int) -> Ask:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    transaction = hashlib.sha256(spki).digest()[:16]
    return Ask(subscriber, spki, StoreKind.MEDIUM, BANK.code, transaction, transaction, "anybody", "ir")


@contextlib.contextmanager
def working(home: CaHome) -> Iterator[Works]:
    with registry_of(home) as database, open_authority(home.ca, Secret(PIN), home.folder) as keys:
        yield Works(
            database, SqlRegistry(database, TESTER), Administration(database, TESTER), Issuer(keys, home.ca.profile)
        )


def lived_in(home: CaHome) -> None:
    """One bank; a certificate that is active, one to be confirmed, one that is revoked."""
    with working(home) as works:
        works.administration.add_bank(BANK)
        works.administration.add_contract(Contract(BANK.code, "C-1", "株式会社みほん"))
        works.issue("active")
        works.issue("pending", confirmed=False)
        lost = works.issue("lost")
        works.registry.revoke(lost.serial, RevocationReason.KEY_COMPROMISE, clock.now())


def tables(database: Database) -> dict[str, list[str]]:
    return {
        name: sorted(repr(tuple(row)) for row in database.read(select(table)))
        for name, table in METADATA.tables.items()
        if name != "migration"
    }


def require_chained(database: Database) -> list[Entry]:
    """The whole trail, each entry upon the one before."""
    table = METADATA.tables["audit"]
    columns = [column for column in table.columns if column.name != "changes_status"]
    entries = [Entry(*row) for row in database.read(select(*columns).order_by(table.c.number))]
    previous = FIRST
    for number, entry in enumerate(entries, 1):
        assert (entry.number, entry.digest(previous)) == (number, entry.hash)
        previous = entry.hash
    return entries


def told(result: Result) -> Any:
    return json.loads(result.out)


# --- killed ---------------------------------------------------------------------------------------------------------

KILLED_AFTER = (
    "import importlib, os, signal, sys\n"
    "from tokenmgr.cli import main\n"
    "module, last = importlib.import_module(sys.argv.pop(1)), int(sys.argv.pop(1))\n"
    "def say(step, *_):\n"
    "    if step.value == last:\n"
    "        os.kill(os.getpid(), signal.SIGKILL)\n"
    "module._say = say\n"
    "sys.exit(main.run())\n"
)
# Each opening for writing, renaming, making and removing in the home is a moment of its own; so is each transaction
# that is about to be committed, and each that just was.
KILLED_AT = (
    "import os, signal, sys\n"
    "from tokenmgr.cli import main\n"
    "from tokenmgr.sql.engine import Database\n"
    "left, home = int(sys.argv.pop(1)), os.environ['TOKENMGR_HOME']\n"
    "def moment():\n"
    "    global left\n"
    "    left -= 1\n"
    "    if left == 0: os.kill(os.getpid(), signal.SIGKILL)\n"
    "def hook(event, arguments):\n"
    "    if event not in ('open', 'os.rename', 'os.mkdir', 'os.remove', 'shutil.rmtree'): return\n"
    "    if not str(arguments[0]).startswith(home): return\n"
    "    if event == 'open' and arguments[1] in ('r', 'rb'): return\n"
    "    moment()\n"
    "def write(self, act, original=Database.write):\n"
    "    moment()\n"
    "    result = original(self, act)\n"
    "    moment()\n"
    "    return result\n"
    "Database.write = write\n"
    "sys.addaudithook(hook)\n"
    "status = main.run()\n"
    "sys.exit(status if left > 0 else 99)\n"
)


def killed_after(home: Home, module: str, step: int, *arguments: str) -> int:
    return _run(home, KILLED_AFTER, f"tokenmgr.cli.{module}", str(step), *arguments)


def killed_at(home: Home, moment: int, *arguments: str) -> int:
    return _run(home, KILLED_AT, str(moment), *arguments)


def _run(home: Home, script: str, *arguments: str) -> int:
    return warm.run(script, *arguments, environment=home.environment, typed=f"{PIN}\n").returncode


def with_little_room(home: Home, size: int, *arguments: str) -> Result:
    """No file may become larger than that: what a full disk is to whoever writes."""
    import resource

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    program = Path(sys.executable).parent / "tokenmgr"
    done = subprocess.run(
        [program, *arguments],
        env=home.environment, capture_output=True, text=True, check=False, preexec_fn=limit, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return Result(done.returncode, done.stdout, done.stderr)
