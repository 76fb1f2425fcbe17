"""A sample of the proof, the same each time; `make crash` has all of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.services import require
from tests.crash.__main__ import main

ROOT = Path(__file__).parent.parent.parent
COUNT = 13
SEED = "53"  # of whose places each is there each time: in the registry, only early ones are
SUBJECTS = ("renew-p256", "acquire-p256", "renew-rsa2048", "acquire-rsa2048", "renew-nss", "move-medium-file")


def test_a_sample_of_each_part() -> None:
    require("gcc", "openssl", "setpriv", "certutil", "pk12util")
    subjects = [f"--subject={one}" for one in SUBJECTS]
    line = [sys.executable, "-m", "tests.crash", "--sample", str(COUNT), "--seed", SEED, "--jobs", "1", *subjects]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith(f"\n{COUNT} points, 0 violations\n")


@pytest.mark.parametrize(
    "name", ["renew-p265/call:C_Sign:1:kill-after", "renew-p256", "renew-p256/cal:C_Sign:1:kill-after"]
)
def test_a_point_that_is_not_called_so_is_a_usage_error(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tests.crash", "--point", name])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, "no point is called so" in capsys.readouterr().err) == (2, True)
