"""The pages in a real browser: they can be read, heard and pressed at a desk and on a telephone; and what their scripts
do."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.contract.services import require
from tests.desk import picturing
from tests.desk.picturing import PICTURES
from tests.portal import gallery
from tests.portal.browsing import faults
from tests.portal.customers import Program
from tests.portal.front import FLAGS, Front, serving
from tests.portal.rig import BANK, CONTRACT, ISSUED, LOGIN_PIN, OTHER_BANK, Rig
from tests.sql import compiled
from tokenmgr.domain.generation import Generation, StoreKind
from tokenmgr.domain.handover import OPENED, Progress, State
from tokenmgr.sql.engine import Database

# An extension as its content.js answers a page; what it was asked is kept.
EXTENSION = """
window.asked = [];
addEventListener("message", ({ source, data }) => {
  if (source !== window || data?.tokenmgr !== 1 || !("do" in data)) return;
  window.asked.push(data.do);
  const answer = data.do === "hello" ? { version: "1" } : { state: "waiting" };
  postMessage({ tokenmgr: 1, id: data.id, answer }, location.origin);
});
"""
A_WRONG_CLOCK = "{ const now = Date.now; Date.now = () => now() + 86_400_000; }"
WHEN_IT_ENDED = """() => new Promise((told) => {
  const ended = document.querySelector("[data-ended]");
  const [{ responseStart }] = performance.getEntriesByType("navigation");
  const look = () => { if (!ended.hidden) told(performance.now() - responseStart); };
  new MutationObserver(look).observe(ended, { attributes: true });
  look();
})"""


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    require("chromium")
    with serving(tmp_path_factory.mktemp("front")) as made:
        yield made


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    home = {**os.environ, "HOME": str(tmp_path_factory.mktemp("home"))}  # it makes a database of certificates there
    with sync_playwright() as running:
        opened = running.chromium.launch(executable_path="/usr/bin/chromium", args=[*FLAGS], env={**home})
        yield opened
        opened.close()


@pytest.fixture
def rig(front: Front, tmp_path: Path) -> Iterator[Rig]:
    with closing(Database.open(f"sqlite:///{tmp_path / 'registry.db'}", clock=lambda: ISSUED)) as database:
        compiled.once(database)
        database.migrate(ISSUED)
        made = Rig(database)
        front.app, front.peer = made.app, b""
        yield made


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Of a window of its own. What its scripts stumble over is a fault."""
    with browser.new_context(ignore_https_errors=True, locale="ja-JP") as context:
        made, troubles = context.new_page(), list[str]()
        made.on("pageerror", lambda error: troubles.append(str(error)))
        made.on("console", lambda said: troubles.append(said.text) if "Security Policy" in said.text else None)
        yield made
        assert not troubles


def log_in(
    rig: Rig, front: Front, page: Page, left: timedelta = timedelta(days=20), bank: str = BANK
) -> tuple[Generation, str]:
    """The certificate, and where its bank's pages are."""
    held = rig.certificate(rig.enrol("tanaka", bank=bank), store=StoreKind.MEDIUM)
    rig.now, front.peer = held.not_after - left, held.certificate
    site = f"{front.site}/{bank}/"
    page.goto(site)
    page.fill("#login_pin", LOGIN_PIN)
    page.press("#login_pin", "Enter")
    page.wait_for_url(re.compile("reminder|main"))
    return held, site


def begun(rig: Rig, page: Page, site: str) -> Program:
    page.goto(f"{site}renew")
    page.clock.fast_forward(2500)  # nobody answers as an extension
    page.get_by_role("button", name="更新", exact=True).click()
    link = page.get_by_role("link", name="「電子証明書の管理」を開く")
    expect(link).to_be_visible()
    return Program(rig, (link.get_attribute("href") or "").partition("?t=")[2])


def test_the_clock_of_the_last_day_is_right_to_the_second_whatever_this_computers_says(
    rig: Rig, front: Front, page: Page
) -> None:
    page.add_init_script(A_WRONG_CLOCK)
    left = timedelta(seconds=1.6)
    _, site = log_in(rig, front, page, left)
    page.goto(f"{site}main")
    assert page.evaluate(WHEN_IT_ENDED) > left.total_seconds() * 1000  # its last second counts (R2)
    expect(page.get_by_role("alert")).to_contain_text("電子証明書の有効期限が過ぎました")
    clock = page.locator("[data-left]")
    expect(clock).to_be_hidden()
    expect(clock).to_have_text(re.compile("あと0時間0分[0-2]秒です"))


