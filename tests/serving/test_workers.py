"""How one worker hands over to the next, with real processes that are no CA."""

from __future__ import annotations

import math
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tokenmgr.log import Secret
from tokenmgr.serving import workers
from tokenmgr.serving.workers import Keeper, _Relay, _Worker

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


def test_one_that_neither_serves_nor_ends_blocks_nobody(
    start: Started, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    running = before = [start()]
    relay = _Relay(start, running)
    start.program = SLOW
    relay.begin()
    relay.go_on()
    slow = start.made[-1]
    monkeypatch.setattr(workers, "LONGEST_START", 0.0)
    monkeypatch.setattr(workers, "LONGEST_WAIT", 0.0)
    start.program = SERVES
    relay.go_on()
    assert "does not begin to serve" in caplog.text
    assert running == before
    monkeypatch.undo()
    go_on(relay, lambda: running[0] is start.made[-1] and not relay.others)
    assert (slow.ended, len(start.made)) == (0, 3)


# --- the keeper -----------------------------------------------------------------------------------------------------


def kept(start: Started, count: int = 2) -> Keeper:
    """Its places filled, and a hand that takes its next look."""
    keeper = Keeper((), count, {}, Secret("PIN"), {})
    keeper._start = start  # type: ignore[method-assign]
    keeper._running += [start() for _ in range(count)]
    keeper._relay = _Relay(start, keeper._running)
    for one in keeper._running:
        one.wait_ready()
    return keeper


def look_until(keeper: Keeper, holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < ends, "it did not come to that"
        keeper._look()
        time.sleep(0.01)


def killed(one: _Worker) -> None:
    os.kill(one.process, signal.SIGKILL)
    one._child.wait()


def test_whoever_ends_is_started_anew_and_the_others_go_on(start: Started) -> None:
    keeper = kept(start)
    first, second = keeper._running
    killed(first)
    keeper._look()
    assert (keeper._running, len(start.made)) == ([first, second], 2)  # soon after its start: not at once
    keeper._due[0] = 0.0
    look_until(keeper, lambda: keeper._running[0] is not first)
    assert (keeper._running, keeper._due) == ([start.made[2], second], {})
    killed(start.made[2])
    keeper._look()
    assert keeper._due[0] - time.monotonic() > 1  # and later each time
    assert second.ended is None


def test_one_that_a_hand_over_has_put_there_meanwhile_stays(start: Started) -> None:
    """Else a healthy one would go on serving, as nobody's, until the computer is switched off."""
    keeper = kept(start)
    killed(keeper._running[0])
    keeper._look()
    keeper._due[0] = math.inf  # its time does not come before the hand-over has
    keeper._relay.begin()
    look_until(keeper, lambda: len(start.made) == 4 and not keeper._relay.others)
    assert keeper._running == start.made[2:]
    keeper._due |= dict.fromkeys(keeper._due, 0.0)  # its time has come
    keeper._look()
    assert (keeper._running, keeper._due, len(start.made)) == (start.made[2:], {}, 4)


def test_one_that_cannot_be_started_is_tried_again(start: Started, caplog: pytest.LogCaptureFixture) -> None:
    keeper = kept(start, 1)
    killed(keeper._running[0])
    keeper._look()
    keeper._due[0] = 0.0

    def fail() -> _Worker:
        raise OSError("no memory")

    keeper._start = fail  # type: ignore[method-assign]
    keeper._look()
    assert "could not be started" in caplog.text
    assert keeper._due[0] > time.monotonic()
    keeper._start, keeper._due[0] = start, 0.0  # type: ignore[method-assign]
    keeper._look()
    assert (keeper._running, keeper._due) == ([start.made[1]], {})


# --- what they are told of ------------------------------------------------------------------------------------------


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
