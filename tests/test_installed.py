"""What is installed elsewhere works without the checkout: its data is inside the package."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_installed_program_finds_drivers_and_softhsm_config(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "TOKENMGR_HOME": str(tmp_path / "home")}
    script = (
        "import tokenmgr, tokenmgr.catalogue as c, tokenmgr.data as d\n"
        "print(tokenmgr.__file__); print(*sorted(c.shipped().families))\n"
        "print(d.folder('softhsm_config') / 'softhsm2.conf')"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert all(line.startswith(str(tmp_path / "site")) for line in (out[0], out[2]))
    assert out[1].split() == sorted(path.stem for path in (ROOT / "drivers").glob("*.toml"))
    assert Path(out[2]).exists()
    up = [sys.executable, "-m", "tokenmgr", "testbed", "up", "due-in-12-days", "--lang", "en"]
    done = subprocess.run(up, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "is plugged in" in done.stdout, done.stderr
