"""What is done by itself, by the program as it is run: hooks, what is due, the timer's units."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.runner import PROGRAM, Home
from tests.cli.test_status import acquired, know
from tests.interop.running import BANK, CONFIRMATION_PIN, CONTRACT, LOGIN_PIN, OTHER_BANK, Authority
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.simulated import PIN

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def hook(home: Home, name: str, *lines: str) -> Path:
    path = home.folder / "hooks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(("#!/bin/sh", *lines, "")), encoding="utf-8")
    path.chmod(0o755)
    return path


def test_scripts_are_run_around_a_renewal_and_say_nothing_where_json_is_told(home: Home, ca: Authority) -> None:
    """The PIN comes by a descriptor that no script has."""
    acquired(home, ca)
    hook(home, "before/10", "echo from the hook; echo and more >&2", "ls -l /proc/self/fd > fds", "env > environment")
    hook(home, "after/10", "cat > told", "exit 7")
    refused = hook(home, "before/20", "echo closing >&2; exit 1")
    pin = home.folder / "pin"
    pin.write_text(f"{PIN}\n")

    def renew(*more: str) -> subprocess.CompletedProcess[str]:
        with pin.open() as secret:
            fd = secret.fileno()
            command: list[str | Path] = [PROGRAM, "renew", "--json", "--pin-fd", str(fd), *more]
            return subprocess.run(command, env=home.environment, pass_fds=[fd], capture_output=True, text=True)

    done = renew()
    told = json.loads(done.stdout)["error"]
    assert (done.returncode, told["code"], told["facts"]["said"]) == (3, "J132", "closing")
    assert "J135" in done.stderr
    refused.unlink()
    done = renew("-v")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["certificate"]["serial_number"] in (home.folder / "hooks" / "after" / "told").read_text()
    assert "J135" in done.stderr
    for line in ("10: from the hook", "10: and more"):
        assert line in done.stderr
    assert str(pin) not in (home.folder / "hooks" / "before" / "fds").read_text()
    (home.folder / "hooks" / "after" / "told").unlink()
    hook(home, "before/10", "exit 1")
    # Two that begin in one second look alike: which one is meant is said.
    assert renew("--no-hooks", f"--certificate={told['certificate']['serial_number']}").returncode == 0
    assert not (home.folder / "hooks" / "after" / "told").exists()


# --- what is due ---


def database(home: Home) -> str:
    """An NSS database without a password, as Firefox makes one."""
    if not shutil.which("certutil"):
        pytest.skip("libnss3-tools is not installed")
    folder = home.folder / "nss"
    folder.mkdir()
    subprocess.run(["certutil", "-N", "-d", f"sql:{folder}", "--empty-password"], check=True, capture_output=True)
    return f"nss:{folder}"


def acquired_on_pc(home: Home, ca: Authority) -> str:
    name = database(home)
    acquired_into(name, home, ca)
    return name


def acquired_into(name: str, home: Home, ca: Authority, bank: str = BANK) -> None:
    know(home, ca, bank=bank)
    fds = ("--login-pin-fd", "0", "--confirmation-pin-fd", "0")
    who = ("--bank", bank, "--contract", CONTRACT, "--user", ca.enrol(bank=bank).user)
    done = home.run("acquire", "--pc", name, *who, *fds, typed=f"{LOGIN_PIN}\n{CONFIRMATION_PIN}\n")
    assert done.status == 0, done.err


def test_what_is_due_is_renewed_where_no_pin_is_needed_and_told_where_one_is(home: Home, ca: Authority) -> None:
    """This bank's renewal is open from the first day on: what was just made is not renewed again."""
    acquired(home, ca)
    name = acquired_on_pc(home, ca)
    hook(home, "before/10", "cat > told")
    done = home.run("renew", "--due", "--json")
    told = json.loads(done.out)
    (renewed,) = told["renewed"]
    assert (renewed["store"], told["failed"]) == ({"kind": "pc", "name": name}, [])
    assert json.loads((home.folder / "hooks" / "before" / "told").read_text())["store"]["name"] == name
    (left,) = told["left"]["media"]
    assert (left["serial"], left["certificates"][0]["next"]) == (home.numbers["one"], "renew")
    assert done.status == 6
    home.media["one"].unplug()
    said = home.run("--lang", "ja", "renew", "--due")
    assert said.status == 0, said.err
    assert "更新" in said.out
    hook(home, "before/10", "exit 1")
    said = home.run("renew", "--due", "--json")
    told = json.loads(said.out)
    assert (said.status, told["renewed"], told["failed"][0]["error"]["code"]) == (3, [], "J132")
    assert told["failed"][0]["store"] == name


