"""What is plugged in, and exactly what is missing where it does not work: sticks on a made-up bus, real libraries."""

from __future__ import annotations

import ctypes.util
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.cli.runner import PROGRAM, Home, Result
from tests.contract import piv, rigs
from tests.contract.observe import generate
from tests.contract.rig import Rig
from tests.usb.bus import MockBus
from tokenmgr import catalogue
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.family import Family
from tokenmgr.log import Secret
from tokenmgr.testbed.simulated import softhsm
from tokenmgr.testbed.usb_bus import Stick
from tokenmgr.token.session import Session

FAMILIES = [family for family in catalogue.shipped().families.values() if family.usb.ids and family.libraries.automatic]
OUR_STICK = Stick(0x1234, 0x5678, "Acme", "Our Stick", "SN-0001", smart_card=False)
OUR_CARD = replace(OUR_STICK, smart_card=True)
YUBIKEY = Stick(0x1050, 0x0407, "Yubico", "YubiKey OTP+FIDO+CCID")
# A family of the user's, whose library is SoftHSM's: a stick that can be had here.
OUR_FAMILY = f"""
title = "Our Stick"
[usb]
ids = ["1234:5678"]
source = "made up"
[libraries]
linux = ["{softhsm()}"]
get = "Ask the bank."
source = "made up"
[token]
spare_slot = true
source = "as SoftHSM"
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """One that looks at the USB bus."""
    made = Home(tmp_path / "home")
    (made.folder / "settings.toml").write_text("catalogue = false\n")
    made.environment["PCSCLITE_CSOCK_NAME"] = str(tmp_path / "no-reader-service")
    return made


def run(home: Home, bus: MockBus, *arguments: str) -> Result:
    done = subprocess.run(
        [PROGRAM, *arguments],
        env={**home.environment, **{k: v for k, v in bus.environment.items() if k not in home.environment}},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def listed(home: Home, bus: MockBus) -> dict[str, Any]:
    listing: dict[str, Any] = json.loads(run(home, bus, "media", "--json").out)
    return listing


def stick(usb_id: str, port: str) -> Stick:
    vendor, product = (int(part, 16) for part in usb_id.split(":"))
    return Stick(vendor, product, "Maker", "Product", f"SN{port}", port=port)


# --- every family ---


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_each_family_is_known_when_it_is_plugged_in_and_its_library_is_named(home: Home, family: Family) -> None:
    sticks = [stick(usb_id, str(port)) for port, usb_id in enumerate(family.usb.ids, start=1)]
    with MockBus(*sticks) as bus:
        listing = listed(home, bus)
        told = run(home, bus, "media", "--lang", "ja")
    devices = listing["devices"]
    assert [device["usb_id"] for device in devices] == list(family.usb.ids)
    assert [device["port"] for device in devices] == [f"1-{one.port}" for one in sticks]
    assert [device["serial"] for device in devices] == [one.serial for one in sticks]
    for device in devices:
        assert (device["family"], device["name"], device["missing"]) == (family.name, family.title, "library")
        error = device["error"]
        assert error["code"] == "L105"
        assert family.libraries.get in error["next"]
        assert Path(catalogue.libraries(family)[0]).name in error["what"]
    assert told.out == ""
    assert f"{family.title} は接続されていますが" in told.err


# --- what is missing ---


@pytest.fixture
def ours(home: Home) -> str:
    """The number of a medium of the user's own family."""
    (home.folder / "drivers.d").mkdir()
    (home.folder / "drivers.d" / "our-stick.toml").write_text(OUR_FAMILY)
    serial = home.plug_in("a")
    entry = home.folder / "libraries.d" / "testbed-a.toml"
    entry.write_text(entry.read_text().replace('"softhsm"', '"our-stick"'))
    return serial


def test_a_medium_that_works_is_shown_with_its_port(home: Home, ours: str) -> None:
    with MockBus(OUR_STICK) as bus:
        done = run(home, bus, "media")
        listing = listed(home, bus)
    assert done.status == 0
    assert [line.split() for line in done.out.splitlines()[1:]] == [
        [ours, "Medium", "a", "Our", "Stick", "1-2", "fine"]
    ]
    (device,) = listing["devices"]
    assert (device["media"], device["missing"], device["error"]) == ([ours], "", None)


def test_a_library_without_a_slot_for_the_device(home: Home, ours: str) -> None:
    home.media["a"].unplug()
    with MockBus(OUR_STICK) as bus:
        for command in (["media"], ["medium", "show"], ["pin", "status"], ["verify"]):
            done = run(home, bus, *command)
            assert "Error M119  Our Stick is plugged in, and its library (libsofthsm2.so) does not see it." in done.err
            assert done.status == 3
        doctor = run(home, bus, "doctor")
    assert "PROBLEM  USB: Our Stick (1234:5678, 1-2) M119" in doctor.out
    assert doctor.status == 5


def test_a_card_whose_reader_service_does_not_run(home: Home, ours: str) -> None:
    home.media["a"].unplug()
    with MockBus(OUR_CARD) as bus:
        done = run(home, bus, "media", "--lang", "ja")
    assert "エラー M125  Our Stick は接続されていますが、カードリーダーのサービスが動いていません。" in done.err
    assert done.err.count("M125") == 1
    assert done.status == 3


