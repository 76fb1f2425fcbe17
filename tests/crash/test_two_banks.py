"""A law: a medium is pulled from under one bank's renewal, and somebody of another bank comes with it before that is
finished. With an honest CA both have their certificate in the end, and nobody has lost one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis.strategies import sampled_from

from tests.crash import invariants
from tests.crash.faults import hit
from tests.crash.world import World
from tests.interop.running import BANK, OTHER_BANK
from tokenmgr.errors import BankNotNamed

EXAMPLES = 2
PLACES = ("C_GenerateKeyPair:1", *(f"C_{what}:{number}" for what in ("CreateObject", "Sign") for number in (1, 2, 3)))


@given(
    place=sampled_from(PLACES),
    after=sampled_from(("", "-after")),
    banks=sampled_from(((BANK, OTHER_BANK), (OTHER_BANK, BANK))),
)
@settings(max_examples=EXAMPLES, derandomize=True, deadline=None)
def test_a_medium_of_two_banks_that_is_pulled(crashing: World, place: str, after: str, banks: tuple[str, str]) -> None:
    one = crashing.scene("p256", banks[0])
    one.acquire()
    before = one.active()[0].certificate
    _, is_hit = hit(one, f"call:{place}:unplug{after}", lambda: one.begin("renew"))
    assert is_hit
    assert not list(invariants.something_logs_in(one))
    other = one.beside(banks[1])
    met = other.ended(other.begin("acquire"))
    assert met.status == 0 or BankNotNamed.code in met.out, met  # which bank is to be finished first
    one.ended(one.resume())
    if one.active()[0].certificate == before:
        assert one.ended(one.begin("renew")).status == 0
    if met.status:
        other.acquire()
    for scene, old in ((one, before), (other, b"")):
        assert not [*invariants.one_active(scene, old), *invariants.nothing_is_unfinished(scene, scene.home)]
    assert not list(invariants.bystanders_are_there(one))
    one.remove()
