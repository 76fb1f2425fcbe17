"""Who would fail, of whom a bank asks for a rehearsal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.rehearsal import Failure, Prospect, Rehearsed, prospect
from tokenmgr.domain.renewal import Step

ASKED = datetime(2026, 4, 1, 3, 0, tzinfo=UTC)
AFTER, BEFORE = ASKED + timedelta(minutes=1), ASKED - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("known", "expected", "wanted"),
    [
        (Rehearsed(), Prospect.NOT_TRIED, False),
        (Rehearsed(asked_at=ASKED), Prospect.NOT_TRIED, True),
        (Rehearsed(asked_at=ASKED, ended_at=BEFORE), Prospect.NOT_TRIED, True),
        (Rehearsed(asked_at=ASKED, ended_at=ASKED), Prospect.PASSED, False),
        (Rehearsed(asked_at=ASKED, ended_at=AFTER, code="M107"), Prospect.FAILED, True),
        (Rehearsed(ended_at=AFTER), Prospect.PASSED, False),
        (Rehearsed(ended_at=AFTER, code="M107"), Prospect.FAILED, False),
    ],
)
def test_what_would_become_of_it(known: Rehearsed, expected: Prospect, wanted: bool) -> None:
    assert (prospect(known, is_refused=False), known.is_wanted) == (expected, wanted)
    assert prospect(known, is_refused=True) is Prospect.REFUSED


@given(st.text(max_size=6))
def test_a_failure_has_an_errors_code(code: str) -> None:
    is_one = len(code) == 4 and code[0] in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" and all(c in "0123456789" for c in code[1:])
    try:
        Failure(code, Step.CHECKED, StoreKind.MEDIUM)
    except ValueError:
        assert not is_one
    else:
        assert is_one
