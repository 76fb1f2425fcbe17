"""A customer of one of the five banks: at their computer, before the bank's page in Chromium, and where it hands over
to it, before the window of their own program."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTPUTF8
from pathlib import Path

import pytest
from playwright.sync_api import Error, Page, Playwright, expect
from pytestqt.qtbot import QtBot

from tests import warm
from tests.cli.runner import MAIN, Home
from tests.desk.front import Front
from tests.desk.rig import Hands, at_desk
from tests.interop.running import LOGIN_PIN, PATIENCE, Authority
from tests.seeds.chromium import Chromium
from tests.seeds.past import STICK, Pc, profile_of
from tokenmgr import clock
from tokenmgr.desk.pages.done import DonePage
from tokenmgr.desk.pages.progress import ProgressPage
from tokenmgr.domain.generation import Generation
from tokenmgr.testbed.own_ca import reserved
from tokenmgr.testbed.postbox import Postbox
from tokenmgr.testbed.postbox import serving as mail_server
from tokenmgr.testbed.simulated import SimulatedMedium

HOST = "localhost"
A_MOMENT = 2000  # milliseconds that the page waits for somebody to say that the program is here
A_WHILE = 60  # seconds after which a CA that is away seems to want to be asked again


@contextmanager
def serving(ca: Authority, keys: Path) -> Iterator[str]:
    """The banks' pages, as their operator starts them; where."""
    words = ("bank", "serve", "--listen", "127.0.0.1:0", "--workers", "1", "--keys", str(keys))
    with warm.started(MAIN, *words, environment=ca.environment) as service:
        assert service.stdout is not None
        (port,) = re.findall(r"https://127\.0\.0\.1:(\d+)/", service.stdout.readline())
        yield f"https://{HOST}:{port}"
        service.terminate()
        assert service.wait(PATIENCE) == 0


@dataclass
class Customer:
    """One ID, at the computer of its contract."""

    pc: Pc
    user: str
    ca: Authority
    site: str
    chromium: Chromium

    @property
    def address(self) -> str:
        """Of the bank's own first page."""
        return f"{self.site}/{self.pc.procedure.bank.code}/"

    @property
    def generations(self) -> list[Generation]:
        """The oldest first."""
        whose = self.pc.procedure.bank.code, self.pc.procedure.contract, self.user
        found = self.ca.administration.history(self.ca.administration.find(*whose).id)
        return sorted(found, key=lambda one: one.not_before)

    def open(self) -> Page:
        """The bank's first page."""
        return self.chromium.open(self.address)

    def log_in(self, button: str = "ログイン", pin: str = LOGIN_PIN) -> Page:
        page = self.open()
        page.get_by_label("利用者暗証番号", exact=True).fill(pin)
        press(page, button)
        return page


def press(page: Page, button: str) -> None:
    page.get_by_role("button", name=button, exact=True).click()


def follow(page: Page, link: str) -> None:
    page.get_by_role("link", name=link, exact=True).click()


def headed(page: Page, heading: str) -> None:
    """That page has come."""
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)


def prepared(page: Page, link: str) -> None:
    """From that link on 「電子証明書更新前処理中」 stays until it has been seen: the page's clock stands still. Then
    「電子証明書更新開始」 comes by itself."""
    page.clock.install()
    page.clock.pause_at(clock.now() + timedelta(minutes=1))
    follow(page, link)
    expect(page.get_by_text("電子証明書更新前処理中")).to_be_visible()
    page.clock.fast_forward(A_MOMENT)
    page.clock.resume()
    expect(page.get_by_role("heading", name="電子証明書更新開始")).to_be_visible()


def load_again(page: Page) -> None:
    """For Chromium it may still be on its way to an address of `tokenmgr:`, which nobody here opens, and which goes
    before."""
    with suppress(Error):
        page.reload()
        return
    page.reload()


def shows(page: Page, *texts: str) -> None:
    """All of it is to be read there."""
    for text in texts:
        expect(page.locator("body")).to_contain_text(text)


class Office:
    """Of a contract with the bank: its IDs, and the one computer that they have."""

    def __init__(self, pc: Pc, ca: Authority, site: str, playwright: Playwright, store: Path) -> None:
        self.pc, self._ca, self._site, self._playwright, self._store = pc, ca, site, playwright, store
        self._opened: list[Chromium] = []
        self._profile = profile_of(ca, pc.procedure)
        self.hand_out(ca.url)

    def hand_out(self, address: str) -> None:
        """The bank's file, with where the CA is."""
        self.pc.hand_out(self._profile, address, self._site)

    @property
    def stick(self) -> SimulatedMedium:
        return self.pc.bed(self._store).medium(STICK)

    def customer(self, user: str) -> Customer:
        medium = self.stick if self.pc.procedure.has_media else None
        chromium = Chromium(self._playwright, self.pc.home, self._site, user, medium)
        self._opened.append(chromium)
        return Customer(self.pc, user, self._ca, self._site, chromium)

    @contextmanager
    def window(self, bot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hands]:
        """What the system opens for an address of `tokenmgr:`."""
        monkeypatch.setenv("HOME", str(self.pc.home))
        with at_desk(self.pc.folder, bot, monkeypatch) as hands:
            yield hands

    def mails(self, folder: Path) -> list[EmailMessage]:
        """What the bank's timer writes at this moment (R3), as a mail server takes it."""
        computer, postbox = Home(folder / "bank"), Postbox(folder / "mails")
        (computer.folder / "ca").symlink_to(self._ca.folder.path)
        with reserved() as held:
            port = held.getsockname()[1]
            settings = f'[mail]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\n'
            (computer.folder / "settings.toml").write_text(settings, encoding="utf-8")
            with mail_server(postbox, "127.0.0.1", port):
                done = computer.run("bank", "notices", "run", "--bank", self.pc.procedure.bank.code)
        assert done.status == 0, done.out + done.err
        return [read_mail(one.file) for one in postbox.caught]

    def close(self) -> None:
        for one in self._opened:
            one.kill()


def read_mail(file: Path) -> EmailMessage:
    return BytesParser(EmailMessage, policy=SMTPUTF8).parsebytes(file.read_bytes())


def handed_over(page: Page) -> str:
    """The address that the page opens, and offers to those for whom nothing has opened. The system gives it to the
    customer's program."""
    address = page.get_by_role("link", name="「電子証明書の管理」を開く").get_attribute("href")
    assert address is not None
    return address


def close_and_go_on(customer: Customer, hands: Hands) -> str:
    """What is in the store of a browser goes there when that is closed; then it goes on by itself. What the last page
    says."""
    hands.until(ProgressPage, lambda one: "終了すると、自動で進みます" in hands.words(one))
    customer.chromium.close()
    return hands.words(hands.until(DonePage))


@contextmanager
def never_answered(office: Office, customer: Customer) -> Iterator[None]:
    """What the CA answers to a request for a certificate does not come back."""
    front = Front(customer.ca, lambda: "/cmp/" not in front.heard[-1], A_WHILE)
    with front.open() as address:
        office.hand_out(address)
        yield
    office.hand_out(customer.ca.url)
