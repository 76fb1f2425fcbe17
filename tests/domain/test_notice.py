"""Who is written to about which certificate (R3), as laws: whenever it is looked at, and whatever became of mails."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr.domain.generation import State
from tokenmgr.domain.notice import (
    EXPIRED_FOR,
    HALFWAY,
    NOTHING,
    RENEWED_FOR,
    Due,
    Held,
    Kind,
    Known,
    Notice,
    Past,
    Person,
    Skipped,
    Stage,
    due_notices,
    furthest_lead,
    left_out,
    still_true,
)
from tokenmgr.domain.party import Role
from tokenmgr.domain.policy import BankPolicy

ENDS = datetime(2027, 4, 1, 14, 59, 59, tzinfo=UTC)
BEGAN = ENDS - timedelta(days=365)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
USER, ADMIN, OTHER = Person(1, "user@example.jp"), Person(2, "admin@example.jp"), Person(3, "other@example.jp")
HELD = Held(7, State.ACTIVE, ENDS, BEGAN, False, Role.USER, USER, (ADMIN,))
POLICY = BankPolicy(notice_days=(30, 10), escalation_days=(3,))


def due(held: Held, days: float, known: Known = NOTHING, policy: BankPolicy = POLICY) -> set[tuple[int, str, int, str]]:
    """So many days before expiry: to whom, what, which lead, and why not."""
    found = due_notices(held, policy, ENDS - days * DAY, known)
    return {(o.notice.to, o.notice.kind, o.notice.lead, o.skipped.value if o.skipped else "") for o in found}


def a(to: Person, lead: int, kind: Kind = Kind.DUE) -> Notice:
    return Notice(7, to.subscriber, kind.value, lead)


# --- one certificate, one moment ---


def test_a_lead_begins_to_the_second() -> None:
    assert due(HELD, 30 + 1 / 86400) == set()
    assert due(HELD, 30) == {(1, "due", 30, "")}


def test_of_leads_that_have_passed_at_once_the_last_is_written() -> None:
    assert due(HELD, 9) == {(1, "due", 10, ""), (1, "due", 30, "overtaken")}


def test_before_a_users_ends_its_administrators_are_told() -> None:
    known = {a(USER, 30): Past(Stage.SENT), a(USER, 10): Past(Stage.SENT)}
    assert due(HELD, 3, known) == {(2, "due", 3, "")}
    assert due(replace(HELD, role=Role.ADMINISTRATOR), 3, known) == set()
    assert due(replace(HELD, administrators=()), 3, known) == set()


def test_who_has_no_address_has_administrators() -> None:
    held = replace(HELD, holder=Person(1, ""), administrators=(ADMIN, OTHER))
    assert due(held, 29) == {(2, "due", 30, ""), (3, "due", 30, "")}
    assert due(held, 2) == {
        (to, "due", *rest) for to in (2, 3) for rest in ((3, ""), (10, "overtaken"), (30, "overtaken"))
    }
    nobody = replace(held, administrators=())
    assert due(nobody, 29) == {(1, "due", 30, "no-address")}
    noted = {a(USER, 30): Past(Stage.SKIPPED, "", Skipped.NO_ADDRESS)}
    assert due(nobody, 28, noted) == set()
    assert due(replace(HELD, administrators=()), 27, noted) == {(1, "due", 30, "")}


@pytest.mark.parametrize("stage", [Stage.REFUSED, Stage.BOUNCED])
def test_where_a_mail_has_failed_administrators_are_in_its_place(stage: Stage) -> None:
    known = {a(USER, 30): Past(stage, USER.address)}
    assert due(HELD, 29, known) == {(2, "due", 30, "")}
    moved = replace(HELD, holder=Person(1, "new@example.jp"))
    assert due(moved, 29, known) == {(1, "due", 30, "")}
    known |= {a(ADMIN, 30): Past(Stage.WAITING, ADMIN.address)}
    assert due(HELD, 29, known) == set()
    assert still_true(a(ADMIN, 30), HELD, POLICY, ENDS - 29 * DAY, known) is None
    assert still_true(a(ADMIN, 30), moved, POLICY, ENDS - 29 * DAY, known) is Skipped.NOT_WANTED
    assert due(HELD, 9, known) == {(1, "due", 10, "")}  # its next one is tried again


def test_that_it_has_ended_and_that_it_was_renewed() -> None:
    known = {a(USER, lead): Past(Stage.SENT) for lead in (30, 10)} | {a(ADMIN, 3): Past(Stage.SENT)}
    assert due(HELD, 0, known) == set()
    assert due(HELD, -1, known) == {(1, "expired", 0, "")}
    assert due(HELD, -8, known) == set()
    assert due(HELD, -1, known, replace(POLICY, expired_notice=False)) == set()
    renewed = replace(HELD, is_renewal=True)
    assert due(renewed, 364) == {(1, "renewed", 0, "")}
    assert due(renewed, 361) == set()
    assert due(renewed, 366) == set()
    assert due(renewed, 364, policy=replace(POLICY, renewed_notice=False)) == set()


def test_a_lead_from_before_the_certificate_is_none_of_its_own() -> None:
    assert due(replace(HELD, confirmed_at=ENDS - 20 * DAY), 15) == {(1, "due", 30, "before")}


def test_a_life_without_a_lead_has_its_half() -> None:
    held, policy = replace(HELD, confirmed_at=ENDS - 3 * DAY), replace(POLICY, notice_days=(3, 2))
    early = {(1, "due", 3, "before"), (2, "due", 3, "before")}
    assert due(held, 2.5, policy=policy) == early
    assert due(held, 2, policy=policy) == early | {(1, "due", 2, "")}
    assert due(held, 1.5, policy=policy) == early | {(1, "due", 2, ""), (2, "due", HALFWAY, "")}
    early = {(1, "due", 10, "before"), (1, "due", 30, "before")} | {(2, "due", 3, "before")}
    assert due(held, 1.5 + 1 / 86400) == early
    assert due(held, 1.5) == early | {(1, "due", HALFWAY, ""), (2, "due", HALFWAY, "")}
    assert due(replace(held, confirmed_at=ENDS - DAY), 1) >= {(1, "due", HALFWAY, "")}
    assert due(held, 1, policy=replace(POLICY, notice_days=(), escalation_days=())) == set()


def test_who_is_left_out_is_told_whenever_it_is_looked_at() -> None:
    nobody = replace(HELD, holder=Person(1, ""), administrators=())
    noted = {a(USER, 30): Past(Stage.SKIPPED, "", Skipped.NO_ADDRESS)}
    now = ENDS - 28 * DAY
    assert [one.skipped for one in left_out(nobody, POLICY, now, noted)] == [Skipped.NO_ADDRESS]
    assert left_out(HELD, POLICY, now, noted) == ()
    assert left_out(replace(nobody, state=State.HELD), POLICY, now, noted) == ()


@pytest.mark.parametrize(
    ("held", "days", "why"),
    [
        (HELD, 29, None),
        (replace(HELD, state=State.SUPERSEDED), 29, Skipped.RENEWED),
        (replace(HELD, state=State.REVOKED), 29, Skipped.REVOKED),
        (replace(HELD, state=State.HELD), 29, Skipped.ON_HOLD),
        (HELD, 9, Skipped.OVERTAKEN),
        (HELD, -1, Skipped.EXPIRED),
        (replace(HELD, holder=Person(1, "")), 29, Skipped.NO_ADDRESS),
        (replace(HELD, holder=Person(1, ""), administrators=()), 29, Skipped.NO_ADDRESS),
    ],
)
def test_right_before_it_is_sent(held: Held, days: int, why: Skipped | None) -> None:
    sending = {a(USER, 30): Past(Stage.SENDING)}
    assert still_true(a(USER, 30), held, POLICY, ENDS - days * DAY, sending) is why


def test_right_before_it_is_sent_the_policy_is_another() -> None:
    now = ENDS - 29 * DAY
    assert still_true(a(USER, 30), HELD, replace(POLICY, notice_days=(20,)), now, {}) is Skipped.NOT_WANTED
    late = [(Kind.EXPIRED, ENDS + EXPIRED_FOR), (Kind.RENEWED, BEGAN + RENEWED_FOR)]
    for kind, until in late:
        held = replace(HELD, is_renewal=True)
        assert still_true(a(USER, 0, kind), held, POLICY, until, {}) is None
        assert still_true(a(USER, 0, kind), held, POLICY, until + SECOND, {}) is Skipped.TOO_LATE
    quiet = replace(POLICY, expired_notice=False)
    assert still_true(a(USER, 0, Kind.EXPIRED), HELD, quiet, ENDS + DAY, {}) is Skipped.NOT_WANTED


@pytest.mark.parametrize(
    ("notice", "wrong", "right", "why"),
    [
        (a(USER, 30), ENDS + DAY, ENDS - 29 * DAY, Skipped.EXPIRED),
        (a(USER, 0, Kind.EXPIRED), ENDS + EXPIRED_FOR + DAY, ENDS + DAY, Skipped.TOO_LATE),
        (a(USER, 0, Kind.RENEWED), BEGAN + RENEWED_FOR + DAY, BEGAN + DAY, Skipped.TOO_LATE),
    ],
)
def test_what_was_too_late_by_a_wrong_clock_is_written(
    notice: Notice, wrong: datetime, right: datetime, why: Skipped
) -> None:
    office, held = Office(POLICY), replace(HELD, is_renewal=True)
    office.known[notice] = Past(Stage.WAITING)
    office.run(held, wrong)
    assert office.known[notice].skipped is why
    office.run(held, right)
    assert office.known[notice].stage is Stage.SENT


# --- laws ---

LEADS = st.lists(st.integers(1, 60), max_size=4).map(tuple)
POLICIES = st.builds(
    BankPolicy, notice_days=LEADS, escalation_days=LEADS, expired_notice=st.booleans(), renewed_notice=st.booleans()
)
ADDRESSES = st.sampled_from(["", "one@example.jp", "two@example.jp"])
PEOPLE = st.sets(st.sampled_from([ADMIN, OTHER])).map(tuple)
CERTIFICATES = st.builds(
    Held,
    serial=st.just(7),
    state=st.just(State.ACTIVE),
    not_after=st.just(ENDS),
    confirmed_at=st.one_of(st.just(BEGAN), st.integers(24, 90 * 24).map(lambda hours: ENDS - timedelta(hours=hours))),
    is_renewal=st.booleans(),
    role=st.sampled_from(Role),
    holder=st.builds(Person, st.just(1), ADDRESSES),
    administrators=PEOPLE,
)
MOMENTS = st.integers(-10 * 24, 380 * 24).map(lambda hours: ENDS - timedelta(hours=hours))
FATES = st.sampled_from([Stage.SENT, Stage.SENT, Stage.REFUSED, Stage.BOUNCED, Stage.WAITING])


@dataclass
class Office:
    """Looks and sends as a run does, and remembers it."""

    policy: BankPolicy
    broken: str = ""  # an address that takes no mail
    known: dict[Notice, Past] = field(default_factory=dict)
    taken: Counter[tuple[Notice, str]] = field(default_factory=Counter)  # and delivered, to which address

    def run(self, held: Held, now: datetime, fate: Stage = Stage.SENT) -> list[Due]:
        found = list(due_notices(held, self.policy, now, self.known))
        for one in found:
            past = self.known.get(one.notice)
            assert one.skipped or past is None or not past.has_failed(one.address)
            stage = Stage.SKIPPED if one.skipped else Stage.WAITING
            self.known[one.notice] = Past(stage, one.address, one.skipped)
        for notice in [one for one, past in self.known.items() if past.stage is Stage.WAITING]:
            self._send(notice, held, now, fate)
        return found

    def _send(self, notice: Notice, held: Held, now: datetime, fate: Stage) -> None:
        why = still_true(notice, held, self.policy, now, self.known)
        if why is not None:
            self.known[notice] = Past(Stage.SKIPPED, "", why)
            return
        (address,) = [p.address for p in (held.holder, *held.administrators) if p.subscriber == notice.to]
        assert address
        fate = Stage.REFUSED if address == self.broken else fate
        self.known[notice] = Past(fate, address)
        if fate is Stage.SENT:
            self.taken[notice, address] += 1


RUNS = st.lists(st.tuples(MOMENTS, FATES, ADDRESSES, st.sampled_from([State.ACTIVE, State.ACTIVE, State.HELD])))


@given(CERTIFICATES, POLICIES, RUNS)
def test_each_is_sent_once_to_an_address_whatever_the_clock_does(held: Held, policy: BankPolicy, runs: object) -> None:
    office = Office(policy)
    for now, fate, address, state in runs:  # type: ignore[attr-defined]
        at_the_time = replace(held, holder=Person(1, address), state=state)
        for one in office.run(at_the_time, now, fate):
            assert one.at <= now
            assert one.skipped or one.address
    assert all(count == 1 for count in office.taken.values())


@given(CERTIFICATES, POLICIES, MOMENTS, st.sampled_from([s for s in State if s is not State.ACTIVE]))
def test_never_once_it_is_not_the_valid_one(held: Held, policy: BankPolicy, now: datetime, state: State) -> None:
    other = replace(held, state=state)
    assert due_notices(other, policy, now) == ()
    for one in due_notices(held, policy, now):
        assert still_true(one.notice, other, policy, now, {}) in (Skipped.RENEWED, Skipped.REVOKED, Skipped.ON_HOLD)


@given(CERTIFICATES, POLICIES, MOMENTS)
def test_nobody_is_written_two_leads_at_once(held: Held, policy: BankPolicy, now: datetime) -> None:
    found = due_notices(held, policy, now)
    written = Counter((one.notice.to, one.notice.kind) for one in found if one.skipped is None)
    assert all(count == 1 for count in written.values())
    for one in found:
        if one.skipped is Skipped.OVERTAKEN:
            mine = [other for other in found if other.notice.to == one.notice.to and other.skipped is None]
            assert all(one.at <= other.at and other.notice.lead < one.notice.lead for other in mine)
    assert len({one.notice for one in found}) == len(found)
    assert all(still_true(one.notice, held, policy, now, {}) is one.skipped for one in found)


@given(CERTIFICATES, POLICIES, st.integers(0, 86399), st.data())
def test_daily_runs_let_none_end_unnoticed(held: Held, policy: BankPolicy, second: int, data: st.DataObject) -> None:
    """Where its bank has leads, and somebody has an address. A holder's that fail reach its administrators."""
    fails = data.draw(st.booleans())
    office = Office(policy, broken=held.holder.address if fails else "")
    start = held.confirmed_at + timedelta(seconds=second)
    for day in range(366):
        now = start + day * DAY
        office.run(held, now)
        office.run(held, now)  # whoever is in the holder's place
    is_reachable = held.administrators or (held.holder.address and not fails)
    told = {notice.lead for (notice, _), count in office.taken.items() if count and notice.kind == Kind.DUE.value}
    leads = {lead for lead in policy.notice_days if ENDS - lead * DAY > held.confirmed_at}
    if policy.notice_days and not leads:
        leads = {HALFWAY}
    if is_reachable:
        assert leads <= told
    elif not held.holder.address:
        skipped = {notice.lead for notice, past in office.known.items() if past.skipped is Skipped.NO_ADDRESS}
        assert leads <= skipped


def test_the_furthest_lead_is_how_far_one_looks_ahead() -> None:
    assert furthest_lead(POLICY) == 30 * DAY
    assert furthest_lead(replace(POLICY, notice_days=(), escalation_days=())) == 0 * DAY
    assert furthest_lead(replace(POLICY, escalation_days=(45,))) == 45 * DAY
