"""The nine steps on a medium and a CA, undisturbed and cut short."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.renewal.world import Screen, World
from tokenmgr.customer.operations import Applicant
from tokenmgr.domain.generation import State
from tokenmgr.domain.policy import OldGeneration
from tokenmgr.domain.renewal import Step
from tokenmgr.errors import (
    AuthorityUnreachable,
    ClaimNotAccepted,
    ClockWrong,
    MediumChanged,
    MediumError,
    NothingToRenew,
    NothingUnfinished,
    NotPermittedNow,
    UnfinishedFirst,
    WrittenDifferently,
)
from tokenmgr.log import Secret


def test_an_acquisition(world: World) -> None:
    found = world.acquire()
    assert world.screen.told == [text for step in Step for text in (f"> {step.name}", step.name)]
    assert world.rig.states() == [State.ACTIVE]
    assert found.key.label == "1234-0012345 user01 2027-04-01"
    assert found.certificate is not None
    assert world.rig.active().certificate == found.certificate.der
    assert not world.unfinished()


@pytest.mark.parametrize(("policy", "left"), [(OldGeneration.AT_CONFIRMATION, 1), (OldGeneration.AT_EXPIRY, 2)])
def test_a_renewal_and_the_old_one_goes_when_the_bank_says_so(world: World, policy: OldGeneration, left: int) -> None:
    world.rig.change_policy(old_generation=policy)
    old = world.renewable()
    world.counter().renew()
    assert len(world.with_certificates()) == left
    assert [one.key == old.key for one in world.with_certificates()].count(False) == 1


def test_no_certificate_but_of_the_ca_lies_beside_a_renewed_one(world: World) -> None:
    """An answer that is signed brings its signer's too, which is nothing for a medium."""
    world.renewable()
    world.counter().renew()
    others = [one.facts for one in world.store.contents().certificates if one.facts and not one.key_id]
    assert others
    assert all(one.is_authority for one in others)


@pytest.mark.parametrize("lost", ["request", "answer"])
@pytest.mark.parametrize("number", [0, 1])
def test_what_is_lost_on_the_way_is_sent_again(world: World, lost: str, number: int) -> None:
    """The request itself, and the confirmation; before and after the CA has had it."""
    world.renewable()
    sent: list[bytes] = []

    def lose(message: bytes, answer: object) -> bytes:
        sent.append(message)
        said = b"" if lost == "request" and len(sent) == number + 1 else world.rig.answer(message)
        if len(sent) == number + 1:
            raise AuthorityUnreachable(address="ca", reason="cut")
        return said

    world.near.on_the_way = lose
    with pytest.raises(AuthorityUnreachable):
        world.counter().renew()
    assert world.unfinished()
    world.restarted()
    world.resume()
    assert world.rig.states() == [State.SUPERSEDED, State.ACTIVE]
    assert len(world.with_certificates()) == 2
    assert not world.unfinished()


def test_a_request_that_has_lain_too_long_is_built_anew(world: World) -> None:
    """For the same key, and once: the CA takes messages of five minutes."""
    cut_short(world, timedelta(days=1))
    world.rig.now += timedelta(minutes=10)
    world.restarted()
    world.screen.told.clear()
    world.resume()
    assert world.screen.told.count("REQUESTED") == 1
    assert "KEY_GENERATED" not in world.screen.told
    assert world.rig.states() == [State.SUPERSEDED, State.ACTIVE]


# --- CHECKED: nothing was touched ---


def test_too_early_is_said_before_a_key_is_made(world: World) -> None:
    world.acquire()
    with pytest.raises(NotPermittedNow) as refused:
        world.counter().renew()
    assert refused.value.reason == "too-early"
    assert len(world.store.credentials()) == 1
    assert not world.unfinished()


def test_a_clock_that_differs_is_said_before_a_key_is_made(world: World) -> None:
    world.renewable()
    counter = world.counter()
    late = counter.clock() - timedelta(minutes=6)
    with pytest.raises(ClockWrong) as refused:
        type(counter)(**{**vars(counter), "clock": lambda: late}).renew()
    assert refused.value.seconds == 360
    assert len(world.store.credentials()) == 1


