"""The rigs themselves: each shows one medium, takes its PIN, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract import rigs
from tests.contract.rig import Rig
from tests.contract.services import until
from tests.token.helpers import only
from tokenmgr.domain.medium import PinState
from tokenmgr.errors import MediumNotFound
from tokenmgr.log import Secret
from tokenmgr.token.session import Session

PULLABLE = ("softhsm", "yubikey", "opensc")
_START = "import sys; from pathlib import Path; from tests.contract import rigs\n"
_STAY = "with rigs.start(sys.argv[1], Path(sys.argv[2])): print('up', flush=True); input()"


def test_it_shows_one_medium_which_takes_the_pin(rig: Rig) -> None:
    with rig.library() as library:
        medium = only(library)
        assert medium.serial == rig.serial
        assert medium.initialised
        assert medium.pin in (PinState.FINE, PinState.NOT_TOLD)
        with Session.open(library, rig.serial, write=True) as session:
            session.login(Secret(rig.pin))
            assert session.role() == "user"


@pytest.mark.parametrize("name", rigs.NAMES)
def test_nothing_of_it_is_left(name: str, tmp_path: Path) -> None:
    before, others = _surroundings(), _children(os.getpid())
    with rigs.start(name, tmp_path / "rig"):
        started = _children(os.getpid()) - others  # another test's database server has children of its own
    assert _surroundings() == before
    assert not started & _children(os.getpid())
    assert not any(_lives(process) for process in started)


@pytest.mark.parametrize("name", rigs.NAMES)
def test_what_it_started_dies_with_who_started_it(name: str, tmp_path: Path) -> None:
    with rigs.start(name, tmp_path / "probe"):  # or skip
        pass
    command = [sys.executable, "-c", _START + _STAY, name, str(tmp_path / "rig")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"up\n"
        running = _children(owner.pid)
        owner.send_signal(signal.SIGKILL)
    until(lambda: not any(_lives(process) for process in running))


@pytest.mark.parametrize("name", PULLABLE)
def test_it_is_pulled_and_put_back(name: str, tmp_path: Path) -> None:
    with rigs.start(name, tmp_path / "rig") as rig, rig.library() as library:
        rig.hand.unplug()
        assert library.media() == []
        with pytest.raises(MediumNotFound):
            library.find(rig.serial)
        rig.hand.plug()
        assert only(library).serial == rig.serial


def test_the_same_card_through_two_libraries(tmp_path: Path) -> None:
    with rigs.start("opensc", tmp_path / "rig") as rig:
        assert rig.beside is not None
        with rig.library() as one, rig.beside.library() as other:
            assert only(one).reader == only(other).reader
            assert only(one).serial != only(other).serial


def test_two_kinds_at_once(tmp_path: Path) -> None:
    with (
        rigs.start("yubikey", tmp_path / "a") as outer,
        rigs.start("opencryptoki", tmp_path / "b") as inner,
        outer.library() as one,
        inner.library() as other,
    ):
        assert only(one).serial == outer.serial
        assert only(other).serial == inner.serial


def _children(process: int) -> set[int]:
    """With theirs."""
    own = {int(word) for path in Path(f"/proc/{process}/task").glob("*/children") for word in path.read_text().split()}
    return own.union(*(_children(child) for child in own))


def _lives(process: int) -> bool:
    """One that is dead and that nobody has asked for its end is still listed, as Z."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _surroundings() -> tuple[object, ...]:
    """What a rig may change of this process: its namespaces, mounts and working folder."""
    spaces = tuple(str(Path(f"/proc/thread-self/ns/{kind}").readlink()) for kind in ("mnt", "ipc", "net"))
    return (*spaces, Path("/proc/self/mounts").read_text(), Path.cwd())
