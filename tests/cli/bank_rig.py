"""A home with a CA in it, copied from one that was made once; and certificates for its subscribers, to the second."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.actors import TESTER
from tests.cli.runner import MAIN, Home, Result
from tests.sql import world
from tokenmgr.ca.folder import open_folder
from tokenmgr.domain.generation import Generation, StoreKind
from tokenmgr.domain.party import Subscriber
from tokenmgr.sql.administration import Administration
from tokenmgr.sql.engine import Database
from tokenmgr.sql.registry import SqlRegistry

BANK = world.BANK.code
HEADER = "bank,contract,contract_name,user,role,email,login_pin,confirmation_pin"
PINS = ("loginPin-70815", "confirmPin-41968")
_numbers = itertools.count(1)
QUICKLY = (  # argon2id with the least work that there is; what PROGRAM runs does all of it
    "from argon2 import PasswordHasher\n"
    "from tokenmgr.ra import passcodes\n"
    "passcodes._HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)\n"
)


def make_ca(folder: Path, *options: str) -> Path:
    done = Home(folder).run("ca", "init", "--new-pin-fd", "0", *options, typed="pin-12345678\n")
    assert done.status == 0, done.err
    return folder / "ca"


class BankHome(Home):
    """`ca` is copied, since making one takes a while."""

    program = QUICKLY + MAIN

    def __init__(self, folder: Path, ca: Path) -> None:
        super().__init__(folder)
        shutil.copytree(ca, folder / "ca")

    def prepare(self, words: list[str]) -> None:
        """`certified USER MOMENT`: its certificate, on a medium, until then; {USER} stands for its serial number."""
        match words:
            case ["certified", user, moment]:
                self.numbers[user] = f"{self.certify(user, datetime.fromisoformat(moment)).serial:x}"
            case _:
                super().prepare(words)

    def bank(self, *arguments: str, typed: str = "") -> Result:
        return self.run("bank", *arguments, typed=typed)

    def fine(self, *arguments: str, typed: str = "") -> str:
        done = self.bank(*arguments, typed=typed)
        assert done.status == 0, done.out + done.err
        return done.out

    def json(self, *arguments: str, typed: str = "") -> Any:
        return json.loads(self.bank(*arguments, "--json", typed=typed).out)

    def founded(self, *options: str) -> BankHome:
        self.fine("add", BANK, "--name", "みほん信用金庫", *options)
        self.fine("contract", "add", BANK, "C-1", "--name", "株式会社みほん")
        return self

    def enrol(self, user: str, role: str = "user", contract: str = "C-1") -> None:
        pins = ("--login-pin-fd", "0", "--confirmation-pin-fd", "0")
        typed = "".join(f"{pin}\n" for pin in PINS)
        self.fine("subscriber", "add", BANK, contract, user, "--role", role, *pins, typed=typed)

    def write(self, content: str | bytes, name: str = "ids.csv") -> str:
        file = self.folder / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(file)

    @contextlib.contextmanager
    def database(self) -> Iterator[Database]:
        opened = Database.open(open_folder(self.folder / "ca").database)
        try:
            yield opened
        finally:
            opened.close()

    def subscriber(self, user: str) -> Subscriber:
        with self.database() as database:
            return Administration(database, TESTER).find(BANK, "C-1", user)

    def certify(self, user: str, expires: datetime, store: StoreKind = StoreKind.MEDIUM) -> Generation:
        """Recorded, signed off and confirmed, a year before it expires."""
        begins = expires - timedelta(days=365)
        made = world.generation(self.subscriber(user).id, next(_numbers), begins)
        made = dataclasses.replace(made, not_after=expires, store=store)
        exchange = world.exchange(made)
        with self.database() as database:
            registry = SqlRegistry(database, TESTER)
            registry.record(made, exchange, None, begins)
            registry.sign_off(made.serial, world.CERTIFICATE)
            registry.confirm(exchange, b"digest", begins, retire=False)
        return made


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def rows(*lines: str) -> str:
    return "\n".join([HEADER, *lines, ""])


def row(user: str, contract: str = "C-1", name: str = "", role: str = "user", email: str = "") -> str:
    return ",".join([BANK, contract, name, user, role, email, *PINS])
