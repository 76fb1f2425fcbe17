"""A bank's page hands its customer over to the window: the whole way, and each that does not lead on."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.desk.bank import SITE, HandingBank, jti_of
from tests.desk.front import Front
from tests.desk.going import fill_secrets
from tests.desk.rig import Hands
from tests.interop.customer import Customer
from tests.interop.running import BANK, CONFIRMATION_PIN, CONTRACT, LOGIN_PIN, Authority
from tokenmgr import clock
from tokenmgr.desk.handovers import Handovers
from tokenmgr.desk.pages.applicant import ApplicantPage
from tokenmgr.desk.pages.awaited import AwaitedPage
from tokenmgr.desk.pages.consent import ConsentPage
from tokenmgr.desk.pages.done import DonePage
from tokenmgr.desk.pages.home import HomePage
from tokenmgr.desk.pages.notice import NoticePage
from tokenmgr.desk.pages.place import PlacePage
from tokenmgr.desk.pages.trouble import TroublePage
from tokenmgr.domain.generation import State as Generation
from tokenmgr.domain.handover import Progress, State

STRANGER = "https://not-the-bank.example"


@pytest.fixture(scope="module")
def bank(ca: Authority) -> Iterator[HandingBank]:
    made = HandingBank(BANK, roots=ca.root.read_text())
    with made.registered(ca):
        yield made


@pytest.fixture
def customer(customer: Customer, bank: HandingBank) -> Customer:
    """Their bank hands over."""
    bank.hand_out(customer.folder, address=customer.ca.url)
    return customer


class Page:
    """What the bank's page knows: its ticket, and what it hears."""

    def __init__(self, bank: HandingBank, customer: Customer, user: str = "", act: str = "renew") -> None:
        self._customer, self._act = customer, act
        self.ticket = bank.ticket(user=user or customer.user, act=act)
        Handovers(customer.folder).begin(jti_of(self.ticket), SITE, clock.now())

    @property
    def link(self) -> str:
        return f"tokenmgr://{self._act}?t={self.ticket}"

    @property
    def heard(self) -> Progress | None:
        return Handovers(self._customer.folder).progress(jti_of(self.ticket), SITE)

    def heard_from_ca(self) -> str:
        told = json.loads(self._customer.ca.fetch(f"/handover/{BANK}/{jti_of(self.ticket)}"))
        return str(told["state"])


def to_the_consent(hands: Hands) -> None:
    """The bank lets its customers choose the store."""
    hands.until(PlacePage)
    hands.press("次へ")
    hands.until(ConsentPage)


def in_both_languages(hands: Hands) -> None:
    """The same page again, and a request of the bank's is neither lost nor declined by it."""
    kind, before = type(hands.page), hands.words()
    hands.desk.window.wants_language.emit("en")
    assert type(hands.page) is kind
    assert hands.page.heading.text().isascii()
    kept = {*before.splitlines()} & {*hands.words().splitlines()}
    assert all(one.isascii() or "みほん信用金庫" in one for one in kept)
    hands.desk.window.wants_language.emit("ja")
    assert hands.words() == before


def test_from_the_banks_page_to_the_completion(hands: Hands, customer: Customer, bank: HandingBank) -> None:
    page = Page(bank, customer)
    hands.until(HomePage)
    hands.desk.flow.open_link(page.link)
    to_the_consent(hands)
    assert SITE in hands.words()
    in_both_languages(hands)
    assert page.heard == Progress(State.OPEN)
    hands.press("同意して更新する")
    hands.type_pin(customer.stick.pin)
    hands.until(DonePage)
    in_both_languages(hands)
    assert page.heard == Progress(State.DONE)
    hands.bot.waitUntil(lambda: page.heard_from_ca() == "done", timeout=20_000)
    assert customer.ca.generations(customer.user)[-1].state is Generation.ACTIVE

    hands.press("ホーム")
    hands.desk.flow.open_link(page.link)  # a second time
    hands.until(TroublePage)
    assert "H104" in hands.words()
    assert len(customer.ca.generations(customer.user)) == 2


def test_the_medium_is_waited_for_and_a_customer_may_decline(
    hands: Hands, customer: Customer, bank: HandingBank
) -> None:
    customer.stick.unplug()
    page = Page(bank, customer)
    hands.desk.flow.open_link(page.link)
    hands.until(AwaitedPage)
    in_both_languages(hands)
    customer.stick.plug()
    to_the_consent(hands)
    hands.press("ホーム")
    hands.until(HomePage)
    assert page.heard == Progress(State.DECLINED)


def test_what_failed_is_told_once_nobody_tries_again(hands: Hands, customer: Customer, bank: HandingBank) -> None:
    page = Page(bank, customer)
    hands.desk.flow.open_link(page.link)
    to_the_consent(hands)
    hands.press("同意して更新する")
    hands.type_pin("wrong-one")
    hands.until(TroublePage)
    in_both_languages(hands)
    assert page.heard == Progress(State.OPEN)
    hands.press("ホーム")
    hands.until(HomePage)
    assert page.heard == Progress(State.FAILED, code="P101")


def test_a_lost_answer_of_the_ca_is_asked_for_again(hands: Hands, customer: Customer, bank: HandingBank) -> None:
    """The ticket is redeemed by then, and for this window it is as good as before (S6)."""
    customer.stick.unplug()
    is_well: list[bool] = []
    front = Front(customer.ca, lambda: bool(is_well), 60)  # longer than anybody waits
    with front.open() as address:
        bank.hand_out(customer.folder, address=address)
        page = Page(bank, customer)
        hands.desk.flow.open_link(page.link)
        hands.until(TroublePage)
        assert page.heard_from_ca() == "open"
        assert page.heard == Progress(State.WAITING)
        is_well.append(True)
        hands.press("続きから行う")
        hands.until(AwaitedPage)
        assert page.heard == Progress(State.OPEN)


def test_an_acquisition_is_for_whom_the_banks_page_names(hands: Hands, customer: Customer, bank: HandingBank) -> None:
    user = customer.ca.enrol().user
    page = Page(bank, customer, user, "acquire")
    hands.until(HomePage, lambda _: bool(hands.stores()))
    hands.desk.flow.open_link(page.link)
    _is_for(hands.until(ApplicantPage), user)
    assert SITE in hands.words()
    fill_secrets(hands.page, LOGIN_PIN, "000000")
    hands.type_pin(customer.stick.pin)
    assert "R102" in hands.words(hands.until(TroublePage))
    hands.press("電子証明書を取得する")
    _is_for(hands.until(ApplicantPage), user)
    assert SITE in hands.words()
    fill_secrets(hands.page, LOGIN_PIN, CONFIRMATION_PIN)
    hands.type_pin(customer.stick.pin)
    hands.until(DonePage)
    assert page.heard == Progress(State.DONE)
    assert customer.ca.states(user) == [Generation.ACTIVE]


def _is_for(page: ApplicantPage, user: str) -> None:
    assert (page.contract.text(), page.user.text()) == (CONTRACT, user)
    assert page.contract.isReadOnly()
    assert page.user.isReadOnly()


def test_a_site_that_is_nobodys_is_told_to_the_customer(hands: Hands, customer: Customer) -> None:
    hands.until(HomePage)
    Handovers(customer.folder).refuse(STRANGER, clock.now())
    hands.desk.seeing.again()
    hands.until(NoticePage)
    assert STRANGER in hands.words()
    hands.press("ホーム")
    hands.desk.seeing.again()
    hands.until(HomePage, lambda page: bool(hands.desk.flow.seen))
    assert not Handovers(customer.folder).refused()
