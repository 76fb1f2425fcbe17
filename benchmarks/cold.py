"""A start from nothing to the answer: `tokenmgr media --json` beside tools that people know. Files are in the cache."""

from __future__ import annotations

import functools
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench import Measured, in_turns, ratio, table
from benchmarks.media import medium
from tokenmgr.testbed.simulated import softhsm

TURNS = 10
RUNS = 4  # in each turn

LONE = "tokenmgr media --json, one library"
USUAL = "the same, and the catalogue's libraries"


def run() -> None:
    with medium() as (one, _serial), TemporaryDirectory() as compiled:
        lone, usual = one.folder.parent / "lone", one.folder.parent / "usual"
        for home in (lone, usual):
            one.register(home / "libraries.d")
        (lone / "settings.toml").write_text("catalogue = false\n")  # else every library that drivers/ knows is loaded
        # Compiled modules go where they do by default, neither stale nor forbidden, but in a place of our own.
        plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        plain |= {"HOME": str(one.folder), "SOFTHSM2_CONF": str(one.configuration), "PYTHONPYCACHEPREFIX": compiled}
        ours = [str(Path(sys.executable).with_name("tokenmgr")), "media", "--json"]
        commands = {
            LONE: (ours, plain | {"TOKENMGR_HOME": str(lone)}),
            USUAL: (ours, plain | {"TOKENMGR_HOME": str(usual)}),
            "ykman --version": (["ykman", "--version"], plain),
            "pkcs11-tool -L": (["pkcs11-tool", "--module", softhsm(), "-L"], plain),
            "python -c pass": ([sys.executable, "-c", "pass"], plain),
        }
        taken = in_turns(TURNS, {name: functools.partial(hyperfine, *given) for name, given in commands.items()})
    rows = [[n, str(t), ratio(taken[LONE], t), ratio(taken[USUAL], t), _aim(n)] for n, t in taken.items()]
    headings = ("command", "time", "one library is", "with the catalogue's is", "aim")
    table(f"A cold start: median and quartiles of {TURNS * RUNS}; ratios within each turn", headings, rows)
    _tell_floor(taken)


def _aim(name: str) -> str:
    return {"ykman --version": "≤ 1 ×", "python -c pass": "the floor: Python's own start"}.get(name, "")


def _tell_floor(taken: dict[str, Measured]) -> None:
    share = taken["python -c pass"].median / taken[LONE].median
    print(f"  Python's own start is {share:.0%} of ours, once in each process: the program's, and the library's.")


def hyperfine(command: list[str], environment: dict[str, str]) -> list[float]:
    """Microseconds of each run, whatever their exit status says."""
    with TemporaryDirectory() as folder:
        told = Path(folder) / "told.json"
        flags = ["-N", "--warmup", "1", "--runs", str(RUNS), "--export-json", str(told), "--style", "none", "-i"]
        subprocess.run(["hyperfine", *flags, shlex.join(command)], env=environment, check=True, capture_output=True)
        return [seconds * 1e6 for seconds in json.loads(told.read_text())["results"][0]["times"]]