def test_of_several_ids_and_banks_in_one_store_each_is_told_and_renewed_by_itself(home: Home, ca: Authority) -> None:
    """The next step is one that helps, word for word. Whoever names a certificate has named its bank."""
    name = database(home)
    for bank in (BANK, BANK, OTHER_BANK):
        acquired_into(name, home, ca, bank)
    (store,) = json.loads(home.run("status", "--json", "--pc", name).out)["pc"]
    steps = [shlex.split(one["next_text"])[1:] for one in store["certificates"]]
    assert sorted(len(step) for step in steps) == [5, 7, 7]  # one is alone of its bank
    (of_bank,) = json.loads(home.run("status", "--due", "--json", "--pc", name, "--bank", OTHER_BANK).out)["pc"]
    assert shlex.split(of_bank["certificates"][0]["next_text"])[1:] in steps
    first, *_, last = sorted(steps, key=len)
    assert home.run("renew", "--pc", name).status == 2
    assert home.run(*first).status == 0
    assert home.run("renew", "--pc", name, *last[last.index("--certificate") :]).status == 0
    told = json.loads(home.run("renew", "--due", "--json").out)
    assert (len(told["renewed"]), told["failed"]) == (3, [])


def test_where_nothing_is_due_nothing_is_said(home: Home) -> None:
    for command in (("renew", "--due"), ("status", "--due"), ("status", "--due", "--notify")):
        result = home.run(*command)
        assert (result.status, result.out, result.err) == (0, "", ""), command
    assert json.loads(home.run("renew", "--due", "--json").out)["renewed"] == []
    for wrong in (
        ("renew", "--due", "--certificate", "1"),
        ("renew", "--due", "--rehearse"),
        ("renew", "--due", "--pin-fd", "0"),
        ("status", "--notify"),
    ):
        assert home.run(*wrong).status == 2, wrong


def test_a_medium_that_is_named_may_be_in_the_safe(home: Home) -> None:
    """Another may be plugged in or not. Who asks for more than what is due is told that it is not here."""
    for code in ("M117", "M101"):
        for command in (("renew", "--due"), ("status", "--due"), ("status", "--due", "--offline")):
            result = home.run(*command, "--medium", "00ff")
            assert (result.status, result.out, result.err) == (0, "", ""), command
        told = home.run("status", "--json", "--medium", "00ff")
        assert (told.status, json.loads(told.out)["error"]["code"]) == (3, code)
        home.plug_in("another")
    assert home.run("status", "--due", "--pc", f"file:{home.folder}/gone").status != 0


def test_what_is_due_is_told_and_nothing_else(home: Home, testbed_store: Path) -> None:
    """By the certificates alone: no bank is known here."""
    bed = Testbed(home.folder / "testbed", os.environ, home.folder / "libraries.d", testbed_store)
    bed.up("valid", name="fine")
    assert home.run("status", "--due", "--offline").out == ""
    (due,) = bed.up("due-in-12-days", name="due")
    result = home.run("--lang", "ja", "status", "--due", "--offline")
    assert (result.status, result.out.count("シリアル番号"), due.serial in result.out) == (6, 1, True)
    (medium,) = json.loads(home.run("status", "--due", "--offline", "--json").out)["media"]
    assert medium["serial"] == due.serial
    (locked,) = bed.up("locked", name="locked")
    result = home.run("status", "--due", "--offline", "--json")
    seen = {one["serial"] for one in json.loads(result.out)["media"]}
    assert (result.status, seen) == (5, {due.serial, locked.serial})


@pytest.mark.parametrize("more", [(), ("--due",)])
def test_a_file_that_is_in_the_way_of_what_is_due_is_told_where_the_file_is_missed(
    home: Home, testbed_store: Path, more: tuple[str, ...]
) -> None:
    """It is there, so nobody is told to put it there. One of another bank is in nobody's way."""
    Testbed(home.folder / "testbed", os.environ, home.folder / "libraries.d", testbed_store).up("due-in-12-days")
    whole = json.loads(home.run("status", "--offline", "--json").out)
    bank = whole["media"][0]["certificates"][0]["bank"]
    folder = home.folder / "banks.d"
    folder.mkdir()
    (folder / "other.toml").write_text('code = "0001"\nname = ""\n', encoding="utf-8")
    missing = json.loads(home.run("status", "--json", *more).out)
    certificate = missing["media"][0]["certificates"][0]
    assert (certificate["next"], certificate["not_asked"]) == ("bank-file", "no_profile")
    assert [one["code"] for one in missing["banks"]] == ([] if more else ["0001"])
    broken = folder / "ours.toml"
    broken.write_text(f'code = "{bank}"\nname = ""\n', encoding="utf-8")
    done = home.run("status", "--json", *more)
    told = json.loads(done.out)
    certificate = told["media"][0]["certificates"][0]
    assert (done.status, certificate["next"], certificate["not_asked"]) == (6, "bank-file", "wrong_profile")
    assert f"{broken}" in certificate["next_text"]
    assert "J111" in certificate["next_text"]
    assert bank in [one["code"] for one in told["banks"]]
    said = home.run("--lang", "ja", "status", *more)
    assert "J111" in said.err
    assert "置いてください" not in said.out


