"""`make run`: a medium's life, from nothing to plugged again, as its first viewer sees it."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pexpect
import pytest

from tests.cli.runner import PROGRAM, Home


def test_a_mediums_life_is_shown_and_leaves_nothing_behind(tmp_path: Path) -> None:
    home = Home(tmp_path)
    done = home.run("testbed", "life")
    assert done.status == 0
    assert [line.split()[0] for line in done.out.splitlines() if line.startswith("  ")] == [
        str(n) for n in range(1, 11)
    ]
    assert "chain is whole" in done.out
    assert re.search(r"pulled while the medium generated a second key: M10[345]", done.out)
    assert "M101" in done.out
    assert not list((tmp_path / "libraries.d").iterdir())
    assert not [path for path in (tmp_path / "testbed").iterdir() if not path.name.startswith(".")]


def test_it_stays_plugged_in_until_enter_for_other_terminals(tmp_path: Path) -> None:
    home = Home(tmp_path)
    child = pexpect.spawn(
        str(PROGRAM), ["testbed", "life", "--stay"], env=home.environment, encoding="utf-8", timeout=90
    )
    child.expect("Press Enter")
    assert "Shinkin IB" in home.run("media").out
    child.sendline("")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert home.run("media").status == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["told to end", "terminal closed"])
def test_ended_from_outside_it_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    home = Home(tmp_path)
    child = pexpect.spawn(
        str(PROGRAM), ["testbed", "life", "--stay"], env=home.environment, encoding="utf-8", timeout=90
    )
    child.expect("Press Enter")
    child.kill(number)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 128 + number
    assert not list((tmp_path / "libraries.d").iterdir())
    assert not [path for path in (tmp_path / "testbed").iterdir() if not path.name.startswith(".")]


def test_it_is_told_in_japanese(tmp_path: Path) -> None:
    assert "もう一度接続" in Home(tmp_path).run("testbed", "life", "--lang", "ja").out
