"""What is installed elsewhere works without the checkout: its data is inside the package."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tokenmgr.cli.main import COMMANDS

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a wheel has, and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


def environment_of(site: Path, home: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(site), "TOKENMGR_HOME": str(home)}


def test_every_module_is_in_the_wheel(site: Path) -> None:
    here, there = ({path.relative_to(root) for path in (root / "tokenmgr").rglob("*.py")} for root in (ROOT, site))
    assert here == there


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_starts_cold_from_what_is_installed(site: Path, tmp_path: Path, command: str) -> None:
    """Most tests fork a process that has every room already (tests/warm.py), and would see neither a module that the
    wheel lacks nor two that import each other."""
    start = [sys.executable, "-m", "tokenmgr", command, "--help"]
    done = subprocess.run(start, env=environment_of(site, tmp_path), cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"tokenmgr {command}" in done.stdout


def test_the_installed_program_finds_what_stands_beside_it(site: Path, tmp_path: Path) -> None:
    environment = environment_of(site, tmp_path / "home")
    script = (
        "import tokenmgr, tokenmgr.catalogue as c, tokenmgr.data as d\n"
        "print(tokenmgr.__file__); print(*sorted(c.shipped().families))\n"
        "print(d.folder('softhsm_config') / 'softhsm2.conf'); print(d.folder('extension') / 'worker.js')"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert all(line.startswith(str(site)) for line in (out[0], *out[2:]))
    assert out[1].split() == sorted(path.stem for path in (ROOT / "drivers").glob("*.toml"))
    assert all(Path(line).exists() for line in out[2:])
    up = [sys.executable, "-m", "tokenmgr", "testbed", "up", "due-in-12-days", "--lang", "en"]
    done = subprocess.run(up, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "is plugged in" in done.stdout, done.stderr
