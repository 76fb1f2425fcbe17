"""A demonstration's CA that does not come to serve."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tokenmgr.errors import CommandFailed
from tokenmgr.testbed import own_ca
from tokenmgr.testbed.own_ca import Commands, OwnCA


class Says(Commands):
    """Instead of the service, a process that says so much, and stays."""

    words = ""

    def start(
        self, words: tuple[str, ...], errors: int = subprocess.PIPE, before: tuple[str, ...] = ()
    ) -> subprocess.Popen[str]:
        script = f"import sys, time; print({self.words!r}, end='', flush=True); time.sleep(600)"
        command, pipe = [sys.executable, "-c", script], subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors, encoding="utf-8")


@pytest.mark.parametrize("words", ["", "half a line"])
def test_one_that_says_nothing_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.setattr(own_ca, "PATIENCE", 0.5)
    monkeypatch.setattr(Says, "words", words)
    ca = OwnCA(Says(tmp_path, os.environ, "en"), [1, 2, 3, 4])
    with pytest.raises(CommandFailed) as refused:
        ca.serve()
    ca.end()
    assert refused.value.status < 0


class Interrupted(Says):
    """Ctrl-C comes when the process has begun and nobody has its name yet."""

    begun: list[subprocess.Popen[str]]

    def start(
        self, words: tuple[str, ...], errors: int = subprocess.PIPE, before: tuple[str, ...] = ()
    ) -> subprocess.Popen[str]:
        self.begun = [super().start(words, errors, before)]
        signal.raise_signal(signal.SIGINT)
        return self.begun[0]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Also where whoever runs the tests ignores Ctrl-C, as a shell does for what it puts in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_a_command_that_is_interrupted_while_it_starts_is_ended(tmp_path: Path) -> None:
    commands = Interrupted(tmp_path, os.environ, "en")
    with pytest.raises(KeyboardInterrupt):
        commands.run("bank", "add")
    assert commands.begun[0].poll() is not None


@pytest.mark.usefixtures("interruptible")
def test_so_is_a_service(tmp_path: Path) -> None:
    commands = Interrupted(tmp_path, os.environ, "en")
    ca = OwnCA(commands, [1, 2, 3, 4])
    with pytest.raises(KeyboardInterrupt):
        ca.serve()
    ca.end()
    assert commands.begun[0].poll() is not None
