"""Programs in Java, compiled once for all processes of the tests: to compile one takes longer than to run it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.contract.services import require
from tokenmgr.system import locked

TESTS = Path(__file__).parent
JARS = [f"/usr/share/java/{name}.jar" for name in ("bcpkix", "bcprov", "bcutil")]
QUICKLY = "-XX:TieredStopAtLevel=1"


def compiled(folder: Path) -> str:
    """All that are in the rooms of the tests: their class path."""
    require("javac", "java", *JARS)
    path = os.pathsep.join(JARS)
    with locked(folder.with_suffix(".lock")):
        if not folder.exists():
            how = [f"-J{QUICKLY}", "-proc:none", "-encoding", "UTF-8", "-cp", path, "-d", str(folder)]
            programs = map(str, TESTS.glob("*/*.java"))
            done = subprocess.run(["javac", *how, *programs], capture_output=True, text=True, timeout=120)
            assert done.returncode == 0, done.stdout + done.stderr
    return os.pathsep.join([str(folder), path])


def line(classes: str, program: str, *options: str) -> list[str]:
    """What starts one of them; its arguments come after it."""
    return ["java", QUICKLY, *options, "-cp", classes, program]
