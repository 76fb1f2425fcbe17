"""`make run`: the renewal that cannot be broken, as its first viewer sees it, from nothing to nothing left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pexpect
import pytest

from tests.cli.runner import PROGRAM, Home

SHOWN = ("testbed", "renewal")
NINE = [f"{number}/9" for number in range(1, 10)]


@pytest.fixture
def home(tmp_path: Path, testbed_store: Path) -> Home:
    """The layer is compiled once for all tests."""
    made = Home(tmp_path / "home")
    testbed_store.mkdir(exist_ok=True)
    (made.folder / "testbed").mkdir()
    (made.folder / "testbed" / ".store").symlink_to(testbed_store)
    return made


def chapters(out: str) -> list[list[str]]:
    return [part.splitlines() for part in re.split(r"^  [1-8]  ", out, flags=re.M)[1:]]


def done(chapter: list[str]) -> list[str]:
    return [line.split()[1] for line in chapter if line.split()[:1] == ["✓"]]


def processes_of(folder: Path) -> list[str]:
    """Whoever was started with this home, or a folder in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"={folder}".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue  # gone meanwhile
    return found


def require_nothing_left(folder: Path, seconds: float = 0) -> None:
    """`seconds`: what may still be ending."""
    end = time.monotonic() + seconds
    while (left := processes_of(folder)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not left
    assert not [path for path in (folder / "testbed").iterdir() if not path.name.startswith(".")]
    assert not [path for name in ("libraries.d", "banks.d", "journal") for path in folder.glob(f"{name}/*")]


def test_each_step_is_shown_and_what_is_promised_is_so(home: Home) -> None:
    run = home.run(*SHOWN)
    assert (run.status, run.err) == (0, "")
    _, opened, acquired, due, pulled, still, resumed, now = chapters(run.out)
    commands = [" ".join(line.split()[2:4]) for line in opened if line.split()[:1] == ["$"]]
    assert commands == ["ca init", "bank add", "bank contract", "bank subscriber", "ca serve", "bank profile"]
    assert done(acquired) == NINE
    assert any("(12 days left)" in line for line in due)
    assert any(line.split()[:3] == ["Next", "tokenmgr", "renew"] for line in due)
    assert done(pulled) == NINE[:5]
    assert any("M104" in line and "was pulled out" in line for line in pulled)
    assert done(resumed) == [NINE[0], *NINE[5:]]
    old, new = (re.findall(r"serial number ([0-9a-f]+),", "".join(part))[0] for part in (acquired, resumed))
    assert old != new
    assert any(line.endswith(f"serial number {old}") for line in still)
    assert [line.split()[-1] for line in now if "Serial number" in line] == [new, old]
    assert any("(364 days left)" in line for line in now)
    assert run.out.splitlines()[-1].endswith("testbed renewal --stay")
    require_nothing_left(home.folder)


def test_it_stays_until_enter_for_other_terminals_and_speaks_japanese(home: Home) -> None:
    words = [*SHOWN, "--stay", "--lang", "ja"]
    child = pexpect.spawn(str(PROGRAM), words, env=home.environment, encoding="utf-8", timeout=300)
    child.expect("Enter を押してください")
    assert len(chapters(child.before)) == 8
    assert "専用USBを抜きました" in child.before
    assert "Shinkin IB" in home.run("media").out
    assert home.run("renew", "--pin-fd", "0", typed="1234\n").status == 4  # it opens in eleven months
    (ca,) = re.findall(r"TOKENMGR_HOME=(\S+) \S+ ca status", child.before)
    subprocess.run([PROGRAM, "bank", "show", "9999"], env={**home.environment, "TOKENMGR_HOME": ca}, check=True)
    child.sendline("")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    require_nothing_left(home.folder)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["told to end", "killed"])
def test_cut_short_it_leaves_nothing_behind(home: Home, number: signal.Signals) -> None:
    """Killed outright, its processes end by themselves, and the next one who looks clears away its folders."""
    with subprocess.Popen([PROGRAM, *SHOWN], env=home.environment, stdout=subprocess.PIPE, text=True) as shown:
        assert shown.stdout
        assert any("1/9" in line for line in shown.stdout)
        os.kill(shown.pid, number)
    if number is signal.SIGKILL:
        assert shown.returncode == -number
        swept = home.run("testbed", "list").err
        assert all(re.search(rf"{name}\b", swept) for name in (r"renewal-\d+", r"renewal-\d+-ca", r"banks\.d/testbed-"))
        require_nothing_left(home.folder, seconds=60)
    else:
        assert shown.returncode == 128 + number
        require_nothing_left(home.folder, seconds=60)  # a process that was just being started ends by itself


def test_whoever_has_seen_enough_is_told_that_nothing_is_left(home: Home) -> None:
    """Ctrl-C between two of the bank's commands: nobody has a medium to look at."""
    with subprocess.Popen(
        [PROGRAM, *SHOWN], env=home.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as shown:
        assert shown.stdout
        assert shown.stderr
        assert any("ca init" in line for line in shown.stdout)
        os.kill(shown.pid, signal.SIGINT)
        said = shown.stderr.read()
    assert (shown.returncode, said.strip()) == (130, "Interrupted. All that was made for this is removed.")
    require_nothing_left(home.folder)
