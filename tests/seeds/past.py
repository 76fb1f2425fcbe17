"""`python -m tests.seeds.past FOLDER STORE`, by a clock that is as many days behind (testbed/c/clock.c): the CA is
founded, the banks of the five procedures come, and everybody acquires the certificate that is to be renewed today.

So a certificate is as old as it says, to the CA, to the medium or database that it is in, and to the browser.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from tests.cli.runner import Home
from tests.interop import running
from tests.interop.running import CONFIRMATION_PIN, LOGIN_PIN, Authority
from tests.keystore import databases
from tests.seeds.procedures import ALL, DAYS_AGO, Procedure
from tests.token.helpers import run
from tokenmgr import clock
from tokenmgr.domain.generation import StoreKind
from tokenmgr.log import Secret
from tokenmgr.ra import passcodes
from tokenmgr.sql.parties import Contract, Enrolment
from tokenmgr.testbed import compiling
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.simulated import PIN

T = TypeVar("T")
FINISHED, KEYS, STICK = "finished", "keys", "stick"


@dataclass(frozen=True)
class Pc:
    """The computer of a bank's customers: settings, a home with the database that Chromium looks into, media."""

    folder: Path
    procedure: Procedure

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def database(self) -> Path:
        return self.home / ".pki" / "nssdb"

    def bed(self, store: Path) -> Testbed:
        return Testbed(self.folder / "testbed", os.environ, self.folder / "libraries.d", store)

    def program(self) -> Home:
        made = Home(self.folder)
        made.environment |= {"HOME": str(self.home), "no_proxy": "*"}
        return made

    def hand_out(self, profile: str, address: str, site: str = "") -> None:
        """The bank's file, as the bank hands it out but for where CA and pages are today."""
        code = self.procedure.bank.code
        (self.folder / "banks.d").mkdir(parents=True, exist_ok=True)
        there = f'address = "{address}"' + (f'\nlogin = "{site}"' if site else "")
        text = re.sub(r"^address = .*$", there, profile, flags=re.MULTILINE)
        (self.folder / "banks.d" / f"{code}.toml").write_text(text, encoding="utf-8")


def pc(folder: Path, procedure: Procedure) -> Pc:
    return Pc(folder / procedure.bank.code, procedure)


def live(folder: Path, store: Path) -> None:
    """All of it, once; `store` is where what the testbed makes is kept."""
    library = compiling.built("clock", compiling.source("clock"), store)
    ago = {"LD_PRELOAD": str(library), "TESTBED_SECONDS_AHEAD": str(-DAYS_AGO * 86_400)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.seeds.past", str(folder), str(store)],
        env={**os.environ, **ago},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (folder / KEYS).mkdir()
    for one in ALL:
        key = str(folder / KEYS / f"{one.bank.code}.pem")
        fine(Home(folder / "ca"), "bank", "handover", "key", "make", one.bank.code, key)
    (folder / FINISHED).touch()


def today(ca: Authority) -> None:
    """What the banks say by now, of themselves and of what is permitted."""
    for one in ALL:
        ca.administration.change_bank(one.bank.code, _to(one.bank))
        ca.administration.change_look(one.bank.code, _to(one.look))


def _to(new: T) -> Callable[[T], T]:
    return lambda _: new


def fine(program: Home, *words: str, typed: str = "") -> str:
    done = program.run(*words, typed=typed)
    assert done.status == 0, done.out + done.err
    return done.out


def profile_of(ca: Authority, procedure: Procedure) -> str:
    return fine(Home(ca.folder.path.parent), "bank", "profile", procedure.bank.code)


def main(folder: Path, store: Path) -> None:
    with running.founded(folder / "ca") as ca:
        register(ca)
        with running.serving(ca, workers=1) as port:
            for one in ALL:
                there = pc(folder, one)
                there.hand_out(profile_of(ca, one), f"https://127.0.0.1:{port}")
                set_up(there, ca.root, store)
                for user in one.users:
                    acquire(there, user)


def register(ca: Authority) -> None:
    login, confirmation = (passcodes.hashed(Secret(pin)) for pin in (LOGIN_PIN, CONFIRMATION_PIN))
    until = clock.now() + timedelta(days=80)
    for one in ALL:
        ca.administration.add_bank(one.at_first)
        ca.administration.add_contract(Contract(one.bank.code, one.contract, "株式会社みほん"))
        for user, role in one.users.items():
            email = f"{user}@customer.example"
            ca.administration.enrol(
                Enrolment(one.bank.code, one.contract, user, role, email, login, confirmation, until)
            )


def set_up(there: Pc, root: Path, store: Path) -> None:
    databases.made(there.database)
    run("certutil", "-A", "-d", f"sql:{there.database}", "-n", "root", "-t", "CT,,", "-i", root)
    if there.procedure.store is StoreKind.MEDIUM:
        there.bed(store).up("fresh", name=STICK)


def acquire(there: Pc, user: str) -> None:
    where, typed = ["--pc", "chromium"], f"{LOGIN_PIN}\n{CONFIRMATION_PIN}\n"
    if there.procedure.store is StoreKind.MEDIUM:
        where, typed = ["--pin-fd", "0"], f"{PIN}\n{typed}"
    who = ("--bank", there.procedure.bank.code, "--contract", there.procedure.contract, "--user", user)
    words = ("--kind", "p256", "--login-pin-fd", "0", "--confirmation-pin-fd", "0")
    fine(there.program(), "acquire", *who, *where, *words, typed=typed)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
