"""The whole engine on the encrypted file, with a CA: undisturbed, cut short, and from a medium into it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.api.conftest import emptied, quick
from tests.api.rig import Rig
from tests.keystore.kept import made, opened
from tests.renewal.world import Near, Screen, World
from tokenmgr.domain.generation import State, StoreKind
from tokenmgr.domain.policy import OldGeneration
from tokenmgr.domain.renewal import Step
from tokenmgr.errors import AuthorityUnreachable, NotPermittedNow, PcStoreError
from tokenmgr.renewal.ports import StorePort
from tokenmgr.renewal.rehearsal import digests

__all__ = ["emptied", "quick"]


class FileWorld(World):
    """Where the other has a medium."""

    store: StorePort  # type: ignore[assignment]

    def __init__(self, rig: Rig, folder: Path) -> None:
        self.rig, self.folder = rig, folder / "journal"
        self.path = made(folder / "certificates.store").path
        self.instead = self.usb = ""
        self.near, self.screen, self.told = Near(rig), Screen(), []
        self.store = self.new_store()
        self.serial = self.store.name

    def new_store(self) -> StorePort:  # type: ignore[override]
        return opened(self.path)


@pytest.fixture
def world(quick: Rig, tmp_path: Path) -> FileWorld:
    quick.change_policy(old_generation=OldGeneration.AT_CONFIRMATION)
    return FileWorld(quick, tmp_path)


def test_an_acquisition_and_a_renewal(world: FileWorld) -> None:
    old = world.renewable()
    assert old.key.label == "1234-0012345 user01 2027-04-01"
    world.counter().renew()
    (new,) = world.with_certificates()
    assert new.key != old.key
    assert world.rig.states() == [State.REVOKED, State.ACTIVE]
    assert {one.store for one in world.rig.history()} == {StoreKind.PC}  # S3: the CA knows
    assert not world.unfinished()


@pytest.mark.parametrize(("number", "heard", "journal"), [(1, True, "kept"), (2, False, "lost"), (2, True, "lost")])
def test_a_renewal_that_was_cut_short_goes_on(world: FileWorld, number: int, heard: bool, journal: str) -> None:
    world.cut_short(number, heard)
    assert world.logs_in()
    folder = world.folder if journal == "kept" else world.folder.with_name("of another PC")
    world.resume(folder)
    assert world.logs_in()
    assert len(world.with_certificates()) == 1


@pytest.mark.parametrize("what", ["gone", "not writable"])
@pytest.mark.parametrize("step", [Step.KEY_GENERATED, Step.WRITTEN, Step.RETIRED])
def test_a_file_that_fails_within_a_step_has_refused_nothing(world: FileWorld, step: Step, what: str) -> None:
    world.renewable()
    away, lock = world.path.with_name("away"), world.path.with_name("certificates.store.lock")

    class Failing(Screen):
        def begins(self, begun: Step) -> None:
            if begun is step and what == "gone":
                world.path.rename(away)
            elif begun is step:
                lock.rename(away)
                lock.mkdir()

    world.screen = Failing()
    with pytest.raises(PcStoreError):
        world.counter().renew()
    if what == "gone":
        away.rename(world.path)
    else:
        lock.rmdir()
        away.rename(lock)
    world.restarted()
    assert world.logs_in()
    if world.unfinished():
        world.screen = Screen()
        world.resume()
    assert world.rig.states() == [State.REVOKED, State.ACTIVE]
    assert len(world.store.credentials()) == 1


def test_a_file_that_is_gone_is_waited_for(world: FileWorld) -> None:
    world.renewable()
    away = world.path.with_name("away")

    def pull(message: bytes, answer: object) -> bytes:
        if not any("waits" in told for told in world.screen.told):
            world.path.rename(away)
        return world.rig.answer(message)

    def plug() -> None:
        away.rename(world.path)

    world.near.on_the_way, world.screen.plug = pull, plug
    world.counter().renew()
    assert world.screen.told.count(f"waits for {world.serial}") == 1
    assert world.rig.states() == [State.REVOKED, State.ACTIVE]


def test_what_cannot_go_on_is_taken_away_again(world: FileWorld) -> None:
    world.cut(1)
    with pytest.raises(AuthorityUnreachable):
        world.counter().acquire(world.applicant())
    assert len(world.store.credentials()) == 1
    world.near = Near(world.rig)
    world.restarted()
    world.rig.now += timedelta(days=81)  # the bank's deadline is over (R10)
    with pytest.raises(NotPermittedNow):
        world.resume()
    assert world.store.credentials() == []
    assert not world.unfinished()


@pytest.mark.parametrize("is_cut", [False, True])
def test_a_rehearsal_leaves_the_file_with_what_it_had(world: FileWorld, is_cut: bool) -> None:
    old = world.acquire()
    before = digests(world.store.contents())
    if is_cut:
        world.near.on_the_way = interrupted
        with pytest.raises(KeyboardInterrupt):
            world.counter().rehearse()
        world.near = Near(world.rig)
        world.restarted()
        assert digests(world.store.contents()) != before
    outcome = world.counter().rehearse()  # which takes back what the other one has left
    assert (outcome.certificate, outcome.is_as_it_was) == (old.facts, True)
    assert digests(world.store.contents()) == before
    known = world.rig.administration.rehearsed(world.rig.subscriber.id)
    assert (known.has_passed, known.store) == (True, StoreKind.PC)
    assert not world.unfinished()


def interrupted(_message: bytes, _answer: object) -> bytes:
    raise KeyboardInterrupt
