"""Where `tokenmgr testbed bank` plays: one folder that goes with this process, however that ends.

bank-N/ca        the CA's computer: TOKENMGR_HOME of `tokenmgr ca serve` and `tokenmgr bank serve`
bank-N/keys      the banks' own keys, by which their pages hand customers over to the program
bank-N/customer  the customers' computer: TOKENMGR_HOME of the program; two media
bank-N/home      their HOME: the browser's database, which is the PC's store
bank-N/mails     what the banks have written; beside it what is typed in other terminals (Stage.scripts)
"""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tokenmgr import clock, system
from tokenmgr.ca.certificate import to_pem
from tokenmgr.ca.folder import CaFolder
from tokenmgr.cli.ages import BEGAN, Ages, Pins, stores
from tokenmgr.cli.bank_profile import as_toml, profile_of
from tokenmgr.cli.bed import bed
from tokenmgr.cli.cast import FIRST, SECOND, TROUPES, Player, Troupe
from tokenmgr.cli.past import found, past
from tokenmgr.customer.profiles import STRAIGHT, Profile, read_profile
from tokenmgr.keystore.export import write
from tokenmgr.log import Secret
from tokenmgr.pki import p256
from tokenmgr.sql.handovers import HandoverKey
from tokenmgr.testbed import claims
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.chromium import ChromiumHome
from tokenmgr.testbed.own_ca import HOST, Commands, OwnCA, drawn_pin, own_ca
from tokenmgr.testbed.postbox import Caught, Postbox, serving
from tokenmgr.testbed.simulated import PIN, SimulatedMedium
from tokenmgr.wiring.libraries import settings
from tokenmgr.wiring.words import chosen_language

CA_NAME = "みほん認証局"


@dataclass(frozen=True)
class Stage:
    folder: Path
    ca: OwnCA
    customer: Commands
    media: dict[str, SimulatedMedium]
    chromium: ChromiumHome
    postbox: Postbox
    pins: Pins

    def site(self, troupe: Troupe) -> str:
        return f"{self.ca.pages_url}/{troupe.bank.code}/"

    def profile(self, troupe: Troupe) -> Profile:
        return read_profile(self.customer.home / "banks.d" / f"{troupe.bank.code}.toml")

    @property
    def journals(self) -> Path:
        return self.customer.home / "journal"

    def live(self, made: Callable[[Troupe, Player], None]) -> None:
        """All that has been until today (ages.py)."""
        today = clock.now()
        urls = (self.ca.url, self.ca.status_url)
        with Secret(self.ca.pin) as pin, tempfile.TemporaryDirectory(dir=self.folder) as shared:
            folder = found(self.ca.home / "ca", pin, CA_NAME, urls, today - BEGAN)
            root = to_pem(folder.current.certificates["root"].der)
            self.chromium.make(root)
            with (
                past(folder, pin, Path(shared), today - BEGAN) as before,
                stores(self.chromium.database, self.media) as places,
            ):
                ages = Ages(before, places, self.journals, self.pins, self.ca.url)
                for troupe in TROUPES:
                    ages.open(troupe, self.site(troupe).rstrip("/"))
                    key = p256.new_key()
                    public = p256.spki_of(key)
                    before.administration.add_handover_key(
                        troupe.bank.code, HandoverKey(p256.kid_of(public), public, today)
                    )
                    write(self._keys / f"{troupe.bank.code}.pem", p256.private_pem(key))
                    self._hand_out(troupe, folder, public)
                ages.live(today, made)

    def open(self) -> None:
        """From now on, by the true clock."""
        self.ca.serve()
        self.ca.serve_pages(self._keys)

    def write(self) -> None:
        """The banks' mails, to whoever is to be told today (R3)."""
        self.ca.command("bank", "notices", "run")

    def install(self) -> None:
        """On the customers' computer: media's libraries in the browser, and who opens `tokenmgr:` addresses."""
        media = [word for medium in self.media.values() for word in ("--module", medium.path)]
        self.customer.run("desk", "install", *media)

    def scripts(self) -> tuple[Path, Path, Path]:
        """To be typed in other terminals: the customers' browser and program, and that of the banks and the CA."""
        program, at_home = shlex.join([sys.executable, "-m", "tokenmgr"]), self.chromium.variables
        return (
            self._script("browser", at_home, self.chromium.line),
            self._script("customers-tokenmgr", at_home, program),
            self._script("banks-tokenmgr", {"TOKENMGR_HOME": str(self.ca.home)}, program),
        )

    def _script(self, name: str, variables: Mapping[str, str], line: str) -> Path:
        file = self.folder / name
        set_there = shlex.join(f"{variable}={value}" for variable, value in variables.items())
        file.write_text(f'#!/bin/sh\nexec env {set_there} {line} "$@"\n', encoding="utf-8")
        file.chmod(0o700)
        return file

    def ask_for_pins(self, asks: bool) -> None:
        """Whether media do. A browser that nobody sees would ask nobody."""
        for medium in self.media.values():
            medium.control.set_text("pin", "" if asks else PIN)

    @property
    def _keys(self) -> Path:
        return system.private_folder(self.folder / "keys")

    def _hand_out(self, troupe: Troupe, folder: CaFolder, public_key: bytes) -> None:
        """The bank's file, as its customers have it; and past any proxy."""
        file = system.private_folder(self.customer.home / "banks.d") / f"{troupe.bank.code}.toml"
        head = f'proxy = "{STRAIGHT}"\nlogin = "{self.ca.pages_url}"\n'
        file.write_text(head + as_toml(profile_of(troupe.bank, folder, [public_key])), encoding="utf-8")


@contextmanager
def stage(tell: Callable[[Caught], None]) -> Iterator[Stage]:
    """`tell` of each mail that is caught, as it comes."""
    here, own, language = bed(sweep=True), settings(), chosen_language()
    with ExitStack() as stack:
        claim = stack.enter_context(claims.aside(here.folder, ".making-"))
        claim.settle(here.folder / f"bank-{os.getpid()}", alive=True)
        stack.callback(claim.drop)
        folder = claim.folder
        ca = stack.enter_context(own_ca(folder / "ca", own.environment, language))
        home, program = folder / "home", system.private_folder(folder / "customer")
        chromium = ChromiumHome(home, own.environment, language, {"TOKENMGR_HOME": str(program)})
        customer = Commands(program, {**own.environment, **chromium.variables}, language)
        plugged = Testbed(customer.home / "testbed", own.environment, customer.home / "libraries.d", here.store.folder)
        media = {name: one for name in (FIRST, SECOND) for one in plugged.up("fresh", name=name, label=name)}
        for medium in media.values():
            stack.callback(medium.remove)
        postbox = Postbox(folder / "mails", tell)
        stack.enter_context(serving(postbox, HOST, ca.mail_port))
        speaks = f'language = "{language}"\n'
        mail = f'[mail]\nhost = "{HOST}"\nport = {ca.mail_port}\nsecurity = "none"\n'
        (program / "settings.toml").write_text(speaks, encoding="utf-8")
        (ca.home / "settings.toml").write_text(f"{speaks}{mail}", encoding="utf-8")
        yield Stage(folder, ca, customer, media, chromium, postbox, Pins(drawn_pin(), drawn_pin()))
