"""A cold start: `tokenmgr media --json` with one medium plugged in, beside tools that people know. Taken in turns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench import Measured, heading, medium_with_keys, ratio, row
from tokenmgr.testbed.simulated import softhsm

TURNS = 4
RUNS = 12


def run() -> None:
    heading("A cold start (aim: no slower than ykman --version)", "command", "time", "tokenmgr media --json is")
    with medium_with_keys() as (medium, _serial):
        home = medium.folder.parent.parent
        environment = {**os.environ, "TOKENMGR_HOME": str(home), "SOFTHSM2_CONF": str(medium.configuration)}
        program = str(Path(sys.executable).parent / "tokenmgr")
        commands = {
            "tokenmgr media --json": [program, "media", "--json"],
            "ykman --version": ["ykman", "--version"],
            "pkcs11-tool -L": ["pkcs11-tool", "--module", softhsm(), "-L"],
            "python -c pass": [sys.executable, "-c", "pass"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(TURNS):
            for name, command in commands.items():
                times[name] += _hyperfine(command, environment)
    mine = Measured(times["tokenmgr media --json"])
    for name, taken in times.items():
        row(name, str(Measured(taken)), ratio(mine, Measured(taken)))


def _hyperfine(command: list[str], environment: dict[str, str]) -> list[float]:
    with TemporaryDirectory() as folder:
        told = Path(folder) / "told.json"
        flags = ["-N", "--warmup", "2", "--runs", str(RUNS), "--export-json", str(told), "--style", "none"]
        subprocess.run(["hyperfine", *flags, " ".join(command)], env=environment, check=True, capture_output=True)
        return [seconds * 1e6 for seconds in json.loads(told.read_text())["results"][0]["times"]]
