"""R13: cut short at every line of the journal, before it is on the disk and after, and gone on with from evidence.

After each: a working certificate was there all the time, the CA has one active one, and nothing is left over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import pytest

from tests.api.conftest import emptied, quick, rig, url
from tests.api.rig import Rig
from tests.renewal.world import World
from tokenmgr.domain.credential import Credential
from tokenmgr.domain.generation import State
from tokenmgr.domain.renewal import Ending, Step
from tokenmgr.renewal.journal import Journal, Phase, Value
from tokenmgr.renewal.recovery import STORE, current, pending, reopen
from tokenmgr.testbed.simulated import SimulatedMedium
from tokenmgr.token.module import Library

__all__ = ["emptied", "quick", "rig", "url"]

LINES = 2 * len(Step) + 1  # an intent and a done of each step, and the ending


class PowerCut(BaseException):
    """Nobody catches it."""


class Mortal(Journal):
    """Its computer is switched off at one of its lines."""

    left = LINES + 1
    is_after = False

    def write(self, step: Step | None, phase: Phase, facts: Mapping[str, Value], now: datetime) -> None:
        self.left -= 1
        if self.left == 0 and not self.is_after:
            raise PowerCut
        super().write(step, phase, facts, now)
        if self.left == 0:
            raise PowerCut


@pytest.fixture
def world(quick: Rig, medium: SimulatedMedium, library: Library, tmp_path: Path) -> Iterator[World]:
    made = World(quick, medium, library, tmp_path / "journal")
    yield made
    made.store.close()


def mortal(world: World, line: int, is_after: bool) -> Mortal:
    made = Mortal.create(world.folder, f"cut-{line}-{is_after}", {STORE: world.serial}, world.rig.now)
    made.left, made.is_after = line, is_after
    return made


def with_certificates(world: World) -> list[Credential]:
    return [one for one in world.store.credentials() if one.certificate]


def resumed(world: World, path: Path, old: Credential | None) -> Ending:
    world.store.close()
    world.store = world.new_store()
    with Journal.open(path) as journal:
        identity = world.ticket() if old is None else world.of(old)
        return world.engine(journal, identity, old).run()


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("line", range(1, LINES + 1))
def test_a_renewal_that_is_cut_short(world: World, line: int, is_after: bool) -> None:
    old = world.acquire()
    assert old.facts is not None
    world.rig.now = old.facts.not_after
    journal = mortal(world, line, is_after)
    with journal, pytest.raises(PowerCut):
        world.engine(journal, world.of(old), old).run()
    assert old.key in [one.key for one in with_certificates(world)]
    if line < LINES or not is_after:
        assert resumed(world, journal.path, old) is Ending.DONE
    assert world.rig.states() == [State.SUPERSEDED, State.ACTIVE]
    certificates = {one.certificate.der for one in world.store.credentials() if one.certificate}
    assert certificates == {old.certificate.der if old.certificate else b"", world.rig.active().certificate}
    assert len(world.store.credentials()) == 2


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("line", range(1, LINES + 1, 3))
def test_an_acquisition_that_is_cut_short(world: World, line: int, is_after: bool) -> None:
    """The one-time secret is gone with the computer: both PINs bring another one, for the same key."""
    journal = mortal(world, line, is_after)
    with journal, pytest.raises(PowerCut):
        world.engine(journal, world.ticket(), None).run()
    if world.rig.states() != [State.ACTIVE]:
        assert resumed(world, journal.path, None) is Ending.DONE
    assert world.rig.states() == [State.ACTIVE]
    (only,) = world.store.credentials()
    assert only.certificate is not None
    assert only.certificate.der == world.rig.active().certificate


@pytest.mark.parametrize(
    ("line", "how"),
    [
        *((line, "lost") for line in range(1, LINES + 1, 2)),
        *((line, how) for line in (3, 9, 14) for how in ("damaged", "kept")),
    ],
)
def test_on_another_pc_the_medium_and_the_ca_suffice(world: World, line: int, how: str, tmp_path: Path) -> None:
    """The journal is gone, or cannot be believed; or it is there, and the same."""
    old = world.acquire()
    assert old.facts is not None
    world.rig.now = old.facts.not_after
    journal = mortal(world, line, is_after=True)
    with journal, pytest.raises(PowerCut):
        world.engine(journal, world.of(old), old).run()
    if how == "damaged":
        text = journal.path.read_text().replace('"n":1', '"n":7')
        journal.path.write_text(text)
    world.store.close()
    world.store, folder = world.new_store(), tmp_path / "another" if how == "lost" else world.folder
    found = reopen(folder, world.store, world.rig.now)
    by = current(world.store.credentials(), world.rig.now)
    assert by is not None
    if found is not None:
        with found:
            assert world.engine(found, world.of(old), old).run() is Ending.DONE
        assert world.rig.states() == [State.SUPERSEDED, State.ACTIVE]
        assert len(with_certificates(world)) == 2
    else:
        assert world.rig.states() in ([State.ACTIVE], [State.SUPERSEDED, State.ACTIVE])
        assert [one.key for one in world.store.credentials()] == [one.key for one in with_certificates(world)]
    assert pending(world.store.credentials()) is None
    assert reopen(folder, world.store, world.rig.now) is None
