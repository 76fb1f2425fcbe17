"""The same way in Firefox, whose extension is another build of the same source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.browser.handing import Pc
from tests.browser.marionette import Firefox, firefox
from tests.browser.pki import Authorities
from tests.browser.site import HOSTS, UNNAMED, Sites, serving
from tests.contract.services import require
from tests.desk.bank import jti_of
from tokenmgr import __version__
from tokenmgr.domain.handover import Progress, State


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    require("firefox-esr")
    with serving(tmp_path_factory.mktemp("sites"), Authorities()) as made:
        yield made


@pytest.fixture(scope="module")
def pc(sites: Sites, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pc]:
    with closing(Pc(tmp_path_factory.mktemp("pc"), sites)) as made:
        yield made


@pytest.fixture(scope="module")
def browser(pc: Pc, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with firefox(tmp_path_factory.mktemp("firefox") / "profile", pc.environment, *HOSTS) as started:
        started.install(pc.firefox)
        yield started


def ask(browser: Firefox, do: str, **more: object) -> object:
    told = browser.evaluate("(message) => ask(message)", {"do": do, **more})
    return told.get("answer", {"error": told.get("error")})


def test_from_hello_to_progress(browser: Firefox, pc: Pc, sites: Sites) -> None:
    browser.goto(f"{sites.origin()}/")
    assert ask(browser, "hello") == {"version": __version__}
    ticket = pc.bank.ticket(sites.origin())
    assert ask(browser, "begin", ticket=ticket) == {"state": "waiting"}
    (window,) = pc.until_started()
    assert ticket not in pc.end(window)
    pc.handovers.tell(jti_of(ticket), sites.origin(), Progress(State.WORKING, 7))
    assert ask(browser, "progress", ticket=ticket) == {"state": "working", "step": 7}


def test_another_site_gets_nothing_whatever_it_says(browser: Firefox, pc: Pc, sites: Sites) -> None:
    ticket = pc.bank.ticket(sites.origin())
    browser.goto(f"{sites.origin(UNNAMED)}/")
    assert ask(browser, "hello") == {"error": "refused"}
    assert ask(browser, "begin", ticket=ticket, origin=sites.origin()) == {"error": "refused"}
    assert ask(browser, "begin", ticket="a b") == {"error": "malformed"}
    assert [one.origin for one in pc.handovers.refused()] == [sites.origin(UNNAMED)]
    assert not pc.windows()
