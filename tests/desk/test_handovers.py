"""How far a hand-over is, between the window and the page: forward only, for its own site alone, and not for ever."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.desk.bank import SITE
from tokenmgr.desk.handovers import KEPT, LONGEST_ORIGIN, MOST_REFUSED, Handovers
from tokenmgr.domain.handover import OPENED, WAITING, Progress, State

OTHER = "https://other.example"
FAILED = Progress(State.FAILED, code="M104")


@pytest.fixture
def handovers(tmp_path: Path) -> Handovers:
    return Handovers(tmp_path)


@pytest.fixture
def jti() -> str:
    return secrets.token_urlsafe(16)


def test_of_many_that_begin_the_same_one_is_told_that_it_is_new(handovers: Handovers, jti: str, now: datetime) -> None:
    with ThreadPoolExecutor(8) as pool:
        began = list(pool.map(lambda _: handovers.begin(jti, SITE, now), range(8)))
    assert sorted(began) == [False] * 7 + [True]
    assert handovers.progress(jti, SITE) == WAITING


def test_it_is_told_to_its_own_site_alone(handovers: Handovers, jti: str, now: datetime) -> None:
    handovers.begin(jti, SITE, now)
    assert handovers.progress(jti, OTHER) is None
    assert handovers.progress(secrets.token_urlsafe(16), SITE) is None
    assert not handovers.begin(jti, OTHER, now)
    handovers.tell(jti, OTHER, OPENED)
    assert (handovers.progress(jti, SITE), handovers.progress(jti, OTHER)) == (OPENED, None)


steps = st.builds(Progress, st.just(State.WORKING), st.integers(1, 9))
others = st.sampled_from([WAITING, OPENED, FAILED, Progress(State.DONE), Progress(State.DECLINED)])


@given(told=st.lists(steps | others, max_size=8))
def test_it_goes_forward_only_and_nothing_follows_an_end(
    told: list[Progress], tmp_path_factory: pytest.TempPathFactory
) -> None:
    handovers, jti, expected = Handovers(tmp_path_factory.mktemp("home")), "A" * 22, WAITING
    for one in told:
        assert handovers.tell(jti, SITE, one) == one.follows(expected)
        expected = one if one.follows(expected) else expected
    assert handovers.progress(jti, SITE) in (expected, None)


def test_one_that_came_without_the_host_has_a_file_from_then_on(handovers: Handovers, jti: str) -> None:
    assert handovers.tell(jti, SITE, OPENED)
    assert handovers.progress(jti, SITE) == OPENED


def test_what_could_not_be_opened_says_so_only_where_nobody_else_has_opened_it(handovers: Handovers, jti: str) -> None:
    assert handovers.tell(jti, SITE, FAILED, only_after=WAITING)
    other = secrets.token_urlsafe(16)
    handovers.tell(other, SITE, OPENED)
    assert not handovers.tell(other, SITE, FAILED, only_after=WAITING)
    assert handovers.progress(other, SITE) == OPENED


def test_old_ones_go_when_another_begins(handovers: Handovers, now: datetime) -> None:
    old, young, newest = (secrets.token_urlsafe(16) for _ in range(3))
    for jti, age in ((old, KEPT + timedelta(seconds=1)), (young, KEPT - timedelta(seconds=1))):
        handovers.begin(jti, SITE, now)
        moment = (now - age).timestamp()
        os.utime(handovers.folder / f"{jti}.json", (moment, moment))
    handovers.refuse(OTHER, now)
    os.utime(handovers.folder / "refused.json", (0, 0))
    handovers.begin(newest, SITE, now)
    found = [handovers.progress(jti, SITE) for jti in (old, young, newest)]
    assert (found, len(handovers.refused())) == ([None, WAITING, WAITING], 1)


@pytest.mark.parametrize("text", ["", "{}", '{"origin": "https://ib.example", "state": "sold", "step": 0, "code": ""}'])
def test_a_file_that_somebody_else_has_written_tells_nothing(handovers: Handovers, jti: str, text: str) -> None:
    handovers.folder.mkdir()
    (handovers.folder / f"{jti}.json").write_text(text)
    (handovers.folder / "refused.json").write_text(text)
    assert (handovers.progress(jti, SITE), handovers.refused()) == (None, [])


@pytest.mark.parametrize("jti", ["../settings.toml", "refused", "", "x" * 23, "lock"])
def test_nothing_but_a_tickets_number_names_a_file(handovers: Handovers, jti: str, now: datetime) -> None:
    assert handovers.progress(jti, SITE) is None
    with pytest.raises(ValueError, match="jti"):
        handovers.begin(jti, SITE, now)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows' profile folders are private by themselves")
def test_nobody_else_on_the_computer_sees_who_was_where(handovers: Handovers, jti: str, now: datetime) -> None:
    handovers.begin(jti, SITE, now)
    assert stat.S_IMODE(handovers.folder.stat().st_mode) == 0o700


def test_of_sites_that_were_refused_the_last_ones_are_kept_each_once(handovers: Handovers, now: datetime) -> None:
    for number in range(MOST_REFUSED + 5):
        handovers.refuse(f"https://{number}.example", now + timedelta(seconds=number))
    later = now + timedelta(minutes=1)
    handovers.refuse("https://7.example", later)
    handovers.refuse("https://" + "x" * 1000, later)
    found = handovers.refused()
    assert len(found) == MOST_REFUSED
    assert [one.origin for one in found[-3:-1]] == ["https://24.example", "https://7.example"]
    assert (found[-2].at, len(found[-1].origin)) == (later, LONGEST_ORIGIN)
    handovers.forget_refused()
    assert handovers.refused() == []
