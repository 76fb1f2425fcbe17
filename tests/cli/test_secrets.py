"""A PIN never reaches a command line, an environment, a log or a file (S5)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.cli.runner import Home
from tests.cli.test_help import every_command
from tokenmgr.log import Secret
from tokenmgr.token.session import Session

SECRET = "seCRet-70815"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.plug_in("a")
    done = home.run("pin", "change", "--pin-fd", "0", "--new-pin-fd", "0", typed=f"1234\n{SECRET}\n")
    assert done.status == 0
    return home


def test_no_option_takes_a_pin() -> None:
    for _, command in every_command():
        for parameter in command.params:
            if isinstance(parameter, click.Option) and "pin" in (parameter.name or ""):
                assert parameter.name is not None
                assert parameter.name.endswith("_fd")
                assert isinstance(parameter.type, click.IntRange)
                assert not parameter.envvar


@pytest.mark.parametrize("typed", [SECRET, SECRET[::-1]], ids=["right", "wrong"])
def test_the_most_talkative_run_does_not_say_the_pin(home: Home, typed: str) -> None:
    done = home.run("verify", "--pin-fd", "0", "-v", "-v", "--json", typed=f"{typed}\n")
    assert "login" in done.err  # it does talk
    assert typed not in done.out + done.err


def test_no_file_of_ours_has_the_pin(home: Home) -> None:
    home.run("verify", "--pin-fd", "0", "-v", "-v", typed=f"{SECRET}\n")
    home.run("doctor", "--bundle", str(home.folder / "bundle.json"))
    for path in home.folder.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path


def test_the_childs_command_line_and_environment_do_not_have_the_pin(home: Home) -> None:
    with home.media["a"].library() as library, Session.open(library, home.numbers["a"]) as session:
        session.login(Secret(SECRET))
        child = Path(f"/proc/{library.worker.process}")
        for name in ("cmdline", "environ"):
            assert SECRET.encode() not in (child / name).read_bytes()


def test_a_traceback_does_not_have_the_pin(home: Home) -> None:
    """Even where a programmer lets an error through."""
    script = (
        "import os; from pathlib import Path; from tokenmgr.log import Secret\n"
        "from tokenmgr.testbed.simulated import SimulatedMedium; from tokenmgr.token.session import Session\n"
        f"medium = SimulatedMedium(Path({str(home.media['a'].folder)!r}), os.environ)\n"
        "pin = Secret(os.read(0, 64).strip())\n"
        "with medium.library() as library:\n"
        f"    with Session.open(library, {home.numbers['a']!r}) as session:\n"
        "        session.login(pin)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], input=b"wrong-43210", capture_output=True, check=False)
    assert b"PinWrong" in done.stderr
    assert b"43210" not in done.stderr
