"""The year before the five procedures: the CA is founded, their banks come, and everybody acquires the certificate that
is to be renewed today. The CA's own rooms live through it by a clock that is told (cli/past.py), so that a certificate
is as old as it says: to the CA, to the medium or the database that it is in, and to the browser.

In a process of its own, whose settings are this folder's.
"""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tests import warm
from tests.api import rig
from tests.cli.runner import Home
from tests.interop import running
from tests.interop.running import CONFIRMATION_PIN, LOGIN_PIN, Authority
from tests.seeds.procedures import ALL, Procedure
from tokenmgr import clock
from tokenmgr.ca.certificate import to_pem
from tokenmgr.cli import past
from tokenmgr.cli.ages import Screen, stores
from tokenmgr.cli.cast import PC
from tokenmgr.cli.past import Near, Past
from tokenmgr.customer.operations import Applicant, Counter
from tokenmgr.customer.profiles import Profile
from tokenmgr.domain.credential import KeyKind
from tokenmgr.errors import RenewalError
from tokenmgr.log import Secret
from tokenmgr.pki import p256
from tokenmgr.sql.handovers import HandoverKey
from tokenmgr.sql.parties import Contract, Enrolment
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.chromium import ChromiumHome

FINISHED, KEYS, STICK = "finished", "keys", "stick"
PINS = LOGIN_PIN, CONFIRMATION_PIN
FOUNDED = timedelta(days=400)  # ago
LIVE = "import sys\nfrom tests.seeds.past import live\nlive(*sys.argv[1:])"


@dataclass(frozen=True)
class Pc:
    """The computer of a bank's customers: settings, a home with the database that Chromium looks into, media."""

    folder: Path
    procedure: Procedure

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def browsers(self) -> ChromiumHome:
        return ChromiumHome(self.home, os.environ, "ja", {})

    def bed(self, store: Path) -> Testbed:
        return Testbed(self.folder / "testbed", os.environ, self.folder / "libraries.d", store)

    def program(self) -> Home:
        made = Home(self.folder)
        made.environment |= {"HOME": str(self.home), "no_proxy": "*"}
        return made

    def hand_out(self, profile: str, address: str, site: str) -> None:
        """The bank's file, as the bank hands it out but for where CA and pages are today."""
        code = self.procedure.bank.code
        (self.folder / "banks.d").mkdir(parents=True, exist_ok=True)
        there = f'address = "{address}"\nlogin = "{site}"'
        text = re.sub(r"^address = .*$", there, profile, flags=re.MULTILINE)
        (self.folder / "banks.d" / f"{code}.toml").write_text(text, encoding="utf-8")


def pc(folder: Path, procedure: Procedure) -> Pc:
    return Pc(folder / procedure.bank.code, procedure)


def lived(folder: Path, store: Path) -> None:
    """All of it, once; `store` is where what the testbed makes is kept."""
    environment = {**os.environ, "TOKENMGR_HOME": str(folder), "LC_ALL": "C.UTF-8"}
    done = warm.run(LIVE, str(folder), str(store), environment=environment)
    assert done.returncode == 0, done.stderr
    (folder / FINISHED).touch()


def profile_of(ca: Authority, procedure: Procedure) -> str:
    said = Home(ca.folder.path.parent).run("bank", "profile", procedure.bank.code)
    assert said.status == 0, said.err
    return said.out


# --- in that process ---


def live(folder: str, store: str) -> None:
    here, today = Path(folder), clock.now()
    urls = ("https://127.0.0.1", "http://127.0.0.1")
    for name in ("ca", KEYS):
        (here / name).mkdir()
    with Secret(running.PIN) as pin, tempfile.TemporaryDirectory() as shared:
        ca = past.found(here / "ca" / "ca", pin, "しんきん電子証明書認証局", urls, today - FOUNDED)
        with past.past(ca, pin, Path(shared), today - FOUNDED) as before:
            for one in sorted(ALL, key=lambda one: one.age, reverse=True):
                there = pc(here, one)
                there.browsers.make(to_pem(ca.current.certificates["root"].der))
                before.comes(today - one.age)
                open_bank(before, one, here / KEYS / f"{one.bank.code}.pem")
                acquire(before, there, Path(store))


def open_bank(before: Past, procedure: Procedure, key: Path) -> None:
    """With the key by which its pages hand customers over, and a contract."""
    code, own = procedure.bank.code, p256.new_key()
    public = p256.spki_of(own)
    key.write_bytes(p256.private_pem(own))
    until = before.now + timedelta(days=procedure.bank.policy.acquisition_days)
    before.administration.add_bank(procedure.bank)
    before.administration.change_look(code, lambda _: procedure.look)
    before.administration.add_handover_key(code, HandoverKey(p256.kid_of(public), public, before.now))
    before.administration.add_contract(Contract(code, procedure.contract, "株式会社みほん"))
    for user, role in procedure.users.items():
        named = (code, procedure.contract, user, role, f"{user}@customer.example")
        before.administration.enrol(Enrolment(*named, *rig.hashes(), until))


def acquire(before: Past, there: Pc, store: Path) -> None:
    bank, contract = there.procedure.bank, there.procedure.contract
    media = {one.name: one for one in there.bed(store).up("fresh", name=STICK)} if there.procedure.has_media else {}
    there.browsers.load(media.values())
    profile = Profile(bank.code, bank.name, "https://127.0.0.1", (before.service.keys.root,), "", None)
    near = Near(before, bank, profile.address)
    with stores(there.browsers.database, media) as places:
        place = places[STICK if media else PC]
        for user in there.procedure.users:
            counter = Counter(profile, place, near, there.folder / "journal", Screen(), lambda: before.now, _raised)
            counter.acquire(Applicant(contract, user, lambda: (Secret(PINS[0]), Secret(PINS[1]))), KeyKind.P256)


def _raised(error: RenewalError) -> None:
    raise error
