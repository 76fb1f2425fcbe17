"""A slow token never looks frozen: what it does, for how long, why, and how long it usually takes."""

from __future__ import annotations

import time

import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from tokenmgr.desk.course import LONG, Course
from tokenmgr.desk.pages.progress import ProgressPage
from tokenmgr.desk.person import AuthorityWaits, Began, Ended, Usual, Waiting
from tokenmgr.domain.renewal import Step
from tokenmgr.errors import MediumChanged, MediumGone, PcStoreInUse
from tokenmgr.wiring import words

SERIAL = "5f0e4c2a91d3b786"


@pytest.fixture
def shown(qtbot: QtBot) -> Course:
    words.speak("ja")
    return Course("更新しています", tuple(Step))


def page_of(course: Course, bot: QtBot) -> ProgressPage:
    made = ProgressPage(course, lambda: "generate", lambda: None)
    bot.addWidget(made)
    made.show()
    return made


def said(page: ProgressPage) -> str:
    return "\n".join(one.text() for one in page.findChildren(QLabel) if one.isVisible())


def test_ticks_are_not_lost_when_another_page_was_in_between(shown: Course, qtbot: QtBot) -> None:
    for event in (Began(Step.CHECKED), Ended(Step.CHECKED), Began(Step.KEY_GENERATED)):
        shown.take(event, time.monotonic())
    told = said(page_of(shown, qtbot))
    assert "✓  準備を確かめました" in told
    assert "▶  鍵を作っています" in told
    assert "○  後片付け" in told


@pytest.mark.parametrize(
    ("usual", "expected"),
    [
        (Usual(SERIAL, {Step.KEY_GENERATED: 42.4}, 90, False), "ふだん42秒ほど"),
        (Usual(SERIAL, {}, 90, False), "長いときで1.5分ほど"),
        (Usual(SERIAL, {}, 0, False), "数秒から2分ほど"),
    ],
    ids=["measured here", "by its family's file", "an honest range"],
)
def test_how_long_a_key_takes(shown: Course, qtbot: QtBot, usual: Usual, expected: str) -> None:
    shown.take(usual, 0)
    shown.take(Began(Step.KEY_GENERATED), time.monotonic() - LONG)
    assert expected in said(page_of(shown, qtbot))
    shown.take(Began(Step.KEY_GENERATED), time.monotonic() + 60)
    assert expected not in said(page_of(shown, qtbot))  # nobody wonders yet


@pytest.mark.parametrize(
    ("waiting", "expected"),
    [
        (Waiting(MediumGone(serial=SERIAL)), f"専用USB {SERIAL} を差し込んでください"),
        (Waiting(MediumGone(serial=SERIAL), ("ff",)), "別の専用USB（ff）"),
        (Waiting(MediumChanged(serial=SERIAL, seen="stick 7")), "別の専用USB（stick 7）"),
        (Waiting(PcStoreInUse(serial="nss:/x", programs=("firefox (7)",))), "firefox (7) を終了してください"),
        (Waiting(MediumGone(serial="tpm:x")), "接続が、途中で切れました"),
    ],
)
def test_what_it_waits_for(shown: Course, qtbot: QtBot, waiting: Waiting, expected: str) -> None:
    shown.take(Began(Step.WRITTEN), 0)
    shown.take(waiting, 0)
    page = page_of(shown, qtbot)
    assert expected in said(page)
    shown.take(Waiting(None), 0)
    page.refresh()
    assert expected not in said(page)


def test_the_ca_is_asked_again_in_so_many_seconds(shown: Course, qtbot: QtBot) -> None:
    now = time.monotonic()
    shown.take(Began(Step.ISSUED), now)
    shown.take(AuthorityWaits(3600), now)
    assert "あと3600秒" in said(page_of(shown, qtbot)) or "あと3599秒" in said(page_of(shown, qtbot))


def test_a_job_without_steps_shows_none(qtbot: QtBot) -> None:
    words.speak("ja")
    course = Course("電子証明書更新前処理中", ())
    page = page_of(course, qtbot)
    assert not page.lines
    assert not course.has_begun


def test_only_what_made_something_was_begun(shown: Course) -> None:
    for event, expected in (
        (Began(Step.CHECKED), False),
        (Ended(Step.CHECKED), False),
        (Began(Step.KEY_GENERATED), True),
        (Ended(Step.KEY_GENERATED), True),
    ):
        shown.take(event, 0)
        assert shown.has_begun is expected
