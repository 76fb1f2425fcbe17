"""The PIN at the window: no try is spent but by the person (S5), and the last one wants a yes of its own."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.desk.rig import Hands
from tests.interop.customer import Customer
from tests.interop.running import another_second
from tokenmgr.desk.pages.done import DonePage
from tokenmgr.desk.pages.home import HomePage
from tokenmgr.desk.pages.pin import FinalTryPage, PinPage
from tokenmgr.desk.pages.trouble import TroublePage


def test_wrong_then_right_then_the_last_try(hands: Hands, customer: Customer) -> None:
    counts = customer.stick.control
    counts["user_tries"] = 3
    another_second()  # it is renewed twice, and each time the newest one is meant
    hands.to_pin()
    hands.type_pin("9999")
    hands.until(TroublePage)
    assert counts["user_wrong"] == 1
    hands.press("もう一度行う")
    page = hands.until(PinPage)
    assert "まちがって入力されています" in hands.words()
    page.field.insert("１２３４")  # as an input method does
    assert "全角の文字" in hands.words()
    QTest.keyClick(page.field, Qt.Key.Key_Return)
    assert hands.page is page
    page.field.clear()
    hands.type_pin(customer.stick.pin)
    hands.until(DonePage)
    assert counts["user_wrong"] == 0
    hands.press("ホーム")
    _type_and_leave(hands)
    counts["user_wrong"] = 2
    hands.consent()
    hands.until(FinalTryPage)
    hands.press("いまは入力しない")
    hands.until(HomePage)
    hands.consent()
    hands.until(FinalTryPage)
    hands.press("確かなので入力する")
    assert "残り1回" in hands.words(hands.until(PinPage))
    assert counts["user_wrong"] == 2
    hands.type_pin(customer.stick.pin)
    hands.until(DonePage)
    assert counts["user_wrong"] == 0


def _type_and_leave(hands: Hands) -> None:
    """What is typed is never shown, and the field is empty when the page goes."""
    page = hands.to_pin()
    kept: list[str] = []
    page.field.textChanged.connect(kept.append)
    QTest.keyClicks(page.field, "a")
    QTest.keyClicks(page.field, "B", Qt.KeyboardModifier.ShiftModifier)
    assert page.field.displayText() == "●●"
    assert "Caps Lock" not in hands.words()
    QTest.keyClicks(page.field, "Q")  # large, and no Shift
    assert "Caps Lock" in hands.words()
    page.keypad_box.setChecked(True)
    hands.press("&&")
    hands.press("1文字消す")
    assert kept[-2:] == ["aBQ&", "aBQ"]
    hands.press("中断する")
    hands.until(HomePage)
    assert kept[-1] == ""
