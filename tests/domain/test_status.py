"""R2, R12, R14: which generation is which, what it needs, and the one next step; whatever a medium holds."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr.domain.generation import State
from tokenmgr.domain.holding import LEFT, MARK, Holding, Whose, current
from tokenmgr.domain.standing import UNKNOWN, Open, Standing
from tokenmgr.domain.status import Next, Place, Verdict, Why, judge, left, of_silence, worst
from tokenmgr.pki.names import holder_of, subscriber_name

NOW = datetime(2026, 4, 1, 3, 0, 0, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
WHO, OTHER = Whose("1234", "0012345", "user01"), Whose("1234", "0012345", "user02")
THERE = Whose("5678", "0012345", "user01")  # at another bank
OPEN = Open(True, NOW + DAY)


def ends_in(days: float, whose: Whose | None = WHO, **how: object) -> Holding:
    ends = NOW + timedelta(days=days)
    made = Holding(whose=whose, starts=ends - 365 * DAY, ends=ends)
    return dataclasses.replace(made, **how)  # type: ignore[arg-type]


def told(state: State, **how: object) -> Standing:
    usual = Standing(state.value, renewal=Open(way="visit-branch"), is_last=True)
    return dataclasses.replace(usual, **how)  # type: ignore[arg-type]


@st.composite
def holding(draw: st.DrawFn) -> Holding:
    """Anything that a medium may hold, and a CA may say of it."""
    opened = st.sampled_from([Open(way="visit-branch"), OPEN])
    known = st.builds(told, st.sampled_from(State), locked=st.booleans(), renewal=opened, acquisition=opened)
    states = st.one_of(st.none(), st.just(UNKNOWN), known)
    made = Holding(
        has_key=draw(st.booleans()),
        label=draw(st.sampled_from(["", MARK, LEFT])),
        is_named=draw(st.booleans()),
        is_made_here=draw(st.booleans()),
        standing=draw(states),
    )
    if draw(st.booleans()):
        return made
    whose = draw(st.sampled_from([WHO, OTHER, THERE, None]))
    certified = ends_in(draw(st.sampled_from([-400, -1, 0, 1, 29, 30, 31, 200, 364, 400])), whose)
    is_authority = whose is None and draw(st.booleans())
    return dataclasses.replace(
        certified,
        has_key=made.has_key,
        label=made.label,
        is_named=made.is_named,
        is_made_here=made.is_made_here,
        standing=made.standing,
        is_authority=is_authority,
    )


held = st.lists(holding(), max_size=6)


@pytest.mark.parametrize(
    ("one", "why", "verdict", "then"),
    [
        (ends_in(200), Why.FINE, Verdict.FINE, Next.NOTHING),
        (ends_in(30) , Why.DUE, Verdict.DUE, Next.RENEW),
        (dataclasses.replace(ends_in(30), ends=NOW + 30 * DAY + SECOND), Why.FINE, Verdict.FINE, Next.NOTHING),
        (ends_in(0), Why.DUE, Verdict.DUE, Next.RENEW),
        (dataclasses.replace(ends_in(0), ends=NOW - SECOND), Why.EXPIRED, Verdict.EXPIRED, Next.ACQUIRE),
        (ends_in(366), Why.NOT_YET, Verdict.HAND, Next.CLOCK),
        (ends_in(200, label=MARK), Why.UNFINISHED, Verdict.HAND, Next.RESUME),
        (ends_in(200, is_named=True), Why.UNFINISHED, Verdict.HAND, Next.RESUME),
        (Holding(label=MARK), Why.UNFINISHED, Verdict.HAND, Next.RESUME),
        (Holding(label=LEFT), Why.LEFT_OVER, Verdict.FINE, Next.CLEAN),
        (ends_in(200, None), Why.FOREIGN, Verdict.FINE, Next.NOTHING),
        (Holding(has_key=False), Why.FOREIGN, Verdict.FINE, Next.NOTHING),
        (Holding(has_key=False, is_damaged=True), Why.DAMAGED, Verdict.HAND, Next.VERIFY),
        (ends_in(200, standing=told(State.ACTIVE)), Why.FINE, Verdict.FINE, Next.NOTHING),
        (ends_in(40, standing=told(State.ACTIVE, renewal=OPEN)), Why.DUE, Verdict.DUE, Next.RENEW),
        (ends_in(20, standing=told(State.ACTIVE)), Why.FINE, Verdict.FINE, Next.NOTHING),
        (ends_in(200, standing=told(State.ACTIVE, locked=True)), Why.FINE, Verdict.FINE, Next.NOTHING),
        (ends_in(20, standing=told(State.ACTIVE, locked=True, renewal=OPEN)), Why.DUE, Verdict.DUE, Next.RENEW),
        (ends_in(-1, standing=told(State.ACTIVE, locked=True, acquisition=OPEN)),
         Why.LOCKED, Verdict.HAND, Next.UNLOCK),
        (ends_in(-1, standing=told(State.ACTIVE, locked=True)), Why.EXPIRED, Verdict.EXPIRED, Next.WAY),
        (ends_in(200, standing=told(State.REVOKED, locked=True, acquisition=OPEN)),
         Why.REVOKED, Verdict.HAND, Next.UNLOCK),
        (ends_in(200, standing=told(State.HELD)), Why.HELD, Verdict.HAND, Next.WAY),
        (ends_in(200, standing=told(State.REVOKED)), Why.REVOKED, Verdict.HAND, Next.WAY),
        (ends_in(200, standing=told(State.REVOKED, acquisition=OPEN)), Why.REVOKED, Verdict.HAND, Next.ACQUIRE),
        (ends_in(200, standing=told(State.SUPERSEDED)), Why.ELSEWHERE, Verdict.HAND, Next.ELSEWHERE),
        (ends_in(200, standing=told(State.REVOKED, is_last=False)), Why.ELSEWHERE, Verdict.HAND, Next.ELSEWHERE),
        (ends_in(200, standing=told(State.PENDING)), Why.UNFINISHED, Verdict.HAND, Next.RESUME),
        (ends_in(200, standing=UNKNOWN), Why.UNHEARD_OF, Verdict.HAND, Next.ASK),
        (ends_in(-1, standing=told(State.ACTIVE, acquisition=OPEN)), Why.EXPIRED, Verdict.EXPIRED, Next.ACQUIRE),
        (ends_in(-1, standing=told(State.ACTIVE)), Why.EXPIRED, Verdict.EXPIRED, Next.WAY),
        (Holding(label=MARK, standing=told(State.REVOKED)), Why.LEFT_OVER, Verdict.FINE, Next.CLEAN),
    ],
)  # fmt: skip
def test_one_alone(one: Holding, why: Why, verdict: Verdict, then: Next) -> None:
    (found,) = judge([one], NOW)
    assert (found.why, found.verdict, found.next) == (why, verdict, then)


def test_two_generations_are_told_apart_and_the_one_before_does_not_count() -> None:
    before, after = judge([ends_in(-5), ends_in(360)], NOW)
    assert (before.place, before.verdict, before.next) == (Place.BEFORE, Verdict.FINE, Next.CLEAN)
    assert (after.place, after.verdict) == (Place.CURRENT, Verdict.FINE)


def test_of_two_of_one_second_the_one_that_the_ca_calls_active_logs_in() -> None:
    before = replace(ends_in(300), standing=told(State.SUPERSEDED))
    after = replace(before, standing=told(State.ACTIVE))
    for seen in ([before, after], [after, before]):
        assert current(seen, WHO, NOW) is after


def test_what_is_not_confirmed_replaces_nothing() -> None:
    old, new = judge([ends_in(5), ends_in(364, label=MARK)], NOW)
    assert (old.place, old.verdict, old.next) == (Place.CURRENT, Verdict.DUE, Next.RESUME)
    assert (new.place, new.verdict) == (Place.NEXT, Verdict.HAND)


def test_what_another_pc_has_finished_is_not_unfinished_whatever_the_journal_here_says() -> None:
    old, new = judge([ends_in(5), ends_in(364, is_named=True, standing=told(State.ACTIVE))], NOW)
    assert (old.place, old.why) == (Place.BEFORE, Why.REPLACED)
    assert (new.place, new.why, new.next) == (Place.CURRENT, Why.FINE, Next.NOTHING)


def test_another_subscribers_replaces_nothing() -> None:
    mine, _ = judge([ends_in(-5), ends_in(360, OTHER)], NOW)
    assert (mine.place, mine.verdict) == (Place.LAST, Verdict.EXPIRED)


def test_a_revoked_successor_replaces_nothing() -> None:
    old, new = judge([ends_in(20, standing=told(State.ACTIVE)), ends_in(360, standing=told(State.REVOKED))], NOW)
    assert old.place is Place.CURRENT
    assert (new.place, new.verdict) == (Place.BEFORE, Verdict.FINE)


@pytest.mark.parametrize("renewal", [OPEN, Open(reason="too-early", way="wait", until=NOW)])
def test_what_is_over_by_one_clock_only_is_a_clocks_trouble(renewal: Open) -> None:
    """Whoever renewed would be told so (J113)."""
    ahead = ends_in(-1, standing=told(State.ACTIVE, renewal=renewal))
    behind = ends_in(1, standing=told(State.ACTIVE, renewal=Open(reason="expired", way="acquire"), acquisition=OPEN))
    for one in (ahead, behind):
        (found,) = judge([one], NOW)
        assert (found.why, found.verdict, found.next) == (Why.CLOCK, Verdict.HAND, Next.CLOCK)
        (agreed,) = judge([replace(one, ends=NOW + (NOW - ends) if (ends := one.ends) else None)], NOW)
        assert agreed.why is not Why.CLOCK


@pytest.mark.parametrize("state", [State.SUPERSEDED, State.REVOKED])
@pytest.mark.parametrize("newer", [told(State.ACTIVE, acquisition=OPEN), None])
def test_what_an_expired_one_has_replaced_is_in_no_other_store(state: State, newer: Standing | None) -> None:
    """The newer one is here, and it is the one that needs something; also in another store that is here."""
    old, new = ends_in(-9, standing=told(state, is_last=False)), ends_in(-1, standing=newer)
    before, last = judge([old, new], NOW)
    assert (before.place, before.why, before.verdict) == (Place.BEFORE, Why.REPLACED, Verdict.FINE)
    assert (last.place, last.verdict, last.next) == (Place.LAST, Verdict.EXPIRED, Next.ACQUIRE)
    (moved,) = judge([old], NOW, beside=[new])
    assert (moved.why, moved.verdict) == (Why.MOVED, Verdict.FINE)
    (gone, _) = judge([old, replace(new, whose=OTHER)], NOW, beside=[replace(new, standing=old.standing)])
    assert (gone.why, gone.verdict) == (Why.ELSEWHERE, Verdict.HAND)


@given(held)
def test_of_each_subscriber_at_most_one_logs_in_and_it_is_the_one_that_ends_last(seen: list[Holding]) -> None:
    found = judge(seen, NOW)
    for whose in (WHO, OTHER, THERE):
        own = [(one, j) for one, j in zip(seen, found, strict=True) if one.whose == whose]
        marked = [one for one, judged in own if judged.place is Place.CURRENT]
        best = current(seen, whose, NOW)
        assert len(marked) <= 1
        assert all(one is best for one in marked)
        if best is not None:
            assert marked == [best]
            assert all(one.ends <= best.ends for one, _ in own if one.logs_in(NOW))  # type: ignore[operator]


@given(held)
def test_what_works_hides_what_was_before_it_and_nothing_else(seen: list[Holding]) -> None:
    """A verdict that is not fine is about the one that counts, or about what is unfinished."""
    for one, judged in zip(seen, judge(seen, NOW), strict=True):
        best = current(seen, one.whose, NOW)
        if best is not None and best is not one and judged.verdict is not Verdict.FINE:
            assert judged.why is Why.UNFINISHED
        if judged.verdict is Verdict.DUE:
            assert judged.next in (Next.RENEW, Next.RESUME)
        if judged.why is Why.UNFINISHED:
            assert judged.next is Next.RESUME


@given(held)
def test_what_is_unfinished_is_finished_before_anything_is_begun(seen: list[Holding]) -> None:
    """At the same bank; what another's CA has not answered yet changes nothing."""
    for bank in ("1234", "5678"):
        own = [one for one in seen if one.whose and one.whose.bank == bank]
        found = [judged for one, judged in zip(seen, judge(seen, NOW), strict=True) if one in own]
        assert found == judge(own, NOW)
        if any(one.why is Why.UNFINISHED for one in found):
            assert not [one for one in found if one.next in (Next.RENEW, Next.ACQUIRE)]


