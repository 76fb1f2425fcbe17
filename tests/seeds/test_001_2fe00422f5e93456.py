"""001: 【WEB-FB】電子証明書の更新手順, 釧路信用金庫. The text of 000 as a bank has adapted it, here as it stands there:
パソコンに保存する. Steps ① to ⑨, and where ours does better:

- A browser that is open would not see what is written beside it. The program says which one is to be closed, waits, and goes
  on by itself; the old way said so at the end, and of the next login.
- What a PC store does not promise is said at the choice, and on the last page: never that a key there cannot be taken out.
- Which certificate is the new one is told by its number and its last day. The old one is refused at the next login by a
  page that says so.
"""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.desk.rig import PATIENCE, Hands
from tests.seeds import procedures
from tests.seeds.rig import Office, follow, handed_over, headed, press, shows
from tokenmgr.desk.pages.consent import ConsentPage
from tokenmgr.desk.pages.done import DonePage
from tokenmgr.desk.pages.place import PlacePage
from tokenmgr.desk.pages.progress import ProgressPage
from tokenmgr.domain.generation import State, StoreKind

PROCEDURE = procedures.KUSHIRO


def test_the_renewal_in_the_pc_from_the_notice_to_the_next_login(office: Office, hands: Hands) -> None:
    customer = office.customer("tanaka")
    (old,) = customer.generations

    # ① After the login of WEB-FBサービス the page 「重要なお知らせ」 is there.
    page = customer.log_in()
    headed(page, "重要なお知らせ")
    shows(page, "釧路信用金庫", "WEB-FBサービス")

    # ② 「電子証明書の更新をお願いします」 is chosen, and its text is shown.
    page.get_by_role("link", name=re.compile("電子証明書の更新をお願いします")).click()
    shows(page, "有効期限まで、あと24日です", f"{old.serial:x}", "この電子証明書の入っているパソコンで行います")

    # ③ 「電子証明書の更新はこちら」 ⇒ 「電子証明書更新前処理中」, from which the next page comes by itself.
    follow(page, "電子証明書の更新はこちら")
    expect(page.get_by_text("電子証明書更新前処理中")).to_be_visible()

    # ④ 「更新」 ⇒ 「Webアクセスの確認」: the program opens.
    press(page, "更新")
    hands.desk.flow.open_link(handed_over(page))

    # ⑤ 「パソコンに保存する」: the store of now is marked, and what it does not promise is said.
    place = hands.until(PlacePage)
    assert [one.text() for one in place.radios.values()] == ["専用USB", "パソコン（いまの保存先）"]
    assert "専用USBほど安全ではありません" in hands.words()
    hands.press("次へ")
    hands.until(PlacePage, lambda one: "パソコンのどこに保存しますか" in hands.words(one))
    hands.press("次へ")

    # ⑥ はい, twice ⇒ once, to everything that it is about.
    told = hands.words(hands.until(ConsentPage))
    for word in (
        customer.site,
        "釧路信用金庫",
        "WEB-FBサービス",
        "tanaka",
        f"{old.serial:x}",
        "このパソコンの Chromium",
    ):
        assert word in told
    hands.press("同意して更新する")

    # ⇒ 「電子証明書発行処理中」, as soon as the browser is closed.
    hands.until(ProgressPage, lambda one: "終了すると、自動で進みます" in hands.words(one))
    expect(page.get_by_text("電子証明書の管理」が開きました")).to_be_visible(timeout=PATIENCE)
    customer.chromium.close()

    # ⑦ はい ⇒ 「電子証明書のインストールが完了しました」: of itself.
    done = hands.words(hands.until(DonePage))
    assert "更新が完了しました" in done

    # ⑧ What was issued is looked at.
    before, new = customer.generations
    assert (before.state, new.state, new.store) == (State.SUPERSEDED, State.ACTIVE, StoreKind.PC)
    for word in (f"{new.serial:x}", "tanaka", "このパソコンの Chromium（秘密鍵は、ブラウザの道具で取り出せます）"):
        assert word in done

    # ⑨ このウィンドウを閉じる. The browser starts anew and presents the new one, though both are in its database.
    page = customer.open()
    shows(page, f"{new.serial:x}")
    page = customer.log_in()
    headed(page, "メイン画面")
    shows(page, "現在、お知らせはありません")
    assert [one.state for one in customer.generations] == [State.REVOKED, State.ACTIVE]
