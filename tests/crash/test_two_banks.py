"""Laws of a medium of two banks: whatever cuts one's renewal short, and however long its CA stays away, the other's
goes through meanwhile; and the one goes on when its CA is there again. Nobody has lost a certificate that works."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis.strategies import sampled_from

from tests.crash import invariants
from tests.crash.faults import hit
from tests.crash.world import Scene, World
from tests.interop.running import BANK, OTHER_BANK

EXAMPLES = 2
PLACES = ("C_GenerateKeyPair:1", "C_CreateObject:1", "C_CreateObject:2", *(f"C_Sign:{number}" for number in (1, 2, 3)))
BOTH = sampled_from(((BANK, OTHER_BANK), (OTHER_BANK, BANK)))
POWER_CUTS = (  # from the key's name in the journal until its certificate is confirmed
    *(f"disk:write:{line}:kill-after" for line in range(4, 18)),
    *(f"call:{what}:1:kill-after" for what in ("C_GenerateKeyPair", "C_CreateObject", "C_SetAttributeValue")),
)


@given(place=sampled_from(PLACES), after=sampled_from(("", "-after")), banks=BOTH)
@settings(max_examples=EXAMPLES, derandomize=True, deadline=None)
def test_a_medium_of_two_banks_that_is_pulled(crashing: World, place: str, after: str, banks: tuple[str, str]) -> None:
    """Somebody of another bank comes with it before that is finished."""
    one = crashing.scene("p256", banks[0])
    one.acquire()
    before = one.active()[0].certificate
    _, is_hit = hit(one, f"call:{place}:unplug{after}", lambda: one.begin("renew"))
    assert is_hit
    assert not list(invariants.something_logs_in(one))
    other = one.beside(banks[1])
    other.acquire()
    one.ended(one.resume())
    _both_are_renewed(one, before, other, b"")


@given(fault=sampled_from(POWER_CUTS), banks=BOTH)
@settings(max_examples=2 * EXAMPLES, derandomize=True, deadline=None)
def test_one_banks_ca_stays_away_and_the_other_bank_renews(crashing: World, fault: str, banks: tuple[str, str]) -> None:
    """On the last day of the other's certificate nobody may have to wait for a CA that is not theirs."""
    one = crashing.scene("p256", banks[0])
    one.acquire()
    other = one.beside(banks[1])
    other.acquire()
    before = [scene.active()[0].certificate for scene in (one, other)]
    _, is_hit = hit(one, fault, lambda: one.begin("renew"))
    assert is_hit
    with one.without_ca():
        told = other.ended(other.begin("renew"))
    assert told.status == 0, told
    assert not list(invariants.one_active(other, before[1]))
    assert not list(invariants.something_logs_in(one))
    one.ended(one.resume())
    _both_are_renewed(one, before[0], other, before[1])


def _both_are_renewed(one: Scene, before: bytes, other: Scene, others_before: bytes) -> None:
    """What could not be gone on with was taken back, and is begun anew."""
    if one.active()[0].certificate == before:
        assert one.ended(one.begin("renew")).status == 0
    for scene, old in ((one, before), (other, others_before)):
        assert not [*invariants.one_active(scene, old), *invariants.nothing_is_unfinished(scene, scene.home)]
    assert not list(invariants.bystanders_are_there(one))
    one.remove()
