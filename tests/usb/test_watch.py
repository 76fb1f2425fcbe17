"""Plugging and pulling while somebody watches: each is told once, by udev and by asking again and again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.usb.bus import MockBus, Program
from tests.usb.test_detect import EPASS, PROGRAM, as_seen, read
from tokenmgr.domain.device import UsbDevice
from tokenmgr.testbed.usb_bus import Stick
from tokenmgr.usb.watch import UDEV_RUNS

BOTH = pytest.mark.parametrize("how", ["udev", "polling"])


def started(bus: MockBus, how: str, *listener: str) -> Program:
    """After its first look, from which on everything is told."""
    program = bus.start([*PROGRAM, "watch", how, *listener])
    assert program.line() == how
    devices, trouble = read(program.line())
    assert trouble == ""
    assert [one.port for one in devices] == [f"1-{port}" for port in bus.ports]
    return program


def told(program: Program) -> tuple[bool, UsbDevice]:
    change: dict[str, Any] = json.loads(program.line())
    return change["plugged"], UsbDevice(**change["device"])


@BOTH
def test_plugging_pulling_and_plugging_again(how: str) -> None:
    with MockBus() as bus:
        program = started(bus, how)
        bus.plug(EPASS)
        first = as_seen(EPASS, bus.address(EPASS))
        assert told(program) == (True, first)
        bus.unplug(EPASS)
        assert told(program) == (False, first)
        bus.plug(EPASS)
        again = as_seen(EPASS, bus.address(EPASS))
        assert told(program) == (True, again)
        assert again.place != first.place
        assert program.end() == ["threads 1"]


@BOTH
def test_what_was_there_before_is_told_when_it_goes(how: str) -> None:
    with MockBus(EPASS) as bus:
        program = started(bus, how)
        there = as_seen(EPASS, bus.address(EPASS))
        bus.unplug(EPASS)
        assert told(program) == (False, there)
        assert program.end() == ["threads 1"]


@BOTH
def test_out_and_in_again_at_once_is_two_changes(how: str) -> None:
    with MockBus(EPASS) as bus:
        program = started(bus, how)
        before = as_seen(EPASS, bus.address(EPASS))
        bus.unplug(EPASS)
        bus.plug(EPASS)
        assert told(program) == (False, before)
        assert told(program) == (True, as_seen(EPASS, bus.address(EPASS)))
        assert program.end() == ["threads 1"]


@BOTH
def test_several_at_once_are_told_once_each(how: str) -> None:
    sticks = [Stick(0x096E, 0x0807, serial=port, port=port) for port in ("1", "2", "3.1", "3.2")]
    with MockBus() as bus:
        program = started(bus, how)
        for stick in sticks:
            bus.plug(stick)
        came = [told(program) for _ in sticks]
        assert sorted((plugged, one.serial) for plugged, one in came) == [(True, stick.port) for stick in sticks]
        assert program.end() == ["threads 1"]


@BOTH
def test_a_listener_that_fails_hears_of_the_next_change(how: str, capfd: pytest.CaptureFixture[str]) -> None:
    with MockBus() as bus:
        program = started(bus, how, "broken")
        bus.plug(EPASS)
        assert told(program)[0]
        bus.unplug(EPASS)
        assert not told(program)[0]
        assert program.end() == ["threads 1"]
    assert capfd.readouterr().err.count("RuntimeError: a listener's own fault") == 2


def test_left_to_itself_it_takes_the_best_there_is() -> None:
    with MockBus(EPASS) as bus:
        program = bus.start([*PROGRAM, "watch", ""])
        assert program.line() == ("udev" if UDEV_RUNS.exists() else "polling")
        read(program.line())
        bus.unplug(EPASS)
        assert not told(program)[0]
        assert program.end() == ["threads 1"]
