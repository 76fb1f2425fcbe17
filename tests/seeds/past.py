"""`python -m tests.seeds.past FOLDER STORE`, by a clock that is as many days behind (testbed/c/clock.c): the CA is
founded, the banks of the five procedures come, and everybody acquires the certificate that is to be renewed today.

So a certificate is as old as it says, to the CA, to the medium or database that it is in, and to the browser.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

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

FINISHED, KEYS = "finished", "keys"


@dataclass(frozen=True)
class Pc:
    """Somebody's computer: settings, a home with the database that Chromium looks into, media."""

    folder: Path
    procedure: Procedure
    user: str

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
        (self.folder / "banks.d").mkdir(exist_ok=True)
        there = f'address = "{address}"' + (f'\nlogin = "{site}"' if site else "")
        text = re.sub(r"^address = .*$", there, profile, flags=re.MULTILINE)
        (self.folder / "banks.d" / f"{code}.toml").write_text(text, encoding="utf-8")


def pcs(folder: Path) -> dict[str, Pc]:
    """By whose they are."""
    return {user: Pc(folder / user, one, user) for one in ALL for user in one.users}


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
        program = Home(folder / "ca")
        made = program.run(
            "bank", "handover", "key", "make", one.bank.code, str(folder / KEYS / f"{one.bank.code}.pem")
        )
        assert made.status == 0, made.err
    (folder / FINISHED).touch()


def profile_of(ca: Authority, procedure: Procedure) -> str:
    program = Home(ca.folder.path.parent)
    program.environment |= ca.environment
    said = program.run("bank", "profile", procedure.bank.code)
    assert said.status == 0, said.err
    return said.out


def main(folder: Path, store: Path) -> None:
    with running.founded(folder / "ca") as ca:
        register(ca)
        with running.serving(ca, workers=1) as port:
            for pc in pcs(folder).values():
                acquire(pc, profile_of(ca, pc.procedure), f"https://127.0.0.1:{port}", ca.root, store)


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


def acquire(pc: Pc, profile: str, address: str, root: Path, store: Path) -> None:
    program = pc.program()
    pc.hand_out(profile, address)
    databases.made(pc.database)
    run("certutil", "-A", "-d", f"sql:{pc.database}", "-n", "root", "-t", "CT,,", "-i", root)
    who = ("--bank", pc.procedure.bank.code, "--contract", pc.procedure.contract, "--user", pc.user)
    where, words = ["--pc", "chromium"], ["--kind", "p256", "--login-pin-fd", "0", "--confirmation-pin-fd", "0"]
    typed = f"{LOGIN_PIN}\n{CONFIRMATION_PIN}\n"
    if pc.procedure.store is StoreKind.MEDIUM:
        (stick,) = pc.bed(store).up("fresh", name="stick")
        where, typed = ["--pin-fd", "0"], f"{stick.pin}\n{typed}"
    done = program.run("acquire", *who, *where, *words, typed=typed)
    assert done.status == 0, done.out + done.err


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
