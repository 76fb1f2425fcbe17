"""A bus that shows what is plugged in elsewhere."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace

import pytest

from tests.usb.bus import MockBus
from tests.usb.test_detect import EPASS, as_seen, seen
from tests.usb.test_watch import started, told
from tokenmgr.testbed.usb_bus import Stick
from tokenmgr.testbed.usb_mirror import Mirror

OTHER = replace(EPASS, serial="other")


def test_what_is_plugged_is_there_from_the_beginning_and_comes_and_goes() -> None:
    plugged = {"a": EPASS}
    with MockBus() as bus, Mirror(bus, lambda: plugged) as mirror:
        program = started(bus, "polling")
        at = {name: bus.address(stick) for name, stick in mirror.shown.items()}
        del plugged["a"]
        assert told(program) == (False, as_seen(replace(EPASS, port="1"), at["a"]))
        plugged["b"] = OTHER
        came, device = told(program)
        assert (came, device) == (True, as_seen(replace(OTHER, port="1"), device.address))
        assert program.end() == ["threads 1"]


def test_settled_it_shows_what_is_plugged_now() -> None:
    plugged: dict[str, Stick] = {}
    with MockBus() as bus, Mirror(bus, lambda: plugged) as mirror:
        for wanted in ({"a": EPASS}, {"a": EPASS, "b": OTHER}, {"b": OTHER}, {"b": EPASS}, {}):
            plugged = wanted
            mirror.settle()
            assert {name: stick.serial for name, stick in mirror.shown.items()} == {
                name: stick.serial for name, stick in wanted.items()
            }
            assert [(one.serial, one.address) for one in seen(bus)[0]] == [
                (stick.serial, bus.address(stick)) for stick in mirror.shown.values()
            ]


def test_a_look_that_asked_before_does_not_count_as_settled() -> None:
    plugged: dict[str, Stick] = {}
    asked, may_go_on = threading.Event(), threading.Event()
    may_go_on.set()

    def slow() -> dict[str, Stick]:
        said = plugged.copy()
        if not may_go_on.is_set():
            asked.set()
            may_go_on.wait()
        return said

    with MockBus() as bus, Mirror(bus, slow) as mirror:
        may_go_on.clear()
        asked.wait()
        plugged["a"] = EPASS
        threading.Timer(0.05, may_go_on.set).start()
        mirror.settle()
        assert bus.ports == ["1"]


def test_each_has_a_port_of_its_own_and_many_are_behind_hubs() -> None:
    sticks = {f"medium {number}": replace(EPASS, serial=f"{number:03}") for number in range(20)}
    elsewhere = Stick(0x046D, 0x0825, "Logitech", "Webcam", port="3", smart_card=False)
    with MockBus(elsewhere) as bus, Mirror(bus, lambda: sticks) as mirror:
        devices, _ = seen(bus)
        assert len({one.port for one in devices}) == 21
        assert {(one.serial, one.port) for one in devices if one.serial} == {
            (stick.serial, f"1-{stick.port}") for stick in mirror.shown.values()
        }
        assert [mirror.shown[f"medium {number}"].port for number in (0, 2, 6, 7, 14, 15)] == (
            ["1", "4", "8", "9.1", "9.8", "10.1"]
        )
        sticks.clear()
        mirror.settle()
        assert [one.port for one in seen(bus)[0]] == ["1-3"]


def test_one_that_cannot_say_what_is_plugged_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    asked = threading.Semaphore(0)
    ready = threading.Event()

    def plugged() -> dict[str, Stick]:
        asked.release()
        if not ready.is_set():
            raise OSError("not now")
        return {"a": EPASS}

    caplog.set_level(logging.INFO, "tokenmgr.testbed")
    with MockBus() as bus, Mirror(bus, plugged) as mirror:
        for _ in range(4):
            asked.acquire()
        with pytest.raises(TimeoutError) as caught:
            mirror.settle(0.01)
        assert str(caught.value.__cause__) == "not now"
        assert bus.ports == []
        ready.set()
        mirror.settle()
        assert bus.ports == ["1"]
    assert [record.levelname for record in caplog.records] == ["INFO"]  # once, not at every look


def test_it_ends_with_its_thread_and_leaves_the_sticks() -> None:
    with MockBus() as bus:
        with Mirror(bus, lambda: {"a": EPASS}):
            assert "usb mirror" in [thread.name for thread in threading.enumerate()]
        assert "usb mirror" not in [thread.name for thread in threading.enumerate()]
        assert bus.ports == ["1"]
