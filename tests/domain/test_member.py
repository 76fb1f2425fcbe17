"""What is said of an ID to its contract's administrator, and whether that is pressing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.member import Member, Need, Told
from tokenmgr.domain.party import Role, Subscriber
from tokenmgr.domain.policy import BankPolicy

NOW = datetime(2026, 4, 1, 3, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
WHO = Subscriber(1, "1234", "C-1", "tanaka", Role.USER)


def having(left: timedelta, **more: object) -> Member:
    return Member(WHO, 7, NOW + left, StoreKind.PC, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "told", "need"),
    [
        (having(31 * DAY), (Told.VALID,), Need.NOTHING),
        (having(30 * DAY), (Told.DUE,), Need.SOON),
        (having(timedelta(0)), (Told.DUE,), Need.SOON),
        (having(-SECOND), (Told.EXPIRED,), Need.NOW),
        (having(90 * DAY, is_held=True), (Told.HELD,), Need.NOW),
        (having(90 * DAY, tries_spent=4), (Told.VALID,), Need.NOTHING),
        (having(90 * DAY, tries_spent=5), (Told.LOCKED, Told.VALID), Need.NOW),
        (having(20 * DAY, waits_until=NOW + DAY), (Told.DUE, Told.PENDING), Need.SOON),
        (having(90 * DAY, is_undelivered=True), (Told.VALID, Told.UNDELIVERED), Need.SOON),
        (having(90 * DAY, open_until=NOW + DAY), (Told.VALID, Told.OPEN), Need.SOON),
        (having(90 * DAY, open_until=NOW - SECOND), (Told.VALID,), Need.NOTHING),
        (having(-DAY, open_until=NOW + DAY), (Told.EXPIRED, Told.OPEN), Need.NOW),
        (Member(WHO), (Told.NONE,), Need.NOW),
        (Member(WHO, open_until=NOW), (Told.OPEN,), Need.NOW),
        (Member(WHO, open_until=NOW, reissued_at=NOW - DAY), (Told.REISSUED,), Need.NOW),
        (Member(WHO, open_until=NOW - SECOND, reissued_at=NOW - DAY), (Told.OVERDUE,), Need.NOW),
    ],
)
def test_of_an_id_is_said_what_is_true_of_it(one: Member, told: tuple[Told, ...], need: Need) -> None:
    assert (one.told(BankPolicy(), NOW), one.need(BankPolicy(), NOW)) == (told, need)
