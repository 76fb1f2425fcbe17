"""What a rehearsal that was cut short has left is told for what it is, and goes without anybody's word for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.rig import BANK, DAY
from tests.customer.looking import judged, listed, reasons, status
from tests.renewal.test_rehearsal import Killed, dumped, killed_at
from tests.renewal.world import World
from tokenmgr.customer.cleaning import removed
from tokenmgr.customer.medium_store import MediumStore
from tokenmgr.domain.holding import REHEARSED, mark_of
from tokenmgr.domain.renewal import Step
from tokenmgr.domain.status import Judged, Next, Place, Verdict, Why
from tokenmgr.errors import RehearsalTakenBack

IN_USE = Judged(Place.CURRENT, Why.FINE)
LEFT = Judged(Place.LEFT, Why.LEFT_OVER, Next.CLEAN)


def cut_after(world: World, step: Step) -> dict[str, bytes]:
    """What was on the medium before."""
    world.acquire()
    before = dumped(world)
    with pytest.MonkeyPatch.context() as patched:
        killed_at(patched, 2 * step.value + 1)
        with pytest.raises(Killed):
            world.counter().rehearse()
    return before


@pytest.mark.parametrize("online", [True, False])
@pytest.mark.parametrize("step", [Step.KEY_GENERATED, Step.WRITTEN])
def test_with_its_journal_lost_it_is_left_over_and_clean_takes_it(
    world: World, tmp_path: Path, step: Step, online: bool
) -> None:
    before, elsewhere = cut_after(world, step), tmp_path / "elsewhere"
    seen = status(world, online, elsewhere)
    assert judged(seen) == [IN_USE, LEFT]
    assert seen.verdict is Verdict.FINE
    found = listed(world, online, elsewhere)
    assert reasons(found) == ["left-over", "logs-in"]
    removed(found, world.rig.now)
    assert dumped(world) == before


def test_with_its_journal_here_resume_is_the_next_step_and_clean_leaves_it_to_that(world: World) -> None:
    before = cut_after(world, Step.WRITTEN)
    seen = status(world)
    assert judged(seen) == [IN_USE, Judged(Place.LEFT, Why.LEFT_OVER, Next.RESUME)]
    assert [one.is_rehearsal for one in seen.begun] == [True]
    assert reasons(listed(world)) == ["logs-in", "unfinished"]
    with pytest.raises(RehearsalTakenBack):
        world.resume()
    assert dumped(world) == before


def test_it_is_never_the_one_that_logs_in(world: World, tmp_path: Path) -> None:
    """Not where the real one ends before it, either."""
    world.acquire()
    world.rig.pass_time(365 * DAY - (DAY / 48))
    with pytest.MonkeyPatch.context() as patched:
        killed_at(patched, 2 * Step.VERIFIED.value + 1)
        with pytest.raises(Killed):
            world.counter().rehearse()
    assert [one.place for one in judged(status(world, folder=tmp_path / "elsewhere"))] == [Place.CURRENT, Place.LEFT]
    world.rig.pass_time(DAY / 40)
    assert [one.place for one in judged(status(world, folder=tmp_path / "elsewhere"))] == [Place.LAST, Place.LEFT]


def test_where_no_labels_are_kept_the_ca_tells_whose_the_key_is(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_after(world, Step.ISSUED)
    (left,) = (one.key for one in world.store.credentials() if mark_of(one.key.label) == REHEARSED)
    world.store.rename(left.key_id, "its own")
    monkeypatch.setattr(MediumStore, "keeps_labels", False)
    world.rig.pass_time(DAY / 100)
    assert world.counter(tmp_path / "elsewhere")._take_back()
    assert left not in world.store.contents().keys


def test_a_rehearsal_that_is_wanted_is_told(world: World) -> None:
    world.acquire()
    world.rig.administration.ask_rehearsals(BANK, None, world.rig.now)
    ((row,),) = (seen.rows for seen in status(world).stores)
    assert row.held.standing is not None
    assert row.held.standing.rehearsal_wanted
    world.counter().rehearse()
    ((row,),) = (seen.rows for seen in status(world).stores)
    assert row.held.standing is not None
    assert not row.held.standing.rehearsal_wanted
