"""Home, with media of the testbed: what is there is shown, what changes is shown soon, and one button matters most."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from tests.cli.runner import Home
from tests.desk.rig import Hands, at_desk
from tests.interop.customer import Customer
from tokenmgr.desk import style
from tokenmgr.desk.pages.consent import ConsentPage
from tokenmgr.desk.pages.home import HomePage
from tokenmgr.desk.pages.trouble import TroublePage
from tokenmgr.testbed.bed import Testbed
from tokenmgr.token.module import Library
from tokenmgr.wiring import libraries


class Pc(Home):
    """A PC of nobody's yet, with a testbed."""

    def __init__(self, folder: Path, store: Path) -> None:
        super().__init__(folder)
        self.bed = Testbed(folder / "testbed", self.environment, folder / "libraries.d", store)


@pytest.fixture
def pc(tmp_path: Path, testbed_store: Path) -> Iterator[Pc]:
    made = Pc(tmp_path / "pc", testbed_store)
    yield made
    made.bed.down()


def asked(page: HomePage) -> bool:
    return page._seen.is_asked


def primaries(hands: Hands) -> list[str]:
    shown = hands.page.findChildren(QPushButton)
    return [one.text() for one in shown if one.isVisible() and one.property("role") == "primary"]


def test_every_state_of_a_medium_is_told_in_words(pc: Pc, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("expired-yesterday", "locked", "blank", "pin-to-be-changed", "damaged"):
        pc.bed.up(name)
    with at_desk(pc.folder, qtbot, monkeypatch) as hands:
        hands.until(HomePage, asked)
        told = hands.words()
        for words in (
            "期限が切れています",
            "ロックされています",
            "初期化されていない専用USB",
            "初めに変更が必要です",
            "データが壊れています",
            "信用金庫の設定ファイルがありません",
        ):
            assert words in told
        assert "tokenmgr " not in told, "a command"
        assert len(primaries(hands)) == 1


def test_sticks_come_and_go_and_the_keyboard_stays_where_it_was(
    pc: Pc, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,), (other,) = pc.bed.up("administrator-and-user", name="one"), pc.bed.up("due-today", name="other")
    other.unplug()
    with at_desk(pc.folder, qtbot, monkeypatch) as hands:
        hands.desk.window.resize(600, 500)
        page = hands.until(HomePage, asked)
        hands.desk.window.activateWindow()
        qtbot.waitUntil(lambda: page.sheet.verticalScrollBar().maximum() > 0, timeout=20_000)
        name = f"menu {first.serial}"
        button = page.findChild(QPushButton, name)
        assert button is not None
        button.setFocus()
        bar = page.sheet.verticalScrollBar()
        bar.setValue(bar.maximum() // 2)
        before = bar.value()
        assert before > 0
        other.plug()
        qtbot.waitUntil(lambda: other.serial in hands.words(), timeout=20_000)
        assert hands.page is page, "the page itself is the same one"
        focused = page.focusWidget()
        assert focused is not None
        assert focused.objectName() == name
        qtbot.waitUntil(lambda: bar.value() == before, timeout=20_000)
        assert "あと " in hands.words()
        other.unplug()
        qtbot.waitUntil(lambda: other.serial not in hands.words(), timeout=20_000)
        first.unplug()
        qtbot.waitUntil(lambda: "専用USBが差し込まれていません" in hands.words(), timeout=20_000)


def test_what_is_unfinished_comes_before_all_else_even_of_a_medium_that_is_elsewhere(
    customer: Customer, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    with customer.stick.held("C_Sign"):
        customer.stick.fault("C_GenerateKeyPair", "unplug", after=True, times=1)
        assert customer.renew().status != 0
    with at_desk(customer.folder, qtbot, monkeypatch) as hands:
        page = hands.until(HomePage, lambda one: asked(one) and "をご用意ください" in hands.words(one))
        assert customer.serial in hands.words(page)
        customer.stick.plug()
        hands.until(HomePage, lambda one: asked(one) and primaries(hands) == ["続きを行う"])
        hands.press("続きを行う")
        hands.until(ConsentPage)


def test_a_ca_that_does_not_answer_is_told_quietly_and_hides_nothing(
    customer: Customer, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store on the PC and a broken bank's file beside it."""
    assert customer.run("pc", "make", "--pc", "file", "--new-pin-fd", "0", typed="a long passphrase\n").status == 0
    text = customer.profile.read_text(encoding="utf-8")
    customer.profile.write_text(text.replace(customer.ca.url, "https://127.0.0.1:9"), encoding="utf-8")
    shutil.copyfile(customer.profile, customer.profile.with_name("broken.toml"))
    customer.profile.with_name("broken.toml").write_text("code = 'x'\n", encoding="utf-8")
    with at_desk(customer.folder, qtbot, monkeypatch, language="en") as hands:
        hands.until(HomePage, asked)
        told = hands.words()
        assert "could not be asked" in told
        assert customer.user in told
        assert "An encrypted file on this PC" in told
        assert "broken.toml" in told
        assert primaries(hands) == ["Renew"]


@pytest.mark.parametrize(("times", "language"), [(2.0, "ja"), (1.25, "en")])
def test_large_type_cuts_nothing_off(
    pc: Pc, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, times: float, language: str
) -> None:
    monkeypatch.setattr(style, "SIZE", style.SIZE * times)
    for name in ("expired-yesterday", "locked"):
        pc.bed.up(name)
    with at_desk(pc.folder, qtbot, monkeypatch, language) as hands:
        page = hands.until(HomePage, asked)
        hands.desk.window.resize(900, 700)
        qtbot.waitUntil(lambda: page.sheet.horizontalScrollBar().maximum() == 0, timeout=20_000)
        QApplication.processEvents()
        for label in (one for one in page.findChildren(QLabel) if one.isVisible() and one.text()):
            assert label.height() >= label.heightForWidth(label.width()), label.text()
        for button in (one for one in page.findChildren(QPushButton) if one.isVisible()):
            assert button.width() >= button.sizeHint().width(), button.text()


@contextmanager
def hung(pc: Pc) -> Iterator[None]:
    (stick,) = pc.bed.up("due-today", name="hung")
    stick.fault("C_GetTokenInfo", "hang")
    try:
        yield
    finally:
        stick.control.remove()


def test_a_token_that_hangs_keeps_neither_the_window_nor_a_job(
    pc: Pc, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hung(pc):
        with at_desk(pc.folder, qtbot, monkeypatch) as hands:
            ticks: list[float] = []
            clock = QTimer()
            clock.timeout.connect(lambda: ticks.append(time.monotonic()))
            clock.start(10)
            hands.desk.work._bench.patience = 0.2
            qtbot.waitUntil(lambda: any(one.worker.doing for one in _kept()), timeout=20_000)
            assert "確かめています" in hands.words()
            done = threading.Event()
            hands.desk.flow.run(lambda _: done.set(), "job", lambda _: hands.desk.flow.home())
            qtbot.waitUntil(lambda: "待っています" in hands.words(), timeout=20_000)
            qtbot.waitUntil(done.is_set, timeout=10_000)
            (stick,) = pc.bed.media()
            stick.control.remove()
            hands.until(HomePage, lambda one: asked(one) and stick.serial in hands.words(one))
            assert max(later - one for one, later in pairwise(ticks)) < 1.0, "the loop stood still"
            stick.fault("C_GetTokenInfo", "hang")
            qtbot.waitUntil(lambda: any(one.worker.doing for one in _kept()), timeout=20_000)
            started = time.monotonic()
        assert time.monotonic() - started < 3.0
        assert not hands.desk.is_at_work


def _kept() -> list[Library]:
    return [*libraries._kept]


def test_settings_that_are_wrong_are_told_and_heard_again_once_they_are_mended(
    pc: Pc, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    drivers = pc.folder / "drivers.d"
    drivers.mkdir()
    (drivers / "mine.toml").write_text("title = 1\n", encoding="utf-8")
    monkeypatch.setattr("tokenmgr.desk.seeing.LONGEST", 0.1)
    with at_desk(pc.folder, qtbot, monkeypatch) as hands:
        hands.until(HomePage, lambda one: one._seen.error is not None)
        assert "mine.toml" in hands.words()
        (drivers / "mine.toml").unlink()
        hands.until(HomePage, lambda one: one._seen.looked is not None)


def test_what_nobody_has_expected_is_a_page(pc: Pc, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    with at_desk(pc.folder, qtbot, monkeypatch) as hands:
        hands.desk.flow.trouble()
        hands.until(TroublePage)
        hands.desk.flow.open_link("tokenmgr://x")
        hands.until(TroublePage, lambda _: "H101" in hands.words())


def test_a_medium_whose_library_does_not_answer_is_told_and_hides_no_other(
    pc: Pc, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (pc.folder / "settings.toml").open("a", encoding="utf-8") as settings:
        settings.write("[time_limits]\ncall = 0.3\n")
    pc.bed.up("expired-yesterday", name="well")
    with hung(pc), at_desk(pc.folder, qtbot, monkeypatch) as hands:
        hands.until(HomePage, lambda one: asked(one) and bool(one._seen.silent))
        told = hands.words()
        assert "期限が切れています" in told
        assert "応答しない専用USB" in told
        assert "tokenmgr " not in told