def test_a_token_that_no_rule_of_its_family_fits_is_named(home: Home, ours: str) -> None:
    driver = home.folder / "drivers.d" / "our-stick.toml"
    driver.write_text(driver.read_text().replace("[token]", '[token]\nmodels = ["Acme*"]'))
    entry = home.folder / "libraries.d" / "testbed-a.toml"
    entry.write_text(entry.read_text().replace('family = "our-stick"\n', ""))
    with MockBus(OUR_STICK) as bus:
        done = run(home, bus, "media")
    assert (
        "its library shows SoftHSM project / SoftHSM v2, and no rule under [token] of our-stick fits that" in done.err
    )


def test_several_sticks_without_a_library_are_each_named_once(home: Home) -> None:
    sticks = [stick("096e:0807", "1"), stick("25dd:2341", "2")]
    with MockBus(*sticks) as bus:
        done = run(home, bus, "media")
    assert "M117" not in done.err
    assert done.err.count("Error L105") == 2
    assert done.status == 4


def test_a_library_that_does_not_load_is_the_reason(home: Home, tmp_path: Path) -> None:
    foreign = bytearray(Path(softhsm()).read_bytes())
    foreign[18:20] = b"\xf3\x00"  # RISC-V
    (tmp_path / "libours.so").write_bytes(foreign)
    (home.folder / "drivers.d").mkdir()
    (home.folder / "drivers.d" / "our-stick.toml").write_text(
        OUR_FAMILY.replace(softhsm(), str(tmp_path / "libours.so"))
    )
    (home.folder / "settings.toml").write_text("")  # the catalogue finds it
    with MockBus(OUR_STICK) as bus:
        done = run(home, bus, "media")
        doctor = run(home, bus, "doctor")
    assert "libours.so is made for 0xf3; this program runs as" in done.err
    assert done.status == 4
    assert "L106" in doctor.out


def test_an_unknown_reader_or_medium_is_named_and_the_way_to_describe_it(home: Home) -> None:
    with MockBus(OUR_CARD) as bus:
        done = run(home, bus, "media")
        doctor = run(home, bus, "doctor")
        begun = run(home, bus, "drivers", "new", "acme")
        checked = run(home, bus, "drivers", "check")
        known = listed(home, bus)
    assert "USB device Acme Our Stick (1234:5678) may be a medium or a card reader" in done.err
    assert "note  USB: Acme Our Stick (1234:5678, 1-2)" in doctor.out
    assert (begun.status, checked.status) == (0, 0)
    assert [device["family"] for device in known["devices"]] == ["acme"]


def test_a_mouse_is_nobodys_business(home: Home) -> None:
    with MockBus(Stick(0x046D, 0xC077, "Logitech", "USB Optical Mouse", smart_card=False)) as bus:
        assert listed(home, bus)["devices"] == []


# --- a PIV card in a reader ---


@pytest.fixture
def card(home: Home, tmp_path: Path) -> Iterator[Rig]:
    with rigs.start("yubikey", tmp_path / "rig") as rig:
        register(home, "yubikey", rig.path, rig)
        home.environment["PCSCLITE_CSOCK_NAME"] = rig.environment["PCSCLITE_CSOCK_NAME"]
        yield rig


def register(home: Home, name: str, path: str, rig: Rig) -> None:
    folder = home.folder / "libraries.d"
    folder.mkdir(exist_ok=True)
    socket = rig.environment["PCSCLITE_CSOCK_NAME"]
    text = f'path = "{path}"\n[environment]\nPCSCLITE_CSOCK_NAME = "{socket}"\n'
    (folder / f"{name}.toml").write_text(text)


def test_a_card_is_matched_to_its_device_by_the_readers_name(home: Home, card: Rig) -> None:
    with MockBus(YUBIKEY) as bus:
        (device,) = listed(home, bus)["devices"]
    assert device["media"] == [card.serial]


def test_a_slot_without_a_medium(home: Home, card: Rig) -> None:
    card.hand.unplug()
    with MockBus(YUBIKEY) as bus:
        done = run(home, bus, "media")
        doctor = run(home, bus, "doctor")
    assert f"Error M120  YubiKey is plugged in, and no medium answers in reader {piv.READER} 00 00." in done.err
    assert done.status == 3
    assert "M120" in doctor.out


def test_a_program_that_holds_the_reader_is_named(home: Home, card: Rig) -> None:
    with MockBus(YUBIKEY) as bus, held(card.environment) as holder:
        done = run(home, bus, "media")
        doctor = run(home, bus, "doctor")
    assert "Error M121  YubiKey is plugged in, and these programs may have hold of its reader: " in done.err
    assert f"({holder})" in done.err
    assert f"({holder})" in doctor.out
    assert done.status == 3
    with MockBus(YUBIKEY) as bus:
        assert run(home, bus, "media").status == 0


