"""001: 【WEB-FB】電子証明書の更新手順, 釧路信用金庫: the text of 000 as a bank has adapted it, and as it stands there,
パソコンに保存する. Mail, ① to ⑨, and the next login. Where ours does better:

- A browser that is open would not see what is written into its database. The page says so before, the program when it
  comes to that and which one; it waits, and goes on by itself.
- What a PC store does not promise is said at the choice, and on the last page: never that a key stays in it (S1).
"""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.desk.rig import Hands
from tests.seeds import procedures
from tests.seeds.rig import Office, close_and_go_on, handed_over, headed, prepared, press, shows
from tokenmgr.desk.pages.consent import ConsentPage
from tokenmgr.desk.pages.place import PlacePage
from tokenmgr.domain.generation import State, StoreKind

PROCEDURE = procedures.KUSHIRO


def test_in_the_pc_from_the_mail_to_the_next_login(office: Office, hands: Hands, tmp_path: Path) -> None:
    customer = office.customer("tanaka")
    (old,) = customer.generations

    # Eメールによるお知らせ, in the bank's own name and words.
    (mail,) = office.mails(tmp_path / "before")
    assert (mail["To"], mail["From"]) == ("tanaka@customer.example", "釧路信用金庫 <web-fb@kushiro.example>")
    assert mail["Subject"].startswith("【WEB-FBサービス】電子証明書の更新をお願いします")

    # ① After the login of WEB-FBサービス the page 「重要なお知らせ」 is there.
    page = customer.log_in()
    headed(page, "重要なお知らせ")
    shows(page, "釧路信用金庫", "WEB-FBサービス")

    # ② 「電子証明書の更新をお願いします」 is chosen, and its text is shown.
    page.get_by_role("link", name=re.compile("電子証明書の更新をお願いします")).click()
    shows(page, "有効期限まで、あと24日です", f"{old.serial:x}", "この電子証明書の入っているパソコンで行います")

    # ③ 「電子証明書の更新はこちら」 ⇒ 「電子証明書更新前処理中」, from which the next page comes by itself.
    prepared(page, "電子証明書の更新はこちら")
    expect(page.get_by_text("この画面も含め、ブラウザをすべて閉じてください")).to_be_visible()

    # ④ 「更新」 ⇒ 「Webアクセスの確認」: the program opens.
    press(page, "更新")
    hands.desk.flow.open_link(handed_over(page))

    # ⑤ 「パソコンに保存する」, where it is now.
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

    # ⇒ 「電子証明書発行処理中」, as soon as the browser is closed. ⑦ はい ⇒ 「…インストールが完了しました」: of itself.
    done = close_and_go_on(customer, hands)
    assert "更新が完了しました" in done

    # ⑧ What was issued is looked at.
    before, new = customer.generations
    assert (before.state, new.state, new.store) == (State.SUPERSEDED, State.ACTIVE, StoreKind.PC)
    for word in (f"{new.serial:x}", "tanaka", "このパソコンの Chromium（秘密鍵は、ブラウザの道具で取り出せます）"):
        assert word in done

    # ⑨ このウィンドウを閉じる. Both certificates are in the database; a browser that starts anew presents the new one.
    page = customer.log_in()
    headed(page, "メイン画面")
    shows(page, "現在、お知らせはありません", f"{new.serial:x}")
    assert [one.state for one in customer.generations] == [State.REVOKED, State.ACTIVE]
