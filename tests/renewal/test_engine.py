"""The nine steps on a medium and a CA, undisturbed and cut short."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.conftest import emptied, quick, rig, url
from tests.api.rig import Rig
from tests.renewal.world import World
from tokenmgr.domain.generation import State
from tokenmgr.domain.renewal import Ending, Step
from tokenmgr.errors import AuthorityUnreachable
from tokenmgr.renewal.journal import Journal
from tokenmgr.testbed.simulated import SimulatedMedium
from tokenmgr.token.module import Library

__all__ = ["emptied", "quick", "rig", "url"]


@pytest.fixture
def world(quick: Rig, medium: SimulatedMedium, library: Library, tmp_path: Path) -> Iterator[World]:
    made = World(quick, medium, library, tmp_path / "journal")
    yield made
    made.store.close()


def test_an_acquisition(world: World) -> None:
    found = world.acquire()
    assert world.screen.told == [text for step in Step for text in (f"> {step.name}", step.name)]
    assert world.rig.states() == [State.ACTIVE]
    assert found.key.label == "1234 C-1"
    assert found.certificate is not None
    assert world.rig.active().certificate == found.certificate.der


def test_a_renewal_and_the_old_one_goes_when_the_bank_says_so(world: World) -> None:
    old = world.acquire()
    assert old.facts is not None
    world.rig.now = old.facts.not_after
    with world.journal() as journal:
        assert world.engine(journal, world.of(old), old, retires=True).run() is Ending.DONE
    (new,) = (one for one in world.store.credentials() if one.certificate)
    assert new.key != old.key
    assert world.rig.states() == [State.SUPERSEDED, State.ACTIVE]


@pytest.mark.parametrize("lost", ["request", "answer"])
@pytest.mark.parametrize("number", [0, 1])
def test_what_is_lost_on_the_way_is_sent_again(world: World, lost: str, number: int) -> None:
    """The request itself, and the confirmation; before and after the CA has had it."""
    old = world.acquire()
    assert old.facts is not None
    world.rig.now = old.facts.not_after
    sent: list[bytes] = []

    def lose(message: bytes, answer: object) -> bytes:
        sent.append(message)
        said = b"" if lost == "request" and len(sent) == number + 1 else world.rig.answer(message)
        if len(sent) == number + 1:
            raise AuthorityUnreachable(address="ca", reason="cut")
        return said

    world.near.on_the_way = lose
    journal = world.journal()
    with journal, pytest.raises(AuthorityUnreachable):
        world.engine(journal, world.of(old), old).run()
    world.store.close()
    with Journal.open(journal.path) as journal:
        assert world.engine(journal, world.of(old), old).run() is Ending.DONE
    assert world.rig.states() == [State.SUPERSEDED, State.ACTIVE]
    assert len([one for one in world.store.credentials() if one.certificate]) == 2