@pytest.mark.parametrize("days", [-400, 2])
def test_one_that_is_so_wrong_that_no_certificate_is_valid_is_said_as_well(world: World, days: int) -> None:
    """Else whoever has a good one would be told to acquire another."""
    world.renewable()
    wrong = world.rig.now + timedelta(days=days)
    with pytest.raises(ClockWrong):
        replace(world.counter(), clock=lambda: wrong).renew()
    world.rig.now = wrong
    with pytest.raises(NothingToRenew):
        world.counter().renew()


def test_wrong_login_pins_make_no_key(world: World) -> None:
    wrong = Applicant("0012345", "user01", lambda: (Secret("999999"), Secret("999999")))
    with pytest.raises(ClaimNotAccepted):
        world.counter().acquire(wrong)
    assert world.store.credentials() == []
    assert not world.unfinished()


def test_nothing_to_renew_and_nothing_to_resume(world: World) -> None:
    with pytest.raises(NothingToRenew):
        world.counter().renew()
    with pytest.raises(NothingUnfinished):
        world.resume()


# --- another medium, and none ---


def test_a_medium_that_is_pulled_is_waited_for(world: World) -> None:
    world.renewable()
    world.screen.plug = world.medium.plug

    def pull(message: bytes, answer: object) -> bytes:
        if world.medium.plugged and f"waits for {world.serial}" not in world.screen.told:
            world.medium.unplug()
        return world.rig.answer(message)

    world.near.on_the_way = pull
    world.counter().renew()
    assert world.screen.told.count(f"waits for {world.serial}") == 1
    assert world.rig.states() == [State.SUPERSEDED, State.ACTIVE]


def test_where_nobody_sits_a_pulled_medium_ends_it(world: World) -> None:
    world.renewable()

    def pull(message: bytes, answer: object) -> bytes:
        world.medium.unplug()
        return world.rig.answer(message)

    world.near.on_the_way = pull
    with pytest.raises(MediumError):
        world.counter().renew()
    world.medium.plug()
    world.near.on_the_way = lambda message, answer: world.rig.answer(message)
    world.restarted()
    world.resume()
    assert world.rig.states() == [State.SUPERSEDED, State.ACTIVE]


def test_what_is_written_and_not_kept_is_not_confirmed(world: World) -> None:
    """By a medium that takes it and loses it: seen before the customer sees it."""
    world.rig.change_policy(old_generation=OldGeneration.AT_CONFIRMATION)
    old = world.renewable()

    class Losing(Screen):
        def begins(self, begun: Step) -> None:
            if begun is Step.VERIFIED:
                new = [
                    one.certificate.der for one in world.with_certificates() if one.certificate and one.key != old.key
                ]
                (lost,) = (file for file in world.medium.folder.rglob("*.object") if new[0] in file.read_bytes())
                lost.unlink()

    world.screen = Losing()
    with pytest.raises(WrittenDifferently):
        world.counter().renew()
    assert world.rig.states() == [State.ACTIVE, State.PENDING]
    assert old.key in [one.key for one in world.with_certificates()]
    world.restarted()
    world.screen = Screen()
    world.resume()
    assert world.rig.states() == [State.REVOKED, State.ACTIVE]


@pytest.mark.parametrize("step", [step for step in Step if Step.CHECKED.value < step.value < Step.RETIRED.value])
def test_a_medium_that_fails_within_a_step_has_refused_nothing(world: World, step: Step) -> None:
    """Only the CA can say that a key gets no certificate; whatever a medium answers, it is gone on with."""
    world.rig.change_policy(old_generation=OldGeneration.AT_CONFIRMATION)  # so that RETIRED asks something of it, too
    world.renewable()

    class Pulling(Screen):
        def begins(self, begun: Step) -> None:
            if begun is step:
                world.medium.unplug()

    world.screen = Pulling()
    with pytest.raises(MediumError) as failed:
        world.counter().renew()
    assert failed.value.unfinished  # whatever the medium's own words would be of what was kept
    world.medium.plug()
    world.restarted()
    if world.unfinished():
        world.screen = Screen()
        world.resume()
    assert world.rig.states() == [State.REVOKED, State.ACTIVE]


