"""S2: what may go, and that nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.domain.test_status import NOW, OTHER, WHO, ends_in, held, told
from tokenmgr.domain.generation import State
from tokenmgr.domain.holding import DEAD, LEFT, MARK, WAITING, Holding, current
from tokenmgr.domain.standing import UNKNOWN
from tokenmgr.renewal.cleanup import Kept, Removable, removable

GOOD = ends_in(300)


@pytest.mark.parametrize(
    ("one", "beside", "reason"),
    [
        (ends_in(300), [], Kept.LOGS_IN),
        (ends_in(20), [GOOD], Kept.BEFORE),
        (ends_in(-1), [GOOD], Removable.EXPIRED),
        (ends_in(-1), [], Kept.NOT_REPLACED),
        (ends_in(-1), [ends_in(300, OTHER)], Kept.NOT_REPLACED),
        (ends_in(-1), [ends_in(300, label=MARK)], Kept.NOT_REPLACED),
        (ends_in(-1), [ends_in(300, is_named=True)], Kept.NOT_REPLACED),
        (ends_in(-1), [ends_in(300, standing=told(State.HELD))], Kept.NOT_REPLACED),
        (ends_in(-1), [ends_in(300, has_key=False)], Kept.NOT_REPLACED),
        (ends_in(20, standing=told(State.REVOKED)), [GOOD], Removable.REVOKED),
        (ends_in(20, standing=told(State.REVOKED)), [], Kept.NOT_REPLACED),
        (ends_in(20, standing=told(State.SUPERSEDED)), [GOOD], Kept.BEFORE),
        (ends_in(-1, has_key=False), [GOOD], Removable.EXPIRED),
        (ends_in(20, has_key=False), [GOOD], Kept.WITHOUT_KEY),
        (ends_in(-1, is_named=True), [GOOD], Kept.UNFINISHED),
        (ends_in(300, label=MARK), [GOOD], Kept.UNFINISHED),
        (ends_in(300, label=MARK, standing=told(State.PENDING)), [GOOD], Kept.UNFINISHED),
        (ends_in(300, label=MARK, standing=told(State.REVOKED)), [GOOD], Removable.REVOKED),
        (ends_in(-1, label=LEFT), [GOOD], Kept.NOT_ASKED),
        (Holding(label=MARK), [GOOD], Kept.NOT_ASKED),
        (Holding(label=MARK, is_made_here=True), [GOOD], Kept.NOT_ASKED),
        (Holding(label=MARK, standing=UNKNOWN), [GOOD], Kept.WHOSE_UNKNOWN),
        (Holding(label=LEFT, standing=UNKNOWN), [GOOD], Kept.WHOSE_UNKNOWN),
        (Holding(label=MARK, standing=UNKNOWN, is_made_here=True), [GOOD], Removable.LEFT_OVER),
        (Holding(label=MARK, standing=told(State.PENDING), is_made_here=True), [GOOD], Kept.UNFINISHED),
        (Holding(standing=UNKNOWN, is_made_here=True), [GOOD], Kept.NOT_OURS),
        (Holding(label=MARK, standing=UNKNOWN, is_named=True), [GOOD], Kept.UNFINISHED),
        (Holding(label=LEFT, standing=told(State.VOID)), [], Removable.LEFT_OVER),
        (Holding(label=MARK, standing=told(State.RECORDED)), [GOOD], Kept.UNFINISHED),
        (Holding(label=MARK, standing=told(State.ACTIVE)), [GOOD], Kept.UNFINISHED),
        (Holding(), [GOOD], Kept.NOT_OURS),
        (Holding(standing=UNKNOWN), [GOOD], Kept.NOT_OURS),
        (Holding(standing=told(State.ACTIVE)), [GOOD], Kept.WITHOUT_CERTIFICATE),
        (Holding(standing=told(State.REVOKED)), [GOOD], Removable.SPENT),
        (Holding(has_key=False), [GOOD], Kept.UNREADABLE),
        (ends_in(-1, None), [GOOD], Kept.NOT_OURS),
        (ends_in(-1, None, is_authority=True), [GOOD], Kept.AUTHORITY),
    ],
)
def test_of_each_there_is_a_reason(one: Holding, beside: list[Holding], reason: Removable | Kept) -> None:
    assert removable([one, *beside], NOW)[0].reason is reason


@given(held)
def test_a_subscriber_who_can_log_in_still_can(seen: list[Holding]) -> None:
    """Whatever is on it: the valid one that ends last stays, and so does all that the rule needs it for."""
    decided = removable(seen, NOW)
    kept = [one for one, why in zip(seen, decided, strict=True) if not why.is_removable]
    for whose in (WHO, OTHER):
        best = current(seen, whose, NOW)
        assert current(kept, whose, NOW) is best


@given(held)
def test_nothing_goes_without_a_reason_that_was_heard_or_seen(seen: list[Holding]) -> None:
    for one, why in zip(seen, removable(seen, NOW), strict=True):
        if not why.is_removable:
            assert why.successor is None
            continue
        assert not one.is_named
        assert not one.is_authority
        assert one.state not in WAITING
        is_ours = one.ends is None and one.standing == UNKNOWN and one.is_made_here
        assert one.is_over(NOW) or one.state in DEAD or is_ours
        if one.ends is not None:
            assert why.successor is current(seen, one.whose, NOW)
            assert why.successor is not one
            (stays,) = (other for own, other in zip(seen, removable(seen, NOW), strict=True) if own is why.successor)
            assert not stays.is_removable
        else:
            assert why.successor is None


@given(held)
def test_what_was_cleaned_is_clean(seen: list[Holding]) -> None:
    decided = removable(seen, NOW)
    kept = [one for one, why in zip(seen, decided, strict=True) if not why.is_removable]
    assert not [why for why in removable(kept, NOW) if why.is_removable]
