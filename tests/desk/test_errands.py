"""Login PINs serve one errand, once (S5): an empty one is never sent in their place, for it would count."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokenmgr.customer.operations import Applicant
from tokenmgr.desk.errands import Errand, Verb, asked_once, run
from tokenmgr.desk.person import AskApplicant, Asked, AtDesk, Event
from tokenmgr.errors import LeftForLater, TokenmgrError
from tokenmgr.log import Secret
from tokenmgr.wiring import libraries
from tokenmgr.wiring.places import Where


def applicant(login: str, confirmation: str) -> Applicant:
    pins = Secret(login), Secret(confirmation)
    return Applicant("0012345", "user01", lambda: pins)


def test_an_errand_that_is_run_again_asks_for_them_anew() -> None:
    asked: list[Event] = []

    def post(event: Event) -> None:
        asked.append(event)
        person.answer(applicant("3", "4"))

    person, typed = AtDesk(post), applicant("1", "2")
    with asked_once(typed, person) as first:
        assert first.pins() == (Secret("1"), Secret("2"))
    assert not asked
    assert typed.pins() == (Secret(""), Secret(""))
    with asked_once(typed, person) as again:
        assert again.pins() == (Secret("3"), Secret("4"))
    assert asked == [Asked(AskApplicant("0012345", "user01"))]


def test_they_are_gone_though_nobody_has_used_them() -> None:
    typed = applicant("1", "2")
    with asked_once(typed, AtDesk(lambda _: None)):
        pass
    assert typed.pins() == (Secret(""), Secret(""))


def test_an_errand_that_ends_before_its_store_is_open_keeps_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left at the question for a new file's password, or no such bank."""
    monkeypatch.setenv("TOKENMGR_HOME", str(tmp_path))
    libraries.settings.cache_clear()
    try:
        for where in Where(pc="file"), Where(serial="none"):
            typed, person = applicant("1", "2"), AtDesk(lambda _: None)
            if where.pc:
                person.leave()
            with pytest.raises(LeftForLater if where.pc else TokenmgrError):
                run(Errand(Verb.ACQUIRE, where, bank="9999", applicant=typed), person)
            assert typed.pins() == (Secret(""), Secret(""))
    finally:
        libraries.settings.cache_clear()
