"""003: 電子証明書の更新をするには: 《今すぐ更新する》 ① to ⑥, and 《後で更新する》 ① to ⑦. Each ID renews its own,
管理者 and 利用者. Where ours does better:

- Its last page has `シリアル番号 = $$cert_serial$$`, a place that nobody has filled in. Ours has the number, on the
  page and in the window.
- Whoever chooses 後で is told until when, and where.
- 「この電子証明書がインストールされたパソコン以外ではログインできません」 is said of a PC store, where it is true
  (R7), and to whoever opens the page again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page

from tests.desk.rig import Hands
from tests.seeds import procedures
from tests.seeds.rig import Customer, Office, close_and_go_on, follow, handed_over, headed, prepared, press, shows
from tokenmgr.desk.pages.consent import ConsentPage
from tokenmgr.desk.pages.home import HomePage
from tokenmgr.domain.generation import State

PROCEDURE = procedures.TWO_BUTTONS
LEAKED = "cert_serial"


def test_one_renews_now_and_the_other_later(office: Office, hands: Hands, tmp_path: Path) -> None:
    administrator, user = office.customer("kanri"), office.customer("riyo")

    # <通知方法> Eメール通知, to the address of each.
    assert {one["To"] for one in office.mails(tmp_path)} == {"kanri@customer.example", "riyo@customer.example"}

    # 《詳細手順（今すぐ更新する）》 ① 電子証明書更新通知, 今すぐ更新する.
    renew(administrator, hands, lambda _: "今すぐ更新する")

    # 電子証明書の更新はID毎に必要: what one has done is nothing of the other's.
    assert [one.state for one in user.generations] == [State.ACTIVE]

    # 《詳細手順（後で更新する）》 ① 後で更新する. ② メイン画面, 証明書更新.
    def later(page: Page) -> str:
        shows(page, "「後で更新する」を選ばれても、有効期限まではメイン画面の「証明書更新」から更新できます")
        follow(page, "後で更新する")
        headed(page, "メイン画面")
        return "証明書更新"

    renew(user, hands, later)


def renew(customer: Customer, hands: Hands, chosen: Callable[[Page], str]) -> None:
    """The numbers are those of 《今すぐ更新する》; of the other they are one more."""
    page = customer.log_in()
    headed(page, "電子証明書更新通知")
    shows(page, "有効期限まで、あと24日です", customer.user)

    # ② 「電子証明書更新前処理中」, then by itself 「電子証明書更新開始」.
    prepared(page, chosen(page))

    # ③ 更新 ⇒ 「Web アクセスの確認」.
    press(page, "更新")
    hands.desk.flow.open_link(handed_over(page))

    # ④ はい, twice ⇒ once.
    told = hands.words(hands.until(ConsentPage))
    assert customer.site in told
    assert customer.user in told
    hands.press("同意して更新する")

    # ⑤ はい ⇒ 「電子証明書発行 発行完了」: of itself, once the browser is closed. シリアル番号 is that of the new one.
    done = close_and_go_on(customer, hands)
    old, new = customer.generations
    assert (old.state, new.state) == (State.REVOKED, State.ACTIVE)  # at its confirmation, by this bank's policy
    assert (new.not_after - new.not_before).days == 365  # ※ 電子証明書の有効期間は1年です。
    assert f"{new.serial:x}" in done
    assert LEAKED not in done
    hands.press("ホーム")
    hands.until(HomePage)

    # ⑥ ご使用のパソコンに、更新された証明書の情報が表示されます: to whoever opens the page again, too.
    page = customer.chromium.open(f"{customer.address}renewed")
    shows(page, f"{new.serial:x}", customer.user, "ほかのパソコンではログインできません")
    assert LEAKED not in page.content()
    page = customer.log_in()
    headed(page, "メイン画面")
    customer.chromium.close()
