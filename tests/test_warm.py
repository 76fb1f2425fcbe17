"""What is forked is a process like any other: its end, its streams, its surroundings, and nothing of the one before."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests import warm
from tests.warm import BEGUN_IN
from tokenmgr.errors import LibraryCrashed
from tokenmgr.testbed.simulated import SimulatedMedium
from tokenmgr.token.module import Library


def run(script: str, *arguments: str, typed: str = "", **more: str) -> warm.Done:
    return warm.run(script, *arguments, environment={**BEGUN_IN, **more}, typed=typed)


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("pass", 0),
        ("import sys; sys.exit(7)", 7),
        ("import os; os._exit(9)", 9),
        ("raise ValueError", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
    ],
)
def test_its_end_is_told(script: str, status: int) -> None:
    assert run(script).returncode == status


def test_its_streams_are_its_own() -> None:
    done = run("import sys; print('out', input()); print('誤り', file=sys.stderr)", typed="typed\n")
    assert (done.stdout, done.stderr) == ("out typed\n", "誤り\n")
    assert "EOFError" in run("input()").stderr
    assert "Traceback" in run("raise ValueError").stderr


def test_its_surroundings_are_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = run("import os, sys; print(sys.argv[1:], os.environ['WORD'], os.getcwd())", "a", "b", WORD="w").stdout
    assert told == f"['a', 'b'] w {tmp_path}\n"
    assert "WORD" not in run("import os; print(*os.environ)").stdout


def test_nothing_of_one_is_in_the_next() -> None:
    say = "import os, random, sys; sys.left = 1; import tokenmgr.cli.main; print(os.getpid(), random.random())"
    first, second = run(say).stdout.split(), run(say).stdout.split()
    assert not set(first) & set(second)
    assert str(os.getpid()) not in (first[0], second[0])
    assert run("import sys; print(hasattr(sys, 'left'), 'tokenmgr.cli.main' in sys.modules)").stdout == "False False\n"


def test_what_its_beginning_would_have_read_is_not_said_too_late() -> None:
    for name in ("PYTHONIOENCODING", "LD_PRELOAD", "LC_ALL"):
        with pytest.raises(AssertionError):
            run("pass", **{name: "x"})


def test_one_that_goes_on_is_ended_with_whoever_has_started_it() -> None:
    script = "print(input(), flush=True)\nwhile True: signal.pause()"
    environment = {**BEGUN_IN}
    with warm.started(f"import signal\n{script}", environment=environment, typed="typed\n") as running:
        assert running.stdout
        assert (running.stdout.readline(), running.poll()) == ("typed\n", None)
    assert running.wait() == running.poll() == -signal.SIGTERM
    with warm.started("import sys; sys.exit(3)", environment=environment) as running:
        assert running.wait(60) == 3
        running.kill()  # nobody any more


def test_a_library_is_in_a_process_of_its_own_which_is_told_from_every_other(medium: SimulatedMedium) -> None:
    """It ends with its pipe, or by a signal, and the next call begins another one."""
    with medium.library() as one, medium.library() as other:
        (seen,) = one.media()
        assert [found.serial for found in other.media()] == [seen.serial]
        first, second = one.worker.process, other.worker.process
        assert len({first, second, os.getpid()}) == 3
        os.kill(first or 0, signal.SIGKILL)
        with pytest.raises(LibraryCrashed) as caught:
            one.media()
        assert caught.value.status == -signal.SIGKILL
        assert one.find(seen.serial) == seen
        assert one.worker.process not in {None, first, second}
    assert not Path(f"/proc/{second}").exists()


def test_what_the_linker_is_told_is_told_to_a_library_that_begins(medium: SimulatedMedium) -> None:
    with Library(medium.path, {**os.environ, **medium.environment, "LD_BIND_NOW": "1"}) as library:
        assert library.media()
        assert b"LD_BIND_NOW=1" in Path(f"/proc/{library.worker.process}/environ").read_bytes()
