"""Two sticks change places: everything that is a stick's goes with it, and nothing that is its place's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.token.helpers import only
from tokenmgr.domain.medium import EmptySlot, MediumFacts, PinState
from tokenmgr.errors import LayerMissing, SwapWithItself
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.simulated import SimulatedMedium


def facts(medium: SimulatedMedium) -> MediumFacts:
    with medium.library() as library:
        return only(library)


def test_what_is_the_sticks_goes_with_it(bed: Testbed) -> None:
    (one,), (other,) = bed.up("valid", "locked", "read-only", name="one"), bed.up("nearly-full", name="other")
    serials, authorities = (one.serial, other.serial), (one.folder / "ca.pem").read_bytes()
    one.swap(other)
    assert (one.serial, other.serial) == serials[::-1] == (facts(one).serial, facts(other).serial)
    assert (facts(other).pin, facts(other).read_only, facts(one).free_memory) == (PinState.LOCKED, True, 1600)
    assert (facts(one).label, one.about.label, one.about.scenarios) == ("other", "other", ("nearly-full",))
    assert (other.folder / "ca.pem").read_bytes() == authorities
    one.swap(other)
    assert (one.serial, other.serial) == serials


def test_on_the_bus_they_are_exchanged_too(bed: Testbed) -> None:
    (one,), (other,) = bed.up("fresh", name="one"), bed.up("fresh", name="other")
    before = {name: stick.serial for name, stick in bed.sticks().items()}
    one.swap(other)
    assert {name: stick.serial for name, stick in bed.sticks().items()} == {
        "one": before["other"],
        "other": before["one"],
    }


def test_a_place_that_is_empty_stays_so(bed: Testbed) -> None:
    (one,), (other,) = bed.up("fresh", name="one"), bed.up("fresh", name="other")
    serial = one.serial
    one.unplug()
    one.swap(other)
    assert (one.plugged, other.plugged) == (False, True)
    assert facts(other).serial == serial
    with one.library() as library:
        assert [type(slot) for slot in library.slots()] == [EmptySlot]


def test_a_blank_one_changes_places_like_any(bed: Testbed) -> None:
    (blank,), (other,) = bed.up("blank"), bed.up("valid")
    blank.swap(other)
    assert (facts(blank).initialised, facts(other).initialised) == (True, False)


def test_with_itself_it_is_refused_and_left_alone(bed: Testbed) -> None:
    (one,) = bed.up("valid")
    with pytest.raises(SwapWithItself):
        one.swap(bed.medium("valid"))
    assert facts(one).serial == one.serial


def test_with_one_that_has_no_layer_it_is_refused_and_nothing_is_touched(bed: Testbed) -> None:
    (one,), (plain,) = bed.up("valid", name="one"), bed.up("valid", name="plain")
    plain.module.unlink()
    for first, second in ((one, plain), (plain, one)):
        with pytest.raises(LayerMissing):
            first.swap(second)
    assert one.plugged
    assert facts(one).serial == one.serial


def test_a_hand_at_the_plug_waits_for_the_exchange(bed: Testbed) -> None:
    """Whoever comes first: each stick has its token, and is in one place."""
    (one,), (other,) = bed.up("valid", name="one"), bed.up("valid", name="other")
    with ThreadPoolExecutor(2) as pool:
        for _ in range(30):
            jobs = [pool.submit(one.swap, other), pool.submit(one.unplug), pool.submit(one.plug)]
            for job in jobs:
                job.result()
            one.plug()
            assert [len(list(medium.tokens.iterdir())) for medium in (one, other)] == [1, 1]
    assert {facts(one).serial, facts(other).serial} == {one.serial, other.serial}
