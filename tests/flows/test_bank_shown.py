"""The second act of `make run`: two banks' pages, walked through and left open, from nothing to nothing left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pexpect
import pytest

from tests.cli.runner import PROGRAM, Home
from tests.contract.services import require
from tests.flows.test_renewal_shown import NINE, done, home, require_nothing_left
from tokenmgr.cli.cast import MIHON, TONARI, TROUPES

__all__ = ["home"]

SHOWN = ("testbed", "bank")


@pytest.fixture(autouse=True)
def programs() -> None:
    require("chromium", "certutil", "gcc")


def chapters(out: str) -> list[list[str]]:
    return [part.splitlines() for part in re.split(r"^  [1-6]  ", out, flags=re.M)[1:]]


def told(chapter: list[str], user: str) -> list[str]:
    """The pages that this one came to, one list for each certificate."""
    found: list[str] = []
    is_theirs = False
    for line in chapter:
        if line.strip().startswith("✓"):
            found += [line.strip().removeprefix("✓ ")] if is_theirs else []
        else:
            is_theirs = line.split()[:1] == [user]
    return found


def test_everybody_comes_to_the_page_that_they_should(home: Home) -> None:
    command = [str(PROGRAM), *SHOWN, "--lang", "ja"]
    run = subprocess.run(command, env=home.environment, capture_output=True, text=True, timeout=400, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    lived, _opened, mails, mihon, tonari, renewed = chapters(run.stdout)
    for troupe in TROUPES:
        for player in troupe.players:
            assert any(line.split()[:2] == [troupe.bank.name, player.user] for line in lived)
    assert {line.split()[1] for line in mails if line.split()[:1] == ["✉"]} == {
        *(f"{user}@mihon.example" for user in ("kanri", "tanaka", "suzuki", "ito", "ono", "ueda")),
        "yamada@tonari.example",
    }
    assert told(mihon, "sato")[1:] == ["メイン画面"]
    assert told(mihon, "tanaka")[1:] == ["重要なお知らせ", "電子証明書の更新をお願いします", "メイン画面"]
    assert [one.split()[-1] for one in told(mihon, "ito")] == ["E101", "電子証明書取得"]
    codes = {user: told(mihon, user)[-1].split()[-1] for user in ("mori", "abe", "hara", "ono")}
    assert codes == {"mori": "E107", "abe": "E110", "hara": "E105", "ono": "E108"}
    assert told(mihon, "ueda")[0].endswith("E106")
    assert told(mihon, "ueda")[-1] == "メイン画面"
    assert told(tonari, "yamada")[-1] == "WEB-FB メニュー"
    assert [word for word in done(renewed) if "/" in word] == NINE
    assert [line.split()[-1] for line in renewed if line.split()[:1] == ["✓"]][-2:] == ["メイン画面", "E106"]
    assert run.stdout.splitlines()[-1] == "すべて片付けました。"
    require_nothing_left(home.folder)


def test_the_pages_stay_open_until_it_is_told_to_end(home: Home) -> None:
    """By a signal, while somebody looks on: what other terminals are told to type works until then."""
    child = pexpect.spawn(str(PROGRAM), [*SHOWN, "--stay"], env=home.environment, encoding="utf-8", timeout=300)
    child.expect("[Pp]ress Enter")
    for troupe in (MIHON, TONARI):
        assert f"/{troupe.bank.code}/" in child.before
    (customers,) = set(re.findall(r"(\S+/customers-tokenmgr) status", child.before))
    (medium,) = re.findall(r"--medium (\w+)", child.before)
    shown = pexpect.run(f"{customers} status --medium {medium}", env=dict(os.environ), encoding="utf-8")
    assert "(29 days left)" in str(shown)
    (mails,) = re.findall(r"file://(\S+/index\.html)", child.before)
    assert Path(mails).read_text(encoding="utf-8").count("<li>") == 8
    os.kill(child.pid, signal.SIGTERM)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 128 + signal.SIGTERM
    require_nothing_left(home.folder)
