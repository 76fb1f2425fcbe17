"""Whatever becomes of what was begun, it comes to an end: its journal stands in nobody's way for ever (R13, R14)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.api.rig import DAY, Rig, fresh
from tests.api.signer import Troubled
from tests.renewal.world import Near, Screen, World
from tokenmgr.api import cmp, jobs
from tokenmgr.api.credentials import Guard
from tokenmgr.cmp.building import error, rejection
from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.cmp.messages import Kind, answer_header, assemble, parse
from tokenmgr.domain.credential import Credential
from tokenmgr.domain.family import Family, Keys
from tokenmgr.domain.generation import RevocationReason, State
from tokenmgr.domain.holding import LEFT, MARK, mark_of
from tokenmgr.domain.renewal import Step
from tokenmgr.domain.standing import Standing
from tokenmgr.errors import (
    AuthorityRefused,
    AuthorityWaits,
    CannotConfirm,
    NothingToRenew,
    NothingUnfinished,
    NotPermittedNow,
    RenewalError,
    TokenmgrError,
    UndoneHere,
)
from tokenmgr.renewal.engine import LONGEST_WAIT
from tokenmgr.renewal.recovery import pending
from tokenmgr.testbed.simulated import SimulatedMedium
from tokenmgr.token.module import Library

LONG_AFTER = timedelta(minutes=10)  # messages are taken for five


def begun_with(world: World) -> Credential:
    (found,) = pending(world.store.credentials())
    return found


# --- a store that gives nothing away ---


@pytest.mark.parametrize("by", ["nobody", "officer"])
def test_what_cannot_be_taken_away_is_called_what_it_is(world: World, by: str) -> None:
    """Its time is over at the CA (S7), and the medium lets no user delete: clean-up lists it by its label."""
    world.cut_short(2, days=20)
    world.rig.now += 8 * DAY
    usual = world.library
    world.store.close()
    with world.medium.library(family=Family(keys=Keys(by=by))) as locked:
        world.library = locked
        world.restarted()
        with pytest.raises(CannotConfirm):
            world.resume()
        world.store.close()
    world.library = usual
    world.restarted()
    assert [one.key.label for one in world.with_certificates()].count(LEFT) == 1
    assert len(world.with_certificates()) == 2
    assert not world.unfinished()
    with pytest.raises(NothingUnfinished):
        world.resume()
    jobs.round_of(world.rig.service)
    world.counter().renew()
    assert world.rig.states() == [State.SUPERSEDED, State.REVOKED, State.ACTIVE]
    assert world.logs_in()


# --- a key that is gone ---


@pytest.mark.parametrize(
    ("number", "heard", "later"), [(1, True, LONG_AFTER), (2, False, timedelta())], ids=["asked", "issued"]
)
def test_a_key_that_is_gone_ends_what_was_begun_with_it(
    world: World, number: int, heard: bool, later: timedelta
) -> None:
    """The CA is told, or it would let nobody renew until that one's time is over."""
    world.cut_short(number, heard)
    world.destroy(begun_with(world))
    world.rig.now += later
    with pytest.raises(UndoneHere):
        world.resume()
    assert not world.unfinished()
    assert world.logs_in()
    assert world.rig.states() == [State.ACTIVE, State.REVOKED]
    world.counter().renew()
    assert {State.SUPERSEDED, State.REVOKED, State.ACTIVE} == set(world.rig.states())


@pytest.mark.parametrize(("number", "with_the_old_one"), [(1, False), (2, False), (2, True)])
def test_a_key_that_is_gone_after_another_pc_had_finished(
    world: World, number: int, with_the_old_one: bool, tmp_path: Path
) -> None:
    old = world.cut_short(number)
    world.resume(tmp_path / "another")
    assert world.rig.states() == [State.SUPERSEDED, State.ACTIVE]
    (new,) = (one for one in world.with_certificates() if one.key != old.key)
    world.destroy(new, *([old] if with_the_old_one else []))
    with pytest.raises(NothingToRenew if with_the_old_one else (UndoneHere, NotPermittedNow)):
        world.resume()
    assert not world.unfinished()
    assert world.rig.states() == [State.SUPERSEDED, State.ACTIVE]  # it is the CA's to say, not a lost key's
    with pytest.raises(NothingUnfinished):
        world.resume()


@pytest.mark.parametrize("last", [Step.ACCEPTED, Step.CONFIRMED])
def test_another_key_in_its_place_is_somebody_elses_to_finish_and_to_take_away(
    world: World, last: Step, tmp_path: Path
) -> None:
    """A medium with fixed places: this PC's journal lies for so long that its key is given up, and another PC's next
    generation has its place. That one is in service."""

    class Leaving(Screen):
        def begins(self, step: Step) -> None:
            if step is last:
                raise KeyboardInterrupt

    world.renewable()
    world.rig.now -= 20 * DAY
    world.screen = Leaving()
    with pytest.raises(KeyboardInterrupt):
        world.counter().renew()
    world.screen, place = Screen(), begun_with(world).key.key_id
    world.destroy(begun_with(world))
    world.rig.now += 8 * DAY
    world.store.free_key_id = lambda: place  # type: ignore[method-assign]
    world.counter(tmp_path / "another").renew()
    world.restarted()
    with pytest.raises(UndoneHere):
        world.resume()
    assert not world.unfinished()
    assert world.logs_in()
    assert world.rig.states() == [State.SUPERSEDED, State.REVOKED, State.ACTIVE]


