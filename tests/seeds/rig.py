"""A customer of one of the five banks: at their computer, before the bank's page in Chromium, and where it hands over
to it, before the window of their own program."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright, expect
from pytestqt.qtbot import QtBot

from tests.cli.runner import PROGRAM
from tests.desk.rig import Hands, at_desk
from tests.interop.running import LOGIN_PIN, Authority
from tests.seeds.chromium import Chromium
from tests.seeds.past import Pc, profile_of
from tokenmgr.domain.generation import Generation, StoreKind
from tokenmgr.testbed.simulated import SimulatedMedium

HOST = "localhost"


@contextmanager
def serving(ca: Authority, keys: Path) -> Iterator[str]:
    """The banks' pages, as their operator starts them; where."""
    command: list[str | Path] = [PROGRAM, "bank", "serve", "--listen", "127.0.0.1:0", "--workers", "1", "--keys", keys]
    service = subprocess.Popen(command, env=ca.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    with service:
        try:
            assert service.stdout is not None
            (port,) = re.findall(r"https://127\.0\.0\.1:(\d+)/", service.stdout.readline())
            yield f"https://{HOST}:{port}"
        finally:
            service.terminate()


@dataclass
class Customer:
    pc: Pc
    ca: Authority
    site: str
    chromium: Chromium
    store: Path  # where the testbed keeps what it has made
    stick: SimulatedMedium | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.pc.hand_out(profile_of(self.ca, self.pc.procedure), self.ca.url, self.site)
        if self.pc.procedure.store is StoreKind.MEDIUM:
            self.stick = self.pc.bed(self.store).medium("stick")
            self.chromium.load(self.stick, self.pc.database, self.store)

    @property
    def address(self) -> str:
        """Of the bank's own first page."""
        return f"{self.site}/{self.pc.procedure.bank.code}/"

    @property
    def generations(self) -> list[Generation]:
        """The oldest first."""
        bank, contract, user = self.pc.procedure.bank.code, self.pc.procedure.contract, self.pc.user
        found = self.ca.administration.history(self.ca.administration.find(bank, contract, user).id)
        return sorted(found, key=lambda one: one.not_before)

    def open(self) -> Page:
        return self.chromium.open(self.address)

    def log_in(self, button: str = "ログイン") -> Page:
        page = self.open()
        page.get_by_label("利用者暗証番号", exact=True).fill(LOGIN_PIN)
        page.get_by_role("button", name=button, exact=True).click()
        return page


def shows(page: Page, *texts: str) -> None:
    """All of it is to be read there."""
    for text in texts:
        expect(page.locator("body")).to_contain_text(text)


@contextmanager
def at_window(customer: Customer, bot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hands]:
    """What the system opens for an address of `tokenmgr:`."""
    monkeypatch.setenv("HOME", str(customer.pc.home))
    with at_desk(customer.pc.folder, bot, monkeypatch) as hands:
        yield hands


@contextmanager
def customer(pc: Pc, ca: Authority, site: str, playwright: Playwright, store: Path) -> Iterator[Customer]:
    chromium = Chromium(playwright, pc.home, site)
    try:
        yield Customer(pc, ca, site, chromium, store)
    finally:
        chromium.kill()
