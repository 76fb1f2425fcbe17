"""000: 電子証明書の更新手順 (2020.08.17 から適用), the text that every bank is to adapt. Here with a medium (専用USB), of which
it has one paragraph. Its steps ① to ⑨, and where ours does better:

- The window of the bank's page stays one, and what is to be consented to stands in the customer's own program.
- 「Webアクセスの確認」, an address and はい, came twice. Ours names bank, site, ID, certificate and store once; the second
  word is the medium's PIN.
- While it goes on the page says at which of nine steps it is, in place of 電子証明書発行処理中; nothing has to be pressed for
  the last はい.
- What is complete is looked up at the CA: the page that tells it has the serial number, and where the key is.
"""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.desk.rig import PATIENCE, Hands
from tests.seeds import procedures
from tests.seeds.rig import Office, follow, handed_over, headed, press, shows
from tokenmgr.desk.pages.consent import ConsentPage
from tokenmgr.desk.pages.done import DonePage
from tokenmgr.desk.pages.pin import PinPage
from tokenmgr.desk.pages.place import PlacePage
from tokenmgr.domain.generation import State, StoreKind

PROCEDURE = procedures.MIHON


def test_the_renewal_on_a_medium_from_the_notice_to_the_contents(office: Office, hands: Hands) -> None:
    customer = office.customer("keiri")
    (old,) = customer.generations

    # ① After the login of 法人IBサービス the page 「重要なお知らせ」 is there.
    page = customer.log_in()
    headed(page, "重要なお知らせ")
    shows(page, "みほん信用金庫", "法人IBサービス")

    # ② 「電子証明書の更新をお願いします」 is chosen, and its text is shown.
    page.get_by_role("link", name=re.compile("電子証明書の更新をお願いします")).click()
    headed(page, "電子証明書の更新をお願いします")
    shows(page, "有効期限まで、あと24日です", f"{old.serial:x}", "専用USB")

    # ③ 「電子証明書の更新はこちら」 in the text ⇒ 「電子証明書更新前処理中」, from which the next page comes by itself.
    follow(page, "電子証明書の更新はこちら")
    expect(page.get_by_text("電子証明書更新前処理中")).to_be_visible()
    expect(page.get_by_role("heading", name="電子証明書更新開始")).to_be_visible()

    # <電子証明書媒体保管を利用している信用金庫の場合> The application, and the program to be installed, with their links.
    page.get_by_text("専用USBに保存する場合の事前準備").click()
    shows(page, "当金庫への専用USB利用申込が必要です", "管理ソフトを、あらかじめパソコンにインストールしてください")
    expect(page.get_by_role("link", name="専用USBのご案内")).to_have_attribute("href", PROCEDURE.bank.media_page)
    program = page.get_by_role("link", name=re.compile("管理ソフト.*のダウンロード")).first
    expect(program).to_have_attribute("href", PROCEDURE.look.program_page)

    # ④ 更新 ⇒ 「Webアクセスの確認」: the program opens.
    press(page, "更新")
    hands.desk.flow.open_link(handed_over(page))

    # ⑤ 「パソコンに保存する」, or where the bank has media, 専用USB: the store of now is marked, and no other is chosen.
    place = hands.until(PlacePage)
    assert [one.text() for one in place.radios.values()] == ["専用USB（いまの保存先）", "パソコン"]
    hands.press("次へ")

    # ⑥ はい, twice ⇒ once, to everything that it is about; then the PIN.
    told = hands.words(hands.until(ConsentPage))
    for word in (customer.site, "みほん信用金庫", "法人IBサービス", "keiri", f"{old.serial:x}", office.stick.serial):
        assert word in told
    hands.press("同意して更新する")
    hands.until(PinPage)

    # ⇒ 「電子証明書発行処理中」: the page says how far it is. Here it stands still between two steps.
    with office.stick.held("C_CreateObject") as held:
        hands.type_pin(office.stick.pin)
        held.wait()
        hands.bot.waitUntil(page.get_by_text("手続きが進んでいます").is_visible, timeout=PATIENCE)
        expect(page.locator("[aria-current=step]")).to_have_text(re.compile("書き込"))
        shows(page, "途中で画面を戻したり、閉じたり、電源が切れたりしても、電子証明書は壊れません")

    # ⑦ はい ⇒ 「電子証明書のインストールが完了しました」: of itself.
    done = hands.words(hands.until(DonePage))
    headed(page, "電子証明書の更新が完了しました")

    # ⑧ What was issued is looked at: in the window, and on the page.
    before, new = customer.generations
    assert (before.state, new.state, new.store) == (State.SUPERSEDED, State.ACTIVE, StoreKind.MEDIUM)
    for word in (f"{new.serial:x}", "keiri", office.stick.serial, "秘密鍵はこの専用USBの外には出ません"):
        assert word in done
    shows(page, f"{new.serial:x}", "keiri", "0010001", "この電子証明書は専用USBに入っています")

    # ⑨ このウィンドウを閉じる, and all the others: until then the browser goes on with the old certificate, and is told so.
    page.goto(customer.address)
    shows(page, "すべて閉じ")
    customer.chromium.close()

    # The next login is with the new one. It ends the old one, and there is nothing to be asked for any more.
    page = customer.open()
    shows(page, f"{new.serial:x}")
    page = customer.log_in()
    headed(page, "メイン画面")
    shows(page, "現在、お知らせはありません")
    assert [one.state for one in customer.generations] == [State.REVOKED, State.ACTIVE]
