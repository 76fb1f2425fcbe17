"""002: 電子証明書更新手続き, of a bank (当行) that has no media. Steps 1 to 7, and everything that it forbids meanwhile.

実行ボタンクリック後、更新以外の操作は行わないでください。※電子証明書が破損してしまい、更新作業やログインができなくなってしまいます。
Here every one of them is done, and nothing is lost (R13): the page is loaded again, left backwards and closed, another ID
logs in, the browser is closed, and the computer loses its power when the CA has issued and the answer is on its way.

- The old certificate logs in at every instant until the new one has been confirmed.
- What was begun is found by the page and by the program, and goes on where it was: the certificate that the CA has issued is the
  one that is installed, and no second one is made (S6). Nobody needs 再発行（初期化）.
- 格納先 is said and nobody is asked where there is nothing to choose.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect
from pytestqt.qtbot import QtBot

from tests.contract.services import until
from tests.desk.front import Front
from tests.desk.rig import PATIENCE
from tests.seeds import procedures
from tests.seeds.rig import Customer, Office, follow, handed_over, headed, press, shows
from tests.warm import ROOT
from tokenmgr.clock import japan_time
from tokenmgr.desk.pages.consent import ConsentPage
from tokenmgr.desk.pages.done import DonePage
from tokenmgr.desk.pages.progress import ProgressPage
from tokenmgr.domain.generation import State

PROCEDURE = procedures.TOKO
LONG = 60  # seconds that the CA seems to ask for


def test_everything_that_is_forbidden_is_done(office: Office, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = office.customer("suzuki")
    (old,) = customer.generations

    # 1 利用者暗証番号, ログオン.
    page = customer.open()
    shows(page, "利用者ログイン（電子証明書方式）")
    page = _log_on(customer)

    # 2 電子証明書更新のお知らせ. With the box ticked 契約法人ステータス画面 comes; the next login asks again. 次へ.
    page.get_by_label("次回ログイン時に更新する").check()
    press(page, "次へ")
    headed(page, "契約法人ステータス画面")
    press(page, "ログオフ")
    page = _log_on(customer)
    shows(page, "有効期限を過ぎるとログインできなくなります", f"有効期限{japan_time(old.not_after)}")
    press(page, "次へ")

    # 3 電子証明書更新実行: 格納先. キャンセル leads to the same page as the box; 実行 opens the program.
    shows(page, "電子証明書は、このパソコンに保存されます")
    follow(page, "キャンセル")
    follow(page, "証明書更新")
    press(page, "実行")
    address = handed_over(page)

    # ご注意ください. The page is loaded again, and left by 戻る; another ID logs in.
    page.reload()
    shows(page, "「電子証明書の管理」が開くのを待っています")
    page.go_back(wait_until="commit")
    page.go_forward(wait_until="commit")
    shows(page, "「電子証明書の管理」が開くのを待っています")
    other = office.customer("yamada")
    shows(_log_on(other), "電子証明書更新のお知らせ")

    # 4 「Webアクセスの確認」, はい. 5 電子証明書取得中. The browsers are closed, and then the power is gone: the CA has issued, and
    # nobody has heard it.
    with _never_answered(office, customer, address):
        expect(page.get_by_text("「電子証明書の管理」が開きました")).to_be_visible(timeout=PATIENCE)
        other.chromium.close()
        customer.chromium.kill()
        until(lambda: len(customer.generations) == 2)
    begun = customer.generations[-1]
    assert [one.state for one in customer.generations] == [State.ACTIVE, State.PENDING]

    # The computer starts again. The old certificate logs in; the page tells what was begun, and leads to where it goes on.
    page = _log_on(customer)
    shows(page, f"{old.serial:x}", "途中の更新があります", "続きから進みます")
    press(page, "次へ")
    press(page, "実行")
    with office.window(qtbot, monkeypatch) as hands:
        hands.desk.flow.open_link(handed_over(page))

        # 6 「Webアクセスの確認」, はい, once more: for what was begun.
        told = hands.words(hands.until(ConsentPage))
        assert "途中になっている手続きを、続きから行います" in told
        hands.press("続きを行う")
        hands.until(ProgressPage, lambda one: "終了すると、自動で進みます" in hands.words(one))
        customer.chromium.close()

        # 7 電子証明書の更新完了しました. 閉じる. It is the certificate that was on its way, and the only one.
        done = hands.words(hands.until(DonePage))
    before, new = customer.generations
    assert (before.state, new.state) == (State.SUPERSEDED, State.ACTIVE)
    assert new.serial == begun.serial
    assert f"{new.serial:x}" in done
    assert f"有効期間の終わりが {japan_time(new.not_after)} のもの" in done

    # ※自動的にログオフします. ※新しい電子証明書を使用してログオンしてください: the old one stays until its end, by this bank's policy.
    page = customer.open()
    shows(page, f"{new.serial:x}")
    page = _log_on(customer)
    headed(page, "契約法人ステータス画面")
    assert [one.state for one in customer.generations] == [State.SUPERSEDED, State.ACTIVE]


def _log_on(customer: Customer) -> Page:
    return customer.log_in("ログオン")


@contextmanager
def _never_answered(office: Office, customer: Customer, address: str) -> Iterator[None]:
    """The customer's program with that address, as a process that is killed; what the CA answers to its request never
    comes back."""
    front = Front(customer.ca, lambda: "/cmp/" not in front.heard[-1], LONG)
    with front.open() as url:
        office.hand_out(url)
        script = [sys.executable, "-m", "tests.desk.renewing", "", address]
        with subprocess.Popen(script, env=office.pc.program().environment, cwd=ROOT) as window:
            try:
                yield
            finally:
                window.kill()
    office.hand_out(customer.ca.url)