@contextmanager
def held(environment: Any) -> Iterator[int]:
    """Another program that has the card for itself alone."""
    library = ctypes.util.find_library("pcsclite")
    script = f"""
import ctypes
pcsc = ctypes.CDLL({library!r})
context, handle, protocol = ctypes.c_long(), ctypes.c_long(), ctypes.c_ulong()
assert pcsc.SCardEstablishContext(2, None, None, ctypes.byref(context)) == 0
name = ctypes.c_char_p({f"{piv.READER} 00 00".encode()!r})
alone, any_protocol = 1, 3
answer = pcsc.SCardConnect(context, name, alone, any_protocol, ctypes.byref(handle), ctypes.byref(protocol))
assert answer == 0, hex(answer)
print("held", flush=True)
input()
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder.pid
        holder.communicate("\n")


def test_a_card_that_a_general_library_shows_too_is_one_medium(home: Home, card: Rig) -> None:
    opensc = catalogue.library(catalogue.shipped().family("opensc"))
    if opensc is None:
        pytest.skip("OpenSC is not installed")
    register(home, "a-opensc", opensc, card)
    with MockBus(YUBIKEY) as bus:
        listing = listed(home, bus)
        done = run(home, bus, "media")
        chosen = run(home, bus, "medium", "show")
        doctor = run(home, bus, "doctor")
        other = run(home, bus, "medium", "check", "--library", opensc, "--json")
    (medium,) = listing["media"]
    assert (medium["serial"], medium["family"]) == (card.serial, "yubikey")
    assert [one["library"] for one in medium["also"]] == [opensc]
    assert f"{opensc} shows medium {card.serial} too." in done.err
    assert chosen.status == 0  # nobody has to choose between a card and itself
    assert f"note  Shown twice: {card.serial}: {opensc}" in doctor.out
    told = json.loads(other.out)
    assert told["family"] == "piv"
    assert [obstacle["code"] for obstacle in told["obstacles"]] == ["M110"]


def test_a_card_whose_management_key_is_not_at_hand_is_refused_plainly(home: Home, card: Rig) -> None:
    with MockBus() as bus:
        refused = run(home, bus, "medium", "check")
        fine = run(home, bus, "medium", "check", "--officer", "--kind", "p256", "--lang", "ja")
    assert refused.status == 4
    assert "cannot be renewed on it as it is" in refused.out
    assert "made by the bank only, with the bank's management key" in refused.err
    assert fine.status == 0
    assert "更新できます" in fine.out
    assert "01（残り 21）" in fine.out


def test_a_key_that_wants_the_pin_for_each_signature_is_verified_with_the_pin_twice(home: Home, card: Rig) -> None:
    with card.library() as library, Session.open(library, card.serial, write=True) as session:
        session.login_officer(Secret(card.so_pin))
        generate(session, KeyKind.P256, b"\x02")
    verify = ["verify", "--pin-fd", "0", "--json"]
    twice = json.loads(home.run(*verify, typed=f"{card.pin}\n" * 2).out)
    assert [finding["code"] for finding in twice["findings"]] == ["key-without-certificate"]
    once = json.loads(home.run(*verify, typed=f"{card.pin}\n").out)
    assert once["error"]["code"] == "P107"
    wrong = json.loads(home.run(*verify, typed=f"{card.pin}\n000000\n").out)
    assert (wrong["error"]["code"], wrong["error"]["facts"]["state"]) == ("P101", "low")


# --- as it happens ---


def lines(program: Any, event: str) -> Iterator[dict[str, Any]]:
    """Until this event, which is the last."""
    while True:
        line: dict[str, Any] = json.loads(program.line())
        yield line
        if line["event"] == event:
            return


def test_plugging_and_pulling_are_told_as_they_happen(home: Home, ours: str) -> None:
    command: Sequence[str | Path] = [PROGRAM, "media", "--watch", "--json"]
    with MockBus() as bus:
        program = bus.start(command, home.environment)
        (first,) = lines(program, "media")
        assert [medium["serial"] for medium in first["media"]] == [ours]
        assert first["devices"] == []
        bus.plug(OUR_STICK)
        plugged, seen = lines(program, "media")
        assert (plugged["event"], plugged["family"], plugged["port"]) == ("plugged", "our-stick", "1-2")
        assert [device["media"] for device in seen["devices"]] == [[ours]]
        bus.unplug(OUR_STICK)
        pulled, gone = lines(program, "media")
        assert (pulled["event"], pulled["serial"]) == ("unplugged", "SN-0001")
        assert gone["devices"] == []
        program.kill()


def test_ctrl_c_is_the_end_of_watching_and_no_accident(home: Home) -> None:
    with MockBus() as bus:
        environment = {**bus.environment, **home.environment}
        environment |= {name: bus.environment[name] for name in ("LD_PRELOAD", "UMOCKDEV_DIR")}
        watching = pexpect.spawn(str(PROGRAM), ["media", "--watch"], env=environment, timeout=60)
        watching.expect("Ctrl-C ends it")
        watching.sendcontrol("c")
        watching.expect(pexpect.EOF)
        watching.close()
    assert watching.exitstatus == 0
