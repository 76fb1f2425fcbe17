"""Cut short at the window in every way that a customer knows: pulled, exchanged, left, closed, killed; and a CA that is
away, or asks to come back. It goes on, and nothing is lost (R13)."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from tests.desk.front import Front
from tests.desk.rig import PATIENCE, Hands, at_desk
from tests.interop.customer import LOGIN_PINS, Customer
from tests.interop.running import CONFIRMATION_PIN, LOGIN_PIN, Authority, free_port
from tokenmgr.api import jobs
from tokenmgr.desk.actions import Action, Chosen
from tokenmgr.desk.course import LONG
from tokenmgr.desk.pages.applicant import ApplicantPage
from tokenmgr.desk.pages.consent import ConsentPage
from tokenmgr.desk.pages.done import DonePage
from tokenmgr.desk.pages.home import HomePage
from tokenmgr.desk.pages.left import LeftPage
from tokenmgr.desk.pages.place import PlacePage
from tokenmgr.desk.pages.progress import ProgressPage
from tokenmgr.desk.pages.trouble import TroublePage
from tokenmgr.domain.generation import State
from tokenmgr.domain.renewal import Step
from tokenmgr.renewal.journal import durations
from tokenmgr.testbed.simulated import SimulatedMedium

RENEWED = [State.SUPERSEDED, State.ACTIVE]
SOON = 10.0  # seconds
EVERY = 5  # milliseconds


def test_slow_then_pulled_exchanged_and_put_back(
    hands: Hands, customer: Customer, record_property: Callable[[str, object], None]
) -> None:
    """S4: the page says which one it waits for, and that another is none of it."""
    other = customer.plugged("other")
    other.unplug()
    hands.to_pin()
    with customer.stick.held("C_CreateObject") as held:
        with customer.stick.held("C_GenerateKeyPair") as slow:
            hands.type_pin(customer.stick.pin)
            slow.wait()
            silence = _looked_at_while_it_hangs(hands)
        held.wait()
        customer.stick.unplug()
    record_property("longest_silence_ms", round(silence * 1000, 1))
    hands.until(ProgressPage, lambda page: f"専用USB {customer.serial} を差し込んでください" in hands.words(page))
    customer.stick.swap(other)
    customer.stick.plug()
    mine = customer.stick.serial
    hands.until(ProgressPage, lambda page: f"別の専用USB（{mine}）が差し込まれています" in hands.words(page))
    assert f"専用USB {customer.serial} を差し込むと" in hands.words()
    customer.stick.unplug()
    customer.stick.swap(other)
    customer.stick.plug()
    hands.until(DonePage)
    assert customer.ca.states(customer.user) == RENEWED
    taken = durations(customer.folder / "journal", customer.serial)
    assert taken[Step.KEY_GENERATED] >= LONG / 2  # of two operations the longer


def _looked_at_while_it_hangs(hands: Hands) -> float:
    """The window's longest silence is recorded. What is asserted is that it lived, and said why it takes so long."""
    ticks: list[float] = []
    clock = QTimer()
    clock.timeout.connect(lambda: ticks.append(time.perf_counter()))
    clock.start(EVERY)
    page = hands.until(ProgressPage, lambda one: "小さなチップ" in hands.words(one))
    clock.stop()
    assert "鍵を計算しています" in hands.words(page)
    assert len(ticks) > 10
    return max(later - earlier for earlier, later in pairwise(ticks))


def test_left_at_a_step_and_gone_on_with(hands: Hands, customer: Customer) -> None:
    hands.to_pin()
    with customer.stick.held("C_CreateObject") as held:
        hands.type_pin(customer.stick.pin)
        held.wait()
        hands.press("中断する")
        assert "いまの手順が終わったところで中断します" in hands.words()
    said = hands.words(hands.until(LeftPage))
    assert "いまの電子証明書は、そのまま使えます" in said
    assert customer.serial in said
    assert customer.ca.states(customer.user) == [State.ACTIVE, State.PENDING]
    hands.press("ホーム")
    _go_on(hands, customer)


def _go_on(hands: Hands, customer: Customer) -> None:
    hands.press("続きを行う")
    told = hands.words(hands.until(ConsentPage))
    assert "電子証明書の更新" in told
    assert customer.serial in told
    hands.press("続きを行う")
    hands.type_pin(customer.stick.pin)
    hands.until(DonePage)
    assert customer.ca.states(customer.user) == RENEWED
    assert len(customer.holdings()) == 2


