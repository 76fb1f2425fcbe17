"""R13: cut short at every line of the journal, before it is on the disk and after, and gone on with from evidence.

After each: a working certificate was there all the time, the CA has one active one, and nothing is left over.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pytest

from tests.renewal.world import World
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.generation import State
from tokenmgr.domain.holding import MARK
from tokenmgr.domain.renewal import Step
from tokenmgr.errors import JournalDamaged, NothingUnfinished, NotPermittedNow, UndoneHere
from tokenmgr.log import Secret
from tokenmgr.renewal.journal import Journal, Phase, Value, unfinished
from tokenmgr.testbed.simulated import PIN
from tokenmgr.token.session import Session

LINES = 2 * len(Step) + 2  # a heading, an intent and a done of each step, and the ending


class PowerCut(BaseException):
    """Nobody catches it."""


@pytest.fixture
def switched_off(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The computer is switched off at so many lines from now: before that one is on the disk, or after (negative)."""
    left: list[int] = []
    written = Journal.write

    def write(self: Journal, step: Step | None, phase: Phase, facts: Mapping[str, Value], now: datetime) -> None:
        count = left.pop() if left else 0
        if count == 1:
            raise PowerCut
        written(self, step, phase, facts, now)
        if count == -1:
            raise PowerCut
        if count:
            left.append(count - 1 if count > 0 else count + 1)

    monkeypatch.setattr(Journal, "write", write)
    return left


def finished(world: World, folder: Path | None = None) -> None:
    """As a customer does it: go on; or, where nothing is unfinished, begin again if there is no new one."""
    world.restarted()
    try:
        world.resume(folder)
    except NothingUnfinished:
        if world.rig.states() == [State.ACTIVE]:
            world.counter(folder).renew()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("line", range(1, LINES + 1))
def test_a_renewal_that_is_cut_short(world: World, switched_off: list[int], line: int, after: bool) -> None:
    old = world.renewable()
    switched_off.append(-line if after else line)
    with pytest.raises(PowerCut):
        world.counter().renew()
    assert old.key in [one.key for one in world.with_certificates()]
    finished(world)
    assert world.rig.states() == [State.SUPERSEDED, State.ACTIVE]
    certificates = {one.certificate.der for one in world.store.credentials() if one.certificate}
    assert certificates == {old.certificate.der if old.certificate else b"", world.rig.active().certificate}
    assert len(world.store.credentials()) == 2
    assert not world.unfinished()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("line", range(1, LINES + 1))
def test_an_acquisition_that_is_cut_short(world: World, switched_off: list[int], line: int, after: bool) -> None:
    """The one-time secret is gone with the computer: both PINs bring another one, for the same key. Once it is
    confirmed, nobody is asked for them."""
    switched_off.append(-line if after else line)
    with pytest.raises(PowerCut):
        world.counter().acquire(world.applicant())
    world.restarted()
    try:
        world.resume()
    except NothingUnfinished:
        if not world.with_certificates():
            world.counter().acquire(world.applicant())
    assert world.rig.states() == [State.ACTIVE]
    (only,) = world.store.credentials()
    assert only.certificate is not None
    assert only.certificate.der == world.rig.active().certificate
    assert not world.unfinished()


@pytest.mark.parametrize(
    ("line", "how"),
    [
        *((line, "lost") for line in range(2, LINES + 1, 2)),
        *((line, "damaged") for line in (4, 10, 15)),
    ],
)
def test_on_another_pc_the_medium_and_the_ca_suffice(
    world: World, switched_off: list[int], line: int, how: str, tmp_path: Path
) -> None:
    """The journal is gone, or cannot be believed: then it is named, and set aside."""
    world.renewable()
    switched_off.append(-line)
    with pytest.raises(PowerCut):
        world.counter().renew()
    folder = tmp_path / "another" if how == "lost" else world.folder
    if how == "damaged":
        (path,) = [one for one in folder.glob("*.jsonl") if '"old"' in one.read_text()]
        path.write_text(path.read_text().replace('"n":1', '"n":7'))
    finished(world, folder)
    assert world.rig.states() == [State.SUPERSEDED, State.ACTIVE]
    assert len(world.store.credentials()) == len(world.with_certificates()) == 2
    assert [type(one) for one in world.told] == ([JournalDamaged] if how == "damaged" else [])


