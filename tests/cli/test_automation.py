"""What is done by itself, by the program as it is run: hooks, what is due, the timer's units."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.runner import PROGRAM, Home
from tests.cli.test_status import acquired
from tests.interop import running
from tests.interop.running import Authority
from tokenmgr.testbed.simulated import PIN


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with running.authority(tmp_path_factory.mktemp("automation"), workers=1) as made:
        yield made


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def hook(home: Home, name: str, *lines: str) -> Path:
    path = home.folder / "hooks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(("#!/bin/sh", *lines, "")), encoding="utf-8")
    path.chmod(0o755)
    return path


def test_scripts_are_run_around_a_renewal_and_say_nothing_where_json_is_told(home: Home, ca: Authority) -> None:
    """The PIN comes by a descriptor that no script has."""
    acquired(home, ca)
    hook(home, "before/10", "echo from the hook; echo and more >&2", "ls -l /proc/self/fd > fds", "env > environment")
    hook(home, "after/10", "cat > told", "exit 7")
    refused = hook(home, "before/20", "echo closing >&2; exit 1")
    pin = home.folder / "pin"
    pin.write_text(f"{PIN}\n")

    def renew(*more: str) -> subprocess.CompletedProcess[str]:
        with pin.open() as secret:
            fd = secret.fileno()
            command: list[str | Path] = [PROGRAM, "renew", "--json", "--pin-fd", str(fd), *more]
            return subprocess.run(command, env=home.environment, pass_fds=[fd], capture_output=True, text=True)

    done = renew()
    told = json.loads(done.stdout)["error"]
    assert (done.returncode, told["code"], told["facts"]["said"]) == (3, "J132", "closing")
    assert "J135" in done.stderr
    refused.unlink()
    done = renew("-v")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["certificate"]["serial_number"] in (home.folder / "hooks" / "after" / "told").read_text()
    assert "J135" in done.stderr
    for line in ("10: from the hook", "10: and more"):
        assert line in done.stderr
    assert str(pin) not in (home.folder / "hooks" / "before" / "fds").read_text()
    (home.folder / "hooks" / "after" / "told").unlink()
    hook(home, "before/10", "exit 1")
    assert renew("--no-hooks").returncode == 0
    assert not (home.folder / "hooks" / "after" / "told").exists()
