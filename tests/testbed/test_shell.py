"""`tokenmgr testbed shell`: every line that it offers works as it is pasted; the bus and the clock are what it says."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from datetime import date, datetime
from pathlib import Path

import pexpect
import pytest

from tests.cli.runner import PROGRAM, Home, Result
from tests.usb.bus import BOUND
from tokenmgr import clock
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.shell import Program, programs
from tokenmgr.testbed.simulated import PIN, SimulatedMedium

BY_THEMSELVES = {"firefox-esr", "chromium"}  # they have windows: what they are given is looked at instead
LINES = [program for program in programs() if program.command not in BY_THEMSELVES]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def medium(bed: Testbed, home: Home) -> SimulatedMedium:
    (made,) = bed.up("valid", name="stick")
    return made


def in_shell(home: Home, line: str, *options: str) -> Result:
    return home.run("testbed", "shell", *options, "-c", line)


@pytest.mark.parametrize("program", LINES, ids=lambda program: program.command)
def test_a_line_works_as_it_is_pasted(home: Home, medium: SimulatedMedium, program: Program) -> None:
    child = pexpect.spawn(
        str(PROGRAM), ["testbed", "shell", "-c", program.line], env=home.environment, encoding="utf-8", timeout=BOUND
    )
    if child.expect(["(?i)(PIN|password)[^\n]*: *$", pexpect.EOF]) == 0:
        child.sendline(PIN)
        child.expect(pexpect.EOF)
    said = str(child.before)
    child.close()
    assert child.exitstatus == 0, said
    assert re.search(
        "PRIVATE KEY|Private key|Private Key|PrivateKeyEntry|CERTIFICATE REQUEST|ecdsa-sha2-nistp256", said
    ), said


def test_the_packages_of_the_lines_are_those_that_bring_the_commands() -> None:
    for program in programs():
        found = subprocess.run(["dpkg", "-S", f"*/bin/{program.command}"], capture_output=True, text=True).stdout
        assert not found or any(package in found for package in program.package.split()), program


def test_the_greeting_names_the_media_their_pin_and_a_line_for_each_program(
    home: Home, medium: SimulatedMedium
) -> None:
    child = pexpect.spawn(
        str(PROGRAM),
        ["testbed", "shell"],
        env={**home.environment, "SHELL": "/bin/sh"},
        encoding="utf-8",
        timeout=BOUND,
    )
    child.expect("stick; the PIN is 1234")
    child.expect("media stay")
    child.sendline("echo $((6 * 7)) $MODULE; exit 3")
    child.expect(f"42 {re.escape(medium.path)}")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 3


def test_several_media_are_there_by_number_and_in_the_browsers_databases(home: Home, bed: Testbed) -> None:
    paths = [bed.up("valid", name=name)[0].path for name in ("first", "second")]
    assert in_shell(home, "echo $MODULE $MODULE2").out.split() == paths
    for database in ("$FIREFOX_PROFILE", "$CHROMIUM_HOME/.pki/nssdb"):
        listed = in_shell(home, f"modutil -dbdir sql:{database} -list; certutil -L -d sql:{database}").out
        assert all(f"library name: {path}" in listed for path in paths)
        assert all(f"token: {name}" in listed for name in ("first", "second"))
        assert listed.count("CT,C,C") >= 2  # the CA of both


def test_only_those_that_are_named_are_there(home: Home, bed: Testbed) -> None:
    for name in ("first", "second"):
        bed.up("valid", name=name)
    assert in_shell(home, "echo $MODULE $MODULE2", "second").out.split() == [bed.medium("second").path]


def test_its_files_are_gone_when_it_ends_and_the_media_are_not(
    home: Home, medium: SimulatedMedium, bed: Testbed
) -> None:
    profile = in_shell(home, "echo $FIREFOX_PROFILE").out.strip()
    assert profile
    assert not Path(profile).exists()
    assert [one.name for one in bed.media()] == ["stick"]


def test_nothing_is_up_is_said(home: Home) -> None:
    done = in_shell(home, "true")
    assert (done.status, "T116" in done.err) == (2, True)


# --- the bus ---


def test_on_the_bus_a_stick_comes_and_goes_with_its_slot_under_a_watching_program(
    home: Home, medium: SimulatedMedium
) -> None:
    (home.folder / "settings.toml").write_text("catalogue = false\n")
    watching = shlex.join([str(PROGRAM), "media", "--watch", "--json"])
    with subprocess.Popen(
        [PROGRAM, "testbed", "shell", "--usb", "-c", watching],
        env=home.environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        lines = process.stdout
        assert lines
        guard = threading.Timer(BOUND, process.kill)
        guard.start()
        try:
            assert json.loads(lines.readline())["media"]
            medium.unplug()
            assert json.loads(lines.readline())["event"] == "unplugged"
            after = json.loads(lines.readline())
            assert (after["media"], after["devices"]) == ([], [])
            medium.plug()
            assert json.loads(lines.readline())["event"] == "plugged"
            after = json.loads(lines.readline())
            assert [device["media"] for device in after["devices"]] == [[after["media"][0]["serial"]]]
        finally:
            guard.cancel()
            os.killpg(process.pid, signal.SIGTERM)  # the program in it too, which would watch on


def test_the_device_and_the_slot_are_told_to_be_one_medium(home: Home, medium: SimulatedMedium) -> None:
    (home.folder / "settings.toml").write_text("catalogue = false\n")
    listing = json.loads(in_shell(home, f"{PROGRAM} media --json", "--usb").out)
    (device,) = listing["devices"]
    assert (device["family"], device["missing"]) == ("simulated", "")
    assert device["serial"] == listing["media"][0]["serial"]


# --- the clock ---


def test_programs_believe_in_the_day_and_their_clock_goes_on(home: Home, medium: SimulatedMedium) -> None:
    believed = in_shell(home, "date +%s; sleep 1.1; date +%s", "--at", "2031-05-06").out.split()
    nine = datetime(2031, 5, 6, 9, tzinfo=clock.JAPAN).timestamp()
    assert nine <= int(believed[0]) < nine + BOUND
    assert int(believed[1]) > int(believed[0])


def test_python_and_a_certificates_expiry_go_by_it(home: Home, bed: Testbed) -> None:
    bed.up("due-in-12-days", name="stick", day=date(2031, 5, 6))
    python = f"{shlex.quote(sys.executable)} -c 'import datetime; print(datetime.date.today())'"
    assert in_shell(home, python, "--at", "2031-05-06").out.strip() == "2031-05-06"
    verify = f"printf '{PIN}\\n' | {PROGRAM} verify --pin-fd 0"
    assert in_shell(home, verify, "--at", "2031-05-06").status == 0
    assert "certificate-expired" in in_shell(home, f"{verify} --json", "--at", "2031-06-06").out


def test_a_day_that_is_none_is_refused(home: Home, medium: SimulatedMedium) -> None:
    done = in_shell(home, "true", "--at", "2027-02-30")
    assert (done.status, "T111" in done.err) == (2, True)


def test_a_medium_that_is_made_in_another_year_is_made_and_the_others_are_kept(
    home: Home, medium: SimulatedMedium
) -> None:
    kept = set((home.folder / "testbed" / ".store").glob("token-*"))
    done = in_shell(home, f"{PROGRAM} testbed up due-today", "--at", "2031-05-06")
    assert done.status == 0, done
    serial = json.loads(home.run("testbed", "show", "due-today", "--json").out)["serial"]
    verify = f"printf '{PIN}\\n' | {PROGRAM} verify --pin-fd 0 --medium {serial}"
    assert in_shell(home, verify, "--at", "2031-05-06").status == 0
    assert kept <= set((home.folder / "testbed" / ".store").glob("token-*"))
