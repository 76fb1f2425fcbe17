"""002: 電子証明書更新手続き, of a bank (当行) that has no media. 1 to 7, and everything that it forbids on the way:

「実行ボタンクリック後、更新以外の操作は行わないでください。※電子証明書が破損してしまい、更新作業やログインが
できなくなってしまいます。」 All of it is done here, and nothing is lost (R13): the page is loaded again and left
backwards, another ID logs in, the browser is closed, and the power is gone when the CA has issued and nobody has heard
of it. Where ours does better:

- The old certificate logs in at every instant until the new one has been confirmed.
- Page and program find what was begun, and go on where it was, with the certificate that the CA has issued: no second
  one (S6), and no 再発行（初期化）.
- 格納先 is told. Nobody is asked where there is nothing to choose.
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
from tests.desk.rig import PATIENCE
from tests.interop.running import LOGIN_PIN
from tests.seeds import procedures
from tests.seeds.rig import (
    Customer,
    Office,
    close_and_go_on,
    follow,
    handed_over,
    headed,
    load_again,
    never_answered,
    press,
    shows,
)
from tests.warm import ROOT
from tokenmgr.clock import japan_time
from tokenmgr.desk.pages.consent import ConsentPage
from tokenmgr.domain.generation import State

PROCEDURE = procedures.TOKO


def test_everything_that_is_forbidden_is_done(office: Office, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = office.customer("suzuki")
    (old,) = customer.generations

    # 1 利用者暗証番号, by ソフトウェアキーボード; ログオン.
    page = customer.open()
    headed(page, "利用者ログイン（電子証明書方式）")
    press(page, "ソフトウェアキーボード")
    for digit in LOGIN_PIN:
        press(page, digit)
    press(page, "ログオン")

    # 2 電子証明書更新のお知らせ. With the box ticked 契約法人ステータス画面 comes; the next login asks again. 次へ.
    headed(page, "電子証明書更新のお知らせ")
    page.get_by_label("次回ログイン時に更新する").check()
    press(page, "次へ")
    headed(page, "契約法人ステータス画面")
    press(page, "ログオフ")
    page = log_on(customer)
    headed(page, "電子証明書更新のお知らせ")
    shows(page, "有効期限を過ぎるとログインできなくなります", f"有効期限{japan_time(old.not_after)}")
    press(page, "次へ")

    # 3 電子証明書更新実行, 格納先. キャンセル leads to where the box does; 実行 opens the program.
    shows(page, "電子証明書は、このパソコンに保存されます")
    follow(page, "キャンセル")
    follow(page, "証明書更新")
    press(page, "実行")
    address = handed_over(page)

    # ご注意ください: ブラウザの戻るボタンや更新ボタンをクリックする. 他のユーザーでログインする.
    load_again(page)
    shows(page, "「電子証明書の管理」が開くのを待っています")
    page.go_back(wait_until="commit")
    page.go_forward(wait_until="commit")
    shows(page, "「電子証明書の管理」が開くのを待っています")
    other = office.customer("yamada")
    headed(log_on(other), "電子証明書更新のお知らせ")

    # 4 「Webアクセスの確認」, はい. 5 電子証明書取得中. ブラウザを閉じる(電源を切る).
    with never_answered(office, customer), window(office, address):
        expect(page.get_by_text("「電子証明書の管理」が開きました")).to_be_visible(timeout=PATIENCE)
        other.chromium.close()
        customer.chromium.kill()
        until(lambda: [one.state for one in customer.generations] == [State.ACTIVE, State.PENDING])
    _, begun = customer.generations

    # The old certificate logs in. The page tells what was begun, and leads to where it goes on.
    page = log_on(customer)
    shows(page, f"{old.serial:x}", "途中の更新があります", "続きから進みます")
    press(page, "次へ")
    press(page, "実行")

    # 6 「Webアクセスの確認」 again, はい.
    with office.window(qtbot, monkeypatch) as hands:
        hands.desk.flow.open_link(handed_over(page))
        hands.until(ConsentPage, lambda one: "途中になっている手続きを、続きから行います" in hands.words(one))
        hands.press("続きを行う")
        done = close_and_go_on(customer, hands)

    # 7 電子証明書の更新完了しました. It is the certificate that was on its way; its last second tells it from the old.
    before, new = customer.generations
    assert (before.state, new.state, new.serial) == (State.SUPERSEDED, State.ACTIVE, begun.serial)
    assert f"{new.serial:x}" in done
    assert f"有効期間の終わりが {japan_time(new.not_after)} のもの" in done

    # ※次回ログオン時 the new one is used. The old one stays until its end, by this bank's policy, and lets nobody in.
    page = log_on(customer)
    headed(page, "契約法人ステータス画面")
    shows(page, f"{new.serial:x}")
    assert [one.state for one in customer.generations] == [State.SUPERSEDED, State.ACTIVE]


def log_on(customer: Customer) -> Page:
    return customer.log_in("ログオン")


@contextmanager
def window(office: Office, address: str) -> Iterator[None]:
    """The customer's program, as a process whose computer loses its power in the end."""
    script = [sys.executable, "-m", "tests.desk.renewing", "", address]
    with subprocess.Popen(script, env=office.pc.program().environment, cwd=ROOT) as running:
        try:
            yield
        finally:
            running.kill()
