"""What an error's button leads to: the same job again, or what home would have led to, about the same store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from tests.desk import picturing
from tests.desk.gallery_values import seen, store
from tests.desk.situations import SERIAL, made
from tokenmgr import errors
from tokenmgr.customer.profiles import Profile
from tokenmgr.desk.actions import Action, Chosen
from tokenmgr.desk.bench import Bench
from tokenmgr.desk.flow import Flow
from tokenmgr.desk.handovers import Handovers
from tokenmgr.desk.pages.home import HomePage
from tokenmgr.desk.pages.trouble import TroublePage
from tokenmgr.desk.seeing import Seeing
from tokenmgr.desk.window import Window
from tokenmgr.desk.work import Work
from tokenmgr.domain.status import Next
from tokenmgr.wiring import words
from tokenmgr.wiring.looked import Words

BANK = Profile("1234", "みやび信用金庫", "https://ca.example", (), "", None, contact="電話 03-0000-0000")


class Desk:
    """A window that looks at nothing by itself."""

    def __init__(self, home: Path) -> None:
        bench = Bench(lambda: None)
        self.window, self.chosen = Window(), list[Chosen]()
        journeys = dict.fromkeys(Action, lambda _, chosen: self.chosen.append(chosen))
        self.flow = Flow(self.window, Seeing(bench), Work(bench), journeys, lambda *_: None, Handovers(home))

    def press(self, error: errors.TokenmgrError) -> None:
        self.flow._on_failed(error)
        page = self.window.page
        assert isinstance(page, TroublePage)
        primary = page.first_focus()
        assert isinstance(primary, QPushButton)
        primary.click()


@pytest.fixture
def desk(qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    words.speak("ja")
    made_ = Desk(tmp_path)
    yield made_
    picturing.away(made_.window)


def test_what_was_begun_on_a_medium_goes_on_on_that_one(desk: Desk) -> None:
    here = store(Next.RESUME)
    desk.flow.seen = seen(store(Next.RENEW), here)
    desk.press(errors.UnfinishedFirst(serial=SERIAL, operation="renewal"))
    assert desk.chosen == [Chosen(Action.RESUME, here, here.rows[0])]


def test_a_refusal_of_the_ca_is_about_whatever_is_the_only_one(desk: Desk) -> None:
    here = store(Next.RESUME)
    desk.flow.seen = seen(here)
    desk.press(made(errors.AnotherIsPending, serial="4f1a"))
    assert desk.chosen == [Chosen(Action.RESUME, here, here.rows[0])]


@pytest.mark.parametrize("stores", [[], [Next.RESUME, Next.RESUME], [Next.RENEW]])
def test_where_it_cannot_be_told_what_is_meant_home_asks(desk: Desk, stores: list[Next]) -> None:
    desk.flow.seen = seen(*map(store, stores))
    desk.press(errors.UnfinishedFirst(serial=SERIAL, operation="renewal"))
    assert not desk.chosen
    assert isinstance(desk.window.page, HomePage)


def test_a_pin_is_changed_on_the_medium_whose_it_is(desk: Desk) -> None:
    here = store()
    desk.flow.seen = seen(here)
    desk.press(made(errors.PinToBeChanged))
    assert desk.chosen == [Chosen(Action.PIN, here)]


def test_a_file_for_support_is_about_this_computer_whatever_was_plugged_in(desk: Desk) -> None:
    desk.flow.seen = seen(store(Next.VERIFY))
    for error in (errors.TokenmgrError(), made(errors.RequestRejected)):
        desk.press(error)
    assert desk.chosen == [Chosen(Action.DIAGNOSE)] * 2


def test_login_pins_are_typed_anew_and_nothing_is_sent_again(desk: Desk) -> None:
    desk.flow._again = lambda: pytest.fail("the same PINs would go again")
    desk.press(made(errors.ClaimNotAccepted))
    assert desk.chosen == [Chosen(Action.ACQUIRE)]
    desk.press(made(errors.ClaimNotAccepted, tries_left=0))
    assert isinstance(desk.window.page, HomePage)


def test_the_same_job_is_begun_again(desk: Desk) -> None:
    begun: list[str] = []
    desk.flow._again = lambda: begun.append("again")
    for error in (made(errors.MediumGone), made(errors.PinWrong), made(errors.ProxyRefused)):
        desk.press(error)
    assert begun == ["again"] * 3


def test_the_page_says_whom_to_ask(desk: Desk) -> None:
    found = seen(store())
    assert found.looked
    desk.flow.seen = replace(found, looked=replace(found.looked, words=Words([BANK], offline=False)))
    desk.flow._on_failed(made(errors.MediumFull))
    assert desk.window.page
    assert any("みやび信用金庫" in text and "03-0000-0000" in text for text in picturing.words(desk.window.page))
