"""000: 電子証明書の更新手順 (2020.08.17 から適用), the text that every bank is to adapt. Here with a medium (専用USB),
of which it has one paragraph. Mail, ① to ⑨, and the next login. Where ours does better:

- 「Webアクセスの確認」, an address and はい, came twice. Ours is the customer's own window, and names bank, site, ID,
  certificate and store, once; the second word is the medium's PIN.
- In place of 「電子証明書発行処理中」 the page says at which of nine steps it is. No はい is left at the end.
- The page that tells of the completion goes by what the CA has, with serial number and store.
- A browser goes on with the old certificate until it is closed. Whoever tries is told which is which.
"""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.desk.rig import PATIENCE, Hands
from tests.seeds import procedures
from tests.seeds.rig import Office, handed_over, headed, prepared, press, shows
from tokenmgr.clock import japan_time
from tokenmgr.desk.pages.consent import ConsentPage
from tokenmgr.desk.pages.done import DonePage
from tokenmgr.desk.pages.pin import PinPage
from tokenmgr.desk.pages.place import PlacePage
from tokenmgr.domain.generation import State, StoreKind

PROCEDURE = procedures.MIHON


def test_on_a_medium_from_the_mail_to_the_next_login(office: Office, hands: Hands, tmp_path: Path) -> None:
    customer = office.customer("keiri")
    (old,) = customer.generations

    # Eメールによるお知らせ: 30 days before.
    (mail,) = office.mails(tmp_path / "before")
    assert mail["To"] == "keiri@customer.example"
    assert "法人IBサービス" in mail["Subject"]
    assert "電子証明書の更新をお願いします" in mail["Subject"]
    body = mail.get_body(("plain",))
    assert body
    for word in (f"{old.serial:x}", japan_time(old.not_after), "keiri（管理者）", "専用USB", "「重要なお知らせ」"):
        assert word in body.get_content()

    # ① After the login of 法人IBサービス the page 「重要なお知らせ」 is there.
    page = customer.log_in()
    headed(page, "重要なお知らせ")
    shows(page, "みほん信用金庫", "法人IBサービス")

    # ② 「電子証明書の更新をお願いします」 is chosen, and its text is shown.
    page.get_by_role("link", name=re.compile("電子証明書の更新をお願いします")).click()
    headed(page, "電子証明書の更新をお願いします")
    shows(page, "有効期限まで、あと24日です", f"{old.serial:x}", "専用USB")

    # ③ 「電子証明書の更新はこちら」 ⇒ 「電子証明書更新前処理中」, from which the next page comes by itself.
    prepared(page, "電子証明書の更新はこちら")

    # 専用USBに保存する場合の事前準備について: the application, the program, and where both are to be had.
    page.get_by_text("専用USBに保存する場合の事前準備").click()
    shows(page, "当金庫への専用USB利用申込が必要です", "管理ソフトを、あらかじめパソコンにインストールしてください")
    expect(page.get_by_role("link", name="専用USBのご案内")).to_have_attribute("href", PROCEDURE.bank.media_page)
    program = page.get_by_role("link", name=re.compile("管理ソフト.*のダウンロード")).first
    expect(program).to_have_attribute("href", PROCEDURE.look.program_page)

    # ④ 更新 ⇒ 「Webアクセスの確認」: the program opens.
    press(page, "更新")
    hands.desk.flow.open_link(handed_over(page))

    # ⑤ パソコンに保存する, or 専用USB: the store of now is marked, and no other is chosen beforehand.
    place = hands.until(PlacePage)
    assert [one.text() for one in place.radios.values()] == ["専用USB（いまの保存先）", "パソコン"]
    hands.press("次へ")

    # ⑥ はい, twice ⇒ once, to everything that it is about; then the PIN.
    told = hands.words(hands.until(ConsentPage))
    for word in (customer.site, "みほん信用金庫", "法人IBサービス", "keiri", f"{old.serial:x}", office.stick.serial):
        assert word in told
    hands.press("同意して更新する")
    hands.until(PinPage)

    # ⇒ 「電子証明書発行処理中」: here it stands still at one of the steps.
    with office.stick.held("C_CreateObject") as held:
        hands.type_pin(office.stick.pin)
        held.wait()
        step = page.locator("[aria-current=step]", has_text="書き込")
        hands.bot.waitUntil(step.is_visible, timeout=PATIENCE)
        shows(
            page, "手続きが進んでいます", "途中で画面を戻したり、閉じたり、電源が切れたりしても、電子証明書は壊れません"
        )

    # ⑦ はい ⇒ 「電子証明書のインストールが完了しました」: of itself.
    done = hands.words(hands.until(DonePage))
    headed(page, "電子証明書の更新が完了しました")

    # ⑧ What was issued is looked at: in the window, and on the page.
    before, new = customer.generations
    assert (before.state, new.state, new.store) == (State.SUPERSEDED, State.ACTIVE, StoreKind.MEDIUM)
    for word in (f"{new.serial:x}", "keiri", office.stick.serial, "秘密鍵はこの専用USBの外には出ません"):
        assert word in done
    shows(page, f"{new.serial:x}", "keiri", PROCEDURE.contract, "この電子証明書は専用USBに入っています")

    # ⑨ このウィンドウを閉じる, and all the others. Until they are, the browser goes on with the old certificate.
    page.goto(customer.address)
    shows(page, "更新前の古いものです", "ブラウザをすべて閉じて開き直し")
    shows(page, f"{new.serial:x}", f"{old.serial:x}", "今お使いのもの: 古い電子証明書")
    customer.chromium.close()

    # The next login is with the new one, and ends the old one (R12). Nobody is asked to renew any more.
    page = customer.log_in()
    headed(page, "メイン画面")
    shows(page, "現在、お知らせはありません", f"{new.serial:x}")
    assert [one.state for one in customer.generations] == [State.REVOKED, State.ACTIVE]
    assert not [one for one in office.mails(tmp_path / "after") if "更新をお願いします" in one["Subject"]]
