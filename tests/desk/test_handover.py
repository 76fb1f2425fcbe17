"""The window takes a hand-over up: at a CA that runs, and told to the page by both of its ways."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.services import until
from tests.desk.bank import SITE, HandingBank, jti_of, way
from tests.interop.running import BANK, Authority
from tokenmgr import clock
from tokenmgr.customer.handover import a_secret
from tokenmgr.customer.profiles import Banks, profiles
from tokenmgr.desk.handover import Taken, take
from tokenmgr.desk.handovers import Handovers
from tokenmgr.domain.handover import OPENED, WAITING, Progress, State
from tokenmgr.errors import AuthorityUnreachable, HandoverForged, HandoverSpent


@pytest.fixture(scope="module")
def bank(ca: Authority) -> Iterator[HandingBank]:
    made = HandingBank(BANK, roots=ca.root.read_text())
    with made.registered(ca):
        yield made


@pytest.fixture
def banks(bank: HandingBank, ca: Authority, tmp_path: Path) -> Banks:
    bank.hand_out(tmp_path, address=ca.url)
    return profiles(tmp_path / "banks.d")


@pytest.fixture
def handovers(tmp_path: Path) -> Handovers:
    return Handovers(tmp_path)


@pytest.fixture
def taken(bank: HandingBank, banks: Banks, handovers: Handovers) -> Iterator[Taken]:
    ticket = bank.ticket()
    handovers.begin(jti_of(ticket), SITE, clock.now())
    made = take(f"tokenmgr://renew?t={ticket}", banks, way, handovers, clock.now(), a_secret())
    yield made
    made.close()


def at_the_ca(ca: Authority, jti: str) -> dict[str, object]:
    told: dict[str, object] = json.loads(ca.fetch(f"/handover/{BANK}/{jti}"))
    return told


def test_the_page_hears_of_it_by_the_file_and_by_the_ca(ca: Authority, taken: Taken, handovers: Handovers) -> None:
    jti = taken.errand.jti
    assert handovers.progress(jti, SITE) == OPENED
    assert at_the_ca(ca, jti)["state"] == "open"
    taken.tell(State.WORKING, 3)
    until(lambda: at_the_ca(ca, jti) == {"state": "working", "step": 3, "code": None})
    assert handovers.progress(jti, SITE) == Progress(State.WORKING, 3)
    taken.tell(State.WORKING, 2)  # late: neither is told
    taken.tell(State.DONE)
    taken.close()  # waits for the last word
    assert at_the_ca(ca, jti)["state"] == "done"
    assert handovers.progress(jti, SITE) == Progress(State.DONE)


def test_a_second_start_with_the_same_ticket_leaves_the_first_alone(
    taken: Taken, banks: Banks, handovers: Handovers
) -> None:
    with pytest.raises(HandoverSpent):
        take(taken.errand.ticket, banks, way, handovers, clock.now(), a_secret())
    assert handovers.progress(taken.errand.jti, SITE) == OPENED


def test_one_that_was_redeemed_elsewhere_has_failed_here(taken: Taken, banks: Banks, tmp_path: Path) -> None:
    here = Handovers(tmp_path / "another")
    here.begin(taken.errand.jti, SITE, clock.now())
    with pytest.raises(HandoverSpent):
        take(taken.errand.ticket, banks, way, here, clock.now(), a_secret())
    assert here.progress(taken.errand.jti, SITE) == Progress(State.FAILED, code="H104")


def test_a_disk_that_takes_nothing_stops_nothing(
    ca: Authority, bank: HandingBank, banks: Banks, tmp_path: Path
) -> None:
    (tmp_path / "full").write_text("a file where a folder is wanted")
    taken = take(bank.ticket(), banks, way, Handovers(tmp_path / "full"), clock.now(), a_secret())
    taken.tell(State.DECLINED)
    taken.close()
    assert at_the_ca(ca, taken.errand.jti)["state"] == "declined"


def test_without_the_network_it_waits_and_may_be_taken_up_again(
    bank: HandingBank, banks: Banks, handovers: Handovers
) -> None:
    ticket = bank.ticket()
    handovers.begin(jti_of(ticket), SITE, clock.now())
    with pytest.raises(AuthorityUnreachable):
        take(
            ticket,
            banks,
            lambda one: way(replace(one, address="https://127.0.0.1:1")),
            handovers,
            clock.now(),
            a_secret(),
        )
    assert handovers.progress(jti_of(ticket), SITE) == WAITING
    again = take(ticket, banks, way, handovers, clock.now(), a_secret())
    again.close()
    assert handovers.progress(jti_of(ticket), SITE) == OPENED


def test_what_proves_nothing_leaves_no_trace(bank: HandingBank, banks: Banks, handovers: Handovers) -> None:
    forged = HandingBank(BANK, roots=bank.roots).ticket()
    with pytest.raises(HandoverForged):
        take(forged, banks, way, handovers, clock.now(), a_secret())
    assert not handovers.folder.exists()
