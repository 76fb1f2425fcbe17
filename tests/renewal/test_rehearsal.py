"""A rehearsal: all of a renewal, and the store is as it was, however it ends (renewal/rehearsal.py)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.api.rig import DAY
from tests.renewal.world import World
from tokenmgr.domain.credential import Credential, KeyKind
from tokenmgr.domain.generation import State, StoreKind
from tokenmgr.domain.rehearsal import APART, Rehearsed
from tokenmgr.domain.renewal import Step
from tokenmgr.errors import (
    AuthorityUnreachable,
    MediumFull,
    NotPermittedNow,
    RehearsalNotOffered,
    RehearsalTakenBack,
    RehearsalUntold,
    TokenmgrError,
    UnfinishedFirst,
)
from tokenmgr.renewal.authority import Offer
from tokenmgr.renewal.journal import Journal, begun, unfinished
from tokenmgr.sql.schema import audit

Dump = dict[str, bytes]


class Killed(BaseException):
    """As kill -9: nothing is done after it."""


def dumped(world: World) -> Dump:
    """Every object with all its attributes, as SoftHSM keeps it. (token.object is none: it counts logins.)"""
    world.store.close()
    found = world.medium.folder.rglob("*.object")
    return {path.name: path.read_bytes() for path in found if path.name != "token.object"}


def known(world: World) -> Rehearsed:
    return world.rig.administration.rehearsed(world.rig.subscriber.id)


@pytest.fixture
def old(world: World) -> Credential:
    return world.acquire()


def trail(world: World) -> list[str]:
    return [row[0] for row in world.rig.database.read(select(audit.c.action).order_by(audit.c.number))]


# --- as it should go --------------------------------------------------------------------------------------------------


def test_it_walks_the_nine_steps_and_leaves_the_store_as_it_was(world: World, old: Credential) -> None:
    """Long before the window opens."""
    before = dumped(world)
    world.screen.told.clear()
    outcome = world.counter().rehearse()
    assert [one for one in world.screen.told if not one.startswith(">")] == [step.name for step in Step]
    assert outcome.is_as_it_was
    assert outcome.certificate == old.facts
    assert dumped(world) == before
    assert known(world).has_passed
    assert unfinished(world.folder) == []
    with Journal.open(outcome.journal) as journal:
        assert journal.heading["rehearsal"] is True
        assert journal.ending == "done"


def test_the_renewal_after_it_goes_through(world: World, old: Credential) -> None:
    world.rig.pass_time(340 * DAY)
    world.counter().rehearse()
    assert world.counter().renew().certificate.not_after > world.rig.now + 300 * DAY
    assert world.told == []


def test_twice_is_no_more_than_once(world: World, old: Credential) -> None:
    before = dumped(world)
    for _ in range(2):
        assert world.counter().rehearse().is_as_it_was
        world.rig.pass_time(APART)
    assert dumped(world) == before
    assert trail(world).count("rehearsal.passed") == 2


# --- cut short --------------------------------------------------------------------------------------------------------


def killed_at(monkeypatch: pytest.MonkeyPatch, line: int) -> list[int]:
    """After so many lines are on the disk."""
    written, real = [0], Journal.write

    def write(self: Journal, *arguments: Any) -> None:
        if written[0] == line:
            raise Killed
        written[0] += 1
        real(self, *arguments)

    monkeypatch.setattr(Journal, "write", write)
    return written


def rehearse_until(world: World, monkeypatch: pytest.MonkeyPatch, line: int) -> None:
    with monkeypatch.context() as patched:
        killed_at(patched, line)
        with pytest.raises(Killed):
            world.counter().rehearse()


@pytest.mark.parametrize(
    ("line", "then"),
    [
        *((line, "resume") for line in (1, 4, 5, 11, 13, 17, 18, 19)),
        *((line, then) for line in (5, 13) for then in ("renew", "on another PC")),
    ],
)
def test_wherever_it_is_cut_the_next_run_takes_back_what_it_left(
    world: World, old: Credential, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: int, then: str
) -> None:
    world.rig.pass_time(340 * DAY)
    before = dumped(world)
    rehearse_until(world, monkeypatch, line)
    if then == "renew":
        assert world.counter().renew().certificate.not_after > world.rig.now + 300 * DAY
        assert unfinished(world.folder) == []
        return
    folder = world.folder if then == "resume" else tmp_path / "another"
    with pytest.raises(TokenmgrError) as said:
        world.resume(folder)
    assert said.value.code in ("J114", RehearsalTakenBack.code)
    assert dumped(world) == before
    assert then != "resume" or unfinished(world.folder) == []


def test_another_key_that_has_its_place_by_now_stays(
    world: World, old: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a medium with fixed places another PC may have gone on there, and have no certificate yet."""
    rehearse_until(world, monkeypatch, 2 * Step.KEY_GENERATED.value + 1)
    (left,) = begun(world.folder)
    (made,) = (one for one in world.store.credentials() if one.key.key_id.hex() == left.key_id)
    world.store.remove(made.parts, None, world.rig.now)
    another = world.store.generate(KeyKind.P256, made.key.key_id, "another PC's")
    with pytest.raises(RehearsalTakenBack):
        world.resume()
    assert {one.key.public_key for one in world.store.credentials()} == {old.key.public_key, another.public_key}


