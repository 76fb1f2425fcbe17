"""004: 有効期限が切れてしまった場合の利用者の電子証明書の再取得方法. ① to ⑨, and the next login. Where ours does
better:

- A browser does not even offer a certificate that is over. The bank's page says so, and which way is open.
- Two IDs are typed on the page, both PINs in the customer's own program: no page is ever a place for those. A keyboard
  on the screen is beside them.
- 「新しい RSA 交換キーを作成します」 and its セキュリティレベル are no question to anybody.
- 「…表示されない場合は、電子証明書の再取得はできていませんので、再度手順①より」: so it is done here. It goes on
  where it was, with the certificate that the CA has issued by then (R14, S6).
"""

from __future__ import annotations

from playwright.sync_api import Page

from tests.desk.going import fill_secrets
from tests.desk.rig import Hands
from tests.interop.running import CONFIRMATION_PIN, LOGIN_PIN
from tests.seeds import procedures
from tests.seeds.rig import Customer, Office, follow, handed_over, headed, never_answered, press, shows
from tokenmgr import clock
from tokenmgr.desk.pages.applicant import ApplicantPage
from tokenmgr.desk.pages.done import DonePage
from tokenmgr.desk.pages.home import HomePage
from tokenmgr.desk.pages.trouble import TroublePage
from tokenmgr.domain.generation import State

PROCEDURE = procedures.OVER


def test_what_is_over_is_acquired_anew(office: Office, hands: Hands) -> None:
    customer = office.customer("sato")
    (old,) = customer.generations
    assert old.is_over(clock.now())

    # ⑤ 「Internet Explorer をすべて閉じ、開き直してから手順①よりもう一度」: the CA has issued, and nobody hears of it.
    with never_answered(office, customer):
        to_the_program(customer, hands)
        customer.chromium.close()
        hands.until(TroublePage)
        hands.press("ホーム")
        hands.until(HomePage)
    _, begun = customer.generations
    assert begun.state is State.PENDING
    to_the_program(customer, hands)
    customer.chromium.close()

    # ⑧ 「電子証明書のインストールが完了しました」: of the certificate that was on its way.
    done = hands.words(hands.until(DonePage))
    assert "取得が完了しました" in done
    _, new = customer.generations
    assert new.serial == begun.serial
    assert f"{new.serial:x}" in done
    assert (new.not_after - new.not_before).days == 365  # 電子証明書の有効期限は1年間となっています。

    # ⑨ このウィンドウを閉じる. 以前と同じようにログインすることができます, as far as 利用者ステータス画面.
    page = customer.log_in()
    headed(page, "利用者ステータス画面")
    shows(page, "現在、お知らせはありません", f"{new.serial:x}")
    assert customer.generations[-1].state is State.ACTIVE


def to_the_program(customer: Customer, hands: Hands) -> Page:
    # ① 利用者ログイン. The certificate that is over is in the browser's database, and is not offered.
    page = customer.open()
    shows(
        page,
        "電子証明書が選ばれていないため、ログインできません",
        "有効期限の過ぎた電子証明書は、ブラウザの一覧に表示されません",
    )

    # ② 電子証明書取得 ⇒ 「電子証明書取得開始」.
    follow(page, "電子証明書取得")
    headed(page, "電子証明書取得")
    shows(page, "電子証明書の有効期限が過ぎてから180日以内の方", "どのホームページにも入力しないでください")

    # ③ 契約者ID（利用者番号）, 利用者ID. ④ 電子証明書取得. ⑤ 「Web アクセスの確認」: the program opens.
    page.get_by_label("契約者ID（利用者番号）").fill(PROCEDURE.contract)
    page.get_by_label("利用者ID").fill(customer.user)
    press(page, "電子証明書取得")
    hands.desk.flow.open_link(handed_over(page))
    hands.press("このパソコンの Chromium")

    # ③ 利用者暗証番号, 利用者確認暗証番号. ⑥ ⑦ Nothing else is asked.
    applicant = hands.until(ApplicantPage)
    assert (applicant.contract.text(), applicant.user.text()) == (PROCEDURE.contract, customer.user)
    assert customer.site in hands.words()
    fill_secrets(applicant, LOGIN_PIN, CONFIRMATION_PIN)
    return page
