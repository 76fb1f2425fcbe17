"""What a page shows of a certificate's end agrees with what the CA permits, to the second."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tokenmgr.domain.generation import Generation, State, StoreKind
from tokenmgr.domain.policy import BankPolicy, Permit, permit_renewal
from tokenmgr.domain.reminder import LAST, Stage, is_successor, outlook

ENDS = datetime(2027, 4, 1, 3, 0, 0, tzinfo=UTC)
HELD = Generation(1, 1, State.ACTIVE, StoreKind.PC, b"", ENDS - timedelta(days=365), ENDS)
SECOND = timedelta(seconds=1)
near = st.sampled_from((timedelta(0), timedelta(hours=24), timedelta(days=30), timedelta(days=31)))
moments = st.builds(
    lambda lead, away: ENDS - lead + away,
    near | st.timedeltas(timedelta(0), timedelta(days=100)),
    st.sampled_from((timedelta(0), SECOND, -SECOND)) | st.timedeltas(-2 * SECOND, 2 * SECOND),
)
policies = st.builds(
    lambda days, media: BankPolicy(renewal_days=days, media_offered=media, pc_allowed=not media),
    st.integers(1, 90),
    st.booleans(),
)


@given(moments, policies, st.sampled_from(State))
def test_a_renewal_is_offered_when_the_ca_permits_it_and_never_else(
    now: datetime, policy: BankPolicy, state: State
) -> None:
    held = dataclasses.replace(HELD, state=state)
    stores = (one for one in StoreKind if policy.allows(one))
    permitted = any(isinstance(permit_renewal(held, one, policy, now), Permit) for one in stores)
    assert outlook(held, policy, now).is_open is permitted


@given(moments, policies)
def test_it_only_ever_goes_from_early_by_open_and_the_last_day_to_closed(now: datetime, policy: BankPolicy) -> None:
    order = (Stage.EARLY, Stage.OPEN, Stage.LAST_DAY, Stage.CLOSED)
    first, second = (outlook(HELD, policy, at) for at in (now, now + timedelta(hours=7)))
    assert order.index(first.stage) <= order.index(second.stage)
    assert first.opens < first.ends
    assert first.left >= second.left


@given(moments)
def test_the_clock_is_right_to_the_second_and_stands_at_nought_in_the_last(now: datetime) -> None:
    seen = outlook(HELD, BankPolicy(), now)
    hours, minutes, seconds = seen.clock
    left = max(ENDS - now.replace(microsecond=0), timedelta(0))
    assert timedelta(hours=hours, minutes=minutes, seconds=seconds) == left
    assert seen.days == max(ENDS - now, timedelta(0)).days
    assert (seen.stage is Stage.LAST_DAY) == (seen.left <= LAST and now.replace(microsecond=0) <= ENDS)


def test_in_the_second_of_the_end_it_is_open_and_in_the_next_closed() -> None:
    stages = [outlook(HELD, BankPolicy(), ENDS + away).stage for away in (-SECOND, timedelta(0), SECOND)]
    assert stages == [Stage.LAST_DAY, Stage.LAST_DAY, Stage.CLOSED]


def test_a_successor_is_confirmed_and_follows_this_very_one() -> None:
    newer = dataclasses.replace(HELD, serial=2, predecessor=1, confirmed_at=ENDS)
    assert is_successor(newer, HELD)
    assert not is_successor(dataclasses.replace(newer, confirmed_at=None), HELD)
    assert not is_successor(dataclasses.replace(newer, predecessor=3), HELD)
    assert not is_successor(None, HELD)