@pytest.mark.parametrize("number", [1, 2], ids=["asked", "issued"])
def test_nobody_can_prove_who_asks_any_more(world: World, number: int) -> None:
    """The old one is gone, and with it the only proof: what has no certificate goes, too, and what has one is set
    aside, since the CA signs that it is not confirmed."""
    old = world.cut_short(number)
    world.destroy(old)
    with pytest.raises(NothingToRenew):
        world.resume()
    assert [one.key.label for one in world.store.credentials()] == ([LEFT] if number == 2 else [])
    assert not world.unfinished()


def test_a_confirmed_one_needs_no_old_one(world: World) -> None:
    """Whatever is said of its key: it is greeted with, and stays what it is."""
    old = world.cut_short(2, heard=True)
    world.destroy(old)

    class Silent(Near):
        def standing(self, fingerprint: str) -> Standing:
            return replace(super().standing(fingerprint), state="revoked")

    world.near = Silent(world.rig)
    with suppress(TokenmgrError):
        world.resume()
    world.near = Near(world.rig)
    world.restarted()
    if world.unfinished():
        world.resume()
    assert world.logs_in()
    assert not world.unfinished()


# --- what was finished elsewhere, long ago ---


@pytest.mark.parametrize("how", ["superseded", "run out"])
def test_a_journal_of_what_is_long_over_ends(world: World, how: str, tmp_path: Path) -> None:
    """This PC was at a renewal that another one finished; and the year after, too, or nobody did."""
    world.cut_short(2)
    told = world.resume(tmp_path / "another")
    if how == "superseded":
        world.rig.now = told.certificate.not_after - DAY
        world.restarted()
        world.counter(tmp_path / "another").renew()
    else:
        world.rig.now = told.certificate.not_after + DAY
    before = len(world.store.credentials())
    world.restarted()
    with suppress(RenewalError, NothingUnfinished):
        world.resume()
    assert not world.unfinished()
    assert len(world.store.credentials()) == before
    assert world.logs_in() == (how == "superseded")


def test_a_re_issue_ends_a_renewal_and_the_acquisition_is_open(world: World) -> None:
    """R10: what the subscriber has is cancelled, and what was asked for with it is never confirmed."""
    world.cut_short(2, days=20)
    world.rig.registry.revoke(world.rig.active().serial, RevocationReason.CESSATION, world.rig.now)
    with pytest.raises(AuthorityRefused):
        world.resume()
    world.rig.now += 8 * DAY
    jobs.round_of(world.rig.service)
    world.restarted()
    with pytest.raises(CannotConfirm):
        world.resume()
    assert not world.unfinished()


# --- a CA that is not ready ---


@pytest.fixture
def slow(tmp_path: Path, medium: SimulatedMedium, library: Library) -> Iterator[tuple[World, Troubled]]:
    """A CA whose token signs as long as it is told to."""
    trouble = Troubled(times=0)
    with closing(Rig(f"sqlite:///{tmp_path / 'registry.db'}", hook=trouble)) as rig:
        made = World(rig, medium, library, tmp_path / "journal")
        with closing(made.store):
            yield made, trouble


def test_a_ca_that_says_wait_a_second_for_ever(slow: tuple[World, Troubled], monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits there: after LONGEST_WAIT in all it is left for another day, and gone on with then."""
    world, trouble = slow
    monkeypatch.setattr(cmp, "ASK_AGAIN", 1)
    world.renewable()
    trouble.left = 1_000_000
    with pytest.raises(AuthorityWaits) as refused:
        world.counter().renew()
    assert refused.value.code == "J119"
    assert world.screen.told.count("waits 1") == LONGEST_WAIT
    assert world.unfinished()
    trouble.left = 0
    world.restarted()
    world.resume()
    assert world.rig.states() == [State.SUPERSEDED, State.ACTIVE]


def refused_by_another_ca(rig: Rig, fail: FailInfo, message: bytes) -> bytes:
    """In words that are none of ours, and signed."""
    asked, who = parse(message), Guard(rig.service)
    header = answer_header(asked.header, rig.now, who.subject, fresh())
    fault = ProtocolFault(fail, "try again later")
    kind, body = (Kind.KUP, rejection(fault)) if asked.kind is Kind.KUR else (Kind.ERROR, error(fault))
    return assemble(header, kind, body, rig.service.protector, who.signing_chain)


@pytest.mark.parametrize(("number", "fail"), [(1, FailInfo.systemUnavail), (2, FailInfo.systemFailure)])
def test_a_foreign_ca_that_is_not_available_has_refused_nothing(world: World, number: int, fail: FailInfo) -> None:
    world.renewable()
    sent: list[bytes] = []

    def busy(message: bytes, answer: Callable[[bytes], bytes]) -> bytes:
        sent.append(message)
        return refused_by_another_ca(world.rig, fail, message) if len(sent) >= number else answer(message)

    world.near.on_the_way = busy
    with pytest.raises(AuthorityRefused) as refused:
        world.counter().renew()
    assert refused.value.fail == fail.name
    assert mark_of(begun_with(world).key.label) == MARK
    world.near = Near(world.rig)
    world.restarted()
    world.resume()
    assert world.rig.states() == [State.SUPERSEDED, State.ACTIVE]


def test_a_foreign_ca_that_refuses_for_good_is_believed(world: World) -> None:
    """It has nothing of the key, and says so of a request that was made just now."""
    world.renewable()
    world.near.on_the_way = lambda message, _: refused_by_another_ca(world.rig, FailInfo.badCertTemplate, message)
    with pytest.raises(AuthorityRefused):
        world.counter().renew()
    assert len(world.store.credentials()) == 1
    assert not world.unfinished()
