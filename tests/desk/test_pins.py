"""The PIN of a medium at the window: changed for real, forbidden ones not even sent, first ones and locked ones."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from tests.desk.going import begin, begun, fill_secrets, opens, state
from tests.desk.rig import PATIENCE, at_desk
from tests.interop.customer import Customer
from tokenmgr.customer.status import Seen as Store
from tokenmgr.desk.actions import Action, Chosen
from tokenmgr.desk.flow import Flow
from tokenmgr.desk.pages.new_pin import NewPinPage
from tokenmgr.desk.pages.pin import FinalTryPage
from tokenmgr.desk.pages.said import SaidPage
from tokenmgr.desk.pages.trouble import TroublePage
from tokenmgr.desk.pages.unblocking import UnblockingPage
from tokenmgr.domain.medium import PinState
from tokenmgr.errors import PassphraseWrong
from tokenmgr.keystore import file
from tokenmgr.log import Secret
from tokenmgr.testbed.faults import Rule
from tokenmgr.testbed.simulated import PIN, SO_PIN, SimulatedMedium
from tokenmgr.wiring import places

NEW = "98765"


def test_a_pin_is_changed_by_the_keyboard_alone(
    pc: Customer, stick: SimulatedMedium, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begun(pc, qtbot, monkeypatch, Action.PIN) as hands:
        page = hands.until(NewPinPage)
        assert stick.serial in hands.words()
        fill_secrets(page, PIN, NEW, NEW)
        hands.until(SaidPage)
        begin(hands, Action.PIN)
        fill_secrets(hands.until(NewPinPage), PIN, "24680", "24680")  # the old one is refused
        assert "P101" in hands.words(hands.until(TroublePage))
    assert state(stick) is PinState.LOW
    assert opens(stick, NEW)


def test_what_cannot_be_is_not_sent(
    pc: Customer, stick: SimulatedMedium, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begun(pc, qtbot, monkeypatch, Action.PIN) as hands:
        page = hands.until(NewPinPage)
        for typed in (PIN, "12", "12"), (PIN, NEW, NEW[:-1]), (PIN, "１２３４５", "１２３４５"), ("1", NEW, NEW):
            fill_secrets(page, *typed)
            assert hands.page is page
            assert not hands.buttons()["この暗証番号にする"].isEnabled()
            page.pins.clear()
        fill_secrets(page, "1", "12", "12")
        assert "送信していない" in hands.words()
        assert "✓  2回の入力が同じ" in hands.words()
        assert "・  4文字から255文字まで（半角の場合）" in hands.words()
        hands.press("中断する")
    assert state(stick) is PinState.FINE
    assert opens(stick, PIN)


def test_the_mediums_own_refusal_of_a_new_pin_is_told(
    pc: Customer, stick: SimulatedMedium, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    stick.control.add(Rule.read("C_SetPIN", "answer", "CKR_PIN_INVALID"))
    with begun(pc, qtbot, monkeypatch, Action.PIN) as hands:
        fill_secrets(hands.until(NewPinPage), PIN, "11111", "11111")
        assert "P106" in hands.words(hands.until(TroublePage))
    assert opens(stick, PIN)


@pytest.mark.parametrize("stick", ["pin-to-be-changed"], indirect=True)
def test_the_first_pin_is_changed(
    pc: Customer, stick: SimulatedMedium, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begun(pc, qtbot, monkeypatch, Action.PIN) as hands:
        page = hands.until(NewPinPage)
        assert page.heading.text() == "最初の暗証番号の変更"
        fill_secrets(page, PIN, NEW, NEW)
        hands.until(SaidPage)
    assert state(stick) is PinState.FINE


@pytest.mark.parametrize("stick", ["locked", "no-pin"], indirect=True)
def test_a_pin_that_its_holder_cannot_set_is_the_banks(
    pc: Customer, stick: SimulatedMedium, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begun(pc, qtbot, monkeypatch, Action.PIN) as hands:
        hands.until(UnblockingPage)
        assert "みほん信用金庫" in hands.words()
        assert "03-0000-0000" in hands.words()
        assert "そのまま残ります" in hands.words()
        hands.press("信用金庫が設定する")
        fill_secrets(hands.until(NewPinPage), "wrong one", NEW, NEW)
        assert "P101" in hands.words(hands.until(TroublePage))
        begin(hands, Action.UNBLOCK)
        hands.press("信用金庫が設定する")
        assert "ロック解除用暗証番号の入力に誤りがありました" in hands.words(hands.until(NewPinPage))
        fill_secrets(hands.page, SO_PIN, NEW, NEW)
        hands.until(SaidPage)
    assert opens(stick, NEW)


def test_the_passphrase_of_a_file_is_changed(
    pc: Customer, stick: SimulatedMedium, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    with at_desk(pc.folder, qtbot, monkeypatch) as hands:
        path = places.file_named(places.FILE)
        assert path
        file.make(path, Secret("before the change"))
        flow = hands.desk.flow
        flow.seeing.again()
        hands.bot.waitUntil(lambda: bool(_files(flow)), timeout=PATIENCE)
        flow.chosen(Chosen(Action.PIN, _files(flow)[0]))
        fill_secrets(hands.until(NewPinPage), "before the change", "新しいパスワード です", "新しいパスワード です")
        hands.until(SaidPage)
        with pytest.raises(PassphraseWrong):
            file.FileStore(path, Secret("before the change")).contents()
        file.FileStore(path, Secret("新しいパスワード です")).contents()
        path.unlink()


def _files(flow: Flow) -> list[Store]:
    looked = flow.seen.looked if flow.seen else None
    return [one for one in looked.found.stores if one.look.is_on_pc] if looked else []


@pytest.mark.parametrize("stick", ["officer-locked"], indirect=True)
def test_an_officer_who_is_locked_too_is_asked_for_nothing(
    pc: Customer, stick: SimulatedMedium, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begun(pc, qtbot, monkeypatch, Action.UNBLOCK) as hands:
        hands.press("信用金庫が設定する")
        assert "P102" in hands.words(hands.until(TroublePage))


@pytest.mark.parametrize("stick", ["locked"], indirect=True)
def test_the_last_try_of_the_unblocking_pin_is_told_as_that(
    pc: Customer, stick: SimulatedMedium, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R11, S5: the medium's PIN is locked already; what the officer's last try costs is another thing."""
    stick.control["so_wrong"] = stick.control["so_tries"] - 1
    with begun(pc, qtbot, monkeypatch, Action.UNBLOCK) as hands:
        hands.press("信用金庫が設定する")
        told = hands.words(hands.until(FinalTryPage))
        assert "ロック解除用暗証番号は残り1回です" in told
        assert "ロックは解除できなくなります" in told
        assert "はロックされます" not in told
        hands.press("確かなので入力する")
        hands.until(NewPinPage)
        hands.press("中断する")
    assert stick.control["so_wrong"] == stick.control["so_tries"] - 1
