"""doctor says what is wrong, survives its own probes, and its support file names nobody."""

from __future__ import annotations

import getpass
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.runner import Home
from tokenmgr import __version__, catalogue, diagnostics
from tokenmgr.diagnostics import Bus, DeviceSeen, LibrarySeen, Probe
from tokenmgr.messages import Texts

OPENSC = catalogue.library(catalogue.shipped().family("opensc")) or "opensc-pkcs11.so"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def probes(home: Home, *arguments: str) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = {}
    for probe in json.loads(home.run("doctor", "--json", *arguments).out):
        found.setdefault(probe["name"], []).append(probe)
    return found


def test_a_healthy_computer_with_a_medium(home: Home) -> None:
    serial = home.plug_in("a")
    done = home.run("doctor")
    assert done.status == 0
    assert serial in done.out
    assert "PROBLEM" not in done.out


def test_a_missing_and_a_broken_library_are_told_apart(home: Home) -> None:
    assert "L101" in str(probes(home, "--library", "/nonexistent.so")["library"][0]["detail"])
    assert "L102" in str(probes(home, "--library", "/etc/passwd")["library"][0]["detail"])
    assert home.run("doctor", "--library", "/etc/passwd").status == 5


def test_no_library_at_all_says_what_to_install(home: Home) -> None:
    done = home.run("doctor")
    assert done.status == 5
    assert "no library was found" in done.out


def test_the_code_for_the_telephone_is_read_without_the_computer(home: Home) -> None:
    said = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", home.run("doctor").out)
    assert said
    heard = json.loads(home.run("doctor", "--json", "--code", said[0]).out)
    assert heard["version"] == __version__
    assert heard["states"]["library"] == "problem"
    assert heard["error"] is None
    assert "PROBLEM  Library" in home.run("doctor", "--code", said[0].lower()).out
    wrong = said[0][:-1] + ("0" if said[0][-1] != "0" else "1")
    assert home.run("doctor", "--code", wrong).status == 2


def test_a_support_file_that_cannot_be_written_is_said_so(home: Home) -> None:
    done = home.run("doctor", "--bundle", "/nonexistent/support.json")
    assert done.status == 2
    assert "U107" in done.err


def test_wrong_settings_are_a_finding_and_not_the_end(home: Home) -> None:
    (home.folder / "settings.toml").write_text("nonsense = 1\n")
    found = probes(home)
    assert found["settings"][0]["state"] == "problem"
    assert "library" not in found  # nobody has looked
    assert found["clock"][0]["state"] == "ok"


def test_another_program_that_holds_the_library_is_named(home: Home) -> None:
    home.plug_in("a")
    script = f"import ctypes; ctypes.CDLL({home.media['a'].library().path!r}); print('held', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        named = [str(probe["detail"]) for probe in probes(home)["holders"]]
        holder.communicate(b"\n")
    assert any(f"({holder.pid})" in detail for detail in named)
    assert not any(f"({holder.pid})" in str(probe["detail"]) for probe in probes(home)["holders"])


def test_a_second_child_of_this_very_program_is_no_other_program(home: Home) -> None:
    home.plug_in("a")
    with home.media["a"].library() as library, library.another() as second:
        assert library.media()
        assert second.media()
        seen = [LibrarySeen(library.path, (), {}, (), 0.0, processes=(library.worker.process or 0,))]
        told = [probe.detail for probe in diagnostics.run(home.folder, seen) if probe.name == "holders"]
        assert not any(f"({second.worker.process})" in one for one in told)


@pytest.fixture
def virtual_readers() -> Iterator[None]:
    """Debian's virtual readers under the real pcscd. They listen on every address: so in a network of their own."""
    if os.geteuid() != 0:
        pytest.skip("a network namespace for the virtual readers needs root")
    if Path("/run/pcscd/pcscd.comm").exists():
        pytest.skip("this computer's own pcscd is running")
    service = subprocess.Popen(["unshare", "-n", "pcscd", "--foreground"], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while "Virtual PCD" not in _readers_seen_by_others() and time.monotonic() < deadline:
            time.sleep(0.05)
        yield
    finally:
        service.terminate()
        service.wait()


def _readers_seen_by_others() -> str:
    listing = subprocess.run(["pkcs11-tool", "--module", OPENSC, "-L"], capture_output=True, text=True, check=False)
    return listing.stdout


@pytest.mark.usefixtures("virtual_readers")
def test_an_empty_reader_is_named(home: Home) -> None:
    (probe,) = probes(home, "--library", OPENSC)["readers"]
    assert "Virtual PCD 00 00 (–)" in str(probe["detail"])
    done = home.run("media", "--library", OPENSC)
    assert "Reader Virtual PCD 00 00 is empty." in done.err
    assert done.status == 3


@pytest.mark.parametrize(
    ("device", "state", "advice"),
    [
        (DeviceSeen("Stick", "1234:5678", "1-2"), "ok", ""),
        (DeviceSeen("Stick", "1234:5678", "1-2", readable=False), "note", "forbidden"),
        (DeviceSeen("Stick", "1234:5678", "1-2", known=False), "note", "unknown_device"),
    ],
)
def test_a_device_that_may_not_be_asked_or_is_not_known_is_a_note(
    tmp_path: Path, device: DeviceSeen, state: str, advice: str
) -> None:
    (probe,) = [one for one in diagnostics.run(tmp_path, [], Bus(devices=(device,))) if one.name == "usb"]
    assert (probe.state, probe.next, probe.detail) == (state, advice, "Stick (1234:5678, 1-2)")


@pytest.mark.parametrize("trouble", ["no-usb", "no-libusb", "usb-off"])
def test_a_bus_that_cannot_be_looked_at_is_a_note_with_a_next_step(tmp_path: Path, trouble: str) -> None:
    (probe,) = [one for one in diagnostics.run(tmp_path, [], Bus(trouble=trouble)) if one.name == "usb"]
    assert (probe.state, probe.next) == ("note", trouble)
    assert Texts("ja").has(f"doctor_next.{trouble}")


def test_a_probe_that_fails_hides_no_other(tmp_path: Path) -> None:
    unthinkable = LibrarySeen("\0", ("unknown",), {}, (), 0.0)
    found = diagnostics.run(tmp_path, [unthinkable])
    assert {"library", "clock"} <= {probe.name for probe in found}
    assert any(probe.next == "failed" for probe in found)


def test_the_support_file_has_what_helps_and_names_nobody(home: Home) -> None:
    serial = home.plug_in("Yamada-Shoji")
    path = home.folder / "support.json"
    assert home.run("doctor", "--bundle", str(path)).status == 0
    text = path.read_text(encoding="utf-8")
    for identifying in (serial, "Yamada-Shoji", "Medium Yamada", str(home.folder), platform.node()):
        assert identifying not in text
    content = json.loads(text)
    assert {probe["name"] for probe in content["probes"]} >= {"environment", "library", "media", "clock"}
    assert "libsofthsm2.so" in text
    assert platform.python_version() in text


@pytest.mark.parametrize(
    "path", [r"C:\Users\yamada\AppData\x", "/home/yamada/x", "/Users/yamada/x", str(Path.home() / "x")]
)
def test_a_users_name_in_a_path_is_masked(path: str, tmp_path: Path) -> None:
    text = diagnostics.bundle([Probe("settings", "ok", path, facts={"home": path})], tmp_path)
    assert "yamada" not in text
    assert getpass.getuser() == "root" or getpass.getuser() not in text
