"""003: 電子証明書の更新をするには: 今すぐ更新する (① to ⑥), and 後で更新する (① to ⑦). Each ID renews its own, 管理者 and 利用者.

- Its last page has `シリアル番号 = $$cert_serial$$`, a place that nobody has filled in. Ours has the serial number, and says
  what it is of.
- 「この電子証明書がインストールされたパソコン以外ではログインできません」 is said of a PC store alone.
- The page that is left goes on where it was; 「後で」 says until when, and where the button is.
"""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.desk.rig import Hands
from tests.seeds import procedures
from tests.seeds.rig import Customer, Office, follow, handed_over, headed, press, shows
from tokenmgr.desk.pages.consent import ConsentPage
from tokenmgr.desk.pages.done import DonePage
from tokenmgr.desk.pages.home import HomePage
from tokenmgr.desk.pages.progress import ProgressPage
from tokenmgr.domain.generation import State

PROCEDURE = procedures.TWO_BUTTONS
LEAKED = "cert_serial"


def test_the_administrator_renews_now_and_the_user_later(office: Office, hands: Hands) -> None:
    administrator, user = office.customer("kanri"), office.customer("riyo")

    # 《詳細手順（今すぐ更新する）》 ① 電子証明書更新通知 after the login, 今すぐ更新する. ② 前処理中, then 電子証明書更新開始.
    renew(administrator, hands, lambda page: follow(page, "今すぐ更新する"))

    # 更新はID毎に必要: what one has done is nothing of the other's.
    assert [one.state for one in user.generations] == [State.ACTIVE]

    # 《詳細手順（後で更新する）》 ① 後で更新する. ② The main page, where 証明書更新 stays.
    def later(page: Page) -> None:
        shows(page, "「後で更新する」を選ばれても、有効期限までは")
        follow(page, "後で更新する")
        headed(page, "メイン画面")
        follow(page, "証明書更新")

    renew(user, hands, later)


def renew(customer: Customer, hands: Hands, chosen: Callable[[Page], None]) -> None:
    page = customer.log_in()
    headed(page, "電子証明書更新通知")
    shows(page, "有効期限まで、あと24日です", customer.user)
    chosen(page)
    expect(page.get_by_text("電子証明書更新前処理中")).to_be_visible()
    expect(page.get_by_role("heading", name="電子証明書更新開始")).to_be_visible()

    # ③ (④) 更新 ⇒ 「Webアクセスの確認」.
    press(page, "更新")
    hands.desk.flow.open_link(handed_over(page))

    # ④ (⑤) はい, twice ⇒ once.
    told = hands.words(hands.until(ConsentPage))
    assert customer.site in told
    assert customer.user in told
    hands.press("同意して更新する")
    hands.until(ProgressPage, lambda one: "終了すると、自動で進みます" in hands.words(one))
    customer.chromium.close()

    # ⑤ (⑥) はい ⇒ 「電子証明書発行 発行完了」. ⑥ (⑦) シリアル番号 = that of the new one.
    done = hands.words(hands.until(DonePage))
    old, new = customer.generations
    assert (old.state, new.state) == (State.REVOKED, State.ACTIVE)  # AT_CONFIRMATION, by this bank's policy
    assert (new.not_after - new.not_before).days == 365  # 電子証明書の有効期間は1年です
    assert f"{new.serial:x}" in done
    assert LEAKED not in done
    hands.press("ホーム")
    hands.until(HomePage)

    # The page says the same of it to whoever opens it again, and of where it is.
    page = customer.open()
    page.goto(f"{customer.address}renewed")
    shows(page, f"{new.serial:x}", customer.user, "ほかのパソコンではログインできません")
    assert LEAKED not in page.content()
    page = customer.log_in()
    headed(page, "メイン画面")
    customer.chromium.close()
