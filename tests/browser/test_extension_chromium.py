"""From a bank's page in Chromium to the window: what a page may ask, and what none may."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from tests.browser.handing import Pc
from tests.browser.pki import Authorities
from tests.browser.site import BANK, ELSEWHERE, UNNAMED, Sites, serving
from tests.contract.services import require, until
from tests.desk.bank import jti_of, way
from tests.interop.running import Authority
from tokenmgr import __version__, clock
from tokenmgr.customer.handover import a_secret
from tokenmgr.customer.profiles import profiles
from tokenmgr.desk.handover import take
from tokenmgr.desk.handovers import Handovers
from tokenmgr.domain.handover import OPENED, Progress, State
from tokenmgr.errors import HandoverSpent

REFUSED, MALFORMED = {"error": "refused"}, {"error": "malformed"}
ASK = "(message) => ask(message)"
# Each asks under the same name, so that an answer to it would be among the answers.
IN_A_FRAME = """(src) => new Promise((loaded) => {
  const frame = document.createElement("iframe");
  frame.src = src;
  frame.onload = () => loaded();
  document.body.append(frame);
})"""
FROM_THE_FRAME = """(message) => {
  postMessage({ tokenmgr: 1, id: "framed", ...message }, location.origin);
  parent.postMessage({ tokenmgr: 1, id: "framed", ...message }, "*");
}"""


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    require("chromium")
    with serving(tmp_path_factory.mktemp("sites"), Authorities()) as made:
        yield made


@pytest.fixture(scope="module")
def pc(sites: Sites, ca: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pc]:
    with closing(Pc(tmp_path_factory.mktemp("pc"), sites, ca)) as made, made.bank.registered(ca):
        yield made


@pytest.fixture(scope="module")
def browser(pc: Pc) -> Iterator[BrowserContext]:
    """With the folder of its own that `tokenmgr desk install` knows."""
    flags = ["--no-sandbox", "--disable-quic", "--host-resolver-rules=MAP *.example 127.0.0.1"]
    flags += [f"--load-extension={pc.chromium}", f"--disable-extensions-except={pc.chromium}"]
    with sync_playwright() as running:
        opened = running.chromium.launch_persistent_context(
            pc.user / ".config" / "chromium",
            executable_path="/usr/bin/chromium",
            ignore_https_errors=True,
            env={**pc.environment},
            args=flags,
        )
        yield opened
        opened.close()


@pytest.fixture
def page(browser: BrowserContext, sites: Sites) -> Iterator[Page]:
    with browser.new_page() as made:
        made.goto(f"{sites.origin()}/")
        yield made


def ask(page: Page, do: str, **more: object) -> object:
    """The answer, or the error as the whole."""
    told = page.evaluate(ASK, {"do": do, **more})
    return told.get("answer", {"error": told.get("error")})


def test_a_banks_page_opens_the_window_and_follows_how_far_it_is(page: Page, pc: Pc, sites: Sites) -> None:
    assert ask(page, "hello") == {"version": __version__}
    ticket = pc.bank.ticket(sites.origin())
    assert ask(page, "begin", ticket=ticket) == {"state": "waiting"}
    (window,) = pc.until_started()
    assert os.getsid(window) == window  # it stays when the browser is closed
    assert ticket not in pc.end(window)
    pc.handovers.tell(jti_of(ticket), sites.origin(), OPENED)
    assert ask(page, "progress", ticket=ticket) == {"state": "open"}
    assert ask(page, "begin", ticket=ticket) == {"state": "open"}  # replayed: told how far it is, and
    assert not pc.windows()  # nothing is opened a second time


def test_the_window_takes_it_up_at_the_ca_and_the_page_hears_of_it_by_both_ways(
    page: Page, pc: Pc, sites: Sites, ca: Authority
) -> None:
    """One window has a second page's, too: the first one is declined by that, and the second by the window's end."""
    tickets = [pc.bank.ticket(sites.origin()) for _ in range(2)]

    def heard() -> list[object]:
        return [ask(page, "progress", ticket=one) for one in tickets]

    def heard_from_ca() -> list[str]:
        found = [json.loads(ca.fetch(f"/handover/{pc.bank.code}/{jti_of(one)}")) for one in tickets]
        return [str(one["state"]) for one in found]

    ask(page, "begin", ticket=tickets[0])
    (window,) = pc.until_started()
    until(lambda: ask(page, "progress", ticket=tickets[0]) == {"state": "open"})
    assert heard_from_ca() == ["open", "waiting"]
    address, banks = f"tokenmgr://renew?t={tickets[0]}", profiles(pc.home.folder / "banks.d")
    with pytest.raises(HandoverSpent):  # replayed on another computer
        take(address, banks, way, Handovers(pc.user), clock.now(), a_secret())
    ask(page, "begin", ticket=tickets[1])
    until(lambda: heard() == [{"state": "declined"}, {"state": "open"}])
    os.kill(window, signal.SIGTERM)
    until(lambda: not pc.windows())
    assert heard() == [{"state": "declined"}] * 2
    assert heard_from_ca() == ["declined"] * 2


def test_the_page_of_the_docs_follows_a_renewal_to_its_end(page: Page, pc: Pc, sites: Sites) -> None:
    sites.ticket = ticket = pc.bank.ticket(sites.origin())
    page.goto(f"{sites.origin()}/renew")
    page.click("text=更新")
    expect(page.locator("#said")).to_have_text("電子証明書の管理を開いています。")
    pc.end(*pc.until_started())
    pc.handovers.tell(jti_of(ticket), sites.origin(), Progress(State.WORKING, 4))
    expect(page.locator("#said")).to_have_text("更新しています（4/9）")
    pc.handovers.tell(jti_of(ticket), sites.origin(), Progress(State.FAILED, code="M104"))
    expect(page.locator("#said")).to_have_text("更新できませんでした（M104）")


def test_the_page_of_the_docs_offers_the_address_where_no_extension_answers(page: Page, pc: Pc, sites: Sites) -> None:
    sites.ticket = pc.bank.ticket(sites.origin())
    page.goto(f"{sites.origin(ELSEWHERE)}/renew")
    page.click("text=更新")
    page.wait_for_selector("#open:visible")
    assert page.get_attribute("#open", "href") == f"tokenmgr://renew?t={sites.ticket}"


def test_a_site_that_this_computer_does_not_know_gets_nothing_and_is_named_to_the_customer(
    page: Page, pc: Pc, sites: Sites
) -> None:
    """The extension runs there. It may say that it is the bank's, and may have the bank's own ticket."""
    ticket = pc.bank.ticket(sites.origin())
    page.goto(f"{sites.origin(UNNAMED)}/")
    assert ask(page, "hello") == REFUSED
    lie = {"origin": sites.origin(), "url": sites.origin(), "sender": {"origin": sites.origin()}}
    assert ask(page, "begin", ticket=ticket, **lie) == REFUSED
    assert ask(page, "progress", ticket=ticket, **lie) == REFUSED
    assert [one.origin for one in pc.handovers.refused()] == [sites.origin(UNNAMED)]
    assert not pc.windows()


def test_a_page_on_which_it_does_not_run_and_a_frame_inside_the_banks_page_are_not_even_answered(
    page: Page, browser: BrowserContext, pc: Pc, sites: Sites
) -> None:
    ticket = pc.bank.ticket(sites.origin())
    message = {"do": "begin", "ticket": ticket}
    with browser.new_page() as other:
        other.goto(f"{sites.origin(ELSEWHERE)}/")
        other.evaluate("(message) => void ask(message)", message)
        for host in (UNNAMED, BANK):
            page.evaluate(IN_A_FRAME, f"{sites.origin(host)}/")
            page.frames[-1].evaluate(FROM_THE_FRAME, message)
        assert ask(page, "hello") == {"version": __version__}  # asked last, and everybody had the time that this took
        assert [one["id"] for one in page.evaluate("() => answers")] == ["n0"]
        for frame in (*page.frames[1:], other.main_frame):
            assert frame.evaluate("() => answers") == []
    assert not pc.windows()


def test_garbage_of_a_banks_page_is_dropped_or_called_so_and_never_reaches_the_program(page: Page, pc: Pc) -> None:
    dropped = ["null", "1", "'tokenmgr'", "[]", "{tokenmgr: 2, id: 'a', do: 'hello'}", "{tokenmgr: 1, do: 'hello'}"]
    dropped += ["{tokenmgr: 1, id: 'a b', do: 'hello'}", "{tokenmgr: 1, id: 'x'.repeat(65), do: 'hello'}"]
    with pc.without_program():  # what got through would be told that it is not there
        page.evaluate(f"() => [{', '.join(dropped)}].forEach((one) => postMessage(one, location.origin))")
        for more in ({}, {"ticket": 5}, {"ticket": "a b"}, {"ticket": "x" * 4097}, {"ticket": "x" * 2_000_000}):
            assert ask(page, "begin", **more) == MALFORMED
        assert ask(page, "shutdown", ticket="a.b.c") == ask(page, "toString", ticket="a.b.c") == MALFORMED
        assert ask(page, "hello") == {"error": "unavailable"}
    assert ask(page, "begin", ticket="x" * 4096) == REFUSED  # the longest that goes through, and is no ticket
    assert [one["id"] for one in page.evaluate("() => answers")] == [f"n{number}" for number in range(9)]