@pytest.mark.parametrize("is_elsewhere", [False, True])
def test_half_a_key_pair_is_taken_back(
    world: World, switched_off: list[int], is_elsewhere: bool, tmp_path: Path
) -> None:
    """As NSS leaves it, which writes the private half first. Nobody knows its public one, nor was asked for it."""
    old = world.renewable()
    switched_off.append(5)  # the key is there, and the journal does not have it
    with pytest.raises(PowerCut):
        world.counter().renew()
    world.restarted()
    (half,) = (one.key for one in world.store.credentials() if one.key != old.key)
    world.destroy_public(half)
    folder = tmp_path / "another" if is_elsewhere else world.folder
    with pytest.raises(UndoneHere):
        world.resume(folder)
    assert [one.key for one in world.store.credentials()] == [old.key]
    assert not unfinished(folder)
    world.counter(folder).renew()
    assert world.rig.states() == [State.SUPERSEDED, State.ACTIVE]


@pytest.mark.parametrize("line", range(4, LINES + 1, 2))
def test_an_acquisition_is_finished_on_another_pc(
    world: World, switched_off: list[int], line: int, tmp_path: Path
) -> None:
    switched_off.append(-line)
    with pytest.raises(PowerCut):
        world.counter().acquire(world.applicant())
    world.restarted()
    folder = tmp_path / "another"
    try:
        world.resume(folder)
    except NothingUnfinished:
        if not world.with_certificates():
            world.counter(folder).acquire(world.applicant())
    assert world.rig.states() == [State.ACTIVE]
    assert len(world.store.credentials()) == 1


@pytest.mark.parametrize("operation", ["renew", "acquire"])
@pytest.mark.parametrize("line", range(3, LINES + 1, 2))
def test_whoever_comes_back_to_the_first_pc_is_not_kept_by_its_journal(
    world: World, switched_off: list[int], line: int, operation: str, tmp_path: Path
) -> None:
    """Another PC has finished it meanwhile, with the same key or with another one."""

    def begin(folder: Path) -> None:
        counter = world.counter(folder)
        _ = counter.renew() if operation == "renew" else counter.acquire(world.applicant())

    if operation == "renew":
        world.renewable()
    switched_off.append(-line)
    with pytest.raises(PowerCut):
        begin(world.folder)
    world.restarted()
    try:
        world.resume(tmp_path / "another")
    except NothingUnfinished:
        if world.rig.states() in ([], [State.ACTIVE] if operation == "renew" else []):
            begin(tmp_path / "another")
    world.restarted()
    with contextlib.suppress(NothingUnfinished, NotPermittedNow):
        world.resume()
    assert not world.unfinished()
    assert world.rig.states().count(State.ACTIVE) == 1
    assert len(world.store.credentials()) == len(world.with_certificates()) == len(world.rig.states())


def test_half_a_key_pair_costs_another_id(world: World, switched_off: list[int]) -> None:
    """What a cut within the generation leaves: the public key, under the ID that was written down."""
    world.renewable()
    switched_off.append(-4)
    with pytest.raises(PowerCut):
        world.counter().renew()
    world.restarted()
    (path,) = unfinished(world.folder)
    with Journal.open(path) as journal:
        key_id = bytes.fromhex(str(journal.fact("key_id")))
    with Session.open(world.library, world.serial, write=True) as session:
        session.login(Secret(PIN))
        session._ask("destroy", handle=session.generate_key(KeyKind.P256, key_id, MARK).handle)
    world.resume()
    assert world.rig.states() == [State.SUPERSEDED, State.ACTIVE]
    assert not world.unfinished()
