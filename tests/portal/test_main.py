"""After the login: what is to be renewed, in the bank's way and words, and the main page (R2, R3, R4)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.portal.customers import customer
from tests.portal.rig import BANK, Rig
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.look import Look, Reminder

DAYS_30 = timedelta(days=30)
SECOND = timedelta(seconds=1)
ENDS = "2027年04月01日 12時00分00秒"


def test_the_list_of_notices_leads_to_the_notice_and_that_to_the_renewal(rig: Rig) -> None:
    visitor = customer(rig, store=StoreKind.MEDIUM).visitor
    listed = visitor.get("reminder").text
    assert "重要なお知らせ" in listed
    assert f'<a href="/{BANK}/notice">' in listed
    assert "電子証明書の更新をお願いします" in listed
    body = visitor.get("notice").text
    for text in (ENDS, "あと20日", "tanaka（利用者）", "専用USBを、パソコンに差し込みます", "メイン画面へ進む"):
        assert text in body
    assert f'href="/{BANK}/renew">電子証明書の更新はこちら</a>' in body


def test_two_buttons_are_the_same_choice(rig: Rig) -> None:
    rig.looks[BANK] = Look(reminder=Reminder.BUTTONS)
    page = customer(rig).visitor.get("reminder").text
    assert "電子証明書更新通知" in page
    assert f'href="/{BANK}/renew">今すぐ更新する</a>' in page
    assert f'href="/{BANK}/main">後で更新する</a>' in page


def test_a_box_that_is_ticked_leads_to_the_main_page_and_one_that_is_not_to_the_renewal(rig: Rig) -> None:
    rig.looks[BANK] = Look(reminder=Reminder.CHECKBOX)
    visitor = customer(rig).visitor
    assert "次回ログイン時に更新する" in visitor.get("reminder").text
    assert visitor.post("reminder", {"later": "1"}).headers["location"] == f"/{BANK}/main"
    assert visitor.post("reminder").headers["location"] == f"/{BANK}/renew"


def test_the_banks_own_words_are_on_the_pages(rig: Rig) -> None:
    own = {
        "renew_now": "いま更新",
        "main_title": "契約法人ステータス画面",
        "renew_button": "証明書を更新",
        "user": "ユーザID",
    }
    rig.looks[BANK] = Look(reminder=Reminder.BUTTONS, words={"ja": own})
    visitor = customer(rig).visitor
    pages = visitor.get("reminder").text + visitor.get("main").text
    assert all(word in pages for word in own.values())
    assert "今すぐ更新する" not in pages
    assert "メイン画面" not in pages


def test_later_keeps_notice_and_button_on_the_main_page(rig: Rig) -> None:
    page = customer(rig).visitor.get("main").text
    assert "電子証明書の更新をお願いします" in page
    assert f'href="/{BANK}/renew">証明書更新</a>' in page


def test_to_the_second_it_opens_and_the_main_page_says_from_when(rig: Rig) -> None:
    visitor = customer(rig, left=DAYS_30 + SECOND).visitor
    early = visitor.followed(visitor.get("reminder"))
    assert "メイン画面" in early.text
    assert "更新は、2027年03月02日 12時00分00秒から行えます。" in early.text
    assert "証明書更新" not in early.text
    assert "現在、お知らせはありません" in early.text
    assert visitor.get("notice").status_code == 303
    rig.now += SECOND
    assert "電子証明書の更新をお願いします" in visitor.get("reminder").text


@pytest.mark.parametrize("page", ["reminder", "notice", "main", "renew"])
def test_in_the_last_24_hours_a_clock_runs_by_what_the_server_says_is_left(rig: Rig, page: str) -> None:
    visitor = customer(rig, left=timedelta(hours=24) + SECOND).visitor
    assert "data-left" not in visitor.get(page).text
    rig.now += SECOND
    assert 'data-left="86400000"' in visitor.get(page).text
    rig.now += timedelta(milliseconds=1500)
    shown = visitor.get(page).text
    assert 'data-left="86398500"' in shown
    assert "あと23時間59分59秒" in shown
    assert "countdown.js" in shown


def test_an_unfinished_renewal_is_shown_with_the_way_on(rig: Rig) -> None:
    logged_in = customer(rig)
    rig.certificate(logged_in.who, rig.now, predecessor=logged_in.held, confirmed=False, store=StoreKind.MEDIUM)
    for page in ("main", "notice", "renew"):
        shown = logged_in.visitor.get(page).text
        assert "途中の更新があります" in shown
        assert "保存先: 専用USB" in shown
        assert "2027年03月19日 12時00分00秒までに" in shown


@pytest.mark.parametrize("page", ["reminder", "notice", "main", "renew"])
def test_whoever_is_not_logged_in_sees_nothing_of_it(rig: Rig, page: str) -> None:
    held = rig.certificate(rig.enrol("tanaka"))
    refused = rig.visitor(held).get(page)
    assert refused.status_code == 403
    assert "E111" in refused.text
    assert "tanaka" not in refused.text


def test_in_english_too(rig: Rig) -> None:
    visitor = customer(rig).visitor
    assert "Days left until it expires: 20" in visitor.get("notice?lang=en").text
    assert "Renew certificate" in visitor.get("main").text
