"""What a bank's page waits for: one answer of the native host, which a browser starts for each, beside the start of the
bare interpreter. Files are in the cache."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench import in_turns, ratio, table, timed
from tests.desk.bank import SITE, HandingBank, jti_of
from tests.desk.test_native_host import framed
from tokenmgr import clock
from tokenmgr.desk.handovers import Handovers
from tokenmgr.domain.extension import CHROMIUM_ORIGIN

TURNS = 10
RUNS = 4  # in each turn
BARE = "python -c pass"
AIMS = {"hello": "≤ 150 ms", "begin": "≤ 150 ms; the window is open already", "progress": "≤ 150 ms"}


def run() -> None:
    with TemporaryDirectory() as folder, TemporaryDirectory() as compiled:
        home, bank = Path(folder) / "home", HandingBank()
        bank.hand_out(home)
        ticket = bank.ticket()
        Handovers(home).begin(jti_of(ticket), SITE, clock.now())
        plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        plain |= {"PYTHONPYCACHEPREFIX": compiled, "TOKENMGR_HOME": str(home)}
        host = [str(Path(sys.executable).with_name("tokenmgr")), "native-host", CHROMIUM_ORIGIN]
        messages = {do: {"do": do, "origin": SITE} | ({} if do == "hello" else {"ticket": ticket}) for do in AIMS}
        commands = {BARE: ([sys.executable, "-c", "pass"], b"")}
        commands |= {do: (host, framed(message)) for do, message in messages.items()}
        contenders = {
            name: functools.partial(timed, functools.partial(_once, *given, plain), RUNS)
            for name, given in commands.items()
        }
        taken = in_turns(TURNS, contenders)
    rows = [[name, str(one), ratio(one, taken[BARE]), AIMS.get(name, "")] for name, one in taken.items()]
    headings = ("answer", "time", "of the bare start", "aim")
    table("The native host, one answer from nothing: median and quartiles; ratios within each turn", headings, rows)


def _once(command: list[str], typed: bytes, environment: dict[str, str]) -> None:
    done = subprocess.run(command, input=typed, env=environment, capture_output=True, check=True)
    assert b"error" not in done.stdout