def test_one_that_was_begun_on_another_stick_is_not_gone_on_with(world: World) -> None:
    """S4: the same token number in another stick is not the same medium."""
    world.usb = "1234:5678 A"
    cut_short(world)
    world.usb = "1234:5678 B"
    world.restarted()
    with pytest.raises(MediumChanged):
        world.resume()
    world.usb = "1234:5678 A"
    world.resume()


@pytest.mark.parametrize("step", [Step.WRITTEN, Step.VERIFIED, Step.CONFIRMED])
def test_another_stick_with_the_same_number_pauses_it_and_the_right_one_is_named(world: World, step: Step) -> None:
    """S4: pulled in the middle, and not the same one is put back."""
    world.renewable()
    told: list[MediumError] = []
    before = len(world.store.contents().keys)

    class Changing(Screen):
        def begins(self, begun: Step) -> None:
            if begun is step and not told:
                world.store.close()
                world.instead = "1234:5678 B"

        def waits_for_store(self, error: MediumError) -> bool:
            assert not world.store.is_here()
            told.append(error)
            world.instead = ""
            return True

    world.screen = Changing()
    world.counter().renew()
    assert [(type(one), one.serial, one.facts["seen"]) for one in told] == [
        (MediumChanged, world.serial, "1234:5678 B")
    ]
    assert len(world.store.contents().keys) == before + 1
    assert world.rig.states() == [State.SUPERSEDED, State.ACTIVE]


def test_what_was_begun_comes_first(world: World) -> None:
    cut_short(world)
    world.restarted()
    with pytest.raises(UnfinishedFirst):
        world.counter().acquire(world.applicant())
    world.counter().renew()  # goes on
    assert world.rig.states() == [State.SUPERSEDED, State.ACTIVE]


def cut_short(world: World, before: timedelta = timedelta()) -> None:
    """So long before the old one ends."""
    world.renewable()
    world.rig.now -= before
    with unreachable(world):
        world.counter().renew()


@contextmanager
def unreachable(world: World) -> Iterator[None]:
    """No message reaches the CA, and that ends what is within."""

    def cut(message: bytes, answer: object) -> bytes:
        raise AuthorityUnreachable(address="ca", reason="cut")

    world.near.on_the_way = cut
    with pytest.raises(AuthorityUnreachable):
        yield
    world.near.on_the_way = lambda message, answer: world.rig.answer(message)


# --- what cannot be finished is undone: nothing that was begun stands in the way for ever ---


def test_one_whose_certificate_has_run_out_meanwhile_is_undone(world: World) -> None:
    """The CA has never heard of the new key, and will not: the old one is no proof any more."""
    cut_short(world)
    world.restarted()
    world.rig.now += timedelta(days=1)
    with pytest.raises(NotPermittedNow):
        world.resume()
    assert not world.unfinished()
    assert len(world.store.credentials()) == 1
    world.rig.change_policy(grace_days=80)
    world.counter().acquire(world.applicant())
    assert world.rig.active().certificate in [
        one.certificate.der for one in world.with_certificates() if one.certificate
    ]


def test_an_acquisition_that_is_not_permitted_any_more_is_undone(world: World) -> None:
    with unreachable(world):
        world.counter().acquire(world.applicant())
    world.rig.now += timedelta(days=81)  # the bank's deadline is over (R10)
    world.restarted()
    with pytest.raises(NotPermittedNow):
        world.resume()
    assert world.store.credentials() == []
    assert not world.unfinished()


def test_somebody_elses_acquisition_is_not_taken_for_ones_own(world: World) -> None:
    with unreachable(world):
        world.counter().acquire(world.applicant())
    world.rig.enrol("user02")
    world.restarted()
    with pytest.raises(UnfinishedFirst) as first:
        world.counter().acquire(world.applicant(user="user02"))
    assert (first.value.operation, first.value.about) == ("acquisition", "0012345 user01")
    world.resume()
    world.counter().acquire(world.applicant(user="user02"))
    assert len(world.with_certificates()) == 2
