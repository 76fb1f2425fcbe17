"""UTC inside, Japan time to the second at the edges (R2)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tokenmgr import clock


@pytest.mark.parametrize(
    ("moment", "japanese"),
    [
        (datetime(2007, 3, 2, 23, 59, 59, tzinfo=UTC), "2007年03月03日 08時59分59秒"),
        (datetime(2026, 12, 31, 15, 0, 0, tzinfo=UTC), "2027年01月01日 00時00分00秒"),
        (datetime(2028, 2, 28, 15, 0, 0, tzinfo=UTC), "2028年02月29日 00時00分00秒"),
        (datetime(2026, 7, 1, 3, 0, 0, 999_999, tzinfo=UTC), "2026年07月01日 12時00分00秒"),
    ],
)
def test_a_moment_is_written_as_the_banks_pages_write_it(moment: datetime, japanese: str) -> None:
    assert clock.japan_time(moment) == japanese


def test_another_language_gets_the_same_moment_and_its_zone() -> None:
    moment = datetime(2007, 3, 2, 23, 59, 59, tzinfo=UTC)
    assert clock.japan_time(moment, "en") == "2007-03-03 08:59:59 JST"


def test_it_does_not_matter_in_which_zone_a_moment_was_told() -> None:
    moment = datetime(2026, 4, 1, 3, 0, 0, tzinfo=UTC)
    elsewhere = moment.astimezone(timezone(timedelta(hours=-5)))
    assert clock.japan_time(elsewhere) == clock.japan_time(moment)


def test_now_is_in_utc() -> None:
    assert clock.now().utcoffset() == timedelta(0)


def test_a_clock_that_is_set_does_not_move_what_is_steady(monkeypatch: pytest.MonkeyPatch) -> None:
    before = clock.now()
    at_present = clock.steady()
    with monkeypatch.context() as patched:
        patched.setattr(clock, "now", lambda: before + timedelta(days=400))
        found = at_present()
    assert before <= found
    assert found - before < timedelta(hours=1)
    assert at_present() >= found
