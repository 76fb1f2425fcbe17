"""One look at the bus: what is there, how it is told apart, and everything that may be missing. With real libusb."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.usb.bus import STAGE, MockBus
from tokenmgr.domain.device import UsbDevice
from tokenmgr.testbed.usb_bus import Stick
from tokenmgr.usb.detect import look

PROGRAM = [sys.executable, "-m", "tests.usb.program"]
EPASS = Stick(0x096E, 0x0807, "EnterSafe", "ePass2003", "0123456789")
BESIDE = Stick(0x096E, 0x0807, "EnterSafe", "ePass2003", "0123456789", port="4")
WEBCAM = Stick(0x046D, 0x0825, "Logitech", "Webcam", "ABCD", port="3", smart_card=False)


def seen(bus: MockBus, *words: str) -> tuple[list[UsbDevice], str]:
    """What one look shows; it says nothing else to anybody."""
    done = bus.run([*PROGRAM, *(words or ("look",))])
    assert (done.returncode, done.stderr) == (0, "")
    return read(done.stdout)


def read(line: str) -> tuple[list[UsbDevice], str]:
    told: dict[str, Any] = json.loads(line)
    return [UsbDevice(**one) for one in told["devices"]], told["trouble"]


def as_seen(stick: Stick, address: int, **otherwise: Any) -> UsbDevice:
    whole: dict[str, Any] = {"serial": stick.serial, "maker": stick.maker, "name": stick.name, **otherwise}
    return UsbDevice(stick.vendor, stick.product, 1, address, f"1-{stick.port}", smart_card=stick.smart_card, **whole)


# --- what is there ---


@pytest.mark.parametrize(
    "stick",
    [
        pytest.param(Stick(0x096E, 0x0807, "EnterSafe", "ePass2003", "01", kept=False), id="told by the device"),
        pytest.param(Stick(0x096E, 0x0807, "EnterSafe", "ePass2003", "01", answers=False), id="kept by the system"),
        pytest.param(Stick(0x096E, 0x0807, "EnterSafe", "ePass2003", "01", silent=True), id="the device is stuck"),
        pytest.param(
            Stick(0x096E, 0x0807, "飛天誠信", "専用USB", "", kept=False), id="japanese, without a serial number"
        ),
        pytest.param(Stick(0x096E, 0x0807), id="no strings at all"),
    ],
)
def test_a_stick_shows_its_ids_its_strings_and_its_place(stick: Stick) -> None:
    with MockBus(stick) as bus:
        devices, trouble = seen(bus)
        assert (devices, trouble) == ([as_seen(stick, bus.address(stick))], "")
        assert devices[0].usb_id == "096e:0807"
        assert devices[0].place == f"1-2#{bus.address(stick)}"


def test_two_alike_are_told_apart_by_port_and_serial_number() -> None:
    twins = (
        Stick(0x096E, 0x0807, "EnterSafe", "ePass2003", "A"),
        Stick(0x096E, 0x0807, "EnterSafe", "ePass2003", "B", "1"),
    )
    with MockBus(*twins) as bus:
        devices, _ = seen(bus)
    assert [(one.port, one.serial) for one in devices] == [("1-1", "B"), ("1-2", "A")]


def test_a_hub_is_left_out_and_what_is_behind_it_is_not() -> None:
    near, far = Stick(0x096E, 0x0807, port="2.4"), Stick(0x096E, 0x0807, port="2.10.1")
    with MockBus(far, near) as bus:
        devices, _ = seen(bus)
    assert [one.port for one in devices] == ["1-2.4", "1-2.10.1"]


def test_pulled_and_put_back_it_is_in_another_place() -> None:
    with MockBus(EPASS) as bus:
        (before,), _ = seen(bus)
        bus.unplug(EPASS)
        assert seen(bus) == ([], "")
        bus.plug(EPASS)
        (after,), _ = seen(bus)
    assert (before.port, before.serial) == (after.port, after.serial)
    assert before.place != after.place


def test_a_device_that_nobody_asked_for_keeps_its_strings_to_itself() -> None:
    with MockBus(EPASS, WEBCAM) as bus:
        devices, _ = seen(bus, "look", "1050:0407")
        nameless = as_seen(WEBCAM, bus.address(WEBCAM), serial="", maker="", name="")
        assert devices == [as_seen(EPASS, bus.address(EPASS)), nameless]  # it is for smart cards: that is asking
        asked, _ = seen(bus, "look", "046d:0825")
        assert asked == [as_seen(EPASS, bus.address(EPASS)), as_seen(WEBCAM, bus.address(WEBCAM))]


def test_a_name_cannot_speak_to_the_terminal() -> None:
    with MockBus(Stick(0x096E, 0x0807, "Enter\x1b[31mSafe", "ePass\r\n2003", "1\x00", kept=False)) as bus:
        ((device,), _) = seen(bus)
    assert (device.maker, device.name, device.serial) == ("Enter[31mSafe", "ePass2003", "1")


# --- what may be missing ---


def test_a_device_that_goes_while_it_is_looked_at_takes_nothing_with_it() -> None:
    going = Stick(0x1234, 0x5678, "Gone", "Soon", "1", smart_card=False)
    with MockBus(going, BESIDE) as bus:
        program = bus.start([*PROGRAM, "look-and-wait"])
        assert program.line() == "listed"
        bus.unplug(going)
        program.say("go on")
        (line,) = program.end()
        assert read(line) == ([as_seen(BESIDE, bus.address(BESIDE))], "")


@pytest.mark.parametrize("kept", [True, False], ids=["linux has kept them", "nobody has kept them"])
def test_strings_that_may_not_be_read(kept: bool) -> None:
    stick = Stick(0x096E, 0x0807, "EnterSafe", "ePass2003", "0123", kept=kept, forbidden=True)
    with MockBus(stick) as bus:
        devices, trouble = seen(bus, "look-as-nobody")
        unknown = {} if kept else {"serial": "", "maker": "", "name": "", "readable": False}
        assert (devices, trouble) == ([as_seen(stick, bus.address(stick), **unknown)], "")


def test_a_bus_without_anything_on_it_is_no_trouble() -> None:
    with MockBus() as bus:
        assert seen(bus) == ([], "")


def test_no_file_descriptor_is_left_for_libusb() -> None:
    with MockBus(EPASS) as bus:
        done = bus.run([*PROGRAM, "look-starved"])
        starved, fed = map(read, done.stdout.splitlines())
        assert starved == ([], "no-usb")
        assert fed == ([as_seen(EPASS, bus.address(EPASS))], "")


def apart(*hidden: tuple[Path, Path]) -> list[str]:
    """Before a command: it runs with some files covered by others, which nobody else sees."""
    private = ["unshare", "--mount", *(["--map-root-user"] if os.geteuid() else [])]
    if subprocess.run([*private, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system gives nobody but root a file system of their own")
    mounts = [shlex.join(["mount", "--bind", str(over), str(under)]) for over, under in hidden]
    return [*private, "sh", "-ec", "; ".join([*mounts, 'exec "$@"']), "sh"]


def libusbs() -> tuple[Path, list[Path]]:
    """The one that comes with us, and the system's."""
    package = find_spec("libusb_package")
    assert package is not None
    assert package.origin is not None
    listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    return Path(package.origin).parent / "libusb-1.0.so", [
        Path(line.split()[-1]) for line in listed.splitlines() if "libusb-1.0" in line
    ]


