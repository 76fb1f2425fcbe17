"""What is around the program fails too: no terminal, a full disk, settings that nobody could have meant."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.cli import states
from tests.cli.runner import PROGRAM, Home
from tokenmgr.testbed.simulated import PIN


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def shell(home: Home, line: str) -> subprocess.CompletedProcess[str]:
    environment = home.environment | {"T": str(PROGRAM)}
    return subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("line", ["$T verify <&-", "$T verify </dev/null", "$T verify --pin-fd 99999999999999999999"])
def test_without_a_way_to_ask_the_pin_is_missing(home: Home, line: str) -> None:
    home.plug_in("a")
    done = shell(home, line)
    assert "P107" in done.stderr
    assert done.returncode == 4


def test_a_full_disk_is_not_a_fault_of_ours_and_does_not_say_that_nothing_changed(home: Home) -> None:
    home.plug_in("a")
    done = shell(home, f"printf '{PIN}\\n5678\\n' | $T pin change --pin-fd 0 --new-pin-fd 0 >/dev/full")
    assert "U107" in done.stderr
    assert "standard output, or what" in done.stderr  # the system does not tell which
    assert done.returncode == 2
    assert home.run("verify", "--pin-fd", "0", typed="5678\n").status == 0


@pytest.mark.parametrize("fd", range(3, 12))
def test_a_descriptor_that_nobody_handed_over_is_not_read(home: Home, fd: int) -> None:
    """The pipes to the libraries have such numbers; reading one would wait for ever."""
    home.plug_in("a")
    assert "P107" in home.run("verify", "--pin-fd", str(fd)).err


@pytest.mark.parametrize("encoding", ["cp932", "cp1252", "ascii"])
def test_a_terminal_that_lacks_a_character_gets_the_rest(home: Home, encoding: str) -> None:
    home.plug_in("a")
    home.environment["PYTHONIOENCODING"] = encoding
    command = [str(PROGRAM), "medium", "show", "--lang", "ja"]
    for arguments in (command, [*command, "--json"]):
        done = subprocess.run(arguments, env=home.environment, capture_output=True, check=False)
        assert done.returncode == 0
        assert home.numbers["a"].encode() in done.stdout


@pytest.mark.parametrize("text", ["time_limits = 3", "nonsense = 1", "language = 'fr'"])
@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("media",), ("doctor",)])
def test_wrong_settings_are_never_a_traceback(home: Home, text: str, arguments: tuple[str, ...]) -> None:
    (home.folder / "settings.toml").write_text(text)
    done = home.run(*arguments)
    assert "Traceback" not in done.out + done.err
    assert done.status == {"media": 2, "doctor": 5}.get(arguments[0], 0)


def test_a_variable_that_no_system_takes_is_an_unusable_library(home: Home) -> None:
    (home.folder / "libraries.d").mkdir()
    (home.folder / "libraries.d" / "x.toml").write_text('path = "/usr/bin/true"\n[environment]\nX = "a"\n')
    assert "L102" in home.run("media").err


def test_an_entry_of_a_family_that_is_not_known_is_refused(home: Home) -> None:
    home.plug_in("a")
    path = next((home.folder / "libraries.d").iterdir())
    path.write_text(path.read_text().replace('"softhsm"', '"softhms"'))
    done = home.run("media")
    assert "softhms" in done.err
    assert done.status == 2


def test_naming_the_library_keeps_what_its_entry_says(home: Home) -> None:
    serial = home.plug_in("a")
    assert serial in home.run("media", "--library", home.media["a"].library().path).out


def test_json_says_why_there_is_none(home: Home) -> None:
    done = home.run("media", "--json")
    assert '"code": "M117"' in done.out


@pytest.mark.parametrize(
    ("line", "option"),
    [("ca init", "--new-pin-fd"), ("verify", "--pin-fd"), ("medium format --label a --retype {a}", "--so-pin-fd")],
)
def test_whoever_cannot_be_asked_is_told_the_option_of_this_very_pin(home: Home, line: str, option: str) -> None:
    home.plug_in("a")
    done = home.run(*line.format(**home.numbers).split())
    assert f"({option} N)" in done.err


def test_a_broken_bank_file_is_told_and_is_an_error_only_where_it_may_be_the_meant_one(home: Home) -> None:
    (home.folder / "banks.d").mkdir()
    (home.folder / "banks.d" / "5678.toml").write_text('code = "5678"\nname = ""\n', encoding="utf-8")
    done = home.run("status", "--json")
    assert done.status == 3  # no medium is plugged in
    assert [(one["code"], one["error"]["code"]) for one in json.loads(done.out)["banks"]] == [("5678", "J111")]
    assert "J110" in home.run("status", "--bank", "1234").err
    assert "J111" in home.run("status", "--bank", "5678").err


@pytest.mark.parametrize("words", [("verify", "--pin-fd", "0"), ("verify", "--pin-fd", "0", "--json")])
def test_a_reader_that_has_seen_enough_changes_no_status(home: Home, words: tuple[str, ...]) -> None:
    """`tokenmgr status | head -1`, in a script that asks for the status."""
    serial = home.plug_in("a")
    states.chainless(home.media["a"], serial)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing) as nobody:
        command = [str(PROGRAM), *words]
        done = subprocess.run(
            command, env=home.environment, input=f"{PIN}\n", stdout=nobody, stderr=nobody, text=True, check=False
        )
    assert done.returncode == 5
