"""The made-up bus itself: what it needs, what it leaves behind, and that it stays true when much is plugged into it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.usb.bus import STAGE, MockBus
from tests.usb.test_detect import EPASS, PROGRAM, apart, as_seen, seen
from tokenmgr import system
from tokenmgr.testbed.usb_bus import UsbBus, UsbBusBroken, UsbBusUnavailable
from tokenmgr.testbed.usb_driver import PRELOAD

ASKED = replace(EPASS, kept=False)  # its strings come from itself, over USB


def test_an_address_that_is_given_out_again_has_nothing_of_its_last_device() -> None:
    with MockBus(ASKED) as bus:
        first = bus.address(ASKED)
        bus.unplug(ASKED)
        addresses = []
        for _ in range(125):
            bus.plug(ASKED)
            addresses.append(bus.address(ASKED))
            bus.unplug(ASKED)
        other = replace(ASKED, serial="another")
        bus.plug(other)
        assert bus.address(other) == first
        assert first not in addresses
        assert len(addresses) == len(set(addresses))
        assert seen(bus) == ([as_seen(other, first)], "")
        bus.unplug(other)
        mute = replace(ASKED, answers=False)
        bus.plug(mute)
        ((device,), _) = seen(bus)
        assert (device.address, device.serial) == (addresses[0], "")


def test_a_bus_is_full_some_day() -> None:
    sticks = [replace(EPASS, port=str(port)) for port in range(1, 127)]
    with MockBus(*sticks) as bus:
        with pytest.raises(ValueError, match="127"):
            bus.plug(replace(EPASS, port="127"))
        bus.unplug(sticks[-1])
        bus.plug(sticks[-1])
        assert len(bus.ports) == 126


def test_a_port_has_one_stick() -> None:
    with MockBus(EPASS) as bus:
        with pytest.raises(ValueError, match="port 2 is taken"):
            bus.plug(ASKED)
        assert seen(bus) == ([as_seen(EPASS, bus.address(EPASS))], "")


def test_it_is_its_owners_alone_needs_no_checkout_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ctypes.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    with UsbBus({"GIVEN": "yes"}, EPASS) as bus:
        assert bus.environment.keys() == {"GIVEN", "LD_PRELOAD", "UMOCKDEV_DIR"}
        command = [*PROGRAM, "look"]
        done = subprocess.run(command, env=bus.environment, cwd=STAGE, capture_output=True, text=True, check=True)
        assert EPASS.serial in done.stdout
        folder = bus.root.parent
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()


@pytest.mark.parametrize("package", ["libumockdev.so", PRELOAD])
def test_where_umockdev_is_not_installed_it_says_what_to_install(package: str) -> None:
    listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    library = next(Path(line.split()[-1]) for line in listed.splitlines() if package in line)
    script = "from tokenmgr.testbed.usb_bus import UsbBus\nwith UsbBus({}): pass"
    command = [*apart((Path("/dev/null"), library)), sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    *_, last = done.stderr.splitlines()
    assert last.startswith("tokenmgr.testbed.usb_bus.UsbBusUnavailable: ")
    assert "umockdev libumockdev0" in last
    assert "ld.so" not in done.stderr


def test_no_other_system_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "NAME", "windows")
    with pytest.raises(UsbBusUnavailable), UsbBus({}):
        pass


def test_a_bus_that_breaks_down_says_why_and_goes_on_saying_so() -> None:
    with UsbBus({}) as bus:
        with pytest.raises(UsbBusBroken, match="umockdev does not take"):
            bus.plug(replace(EPASS, serial="in\ntwo"))
        with pytest.raises(UsbBusBroken, match="umockdev does not take"):
            bus.plug(replace(EPASS, port="3"))
        folder = bus.root.parent
    assert not folder.exists()


def test_a_bus_that_breaks_down_while_it_begins_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with TemporaryDirectory(dir="/tmp") as place:
        monkeypatch.setattr("tempfile.tempdir", place)
        with pytest.raises(UsbBusBroken), UsbBus({}, replace(EPASS, serial="in\ntwo")):
            pass
        assert not list(Path(place).iterdir())