def test_a_double_click_at_the_login_costs_one_try(rig: Rig, front: Front, page: Page) -> None:
    held = rig.certificate(rig.enrol("tanaka"))
    front.peer = held.certificate
    page.goto(f"{front.site}/{BANK}/")
    page.fill("#login_pin", "000000")
    page.evaluate("() => [1, 2].forEach(() => document.querySelector('main form > button').click())")
    expect(page.get_by_role("alert")).to_contain_text("あと 4 回")
    assert rig.registry.spend_try(BANK, CONTRACT, "tanaka", 5, False, rig.now).spent == 2


def test_the_keyboard_on_the_screen_works_by_mouse_and_by_keys_and_is_shuffled_where_that_is_wanted(
    rig: Rig, front: Front, page: Page
) -> None:
    held = rig.certificate(rig.enrol("tanaka"))
    front.peer = held.certificate
    page.goto(f"{front.site}/{BANK}/")
    assert faults(page) == []
    toggle = page.get_by_role("button", name="ソフトウェアキーボード")
    toggle.click()
    expect(toggle).to_have_attribute("aria-expanded", "true")
    assert faults(page) == []
    keys = page.locator(".keys button")
    usual = keys.all_inner_texts()
    assert "".join(usual[:10]) == "1234567890"
    page.get_by_role("checkbox", name="キーの並びを替える").check()
    shuffled = keys.all_inner_texts()
    assert shuffled != usual
    assert [sorted(shuffled[:10]), sorted(shuffled)] == [sorted(usual[:10]), sorted(usual)]
    page.get_by_role("checkbox", name="キーの並びを替える").uncheck()
    for held_down, character in (("大文字", "A"), ("記号", "~")):
        page.get_by_role("button", name=held_down).click()
        page.get_by_role("button", name=character, exact=True).click()
    field = page.locator("#login_pin")
    expect(field).to_have_value("A~")
    page.get_by_role("button", name="1文字消す").click()
    expect(field).to_have_value("A")
    page.get_by_role("button", name="すべて消す").click()
    for character in LOGIN_PIN[:3]:
        page.get_by_role("button", name=character, exact=True).click()
    keys.first.focus()
    page.keyboard.press("ArrowLeft")  # no further
    for key in ("ArrowDown", "ArrowUp", *["ArrowRight"] * 6, "Enter"):
        page.keyboard.press(key)
    expect(field).to_have_value(LOGIN_PIN[:4])
    expect(page.get_by_text("4文字入力されています")).to_be_visible()
    for character in LOGIN_PIN[4:]:
        page.get_by_role("button", name=character, exact=True).click()
    page.get_by_role("button", name="ログイン").click()
    expect(page.get_by_role("heading", name="メイン画面")).to_be_visible()


def test_how_far_the_program_is_goes_by_itself_to_the_new_certificate(rig: Rig, front: Front, page: Page) -> None:
    page.clock.install()
    held, site = log_in(rig, front, page)
    page.goto(f"{site}renew")
    expect(page.get_by_text("電子証明書更新前処理中")).to_be_visible()
    program = begun(rig, page, site)
    expect(page.get_by_text("開くのを待っています")).to_be_visible()
    for progress, said in ((OPENED, "が開きました"), (Progress(State.WORKING, 4), "認証局が発行しています")):
        program.tell(progress)
        page.clock.fast_forward(2100)
        expect(page.get_by_text(said)).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="重要なお知らせ")).to_be_visible()
    page.go_forward()
    expect(page.locator("[aria-current=step]")).to_contain_text("認証局が発行しています")
    page.route("**/renewal?*", lambda route: route.abort())
    page.clock.fast_forward(2100)
    expect(page.get_by_text("状況を確かめられません")).to_be_visible()
    page.unroute("**/renewal?*")
    who = rig.registry.standing(held.subscriber or 0).subscriber
    new = rig.certificate(who, rig.now, predecessor=held, store=StoreKind.MEDIUM)
    page.clock.fast_forward(4100)
    page.wait_for_url(re.compile("/renewed"))
    expect(page.get_by_text(f"{new.serial:x}")).to_be_visible()
    assert faults(page) == []
    page.get_by_role("button", name="このウィンドウを閉じる").click()


