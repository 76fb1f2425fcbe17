"""A customer's PC: `tokenmgr` as processes in a home of its own, a stick of the testbed, and the bank's profile."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests import warm
from tests.cli.runner import MAIN, Home, Result
from tests.interop.running import BANK, CONFIRMATION_PIN, CONTRACT, LOGIN_PIN, Authority
from tokenmgr.domain.credential import Credential
from tokenmgr.log import Secret
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.simulated import SimulatedMedium
from tokenmgr.token.session import Session

LOGIN_PINS = ("--login-pin-fd", "0", "--confirmation-pin-fd", "0")


class Customer(Home):
    def __init__(self, folder: Path, ca: Authority, store: Path) -> None:
        super().__init__(folder)
        self.environment["no_proxy"] = "*"
        self.ca, self.user = ca, ca.enrol().user
        self.bed = Testbed(folder / "testbed", self.environment, folder / "libraries.d", store)
        self.stick = self.plugged("mine")
        self.serial = self.stick.serial  # of the token, wherever it is
        said = warm.run(MAIN, "bank", "profile", BANK, environment=ca.environment)
        assert said.returncode == 0, said.stderr
        (folder / "banks.d").mkdir()
        text = re.sub(r"^address = .*$", f'address = "{ca.url}"', said.stdout, flags=re.MULTILINE)
        self.profile = folder / "banks.d" / f"{BANK}.toml"
        self.profile.write_text(text, encoding="utf-8")

    def plugged(self, name: str) -> SimulatedMedium:
        (made,) = self.bed.up("fresh", name=name)
        return made

    @property
    def who(self) -> tuple[str, ...]:
        return ("--bank", BANK, "--contract", CONTRACT, "--user", self.user)

    def acquire(self, kind: str = "p256") -> dict[str, Any]:
        typed = f"{self.stick.pin}\n{LOGIN_PIN}\n{CONFIRMATION_PIN}\n"
        return self.fine("acquire", *self.who, "--kind", kind, "--pin-fd", "0", *LOGIN_PINS, typed=typed)

    def renew(self) -> Result:
        return self.run("renew", "--pin-fd", "0", typed=f"{self.stick.pin}\n")

    def fine(self, *arguments: str, typed: str) -> dict[str, Any]:
        done = self.run(*arguments, "--json", typed=typed)
        assert done.status == 0, done.out + done.err
        told: dict[str, Any] = json.loads(done.out)
        return told

    def resume(self) -> Result:
        return self.run("resume", "--pin-fd", "0", typed=f"{self.stick.pin}\n")

    def holdings(self) -> list[Credential]:
        """What is on the stick, by whose certificate ends first."""
        with self.stick.library() as library, Session.open(library, self.stick.serial) as session:
            session.login(Secret(self.stick.pin))
            found = session.contents().credentials
        return sorted((one for one in found if one.facts), key=lambda one: one.facts.not_after)  # type: ignore[union-attr]
