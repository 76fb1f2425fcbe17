"""Where the new one goes: chosen by a person, where the bank allows it (R5, S3); out of the medium and back into it."""

from __future__ import annotations

from PySide6.QtTest import QTest

from tests.desk.rig import Hands
from tests.interop.customer import Customer
from tokenmgr.desk.actions import Action
from tokenmgr.desk.pages.consent import ConsentPage
from tokenmgr.desk.pages.done import DonePage
from tokenmgr.desk.pages.home import HomePage
from tokenmgr.desk.pages.pin import NewPassphrasePage, PinPage
from tokenmgr.desk.pages.place import PlacePage
from tokenmgr.domain.generation import State, StoreKind

PASSWORD = "a long passphrase"


def test_into_the_encrypted_file_and_back(hands: Hands, customer: Customer) -> None:
    hands.press("更新する")
    hands.until(PlacePage).radios["pc"].setChecked(True)
    hands.press("次へ")
    page = hands.until(PlacePage, lambda one: "medium" not in one.radios)
    assert not any(one.isChecked() for one in page.radios.values())  # S3
    assert "選ぶと作成します" in hands.words()
    next(radio for name, radio in page.radios.items() if name.startswith("file:")).setChecked(True)
    hands.press("次へ")
    assert "このパソコンの暗号化したファイル" in hands.words(hands.until(ConsentPage))
    hands.press("同意して更新する")
    made = hands.until(NewPassphrasePage).passwords
    QTest.keyClicks(made.fields[0], PASSWORD)
    QTest.keyClicks(made.fields[1], "another")
    assert "違います" in hands.words()
    made.fields[1].clear()
    QTest.keyClicks(made.fields[1], PASSWORD)
    hands.press("次へ")
    hands.type_pin(customer.stick.pin)
    assert "専用USB" not in hands.words(hands.until(DonePage))
    assert [one.store for one in customer.ca.generations(customer.user)] == [StoreKind.MEDIUM, StoreKind.PC]
    _back(hands, customer)


def _back(hands: Hands, customer: Customer) -> None:
    hands.press("ホーム")
    hands.until(HomePage)
    hands.choose(Action.RENEW, "file:")
    page = hands.until(PlacePage)
    assert [one.text() for one in page.radios.values()] == ["専用USB", "パソコン（いまの保存先）"]
    page.radios["medium"].setChecked(True)
    hands.press("次へ")
    hands.until(PlacePage, lambda one: customer.serial in one.radios).radios[customer.serial].setChecked(True)
    hands.press("次へ")
    told = hands.words(hands.until(ConsentPage))
    assert "このパソコンの暗号化したファイル" in told
    assert f"専用USB {customer.serial}" in told
    hands.press("同意して更新する")
    asked = hands.until(PinPage, lambda one: "パスワード" in one.heading.text())
    QTest.keyClicks(asked.field, PASSWORD)
    hands.press("次へ")
    hands.until(PinPage, lambda one: "暗証番号" in one.heading.text())
    hands.type_pin(customer.stick.pin)
    assert f"専用USB {customer.serial}" in hands.words(hands.until(DonePage))
    assert customer.ca.states(customer.user) == [State.SUPERSEDED, State.SUPERSEDED, State.ACTIVE]
