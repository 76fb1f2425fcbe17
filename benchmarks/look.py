"""What somebody waits for who only looks: `tokenmgr status --json` on a medium with four certificates, from nothing to
the answer, beside tools that people know. The CA is on loopback and answers, or it is not asked. Files are cached.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench import in_turns, ratio, table
from benchmarks.cold import hyperfine
from benchmarks.customer import HERE, customer
from benchmarks.media import medium
from tests.interop.running import CONTRACT, founded, serving
from tokenmgr.cli.output import Exit
from tokenmgr.domain.credential import KeyKind

TURNS = 10
CERTIFICATES = 4
ASKED, OFFLINE = "tokenmgr status --json, the CA answers", "the same with --offline"


def run() -> None:
    with (
        TemporaryDirectory(prefix=".look-", dir=HERE) as folder,
        TemporaryDirectory() as compiled,
        founded(Path(folder) / "ca") as ca,
        serving(ca, 1, ca.status_port) as ca.port,
        medium() as (one, _serial),
        customer(ca, Path(folder), one, KeyKind.P256) as made,
    ):
        for _ in range(CERTIFICATES - 1):
            made.run("acquire", "--contract", CONTRACT, "--user", ca.enrol().user, "--kind", KeyKind.P256.value)
        plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        plain |= {"HOME": str(one.folder), "PYTHONPYCACHEPREFIX": compiled, "no_proxy": "*", "LC_ALL": "C.UTF-8"}
        ours = plain | {"TOKENMGR_HOME": folder}
        status = [str(Path(sys.executable).with_name("tokenmgr")), "status", "--json"]
        commands = {
            ASKED: (status, ours),
            OFFLINE: ([*status, "--offline"], ours),
            "ykman --version": (["ykman", "--version"], plain),
            "pkcs11-tool -O": (["pkcs11-tool", "--module", one.path, "-O"], plain | dict(one.environment)),
            "python -c pass": ([sys.executable, "-c", "pass"], plain),
        }
        for command, environment in (commands[ASKED], commands[OFFLINE]):
            _require_all(command, environment)
        taken = in_turns(TURNS, {name: functools.partial(hyperfine, *given) for name, given in commands.items()})
    rows = [[name, str(t), ratio(taken[ASKED], t), ratio(taken[OFFLINE], t)] for name, t in taken.items()]
    headings = ("command", "time", "with the CA is", "offline is")
    table(f"A look at {CERTIFICATES} certificates, cold: median and quartiles; ratios within each turn", headings, rows)


def _require_all(command: list[str], environment: dict[str, str]) -> None:
    """What is measured is the whole answer: their renewal is open from the first day on."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    found = [one for seen in json.loads(done.stdout)["media"] for one in seen["certificates"]]
    is_asked = "--offline" not in command
    if done.returncode != Exit.DUE or [bool(one["authority"]) for one in found] != [is_asked] * CERTIFICATES:
        raise RuntimeError(done.stdout + done.stderr)
