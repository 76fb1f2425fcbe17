"""A renewal at the window in the order of R5, with a stick of the testbed and a CA that runs."""

from __future__ import annotations

import re
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QRadioButton

from tests.desk.rig import Hands
from tests.interop.customer import Customer
from tokenmgr.clock import japan_time
from tokenmgr.desk.actions import Action
from tokenmgr.desk.pages.consent import ConsentPage
from tokenmgr.desk.pages.contents import ContentsPage
from tokenmgr.desk.pages.done import DonePage
from tokenmgr.desk.pages.home import HomePage
from tokenmgr.desk.pages.pin import PinPage
from tokenmgr.desk.pages.place import PlacePage
from tokenmgr.domain.generation import State


def test_the_whole_way_by_mouse(hands: Hands, customer: Customer, tmp_path: Path) -> None:
    before = customer.ca.generations(customer.user)[-1]
    hands.press("更新する")
    choice = hands.until(PlacePage)
    assert [one.text() for one in choice.radios.values()] == ["専用USB（いまの保存先）", "パソコン"]
    assert [one.isChecked() for one in choice.radios.values()] == [True, False]  # S3
    assert customer.serial in hands.words()
    hands.press("次へ")
    told = hands.words(hands.until(ConsentPage))
    for word in ("みほん信用金庫", "0012345", customer.user, f"{before.serial:x}", customer.serial):
        assert word in told
    hands.press("同意して更新する")
    assert "利用者暗証番号や利用者確認暗証番号とは別" in hands.words(hands.until(PinPage))  # R11
    hands.type_pin(customer.stick.pin)
    hands.until(DonePage)
    new = customer.ca.generations(customer.user)[-1]
    assert (new.state, customer.ca.generations(customer.user)[0].serial) == (State.ACTIVE, before.serial)
    moments = [japan_time(one, "ja") for one in (new.not_before, new.not_after)]
    for word in (f"{new.serial:x}", f"専用USB {customer.serial}（秘密鍵はこの専用USBの外には出ません）", *moments):
        assert word in hands.words()  # R7
    assert not re.search(r"このパソコン|\{|\$\$", hands.words())
    assert "ブラウザのウィンドウをすべて閉じてください" in hands.words()
    _look_at_contents(hands, f"{new.serial:x}", tmp_path / "certificate.pdf")
    hands.press("このウィンドウを閉じる")
    assert not hands.desk.window.isVisible()


def _look_at_contents(hands: Hands, serial: str, pdf: Path) -> None:
    hands.press("内容を見る")
    page = hands.until(ContentsPage)
    for word in (serial, "しんきん電子証明書認証局", "楕円曲線 P-256", "ログイン（TLSクライアント認証）"):
        assert word in hands.words()
    hands.press("コピー")
    assert f"シリアル番号: {serial}" in QGuiApplication.clipboard().text()
    page.write_pdf(str(pdf))
    assert pdf.read_bytes().startswith(b"%PDF")
    hands.press("戻る")
    hands.until(DonePage)


def test_the_whole_way_by_keyboard_and_a_rehearsal_before_it(hands: Hands, customer: Customer) -> None:
    """Enter goes on wherever there is nothing to type or to choose."""
    hands.choose(Action.REHEARSE, origin="https://ib.example")
    assert "https://ib.example" in hands.words(hands.until(ConsentPage))  # R6
    hands.key(Qt.Key.Key_Return)
    hands.type_pin(customer.stick.pin)
    done = hands.words(hands.until(DonePage))
    assert "予行の前と同じです" in done
    assert "ブラウザ" not in done
    assert len(customer.holdings()) == 1
    hands.tab_to("ホーム")
    hands.key(Qt.Key.Key_Return)
    hands.until(HomePage)
    hands.tab_to("更新する")
    hands.key(Qt.Key.Key_Space)
    page = hands.until(PlacePage)
    assert [one for one in page.findChildren(QRadioButton) if one.hasFocus()] == [page.radios["medium"]]
    hands.key(Qt.Key.Key_Tab)
    hands.tab_to("次へ")
    hands.key(Qt.Key.Key_Return)
    hands.until(ConsentPage)
    hands.key(Qt.Key.Key_Return)
    hands.type_pin(customer.stick.pin)
    hands.until(DonePage)
    assert customer.ca.states(customer.user) == [State.SUPERSEDED, State.ACTIVE]
