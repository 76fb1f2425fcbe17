"""What `tokenmgr status` tells of a medium that nobody has logged in to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.api.rig import CONTRACT, DAY, SECOND, USER
from tests.customer.looking import PROFILE, judged, reach, reach_nobody, status
from tests.renewal.world import World
from tokenmgr.cli.status_view import whole
from tokenmgr.customer.looks import of_token
from tokenmgr.customer.profiles import Profile
from tokenmgr.customer.status import status as told_of
from tokenmgr.domain.holding import Whose
from tokenmgr.domain.medium import PinState
from tokenmgr.domain.policy import OldGeneration
from tokenmgr.domain.renewal import Step
from tokenmgr.domain.status import Next, Place, Verdict, Why
from tokenmgr.errors import AuthorityUnreachable, AuthorityUntrusted, MediumError
from tokenmgr.pki import plain
from tokenmgr.ra import holding
from tokenmgr.renewal.journal import Journal, unfinished
from tokenmgr.wiring.looked import Words


def cut(world: World, number: int) -> None:
    """A renewal whose message of this number gets no answer: 0 the request, 1 the confirmation."""
    sent: list[bytes] = []

    def lose(message: bytes, answer: Callable[[bytes], bytes]) -> bytes:
        sent.append(message)
        if len(sent) > number:
            raise AuthorityUnreachable(address="ca", reason="cut")
        return answer(message)

    world.near.on_the_way = lose
    with pytest.raises(AuthorityUnreachable):
        world.counter().renew()
    world.near.on_the_way = lambda message, answer: answer(message)


def test_the_one_that_logs_in_is_told_with_what_the_ca_has_of_it(world: World) -> None:
    world.acquire()
    found = status(world)
    (row,) = found.stores[0].rows
    assert row.judged.place is Place.CURRENT
    assert found.verdict is Verdict.FINE
    assert row.held.whose == Whose("1234", CONTRACT, USER)
    assert row.held.standing is not None
    assert (row.held.standing.role, row.held.standing.state) == ("user", "active")
    assert row.held.standing.renewal.reason == "too-early"
    assert row.item.facts == plain.facts(row.item.certificates[0].der)  # read by hand: it is the usual one


@pytest.mark.parametrize("online", [True, False])
def test_due_expired_and_the_second_between(world: World, online: bool) -> None:
    old = world.renewable()  # on its last second
    assert old.facts is not None
    assert status(world, online).verdict is Verdict.DUE
    world.rig.now = old.facts.not_after - 31 * DAY
    assert status(world, online).verdict is Verdict.FINE
    world.rig.now = old.facts.not_after + SECOND
    found = status(world, online)
    assert found.verdict is Verdict.EXPIRED
    assert judged(found)[0].next is (Next.WAY if online else Next.ACQUIRE)  # the bank's policy: re-issue first


@pytest.mark.parametrize("apart", [2 * DAY, -2 * DAY])
def test_a_clock_that_is_not_the_cas_is_told_in_place_of_an_end(world: World, apart: timedelta) -> None:
    old = world.renewable()
    assert old.facts is not None
    world.rig.now = old.facts.not_after - apart / 2
    world.store.close()
    media = [of_token(world.library, facts) for facts in world.library.media()]
    found = told_of(media, [PROFILE], world.folder, lambda _: reach(world), lambda: world.rig.now + apart)
    assert [(one.why, one.next) for one in judged(found)] == [(Why.CLOCK, Next.CLOCK)]


def test_what_is_left_as_json_is_rounded_down_on_both_sides_of_the_end(world: World) -> None:
    old = world.renewable()
    assert old.facts is not None
    for rest, seconds, days in ((1.5, 1, 0), (-0.5, -1, -1)):
        world.rig.now = old.facts.not_after - rest * SECOND
        ((found,),) = (
            one["certificates"] for one in whole(status(world, online=False), Words([], True), None)["media"]
        )
        assert (found["seconds_left"], found["days_left"]) == (seconds, days)


@pytest.mark.parametrize("kept", OldGeneration)
def test_after_a_renewal_that_has_expired_as_well_it_is_the_newer_that_is_told(
    world: World, kept: OldGeneration
) -> None:
    world.rig.change_policy(old_generation=kept)
    world.renewable()
    world.rig.now = world.counter().renew().certificate.not_after + SECOND
    found = status(world)
    assert [one.why for one in judged(found)] == [Why.EXPIRED, Why.REPLACED][: len(judged(found))]
    assert found.verdict is Verdict.EXPIRED


@pytest.mark.parametrize("online", [True, False])
def test_after_a_renewal_two_generations_are_told_apart(world: World, online: bool) -> None:
    world.rig.change_policy(old_generation=OldGeneration.AT_EXPIRY)
    old = world.renewable()
    world.counter().renew()
    found = status(world, online)
    new, before = found.stores[0].rows
    assert (new.judged.place, before.judged.place) == (Place.CURRENT, Place.BEFORE)
    assert before.item.facts == old.facts
    assert found.verdict is Verdict.FINE


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("online", [True, False])
@pytest.mark.parametrize("has_journal", [True, False])
def test_what_was_cut_short_is_told_before_any_login(
    world: World, tmp_path: Path, number: int, online: bool, has_journal: bool
) -> None:
    """By the journal, or on another PC by the mark that the key carries."""
    world.renewable()
    cut(world, number)
    found = status(world, online, world.folder if has_journal else tmp_path / "elsewhere")
    assert found.verdict is Verdict.HAND
    new, old = sorted(found.stores[0].rows, key=lambda row: row.judged.place is Place.CURRENT)
    assert (new.judged.place, new.judged.why, new.judged.next) == (Place.NEXT, Why.UNFINISHED, Next.RESUME)
    assert bool(new.item.certificates) == bool(number)
    assert old.judged.place is Place.CURRENT
    assert old.judged.verdict is Verdict.DUE
    assert [one.store for one in found.begun] == ([world.serial] if has_journal else [])


def test_how_far_it_came_is_told_and_once_it_is_finished_nothing_is(world: World) -> None:
    world.rig.change_policy(old_generation=OldGeneration.AT_EXPIRY)
    world.renewable()
    cut(world, 1)
    (begun,) = status(world).begun
    assert (begun.operation, begun.bank, begun.last) == ("renewal", "1234", Step.VERIFIED)
    world.resume()
    found = status(world)
    assert found.verdict is Verdict.FINE
    assert not found.begun
    assert not any(row.item.label.startswith("tokenmgr") for seen in found.stores for row in seen.rows)


def test_it_can_be_told_while_somebody_is_at_it(world: World) -> None:
    world.renewable()
    cut(world, 0)
    (path,) = unfinished(world.folder)
    with Journal.open(path):
        assert [one.path for one in status(world).begun] == [path]


def test_a_journal_that_cannot_be_believed_is_told_and_left_where_it_is(world: World) -> None:
    world.renewable()
    cut(world, 0)
    (path,) = unfinished(world.folder)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("renewal", "removal"), encoding="utf-8")
    (begun,) = status(world).begun
    assert begun.trouble is not None
    assert begun.trouble.code == "J101"
    assert path.exists()


def test_what_the_bank_has_done_is_told(world: World) -> None:
    world.acquire()
    holding.hold(world.rig.registry, world.rig.subscriber.id, world.rig.now)
    assert [one.why for one in judged(status(world))] == [Why.HELD]
    assert status(world, online=False).verdict is Verdict.FINE  # the certificate alone does not tell
    holding.release(world.rig.registry, world.rig.subscriber.id, world.rig.now)
    assert [one.why for one in judged(status(world))] == [Why.FINE]


@pytest.mark.parametrize(
    ("error", "verdict"), [(AuthorityUnreachable, Verdict.UNSURE), (AuthorityUntrusted, Verdict.HAND)]
)
def test_a_ca_that_cannot_be_asked_is_told_and_the_certificate_tells_what_it_can(
    world: World, error: type[AuthorityUnreachable] | type[AuthorityUntrusted], verdict: Verdict
) -> None:
    world.acquire()

    def silent(_fingerprint: str) -> None:
        raise error(address="ca", reason="cut")

    world.near.standing = silent  # type: ignore[method-assign,assignment]
    found = status(world)
    assert [one.error.code for one in found.asked if one.error] == [error.code]
    assert [one.why for one in judged(found)] == [Why.FINE]
    assert found.verdict is verdict
    assert status(world, online=False).verdict is Verdict.FINE


def test_a_bank_without_a_file_here_could_not_be_asked(world: World) -> None:
    world.acquire()
    media = [of_token(world.library, facts) for facts in world.library.media()]
    world.store.close()
    found = told_of(media, [], world.folder, reach_nobody, lambda: world.rig.now)
    assert [one.why for one in judged(found)] == [Why.FINE]
    assert found.verdict is Verdict.UNSURE


def test_a_medium_that_fails_is_told_and_hides_no_other(world: World) -> None:
    world.acquire()
    media = [of_token(world.library, facts) for facts in world.library.media()]
    world.store.close()
    world.medium.unplug()
    found = told_of(media, [], world.folder, reach_nobody, lambda: world.rig.now)
    assert isinstance(found.stores[0].error, MediumError)
    assert found.verdict is Verdict.HAND


@pytest.mark.parametrize("known", [[], [PROFILE]])
def test_where_the_pin_is_locked_that_comes_first_and_nothing_besides(world: World, known: list[Profile]) -> None:
    """Of the store it is said once; all else there would fail."""
    world.renewable()
    locked = [replace(of_token(world.library, one), pin=PinState.LOCKED) for one in world.library.media()]
    world.store.close()
    found = told_of(locked, known, world.folder, lambda _: reach(world), lambda: world.rig.now)
    assert [(one.why, one.next) for one in judged(found)] == [(Why.DUE, Next.UNBLOCK)]
    assert found.verdict is Verdict.HAND


def test_what_was_begun_on_a_medium_that_is_not_here_is_told_and_holds_up_nothing(world: World) -> None:
    """It may be lost for ever."""
    world.rig.change_policy(old_generation=OldGeneration.AT_EXPIRY)
    world.renewable()
    cut(world, 0)
    world.store.close()
    (path,) = unfinished(world.folder)
    found = told_of([], [], world.folder, reach_nobody, lambda: world.rig.now)
    assert [(one.path, one.store) for one in found.begun] == [(path, world.serial)]
    assert found.verdict is Verdict.FINE
    assert not told_of([], [], world.folder, reach_nobody, lambda: world.rig.now, store="another").begun
    assert not told_of([], [], world.folder, reach_nobody, lambda: world.rig.now, bank="5678").begun
    path.write_text(path.read_text(encoding="utf-8").replace("renewal", "removal"), encoding="utf-8")
    found = told_of([], [], world.folder, reach_nobody, lambda: world.rig.now)
    assert found.verdict is Verdict.HAND  # of which medium it is, nobody knows
