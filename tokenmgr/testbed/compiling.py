"""C that is compiled once, for whoever needs it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tokenmgr.errors import CompilerFailed, CompilerMissing
from tokenmgr.testbed import claims

_COMMAND = ("-shared", "-fPIC", "-O2", "-fvisibility=hidden", "-Wall", "-Wextra")
HERE = sys.platform == "linux"  # what is compiled here is for Linux


def source(name: str) -> str:
    return (Path(__file__).parent / "c" / f"{name}.c").read_text(encoding="utf-8")


def built(name: str, text: str, store: Path) -> Path:
    """The shared library of this text, in `store`, where it stays for the next one."""
    library = store / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.so"
    if library.exists():
        return library
    compiler = (shutil.which("gcc") or shutil.which("cc")) if HERE else None
    if compiler is None:
        raise CompilerMissing
    with claims.aside(store, ".making-") as claim:
        written, made = claim.folder / f"{name}.c", claim.folder / f"{name}.so"
        written.write_text(text, encoding="utf-8")
        command = [compiler, *_COMMAND, "-o", str(made), str(written), "-ldl", "-lpthread"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CompilerFailed(reason=(done.stderr.strip() or compiler).splitlines()[0])
        os.replace(made, library)  # noqa: PTH105  whole or not at all, whoever else is building it
    return library