def test_the_systems_libusb_serves_where_ours_does_not() -> None:
    ours, systems = libusbs()
    if not systems:
        pytest.skip("this system has no libusb of its own")
    with MockBus(EPASS) as bus:
        done = bus.run([*apart((Path("/dev/null"), ours)), *PROGRAM, "look"])
        assert (read(done.stdout), done.stderr) == (([as_seen(EPASS, bus.address(EPASS))], ""), "")


def test_no_libusb() -> None:
    ours, systems = libusbs()
    covered = apart(*((Path("/dev/null"), library) for library in (ours, *systems)))
    with MockBus(EPASS) as bus:
        done = bus.run([*covered, *PROGRAM, "look"])
        assert (read(done.stdout), done.stderr) == (([], "no-libusb"), "")
        watched = bus.start([*covered, *PROGRAM, "watch", "polling"])
        assert [watched.line(), read(watched.line())] == ["polling", ([], "no-libusb")]
        assert watched.end() == ["threads 1"]


def test_no_usb(tmp_path: Path) -> None:
    covered = apart((tmp_path, Path("/sys")), *((tmp_path, bus) for bus in [Path("/dev/bus")] if bus.exists()))
    done = subprocess.run([*covered, *PROGRAM, "look"], cwd=STAGE, capture_output=True, text=True, check=True)
    assert (read(done.stdout), done.stderr) == (([], "no-usb"), "")


def test_whatever_computer_this_is_a_look_gives_an_answer() -> None:
    bus = look(lambda usb_id: False)
    assert bus.trouble in ("", "no-usb")
    assert not (bus.trouble and bus.devices)


def test_nothing_is_loaded_before_the_first_look() -> None:
    program = "import sys, tokenmgr.usb.watch; print({'usb', 'libusb_package', 'pyudev'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=STAGE, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