def test_what_has_passed_before_it_was_cut_has_passed(
    world: World, old: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearse_until(world, monkeypatch, 2 * Step.CONFIRMED.value + 1)
    (left,) = begun(world.folder)
    with pytest.raises(RehearsalTakenBack):
        world.resume()
    assert known(world).has_passed
    with Journal.open(left.path) as journal:
        assert journal.ending == "done"


def test_what_it_left_is_no_obstacle_though_it_was_never_taken_back(
    world: World, old: Credential, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """At the CA: a renewal from elsewhere while the rehearsal's certificate waits."""
    world.rig.pass_time(340 * DAY)
    rehearse_until(world, monkeypatch, 2 * Step.VERIFIED.value + 1)
    assert world.counter(tmp_path / "another").renew().certificate.not_after > world.rig.now + 300 * DAY
    assert [one.code for one in world.told] == [RehearsalTakenBack.code]


def test_ctrl_c_leaves_it_for_the_next_run(world: World, old: Credential) -> None:
    before = dumped(world)
    world.near.on_the_way = interrupted
    with pytest.raises(KeyboardInterrupt):
        world.counter().rehearse()
    world.near.on_the_way = lambda message, answer: answer(message)
    with pytest.raises(RehearsalTakenBack):
        world.resume()
    assert dumped(world) == before


def interrupted(_message: bytes, _answer: Callable[[bytes], bytes]) -> bytes:
    raise KeyboardInterrupt


# --- it fails ---------------------------------------------------------------------------------------------------------


def test_a_failure_is_told_to_the_ca_and_leaves_nothing(
    world: World, old: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dumped(world)

    def full(*_: object) -> None:
        raise MediumFull(call="C_CreateObject", answer="CKR_DEVICE_MEMORY", serial=world.serial)

    monkeypatch.setattr(world.store, "write", full)
    with pytest.raises(MediumFull):
        world.counter().rehearse()
    assert known(world) == Rehearsed(
        ended_at=world.rig.now,
        store=StoreKind.MEDIUM,
        code="M107",
        step="WRITTEN",
        predecessor=world.rig.active().serial,
    )
    assert dumped(world) == before
    assert unfinished(world.folder) == []


def test_what_the_ca_refuses_is_told_too(world: World, old: Credential) -> None:
    before = dumped(world)
    world.rig.change_policy(media_offered=False)
    with pytest.raises(NotPermittedNow):
        world.counter().rehearse()
    assert (known(world).code, known(world).step) == (NotPermittedNow.code, "CHECKED")
    assert dumped(world) == before


def test_where_it_cannot_be_told_that_is_said(world: World, old: Credential) -> None:
    world.rig.registry.hold(world.rig.active().serial, world.rig.now)
    with pytest.raises(NotPermittedNow):
        world.counter().rehearse()
    assert [(one.code, one.facts["failed"]) for one in world.told] == [(RehearsalUntold.code, NotPermittedNow.code)]
    assert known(world) == Rehearsed()


def test_of_a_ca_that_is_not_reached_nothing_is_said(
    world: World, old: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> Offer:
        raise AuthorityUnreachable(address="https://ca.example", reason="")

    monkeypatch.setattr(world.near, "offer", gone)
    with pytest.raises(AuthorityUnreachable):
        world.counter().rehearse()
    assert world.told == []


def test_a_ca_that_tells_no_policies_cannot_rehearse(
    world: World, old: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = dataclasses.replace(world.near.offer(), rehearsals={})
    monkeypatch.setattr(world.near, "offer", lambda: offer)
    before = dumped(world)
    with pytest.raises(RehearsalNotOffered):
        world.counter().rehearse()
    assert dumped(world) == before


def test_what_is_unfinished_comes_first(world: World, old: Credential, monkeypatch: pytest.MonkeyPatch) -> None:
    world.rig.pass_time(340 * DAY)
    with monkeypatch.context() as patched:
        killed_at(patched, 2 * Step.ISSUED.value + 1)
        with pytest.raises(Killed):
            world.counter().renew()
    with pytest.raises(UnfinishedFirst):
        world.counter().rehearse()
    assert world.resume().operation == "renewal"


def test_the_medium_is_pulled_and_put_in_again(world: World, old: Credential) -> None:
    before = dumped(world)
    pulled: list[bool] = []

    def once(message: bytes, answer: Callable[[bytes], bytes]) -> bytes:
        told = answer(message)
        if not pulled:
            pulled.append(True)
            world.medium.unplug()
        return told

    world.near.on_the_way = once
    world.screen.plug = world.medium.plug
    assert world.counter().rehearse().is_as_it_was
    assert dumped(world) == before


def test_a_certificate_that_is_no_rehearsals_is_not_taken_for_one(
    world: World, old: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CA that forgets the mark: its certificate is refused, and revoked."""
    world.rig.pass_time(340 * DAY)
    offer = world.near.offer()
    monkeypatch.setattr(
        world.near, "offer", lambda: dataclasses.replace(offer, rehearsals=offer.policies, now=world.rig.now)
    )
    before = dumped(world)
    with pytest.raises(TokenmgrError) as refused:
        world.counter().rehearse()
    assert refused.value.facts["findings"] == ("no-rehearsal",)
    assert world.rig.states() == [State.ACTIVE, State.REVOKED]
    assert dumped(world) == before


@pytest.mark.parametrize("cut", [False, True])
def test_the_cas_own_certificates_that_it_has_written_go_too(
    world: World, old: Credential, monkeypatch: pytest.MonkeyPatch, cut: bool
) -> None:
    own = [one for one in world.store.contents().certificates if one.facts and one.facts.is_authority]
    assert own
    world.store.remove(own, None, world.rig.now)
    before = dumped(world)
    if not cut:
        assert world.counter().rehearse().is_as_it_was
        assert dumped(world) == before
        return
    rehearse_until(world, monkeypatch, 2 * Step.WRITTEN.value + 1)
    assert len(dumped(world)) > len(before) + 3
    with pytest.raises(RehearsalTakenBack):
        world.resume()
    assert dumped(world) == before