def test_an_extension_that_answers_is_asked_and_no_address_is_opened(rig: Rig, front: Front, page: Page) -> None:
    page.add_init_script(EXTENSION)
    _, site = log_in(rig, front, page)
    page.goto(f"{site}renew")
    page.get_by_role("button", name="更新", exact=True).click()
    while page.evaluate("asked.length") < 2:  # waited for within the page it would be eval, which its policy forbids
        page.wait_for_timeout(20)
    assert page.evaluate("asked") == ["hello", "begin"]
    expect(page.get_by_text("開くのを待っています")).to_be_visible()
    expect(page.get_by_role("link", name="「電子証明書の管理」を開く")).to_be_hidden()


def test_a_session_that_is_over_is_told_so_when_the_button_is_pressed(rig: Rig, front: Front, page: Page) -> None:
    page.add_init_script(EXTENSION)
    _, site = log_in(rig, front, page)
    page.goto(f"{site}renew")
    button = page.get_by_role("button", name="更新", exact=True)
    expect(button).to_be_visible()
    rig.now += timedelta(minutes=20)
    button.click()
    expect(page.get_by_text("E111")).to_be_visible()


def test_without_scripts_a_renewal_is_begun_and_looked_at_all_the_same(
    rig: Rig, front: Front, browser: Browser
) -> None:
    with browser.new_context(ignore_https_errors=True, locale="ja-JP", java_script_enabled=False) as context:
        page = context.new_page()
        _, site = log_in(rig, front, page)
        page.goto(f"{site}renew")
        page.get_by_role("button", name="更新", exact=True).click()
        link = page.get_by_role("link", name="「電子証明書の管理」を開く").get_attribute("href") or ""
        Program(rig, link.partition("?t=")[2]).tell(Progress(State.WORKING, 7))
        page.get_by_role("link", name="いまの状況を見る").click()
        expect(page.locator("[aria-current=step]")).to_contain_text("書き込んだものを確かめています")


def test_an_acquisition_is_begun_with_two_ids(rig: Rig, front: Front, page: Page) -> None:
    page.add_init_script(EXTENSION)
    page.goto(f"{front.site}/{BANK}/acquire")
    page.get_by_label("契約者ID（利用者番号）").fill(CONTRACT)
    page.get_by_label("利用者ID", exact=True).fill("tanaka")
    page.get_by_role("button", name="電子証明書取得").click()
    expect(page.get_by_role("heading", name="取得の状況")).to_be_focused()
    assert faults(page) == []
    page.goto(f"{front.site}/{OTHER_BANK}/acquire")
    assert faults(page) == []


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_page_can_be_read_heard_and_pressed_and_the_guide_has_a_picture_of_it(
    rig: Rig, front: Front, browser: Browser, language: str, request: pytest.FixtureRequest
) -> None:
    """At a desk and on a telephone. `--write-pictures` makes the pictures anew."""
    taken, found = set(), dict[str, list[str]]()

    def take(page: Page, name: str) -> None:
        path = PICTURES / f"subscriber-{name}{'' if language == 'ja' else '-en'}.png"
        taken.add(path.name)
        if request.config.getoption("--write-pictures"):
            gallery.write(page, path)
        assert picturing.of(path) == gallery.fingerprint(page), f"{path.name}: --write-pictures"
        assert path.stat().st_size <= gallery.LARGEST
        found[name] = faults(page)
        page.set_viewport_size(gallery.DESK)

    with browser.new_context(ignore_https_errors=True, locale="ja-JP") as context:
        gallery.walk(rig, front, context, language, take)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    guide = (PICTURES.parent / "subscriber.md").read_text(encoding="utf-8")
    ending = {"ja": r"[a-z-]+(?<!-en)", "en": r"[a-z-]+-en"}[language]
    assert set(re.findall(rf"pictures/(subscriber-{ending}\.png)", guide)) == taken
