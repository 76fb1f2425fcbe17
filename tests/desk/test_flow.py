"""What is true of every journey, whatever its job is: it can be left, and nothing of it is lost by the way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.desk import picturing
from tokenmgr.desk import flow
from tokenmgr.desk.bench import Bench
from tokenmgr.desk.errands import Errand, Verb
from tokenmgr.desk.flow import Flow
from tokenmgr.desk.handovers import Handovers
from tokenmgr.desk.pages.consent import ConsentPage
from tokenmgr.desk.pages.home import HomePage
from tokenmgr.desk.pages.left import LeftPage
from tokenmgr.desk.pages.notice import NoticePage
from tokenmgr.desk.pages.progress import ProgressPage
from tokenmgr.desk.parts import Page
from tokenmgr.desk.person import AskOnPage, AtDesk, Began, Usual
from tokenmgr.desk.seeing import Seeing
from tokenmgr.desk.window import Window
from tokenmgr.desk.work import Work
from tokenmgr.domain.renewal import Step
from tokenmgr.wiring import words
from tokenmgr.wiring.places import Where

P = TypeVar("P", bound=Page)


class Desk:
    """A window that looks at nothing by itself, and a job that takes until it is let go on."""

    def __init__(self, home: Path, bot: QtBot) -> None:
        bench = Bench(lambda: None)
        self.bot, self.window, self.links = bot, Window(), list[str]()
        link: Callable[[Flow, str], None] = lambda _, link: self.links.append(link)  # noqa: E731
        self.flow = Flow(self.window, Seeing(bench), Work(bench), {}, link, Handovers(home))
        self.is_at_it, self.go_on = threading.Event(), threading.Event()

    def until(self, kind: type[P]) -> P:
        self.bot.waitUntil(lambda: isinstance(self.window.page, kind), timeout=20_000)
        assert isinstance(self.window.page, kind)
        return self.window.page

    def look(self, _: AtDesk) -> str:
        """As what asks the CA, and nobody else."""
        assert self.go_on.wait(20)
        return "found"

    def operation(self, person: AtDesk) -> object:
        found = person.ask(AskOnPage(lambda answer, _: NoticePage("?", "", lambda: answer("yes"))))
        self.is_at_it.set()
        assert self.go_on.wait(20)
        return found

    def show(self, found: object) -> None:
        self.flow.show(NoticePage("done", str(found), self.flow.home))


@pytest.fixture
def desk(qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    words.speak("ja")
    made = Desk(tmp_path, qtbot)
    made.window.show()
    yield made
    made.go_on.set()
    made.flow.work.leave(20)
    picturing.away(made.window)


def test_a_look_that_was_left_leads_home(desk: Desk) -> None:
    desk.flow.run(desk.look, "", desk.show, ())
    page = desk.until(ProgressPage)
    desk.window.wants_home.emit()
    assert "中断します" in page._now.text()
    desk.go_on.set()
    desk.until(HomePage)


def test_nor_does_it_say_that_it_has_failed(desk: Desk) -> None:
    def fails(person: AtDesk) -> None:
        desk.look(person)
        raise ValueError

    desk.flow.run(fails, "", desk.show, ())
    desk.window.wants_home.emit()
    desk.go_on.set()
    desk.until(HomePage)


def test_what_has_done_something_is_told_though_somebody_has_left(desk: Desk) -> None:
    """A PIN that was changed is changed."""
    desk.flow.run(desk.operation, "", desk.show, ())
    desk.until(NoticePage)._main.click()  # type: ignore[union-attr]
    assert desk.is_at_it.wait(20)
    desk.window.wants_home.emit()
    desk.go_on.set()
    assert desk.until(NoticePage).heading.text() == "done"


# --- R6: a consent is a press of its own ---

TWICE = (
    QEvent.Type.MouseButtonPress,
    QEvent.Type.MouseButtonRelease,
    QEvent.Type.MouseButtonDblClick,
    QEvent.Type.MouseButtonRelease,
)


@pytest.fixture
def interval(qapp: QApplication) -> Iterator[int]:
    qapp.setDoubleClickInterval(60_000)  # milliseconds: no test takes as long
    yield 60_000
    qapp.setDoubleClickInterval(0)


def choice_then_consent(desk: Desk, told: list[str]) -> Page:
    def consent() -> None:
        told.append("chosen")
        desk.flow.show(ConsentPage([("a", "b")], lambda: told.append("agreed"), lambda: told.append("back")))

    page = NoticePage("which", "", consent)
    desk.flow.show(page)
    desk.window.activateWindow()
    desk.bot.waitActive(desk.window)
    return page


def click_at(window: Window, place: QPoint, kind: QEvent.Type) -> None:
    """On whatever is there by now."""
    target = window.childAt(window.mapFromGlobal(place))
    assert target
    at, left = QPointF(place), Qt.MouseButton.LeftButton
    event = QMouseEvent(kind, QPointF(target.mapFromGlobal(place)), at, left, left, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(target, event)
    QApplication.processEvents()


def test_a_double_click_on_a_choice_is_no_consent(desk: Desk, interval: int) -> None:
    told: list[str] = []
    page = choice_then_consent(desk, told)
    page._deaf.setRemainingTime(0)
    QApplication.processEvents()
    assert page._main
    place = page._main.mapToGlobal(page._main.rect().center())
    for kind in TWICE:
        click_at(desk.window, place, kind)
    consent = desk.until(ConsentPage)
    assert told == ["chosen"]
    consent._deaf.setRemainingTime(0)  # as time does
    for kind in TWICE[:2]:
        click_at(desk.window, consent._main.mapToGlobal(QPoint(5, 5)), kind)  # type: ignore[union-attr]
    assert told == ["chosen", "agreed"]


def test_enter_that_is_held_is_no_consent(desk: Desk) -> None:
    """However long: here the page has long heard everything."""
    told: list[str] = []
    page = choice_then_consent(desk, told)
    for is_repeated in (False, True, True, True):
        key = QEvent.Type.KeyPress, Qt.Key.Key_Return, Qt.KeyboardModifier.NoModifier, "\r", is_repeated
        QApplication.sendEvent(QApplication.focusWidget() or page, QKeyEvent(*key))
    assert told == ["chosen"]
    page = desk.until(ConsentPage)
    QApplication.sendEvent(page, QKeyEvent(*key))  # where no button has the keyboard
    assert told == ["chosen"]
    QTest.keyClick(page, Qt.Key.Key_Return)
    assert told == ["chosen", "agreed"]


# --- where it goes on ---


@pytest.mark.parametrize("store", ["A1", "firefox", "file"])
def test_what_was_left_goes_on_where_the_new_one_is(desk: Desk, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is not what was opened last, and is known though no PIN was asked for."""

    def until_left(_: Errand, person: AtDesk) -> None:
        person.post(Began(Step.KEY_GENERATED))
        person.post(Usual("B2", {}, 0, False))
        person._leaving.wait(20)
        person.check()

    monkeypatch.setattr(flow, "run", until_left)
    desk.flow.start(Errand(Verb.RESUME, Where(serial=store) if store == "A1" else Where(pc=store)))
    desk.bot.waitUntil(lambda: desk.flow._course.has_begun)
    desk.window.wants_home.emit()
    said = "\n".join(picturing.words(desk.until(LeftPage)))
    assert "B2" not in said
    assert ("専用USB A1 を" in said) is (store == "A1")
    assert ("専用USB" in said) is (store == "A1")


# --- a bank's page, meanwhile ---


@pytest.mark.parametrize("is_left", [False, True])
def test_a_link_that_comes_meanwhile_is_opened_afterwards(desk: Desk, is_left: bool) -> None:
    """The latest one; and the page says that it waits."""
    desk.flow.run(desk.look, "", desk.show, ())
    for link in ("tokenmgr://renew?t=1", "tokenmgr://renew?t=2", "tokenmgr://open"):
        desk.flow.open_link(link)
    assert "新しい依頼が届いています" in desk.until(ProgressPage)._told.text()
    assert not desk.links
    if is_left:
        desk.window.wants_home.emit()
    desk.go_on.set()
    if not is_left:
        desk.until(NoticePage)._main.click()  # type: ignore[union-attr]
    desk.bot.waitUntil(lambda: desk.links == ["tokenmgr://renew?t=2"])
    desk.flow.home()
    desk.until(HomePage)
    assert desk.links == ["tokenmgr://renew?t=2"]