def test_a_word_on_the_desktop_has_the_title_of_the_notice_and_nobodys_name(home: Home, testbed_store: Path) -> None:
    """Everybody can read a command line. What stands in for the desktop is the program that is called."""
    bed = Testbed(home.folder / "testbed", os.environ, home.folder / "libraries.d", testbed_store)
    bed.up("due-in-12-days", name="due")
    told = hook(home, "notify-send", f'printf "%s\\n" "$@" > {home.folder}/told')
    path = home.environment["PATH"]
    home.environment["PATH"] = f"{told.parent}:{path}"
    assert home.run("--lang", "ja", "status", "--due", "--notify", "--offline").status == 6
    *_, end, title, until, then = (home.folder / "told").read_text(encoding="utf-8").splitlines()
    assert (end, title) == ("--", "電子証明書の更新をお願いします")
    assert "（あと" in until
    assert "tokenmgr status" in then
    told.write_text("#!/bin/sh\nexit 1\n")  # there is no desktop
    result = home.run("--lang", "ja", "status", "--due", "--notify", "--offline")
    assert (result.status, "デスクトップに通知できませんでした" in result.err) == (6, True)


# --- the timer ---


@pytest.fixture
def units(home: Home) -> Path:
    """As docs/automation.md has them installed."""
    folder = home.folder / ".config" / "systemd" / "user"
    shutil.copytree(UNITS, folder, ignore=lambda _, names: [one for one in names if "-due." not in one])
    (home.folder / ".local" / "bin").mkdir(parents=True)
    (home.folder / ".local" / "bin" / "tokenmgr").symlink_to(PROGRAM)
    (home.folder / "run").mkdir(mode=0o700)
    home.environment |= {"HOME": str(home.folder), "XDG_RUNTIME_DIR": str(home.folder / "run")}
    return folder


def test_the_timers_units_are_what_systemd_takes(home: Home, units: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    command = ["systemd-analyze", "verify", "--user", *map(str, sorted(units.iterdir()))]
    done = subprocess.run(command, env=home.environment, capture_output=True, text=True)
    of_ours = [line for line in done.stderr.splitlines() if "tokenmgr-due" in line]
    assert (done.returncode, of_ours) == (0, [])


def test_the_services_units_are_what_systemd_takes(home: Home, tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    units = [one for one in sorted(UNITS.iterdir()) if "-due." not in one.name]
    for unit in units:
        installed = unit.read_text(encoding="utf-8").replace("/usr/local/bin/tokenmgr", str(PROGRAM))
        (tmp_path / unit.name).write_text(installed, encoding="utf-8")
    command = ["systemd-analyze", "verify", *(str(tmp_path / unit.name) for unit in units)]
    done = subprocess.run(command, env=home.environment, capture_output=True, text=True)
    of_ours = [line for line in done.stderr.splitlines() if "tokenmgr-" in line]
    assert (done.returncode, of_ours) == (0, [])


IN_ITS_OWN = """
mount --bind "$HOME/booted" /run/systemd && mkdir /run/systemd/system || exit 77
/usr/lib/systemd/systemd --user --log-target=console 2> "$HOME/log" &
for _ in $(seq 200); do systemctl --user is-system-running > /dev/null 2>&1 && break; sleep 0.1; done
systemctl --user list-units > /dev/null || { kill $!; exit 77; }
systemctl --user set-environment PYTHONPATH="$PYTHONPATH" TOKENMGR_HOME="$TOKENMGR_HOME" LC_ALL=C.UTF-8
systemctl --user start tokenmgr-due.timer tokenmgr-due.service
systemctl --user show tokenmgr-due.service -p Result -p ExecMainStatus
systemctl --user show tokenmgr-due.timer -p ActiveState -p Persistent -p RandomizedDelayUSec
systemctl --user exit
wait
"""


def test_systemd_runs_it_and_counts_what_is_due_as_no_failure(home: Home, units: Path, testbed_store: Path) -> None:
    """A user's own systemd, in a mount namespace where the computer passes for one that systemd has started."""
    bed = Testbed(home.folder / "testbed", os.environ, home.folder / "libraries.d", testbed_store)
    bed.up("due-in-12-days", name="due")
    (home.folder / "booted").mkdir()
    if os.geteuid() or not shutil.which("unshare") or not Path("/usr/lib/systemd/systemd").exists():
        pytest.skip("a user's systemd of its own wants root, unshare and systemd")
    environment = {**home.environment, "PYTHONPATH": str(UNITS.parents[1])}
    command = ["unshare", "--mount", "sh", "-c", IN_ITS_OWN]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    if done.returncode == 77:
        pytest.skip(f"no systemd can be started here: {done.stderr[-200:]}")
    told = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    assert (told["Result"], told["ExecMainStatus"]) == ("success", "6"), done.stderr
    assert (told["ActiveState"], told["Persistent"]) == ("active", "yes")
