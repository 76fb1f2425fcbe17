"""`tokenmgr bank rehearse`: of whom it is asked, who would fail and why, and how the shell is told."""

from __future__ import annotations

import csv
import dataclasses
import io
from datetime import timedelta
from pathlib import Path

import pytest

from tests.actors import TESTER
from tests.cli.bank_rig import BANK, BankHome, make_ca, now
from tests.sql import world
from tokenmgr.cli.bank_rehearsal import HEADER
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.rehearsal import Failure
from tokenmgr.domain.renewal import Step
from tokenmgr.ra.ports import Asked
from tokenmgr.sql.administration import Administration
from tokenmgr.sql.audit import Asked as Which
from tokenmgr.sql.registry import SqlRegistry

DAY = timedelta(days=1)
USERS = ("expired", "fails", "held", "new", "passes", "waits")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ID for each fate."""
    home = BankHome(tmp_path_factory.mktemp("founded") / "home", make_ca(tmp_path_factory.mktemp("made"))).founded()
    home.fine("contract", "add", BANK, "C-2", "--name", "別の会社")
    for user in USERS:
        with home.database() as database:
            Administration(database, TESTER).enrol(world.enrolment(user))
    held = home.certify("held", now() + 100 * DAY)
    home.certify("expired", now() - DAY)
    for user in ("fails", "passes", "waits"):
        home.certify(user, now() + 100 * DAY)
    with home.database() as database:
        registry = SqlRegistry(database, TESTER)
        registry.hold(held.serial, now())
        for _ in range(5):
            registry.spend_try(BANK, "C-1", "expired", 5, False, now())
            registry.spend_try(BANK, "C-1", "waits", 5, False, now())  # which keeps it from no renewal
    return home.folder / "ca"


@pytest.fixture
def home(tmp_path: Path, made: Path) -> BankHome:
    return BankHome(tmp_path / "home", made)


def rehearsed(home: BankHome) -> None:
    """One has passed, one has failed, and one is asked for in vain."""
    with home.database() as database:
        registry = SqlRegistry(database, TESTER)
        passes = home.subscriber("passes").id
        last = registry.standing(passes).last
        assert last is not None
        one = dataclasses.replace(world.generation(passes, 900, now(), last.serial), is_rehearsal=True)
        registry.record(one, world.exchange(one), None, now())
        registry.sign_off(one.serial, world.CERTIFICATE)
        registry.rehearsal_passed(world.exchange(one), b"digest", now() + DAY)
        fails = home.subscriber("fails").id
        last = registry.standing(fails).last
        assert last is not None
        failure = Failure("M107", Step.CHECKED, StoreKind.MEDIUM)
        registry.rehearsal_failed(fails, failure, Asked(last.serial, b"message", now()), now() + DAY)


def prospects(home: BankHome) -> dict[str, str]:
    return {one["user"]: one["prospect"] for one in home.json("rehearse", "report", BANK)["subscribers"]}


def test_each_has_one_line_and_the_status_says_whether_anybody_would_fail(home: BankHome) -> None:
    home.fine("rehearse", "ask", BANK)
    rehearsed(home)
    done = home.bank("rehearse", "report", BANK, "--lang", "en")
    assert done.status == 5
    _heading, *lines, summary = done.out.splitlines()
    assert [line.split()[1] for line in lines] == list(USERS)
    told = dict(zip(USERS, lines, strict=True))
    assert "on hold" in told["held"].lower()
    assert "expired" in told["expired"]
    assert "locked" in told["expired"]
    assert "M107" in told["fails"]
    assert "no room" in told["fails"] or "full" in told["fails"] or "space" in told["fails"]
    assert "CHECKED" in told["fails"]
    assert "certificate" in told["new"]
    assert "not tried" in told["waits"]
    assert summary == "Passed: 1. Failed: 1. Not tried: 1. Would be refused now: 3."


def test_as_json_and_as_csv_they_are_the_same(home: BankHome) -> None:
    rehearsed(home)
    told = home.json("rehearse", "report", BANK)
    assert told["counts"] == {"passed": 1, "failed": 1, "not-tried": 1, "refused": 3}
    by_user = {one["user"]: one for one in told["subscribers"]}
    assert by_user["expired"]["refused"] == ["expired", "locked"]
    assert by_user["new"]["refused"] == ["no-certificate"]
    assert [by_user["fails"][name] for name in ("code", "step", "store")] == ["M107", "CHECKED", "medium"]
    assert by_user["passes"]["at"] is not None
    done = home.bank("rehearse", "report", BANK, "--csv", "-")
    read = list(csv.DictReader(io.StringIO(done.out.removeprefix("\ufeff"))))
    assert tuple(read[0]) == HEADER
    assert [(one["user"], one["prospect"]) for one in read] == [(u, by_user[u]["prospect"]) for u in USERS]
    file = home.folder / "report.csv"
    assert home.bank("rehearse", "report", BANK, "--csv", str(file)).status == done.status == 5
    assert file.read_bytes().decode("utf-8-sig") == done.out.removeprefix("\ufeff").replace("\n", "\r\n")
    assert home.bank("rehearse", "report", BANK, "--csv", "-", "--json").status == 2


def test_a_contract_by_itself_and_nobody_in_it(home: BankHome) -> None:
    assert home.json("rehearse", "ask", BANK, "C-1")["subscribers"] == len(USERS)
    assert home.bank("rehearse", "report", BANK, "C-2").status == 0
    assert home.json("rehearse", "report", BANK, "C-2")["subscribers"] == []
    for words in (("ask",), ("report",)):
        assert home.bank("rehearse", *words, BANK, "C-9").status == 4
        assert home.bank("rehearse", *words, "9999").status == 4


def test_what_has_passed_before_it_was_asked_for_is_to_be_tried_again_until_that_is_taken_back(home: BankHome) -> None:
    rehearsed(home)
    assert prospects(home)["passes"] == "passed"
    with home.database() as database:
        Administration(database, TESTER).ask_rehearsals(BANK, "C-1", now() + 2 * DAY)
    assert prospects(home)["passes"] == "not-tried"
    shown = home.json("subscriber", "show", BANK, "C-1", "passes")["rehearsal"]
    assert (shown["passed"], shown["asked_by"]) == (True, TESTER.name)
    lines = home.fine("subscriber", "show", BANK, "C-1", "passes", "--lang", "en")
    assert "passed" in lines
    assert f"by {TESTER.name}" in lines
    assert home.json("rehearse", "ask", BANK, "C-1", "--take-back")["subscribers"] == len(USERS)
    assert prospects(home)["passes"] == "passed"


def test_the_trail_says_who_has_asked(home: BankHome) -> None:
    home.fine("rehearse", "ask", BANK, "C-1")
    home.fine("rehearse", "ask", BANK, "C-1", "--take-back")
    rehearsed(home)
    with home.database() as database:
        every = Administration(database, TESTER).trail.entries(Which())
        entries = [one for one in every if one.action.startswith("rehearsal")]
    assert [(one.action, one.whom) for one in entries] == [
        ("rehearsal.asked", f"{BANK}/C-1"),
        ("rehearsal.not-asked", f"{BANK}/C-1"),
        ("rehearsal.passed", f"{BANK}/C-1/passes"),
        ("rehearsal.failed", f"{BANK}/C-1/fails"),
    ]
    assert entries[0].after == f'{{"subscribers":{len(USERS)}}}'