@given(held)
def test_what_is_not_fine_has_a_next_step(seen: list[Holding]) -> None:
    """R14."""
    for judged in judge(seen, NOW):
        assert judged.verdict is Verdict.FINE or judged.next is not Next.NOTHING


@pytest.mark.parametrize(
    ("may_pass", "alone", "with_due"), [(True, "unsure", "due"), (False, "needs-a-hand", "needs-a-hand")]
)
def test_a_ca_that_could_not_be_asked_is_not_fine_and_hides_nothing_worse(
    may_pass: bool, alone: str, with_due: str
) -> None:
    silence = of_silence(may_pass)
    assert worst([Verdict.FINE, silence]).value == alone
    assert worst([Verdict.DUE, silence]).value == with_due


@given(st.lists(st.sampled_from(Verdict)))
def test_the_worst_is_one_that_is_there(seen: list[Verdict]) -> None:
    order = [Verdict.HAND, Verdict.EXPIRED, Verdict.DUE, Verdict.UNSURE, Verdict.FINE]
    assert worst(seen) is next((one for one in order if one in seen), Verdict.FINE)


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (DAY, (1, 0, 0)),
        (DAY - SECOND, (0, 23, 59)),
        (61 * SECOND, (0, 0, 1)),
        (timedelta(0), (0, 0, 0)),
        (-DAY, (0, 0, 0)),
        (31 * DAY + timedelta(hours=5), (31, 5, 0)),
    ],
)
def test_days_and_on_the_last_one_hours_and_minutes(rest: timedelta, expected: tuple[int, int, int]) -> None:
    assert left(NOW + rest, NOW) == expected


def test_whoever_has_a_certificate_is_the_same_whatever_the_bank_was_called_then() -> None:
    """Banks merge, and take another name."""
    names = (subscriber_name(bank, "1234", "0012345", "user01") for bank in ("みほん信用金庫", "みほん中央信用金庫"))
    before, after = map(holder_of, names)
    assert before == after == WHO
    assert before is not None
    assert before.bank_name == "みほん信用金庫"
    old, new = judge([ends_in(-5, before), ends_in(360, after)], NOW)
    assert (old.place, new.place) == (Place.BEFORE, Place.CURRENT)
