"""What of a CA needs a hand, and what does not: each rule at its edge."""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tokenmgr.domain import condition
from tokenmgr.domain.condition import Area, DatabaseFacts, Line, ListFacts, NodeFacts, QueueFacts, TrailFacts
from tokenmgr.domain.generation import State
from tokenmgr.messages import Texts

NOW = datetime(2026, 4, 1, 3, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("purpose", "left", "is_current", "trouble"),
    [
        ("root", 730 * DAY, True, ""),
        ("root", 730 * DAY - SECOND, True, "authority_ends"),
        ("issuing", 730 * DAY - SECOND, True, "authority_ends"),
        ("issuing", 10 * DAY, False, ""),
        ("cmp", 30 * DAY, True, ""),
        ("cmp", 30 * DAY - SECOND, True, "certificate_ends"),
        ("cmp", -SECOND, False, ""),
        ("ocsp", 29 * DAY, False, "certificate_ends"),
        ("ocsp", -SECOND, True, "certificate_over"),
    ],
)
def test_certificates(purpose: str, left: timedelta, is_current: bool, trouble: str) -> None:
    last = NOW + max(left + SECOND, DAY)
    assert condition.certificate(1, purpose, NOW + left, last, is_current, NOW).trouble == trouble


@pytest.mark.parametrize("purpose", ["cmp", "ocsp"])
def test_what_ends_with_its_issuing_ca_cannot_be_renewed(purpose: str) -> None:
    ends = NOW + DAY
    assert condition.certificate(1, purpose, ends, ends, True, NOW).trouble == ""
    assert condition.certificate(1, purpose, ends, ends + SECOND, True, NOW).trouble == "certificate_ends"
    assert (condition.tls(ends, ends, NOW).trouble, condition.tls(ends, ends + SECOND, NOW).trouble) == ("", "tls_ends")


def test_a_tls_certificate_has_days_in_which_a_start_renews_it_before_it_is_told() -> None:
    assert not condition.tls(NOW + 25 * DAY, NOW + 99 * DAY, NOW).trouble
    assert condition.tls(NOW + 25 * DAY - SECOND, NOW + 99 * DAY, NOW).trouble == "tls_ends"


@pytest.mark.parametrize(
    ("applied", "known", "took", "trouble"),
    [
        (2, 2, SECOND, ""),
        (2, 2, 2 * SECOND, "database_slow"),
        (1, 2, SECOND, "database_older"),
        (3, 2, SECOND, "database_newer"),
    ],
)
def test_the_database(applied: int, known: int, took: timedelta, trouble: str) -> None:
    assert condition.database(DatabaseFacts("sqlite", 1, took, applied, known)).trouble == trouble


def test_queues_may_have_something_in_them_but_not_for_long() -> None:
    def troubles(recorded: datetime | None, overdue: datetime | None) -> set[str]:
        seen = QueueFacts({State.RECORDED: 1, State.PENDING: 2}, recorded, 1, overdue, 3)
        return {line.trouble for line in condition.queues(seen, NOW)} - {""}

    assert troubles(None, None) == set()
    assert troubles(NOW - 2 * MINUTE, NOW - 5 * MINUTE) == set()
    assert troubles(NOW - 3 * MINUTE, NOW - 6 * MINUTE) == {"recorded_waits", "overdue"}


@pytest.mark.parametrize(
    ("issued", "until", "change", "trouble"),
    [
        (None, None, None, "list_missing"),
        (NOW - HOUR, NOW + DAY, None, ""),
        (NOW - HOUR, NOW + DAY, NOW - 6 * MINUTE, ""),
        (NOW - HOUR, NOW + DAY, NOW - 7 * MINUTE, "list_behind"),
        (NOW - 14 * HOUR, NOW + DAY, None, "list_old"),
        (NOW - 14 * HOUR, NOW - SECOND, None, "list_over"),
    ],
)
def test_lists(issued: datetime | None, until: datetime | None, change: datetime | None, trouble: str) -> None:
    assert condition.revocation_list(ListFacts(1, 7, issued, until, 1, change), NOW).trouble == trouble


def test_answers_are_fine_until_one_is_over() -> None:
    assert not condition.answers(0, None, 0).trouble
    assert not condition.answers(5, NOW, 0).trouble
    assert condition.answers(5, NOW, 1).trouble == "answers_over"


@pytest.mark.parametrize(
    ("seen", "trouble"),
    [
        (TrailFacts(0, None, None, 0, None), ""),
        (TrailFacts(9, NOW - DAY, NOW, 0, None), ""),
        (TrailFacts(9, NOW - 3 * DAY, NOW, 0, None), "checkpoint_old"),
        (TrailFacts(9, NOW - 9 * DAY, NOW, 8, NOW - DAY), ""),
        (TrailFacts(9, NOW - 9 * DAY, NOW, 8, NOW - 3 * DAY), "checkpoint_old"),
        (TrailFacts(9, NOW - 9 * DAY, NOW, 9, NOW - 3 * DAY), ""),
        (TrailFacts(9, NOW - 9 * DAY, NOW, 9, NOW, is_whole=False), "trail_broken"),
    ],
)
def test_the_trail(seen: TrailFacts, trouble: str) -> None:
    assert condition.trail(seen, NOW).trouble == trouble


def test_nodes() -> None:
    def troubles(*seen: tuple[str, timedelta]) -> list[str]:
        return [one.trouble for one in condition.nodes([NodeFacts("n", v, NOW - ago) for v, ago in seen], "1", NOW)]

    assert troubles(("1", MINUTE), ("1", 6 * MINUTE), ("2", MINUTE)) == ["", "node_silent", "node_other_version"]
    assert [one.seen for one in condition.nodes([NodeFacts("n", "1", NOW - 8 * DAY)], "1", NOW)] == ["no_nodes"]


def test_disk_and_clocks_and_service() -> None:
    assert condition.disk("/", (1 << 30) - 1).trouble == "disk_full"
    assert not condition.disk("/", 1 << 30).trouble
    assert condition.database_clock(-6 * SECOND).trouble == "clock_apart"
    assert not condition.database_clock(5 * SECOND).trouble
    assert condition.trail_clock(NOW + 6 * SECOND, NOW).trouble == "clock_back"
    assert not condition.trail_clock(NOW + 5 * SECOND, NOW).trouble
    assert not condition.trail_clock(None, NOW).trouble
    assert condition.service("http://x", "refused").trouble == "service_silent"
    assert condition.token("7", "gone").trouble == condition.token("7", "gone").seen
    assert condition.key(1, "cmp", "x").trouble == "key_fails"


def test_a_closed_ca_needs_no_service_but_to_be_closed_to_the_end() -> None:
    lines = [condition.service("u", "silent"), condition.disk("/", 0), condition.closed(NOW, is_finished=False)]
    told = condition.ordered(lines, is_closed=True)
    assert [line.area for line in told] == [Area.CLOSED, Area.DISK, Area.SERVICE]
    assert [line.trouble for line in told] == ["closing_unfinished", "disk_full", ""]
    assert [line.trouble for line in condition.ordered(lines, is_closed=False)][2] == "service_silent"
    assert not condition.closed(NOW, is_finished=True).trouble


def test_every_line_and_every_trouble_has_a_text() -> None:
    tree = ast.parse(Path(condition.__file__).read_text(encoding="utf-8"))
    named = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    english = Texts("en")._entries
    for area, words in (("status", {"title", "fine", "hand"}), ("status_next", {"database_unreachable"})):
        assert set(english[area]) - words <= named, area
    assert {one.value for one in Area} == set(english["status_area"])
    assert isinstance(condition.unknown(Area.DISK, "x"), Line)
