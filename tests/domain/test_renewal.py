"""R13, S2: whatever is true when it is looked at, one step is next, and by steps alone it comes to an end."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

from tokenmgr.domain.renewal import AtAuthority, Ending, Evidence, Step, next_step

BOOLS = [field.name for field in dataclasses.fields(Evidence) if field.name != "authority"]
EVERYTHING = [
    Evidence(**dict(zip(BOOLS, values, strict=True)), authority=authority)
    for values in itertools.product((False, True), repeat=len(BOOLS))
    for authority in AtAuthority
]
NOTHING = Evidence(
    is_checked=False,
    has_key=False,
    kept_request=False,
    kept_certificate=False,
    is_accepted=False,
    has_certificate=False,
    is_verified=False,
    authority=AtAuthority.NOTHING,
    is_retired=False,
)


def done(seen: Evidence, step: Step) -> Evidence:
    """What is so once that step is done."""
    made: dict[Step, dict[str, Any]] = {
        Step.CHECKED: {"is_checked": True},
        Step.KEY_GENERATED: {"has_key": True},
        Step.REQUESTED: {"kept_request": True},
        Step.ISSUED: {
            "kept_certificate": True,
            "authority": max(seen.authority, AtAuthority.PENDING, key=list(AtAuthority).index),
        },
        Step.ACCEPTED: {"is_accepted": True},
        Step.WRITTEN: {"has_certificate": True},
        Step.VERIFIED: {"is_verified": True},
        Step.CONFIRMED: {"authority": AtAuthority.CONFIRMED},
        Step.RETIRED: {"is_retired": True},
    }
    return dataclasses.replace(seen, **made[step])


def test_undisturbed_it_is_the_nine_steps_in_their_order() -> None:
    seen, taken = NOTHING, []
    while isinstance(step := next_step(seen), Step):
        taken.append(step)
        seen = done(seen, step)
    assert taken == list(Step)
    assert step is Ending.DONE


def test_from_anywhere_at_all_it_comes_to_an_end_and_takes_no_step_twice() -> None:
    for seen in EVERYTHING:
        comes_to_an_end(seen)


def comes_to_an_end(seen: Evidence) -> None:
    taken: list[Step] = []
    while isinstance(step := next_step(seen), Step):
        assert step not in taken
        taken.append(step)
        seen = done(seen, step)
    assert taken == sorted(taken, key=lambda one: one.value)
    assert step in Ending


def test_what_it_never_does() -> None:
    for seen in EVERYTHING:
        keeps_to_its_promises(seen)


def keeps_to_its_promises(seen: Evidence) -> None:
    step = next_step(seen)
    if step is Step.RETIRED:  # S2
        assert seen.authority is AtAuthority.CONFIRMED
        assert seen.has_key
        assert seen.has_certificate
        assert seen.is_verified
    if step is Step.CONFIRMED:
        assert seen.is_accepted
        assert seen.has_certificate
        assert seen.is_verified
    if step is Ending.UNDONE:
        assert not (seen.authority is AtAuthority.CONFIRMED and seen.has_key)  # never the active one
        assert seen.authority is AtAuthority.REFUSED or not seen.has_key
    if step not in (Step.CHECKED, *Ending):
        assert seen.is_checked  # S4: the medium is looked at in each run before anything is done to it
    if step is Step.KEY_GENERATED:
        assert not seen.has_key
        assert not seen.kept_certificate