def test_an_acquisition_asks_again_who_acquires(
    ca: Authority, testbed_store: Path, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The login PINs are in no journal, and are asked for when the CA is to be told (R9)."""
    customer = Customer(tmp_path / "pc", ca, testbed_store)
    customer.stick.fault("C_GenerateKeyPair", "unplug", after=True, times=1)
    typed = f"{customer.stick.pin}\n{LOGIN_PIN}\n{CONFIRMATION_PIN}\n"
    assert customer.run("acquire", *customer.who, "--pin-fd", "0", *LOGIN_PINS, typed=typed).status
    customer.stick.plug()
    with at_desk(customer.folder, qtbot, monkeypatch) as hands:
        hands.bot.waitUntil(lambda: bool(hands.stores()), timeout=PATIENCE)
        hands.desk.flow.chosen(Chosen(Action.RESUME, hands.stores()[0]))
        assert "電子証明書の取得" in hands.words(hands.until(ConsentPage))
        hands.press("続きを行う")
        hands.type_pin(customer.stick.pin)
        hands.until(ApplicantPage)
        for field, pin in zip(hands.fields()[-2:], (LOGIN_PIN, CONFIRMATION_PIN), strict=True):
            assert field.echoMode() is QLineEdit.EchoMode.Password
            QTest.keyClicks(field, pin)
        QTest.keyClick(field, Qt.Key.Key_Return)
        hands.until(DonePage)
    assert ca.states(customer.user) == [State.ACTIVE]


def test_closed_and_then_killed_in_the_middle(
    customer: Customer, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first ends in order, the second by kill -9 of a process that has a window of its own; the third goes on."""
    with at_desk(customer.folder, qtbot, monkeypatch) as hands:
        hands.to_pin()
        with customer.stick.held("C_GenerateKeyPair") as held:
            hands.type_pin(customer.stick.pin)
            held.wait()
            hands.desk.work.leave()  # as its end does
    with customer.stick.held("C_CreateObject") as held:
        script = [sys.executable, "-m", "tests.desk.renewing", customer.stick.pin]
        with subprocess.Popen(script, env=customer.environment, cwd=Path(__file__).parents[2]) as child:
            try:
                held.wait()
            finally:
                child.kill()
    with at_desk(customer.folder, qtbot, monkeypatch) as hands:
        _go_on(hands, customer)


def test_the_ca_is_away_then_asks_to_come_back_and_the_medium_fails(
    hands: Hands, customer: Customer, ca: Authority, ca_token: SimulatedMedium
) -> None:
    address = customer.profile.read_text(encoding="utf-8")
    customer.profile.write_text(address.replace(ca.url, f"https://127.0.0.1:{free_port()}"), encoding="utf-8")
    hands.press("更新する")
    hands.until(TroublePage)
    customer.profile.write_text(address, encoding="utf-8")
    hands.press("続きから行う")
    hands.until(PlacePage)
    hands.press("次へ")
    hands.press("同意して更新する")
    with _undisturbed(ca):
        ca_token.fault("C_SignInit", "answer", "CKR_DEVICE_ERROR", times=2)
        customer.stick.fault("C_CreateObject", "answer", "CKR_DEVICE_ERROR", times=1)
        hands.type_pin(customer.stick.pin)
        hands.until(ProgressPage, lambda page: "もう一度尋ねます" in hands.words(page))
        hands.until(TroublePage)  # its own fault, after the CA's
    hands.press("続きから行う")
    hands.type_pin(customer.stick.pin)
    hands.until(DonePage)
    assert ca.states(customer.user) == RENEWED


def test_nobody_who_leaves_waits_for_a_ca_that_asks_for_patience(
    hands: Hands, customer: Customer, ca: Authority
) -> None:
    hands.press("更新する")
    hands.until(PlacePage)
    hands.press("次へ")
    hands.until(ConsentPage)
    front = Front(ca, lambda: False, PATIENCE // 1000 + 5)
    with front.open() as address:
        text = customer.profile.read_text(encoding="utf-8")
        customer.profile.write_text(text.replace(ca.url, address), encoding="utf-8")
        hands.press("同意して更新する")
        hands.type_pin(customer.stick.pin)
        hands.bot.waitUntil(lambda: bool(front.heard), timeout=PATIENCE)
        hands.press("中断する")
        hands.until(HomePage)
    assert ca.states(customer.user) == [State.ACTIVE]


@contextmanager
def _undisturbed(ca: Authority) -> Iterator[None]:
    """The CA's jobs sign, too, and would take the faults: they wait for us, as for another node that is at them."""
    deadline = time.monotonic() + SOON
    while True:
        with ca.administration.alone(jobs.ALONE) as is_mine:
            if is_mine:
                yield
                return
        assert time.monotonic() < deadline
        time.sleep(0.05)
