"""R2, R9, R10, R12 and S3: what is open when, to the second."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr.domain.generation import MAY_BECOME, Generation, State, StoreKind
from tokenmgr.domain.policy import (
    BankPolicy,
    OldGeneration,
    Permit,
    Reason,
    Refusal,
    Way,
    permit_acquisition,
    permit_rehearsal,
    permit_renewal,
)

START = datetime(2026, 4, 1, 3, 0, 0, tzinfo=UTC)
END = START + timedelta(days=365)
SECOND = timedelta(seconds=1)
POLICY = BankPolicy()
MEDIUM, PC = StoreKind.MEDIUM, StoreKind.PC


def generation(state: State = State.ACTIVE, **changes: Any) -> Generation:
    made = Generation(serial=1, subscriber=1, state=state, store=MEDIUM, key_hash=b"k", not_before=START, not_after=END)
    return dataclasses.replace(made, **changes)


def reason(answer: Permit | Refusal) -> tuple[Reason, Way]:
    assert isinstance(answer, Refusal)
    return answer.reason, answer.way


def test_a_renewal_opens_to_the_second_and_ends_to_the_second() -> None:
    opens = END - timedelta(days=30)
    assert reason(permit_renewal(generation(), MEDIUM, POLICY, opens - SECOND)) == (Reason.TOO_EARLY, Way.WAIT)
    assert permit_renewal(generation(), MEDIUM, POLICY, opens) == Permit(END)
    assert permit_renewal(generation(), MEDIUM, POLICY, END) == Permit(END)
    assert reason(permit_renewal(generation(), MEDIUM, POLICY, END + SECOND)) == (Reason.EXPIRED, Way.ACQUIRE)


def test_a_refusal_says_when_it_opens() -> None:
    answer = permit_renewal(generation(), MEDIUM, POLICY, START)
    assert isinstance(answer, Refusal)
    assert answer.until == END - timedelta(days=30)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State.SUPERSEDED, (Reason.SUPERSEDED, Way.RESUME)),
        (State.REVOKED, (Reason.REVOKED, Way.ACQUIRE)),
        (State.PENDING, (Reason.REVOKED, Way.ACQUIRE)),
        (State.VOID, (Reason.REVOKED, Way.ACQUIRE)),
        (State.HELD, (Reason.ON_HOLD, Way.VISIT_BRANCH)),
    ],
)
def test_only_the_active_generation_renews(state: State, expected: tuple[Reason, Way]) -> None:
    assert reason(permit_renewal(generation(state), MEDIUM, POLICY, END - SECOND)) == expected


@pytest.mark.parametrize("is_user", [True, False])
@pytest.mark.parametrize("open_until", [None, END])
def test_what_is_on_hold_is_not_got_round_by_an_acquisition(is_user: bool, open_until: datetime | None) -> None:
    for now in (START, END + 30 * timedelta(days=1)):
        answer = permit_acquisition(generation(State.HELD), open_until, is_user, MEDIUM, POLICY, now)
        assert reason(answer) == (Reason.ON_HOLD, Way.ASK_ADMINISTRATOR if is_user else Way.VISIT_BRANCH)


@pytest.mark.parametrize("store", StoreKind)
def test_a_store_that_the_bank_does_not_allow_is_never_fallen_into(store: StoreKind) -> None:
    """S3."""
    policy = BankPolicy(media_offered=store is PC, pc_allowed=store is MEDIUM)
    other = PC if store is MEDIUM else MEDIUM
    assert reason(permit_renewal(generation(), store, policy, END)) == (Reason.STORE_FORBIDDEN, Way.OTHER_STORE)
    assert isinstance(permit_renewal(generation(), other, policy, END), Permit)
    assert reason(permit_acquisition(None, END, True, store, policy, START)) == (
        Reason.STORE_FORBIDDEN,
        Way.OTHER_STORE,
    )


def acquire(
    last: Generation | None, open_until: datetime | None, now: datetime, is_user: bool = True, grace: int = 0
) -> Permit | Refusal:
    return permit_acquisition(last, open_until, is_user, MEDIUM, BankPolicy(grace_days=grace), now)


def test_a_first_acquisition_is_open_until_its_deadline() -> None:
    assert acquire(None, END, END) == Permit(END)
    assert reason(acquire(None, END, END + SECOND)) == (Reason.DEADLINE_PASSED, Way.ASK_ADMINISTRATOR)
    assert reason(acquire(None, None, START)) == (Reason.NOT_OPEN, Way.ASK_ADMINISTRATOR)


def test_an_administrator_goes_to_the_branch_and_a_user_to_the_administrator() -> None:
    """R10."""
    assert reason(acquire(None, None, START, is_user=False)) == (Reason.NOT_OPEN, Way.VISIT_BRANCH)


@pytest.mark.parametrize("grace", [0, 80, 90, 180])
def test_after_expiry_an_id_may_acquire_by_itself_for_the_banks_days(grace: int) -> None:
    """R9: all four are in real use."""
    last = END + timedelta(days=grace)
    if grace:
        assert acquire(generation(), None, END + SECOND, grace=grace) == Permit(last)
        assert acquire(generation(), None, last, grace=grace) == Permit(last)
    assert reason(acquire(generation(), None, last + SECOND, grace=grace)) == (
        Reason.GRACE_OVER,
        Way.ASK_ADMINISTRATOR,
    )


def test_who_has_a_valid_one_renews_or_waits_for_that() -> None:
    assert reason(acquire(generation(), None, END)) == (Reason.HAS_ONE, Way.RENEW)
    assert reason(acquire(generation(), None, START)) == (Reason.HAS_ONE, Way.WAIT)


def test_a_revoked_one_gives_no_grace() -> None:
    assert reason(acquire(generation(State.REVOKED), None, END + SECOND, grace=180)) == (
        Reason.NOT_OPEN,
        Way.ASK_ADMINISTRATOR,
    )


def test_a_reissue_opens_it_whatever_there_was() -> None:
    """R10: within so many days."""
    assert acquire(generation(State.REVOKED), END, START) == Permit(END)


@given(
    now=st.integers(-90, 1200).map(lambda days: START + timedelta(days=days, seconds=days % 7 - 3)),
    grace=st.integers(0, 366),
    window=st.integers(1, 90),
    state=st.sampled_from([*State]),
)
def test_renewal_and_acquisition_are_never_open_together_and_a_refusal_is_never_now(
    now: datetime, grace: int, window: int, state: State
) -> None:
    """R14: one way is open, not two."""
    policy = BankPolicy(grace_days=grace, renewal_days=window)
    renewal = permit_renewal(generation(state), MEDIUM, policy, now)
    acquisition = permit_acquisition(generation(state), None, True, MEDIUM, policy, now)
    assert not (isinstance(renewal, Permit) and isinstance(acquisition, Permit))
    for answer in (renewal, acquisition):
        if isinstance(answer, Permit):
            assert now <= answer.until


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("validity_days", 0),
        ("renewal_days", 91),
        ("grace_days", -1),
        ("confirm_hours", 0),
        ("wrong_pins", 0),
        ("ticket_minutes", 61),
        ("key_kinds", ()),
        ("notice_days", (0,)),
    ],
)
def test_a_policy_that_makes_no_sense_is_never_born(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=field):
        BankPolicy(**{field: value})


def test_a_bank_offers_one_store_at_least() -> None:
    with pytest.raises(ValueError, match="pc_allowed"):
        BankPolicy(media_offered=False, pc_allowed=False)


def test_states_lead_to_their_end() -> None:
    """Nothing comes back from VOID and REVOKED, and everything gets there."""
    assert set(MAY_BECOME) == set(State)
    ends = {state for state, after in MAY_BECOME.items() if not after}
    assert ends == {State.VOID, State.REVOKED}
    for state in State:
        seen, front = {state}, {state}
        while front:
            front = {after for one in front for after in MAY_BECOME[one]} - seen
            seen |= front
        assert seen & ends


def test_the_old_generation_stays_by_default_until_the_new_one_has_logged_in() -> None:
    """R12."""
    assert POLICY.old_generation is OldGeneration.AT_LOGIN


@given(
    state=st.sampled_from(State),
    store=st.sampled_from(StoreKind),
    days=st.integers(-2, 400),
    media=st.booleans(),
    pc=st.booleans(),
    is_user=st.booleans(),
)
def test_a_rehearsal_is_refused_what_a_renewal_would_be_but_that_it_is_too_early(
    state: State, store: StoreKind, days: int, media: bool, pc: bool, is_user: bool
) -> None:
    policy = BankPolicy(media_offered=media, pc_allowed=pc or not media)
    old, now = generation(state), END - timedelta(days=days)
    once_open = max(now, END - timedelta(days=policy.renewal_days))
    assert permit_rehearsal(old, store, policy, now, is_user) == permit_renewal(old, store, policy, once_open, is_user)
