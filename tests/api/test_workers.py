"""How one worker hands over to the next, with real processes that are no CA."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tokenmgr.api.workers import _Relay, _Worker
from tokenmgr.log import Secret

PATIENCE = 30.0
# Its PIN, then nothing until it is told to stop; what it says comes first, or never.
SERVES = "import sys; sys.stdin.readline(); print('ready', flush=True); sys.stdin.read()"
FAILS = "import sys; sys.exit(3)"
SLOW = "import sys; sys.stdin.read()"


class Started:
    """Whatever is to be started next."""

    def __init__(self) -> None:
        self.program, self.made = SERVES, list[_Worker]()
        self._socket = socket.socket()

    def __call__(self) -> _Worker:
        command = [sys.executable, "-c", self.program]
        self.made.append(_Worker(command, [self._socket], Secret("PIN"), dict(os.environ)))
        return self.made[-1]

    def close(self) -> None:
        self._socket.close()
        for one in self.made:
            one.tell_to_stop()
            one.wait_until(time.monotonic() + PATIENCE)


@pytest.fixture
def start() -> Iterator[Started]:
    with closing(Started()) as made:
        yield made


def go_on(relay: _Relay, holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < ends, "it did not come to that"
        relay.go_on()
        time.sleep(0.01)


def test_one_after_another_and_each_new_one_first(start: Started) -> None:
    before = [start(), start()]
    running = list(before)
    relay = _Relay(start, running)
    relay.begin()
    go_on(relay, lambda: running[0] is not before[0])
    assert (running[1] is before[1], before[1].ended) == (True, None)
    go_on(relay, lambda: running[1] is not before[1])
    go_on(relay, lambda: not relay.others)
    assert [one.ended for one in before] == [0, 0]  # told to stop, not killed
    assert [one.ended for one in running] == [None, None]
    assert len(start.made) == 4
    relay.go_on()
    assert len(start.made) == 4


def test_one_that_does_not_come_up_takes_nobodys_place(start: Started) -> None:
    before = [start(), start()]
    running = list(before)
    relay = _Relay(start, running)
    start.program = FAILS
    relay.begin()
    go_on(relay, lambda: len(start.made) == 3 and not relay.others)
    relay.go_on()
    assert len(start.made) == 3  # not again at once
    assert running == before
    assert [one.ended for one in before] == [None, None]
    start.program = SERVES
    relay.begin()  # what was wrong has been put right
    go_on(relay, lambda: not set(running) & set(before))


def test_what_changes_meanwhile_is_read_by_all(start: Started) -> None:
    """The one that is coming up may have read what was there before: it never serves."""
    running = [start()]
    relay = _Relay(start, running)
    start.program = SLOW
    relay.begin()
    relay.go_on()
    slow = start.made[-1]
    start.program = SERVES
    relay.begin()
    go_on(relay, lambda: running[0] is start.made[-1] and not relay.others)
    assert slow not in running
    assert slow.ended == 0
    assert len(start.made) == 3


def test_what_is_watched(tmp_path: Path) -> None:
    from tests.ca.made import Token, make_ca
    from tokenmgr.cli.watched import Watched

    folder = make_ca(tmp_path / "ca", Token())
    tls = tmp_path / "chain.pem"
    watched = Watched(folder.path, tls)
    assert not watched()
    tls.write_text("a")
    assert (watched(), watched()) == (True, False)
    about = folder.path / "ca.toml"
    text = about.read_text(encoding="utf-8")
    for file in (folder.path / "cmp.pem", about):
        file.with_suffix(".new").write_bytes(file.read_bytes())
        file.with_suffix(".new").replace(file)
        assert (watched(), watched()) == (True, False)
    (folder.path / "registry.sqlite").write_text("a")
    (folder.path / "cmp.2.pem").write_text("a")  # named by nothing
    assert not watched()
    about.write_text(text[: len(text) // 2], encoding="utf-8")
    assert not watched()  # somebody is editing it
    about.write_text(text.replace('"cmp.pem"', '"cmp.2.pem"'), encoding="utf-8")
    assert (watched(), watched()) == (True, False)
    (folder.path / "cmp.2.pem").write_text("another")
    assert (watched(), watched()) == (True, False)
