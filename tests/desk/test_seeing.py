"""What is seen, and when: the bus before the libraries, a job before a look."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.runner import Home
from tests.usb.bus import MockBus, Program
from tokenmgr import clock
from tokenmgr.desk.bench import Bench
from tokenmgr.desk.seeing import _Days
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.simulated import SimulatedMedium

BOUND = 30.0


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """One that looks at the USB bus."""
    made = Home(tmp_path / "pc")
    (made.folder / "settings.toml").write_text("catalogue = false\n")
    made.environment["PCSCLITE_CSOCK_NAME"] = str(tmp_path / "no-reader-service")
    return made


def pulled(home: Home, store: Path) -> SimulatedMedium:
    bed = Testbed(home.folder / "testbed", home.environment, home.folder / "libraries.d", store)
    (stick,) = bed.up("valid")
    stick.unplug()
    return stick


def until(program: Program, is_so: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """All that was told until it is so."""
    told: list[dict[str, Any]] = []
    while not (told and is_so(told[-1])):
        told.append(json.loads(program.line()))
    return told


def test_a_stick_is_told_before_its_library_sees_it_and_goes_at_once(home: Home, testbed_store: Path) -> None:
    stick = pulled(home, testbed_store)
    with MockBus() as bus:
        program = bus.start([sys.executable, "-m", "tests.desk.on_bus", "30"], home.environment)
        until(program, lambda one: one["stores"] == [])
        bus.plug(stick.about.stick)
        told = until(program, lambda one: bool(one["waking"]))
        assert not any(one["broken"] for one in told), "it was not broken, it was waking"
        stick.plug()
        told = until(program, lambda one: one["stores"] == [stick.serial])
        assert not any(one["broken"] for one in told)
        assert told[-1]["waking"] == []
        with stick.held("C_GetTokenInfo") as held:  # its library still shows it, and would for long
            held.wait()
            bus.unplug(stick.about.stick)
            assert until(program, lambda one: one["stores"] == [])
        program.end()


def test_one_that_does_not_wake_is_broken_and_says_why(home: Home, testbed_store: Path) -> None:
    stick = pulled(home, testbed_store)
    with MockBus() as bus:
        program = bus.start([sys.executable, "-m", "tests.desk.on_bus", "0.1"], home.environment)
        until(program, lambda one: one["stores"] == [])
        bus.plug(stick.about.stick)
        told = until(program, lambda one: bool(one["broken"]))
        assert any(one["waking"] for one in told)
        assert told[-1]["waking"] == []
        program.end()


def test_a_job_comes_before_the_next_look_and_gives_up_one_that_hangs() -> None:
    hangs, order = threading.Event(), list[str]()

    def give_up() -> None:
        order.append("given up")
        hangs.set()

    bench = Bench(give_up, patience=0.01)
    under_way = threading.Event()

    def look() -> None:
        for number in range(2):
            with bench.for_look():
                under_way.set()
                hangs.wait(BOUND)
                order.append(f"look {number}")

    looking = threading.Thread(target=look)
    looking.start()
    under_way.wait(BOUND)
    with bench.for_job(lambda: order.append("told")):
        assert bench.is_wanted
        order.append("job")
    looking.join(BOUND)
    assert [one for one in order if one != "given up"] == ["told", "look 0", "job", "look 1"]
    assert "given up" in order


@pytest.mark.parametrize(
    ("later", "is_another"),
    [
        (timedelta(seconds=30), False),
        (timedelta(seconds=90), True),  # midnight in Japan
        (timedelta(minutes=11), True),  # it was asleep, or time went by
        (timedelta(seconds=-5), True),  # somebody has set the clock
    ],
)
def test_midnight_and_sleep_are_noticed(later: timedelta, is_another: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    evening = datetime(2026, 4, 1, 14, 59, 0, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: evening)
    days = _Days()
    monkeypatch.setattr(clock, "now", lambda: evening + later)
    assert days.is_another() is is_another
    assert not days.is_another(), "once"
