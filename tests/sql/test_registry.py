"""Every verb that the registration authority asks for, on both databases, and when each of them is Stale."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from tests.actors import TESTER
from tests.sql.world import BANK, CERTIFICATE, DAY, HOUR, REASON, World, exchange, generation
from tokenmgr.domain.generation import RevocationReason, State
from tokenmgr.errors import NotRegistered
from tokenmgr.ra.ports import Stale
from tokenmgr.sql.engine import Database
from tokenmgr.sql.registry import SqlRegistry

MICRO = timedelta(microseconds=1)

# --- reading ---


def test_a_bank_comes_back_with_all_of_its_policy(world: World) -> None:
    assert world.registry.bank(BANK.code) == BANK
    assert world.registry.bank("9999") is None
    assert world.registry.bank("\0") is None


def test_an_id_is_found_by_its_three_names_with_both_hashes(world: World) -> None:
    found = world.registry.enrolled(BANK.code, "C-1", "user-1")
    assert found is not None
    assert (found.subscriber, found.login_hash, found.confirmation_hash) == (
        world.user,
        "login user-1",
        "confirm user-1",
    )
    for who in (("9999", "C-1", "user-1"), (BANK.code, "C-2", "user-1"), (BANK.code, "C-1", "\0"), ("", "", "あ" * 99)):
        assert world.registry.enrolled(*who) is None


def test_the_standing_of_an_id_that_has_nothing(world: World) -> None:
    standing = world.registry.standing(world.user.id)
    assert (standing.subscriber, standing.bank, standing.open_until) == (world.user, BANK, DAY)
    assert (standing.pending, standing.last) == (None, None)
    with pytest.raises(NotRegistered):
        world.registry.standing(12345)


def test_the_standing_shows_what_waits_and_what_was_active_last(world: World) -> None:
    first = world.active(DAY)
    second = world.active(DAY + HOUR)
    waiting, _ = world.recorded(now=DAY + 2 * HOUR)
    standing = world.registry.standing(world.user.id)
    assert (standing.last, standing.pending, standing.open_until) == (second, waiting, None)
    world.registry.revoke(second.serial, REASON, DAY + 3 * HOUR)
    last = world.registry.standing(world.user.id).last
    assert last == dataclasses.replace(second, state=State.REVOKED, revoked_at=DAY + 3 * HOUR, reason=REASON)
    assert world.state(first) is State.SUPERSEDED


def test_the_active_one_is_the_last_one_even_where_a_nodes_clock_was_ahead(world: World) -> None:
    world.active(DAY + HOUR)
    second = world.active(DAY)
    assert world.registry.standing(world.user.id).last == second


def test_a_generation_is_found_by_its_serial_number_and_by_its_key(world: World) -> None:
    one, _ = world.pending()
    assert world.registry.generation(one.serial) == world.registry.by_key(one.key_hash) == one
    assert world.registry.generation(7) is None
    assert world.registry.by_key(bytes(32)) is None


def test_a_void_generation_does_not_take_its_key(world: World) -> None:
    one, _ = world.recorded()
    world.registry.revoke(one.serial, REASON, DAY)
    assert world.registry.by_key(one.key_hash) is None
    again = dataclasses.replace(generation(world.user.id, 77), key_hash=one.key_hash)
    world.registry.record(again, exchange(again), None, DAY)
    assert world.registry.by_key(one.key_hash) == again


def test_the_key_of_the_nonces_is_made_once_for_all_nodes(world: World, url: str) -> None:
    made = world.registry.nonce_key()
    other = Database.open(url)
    assert len(made) == 32
    assert SqlRegistry(other, TESTER).nonce_key() == made == world.registry.nonce_key()
    other.close()


# --- tickets ---


def test_a_ticket_forgives_the_tries_and_ends_those_before(world: World) -> None:
    world.registry.spend_try(BANK.code, "C-1", "user-1", 5, False, DAY)
    first, second = world.ticket("r1"), world.ticket("r2")
    world.registry.open_ticket(first, "C-1", "user-1")
    assert world.registry.ticket("r1") == first
    assert world.registry.spend_try(BANK.code, "C-1", "user-1", 5, False, DAY).spent == 1
    world.registry.open_ticket(second, "C-1", "user-1")
    ended = world.registry.ticket("r1")
    assert ended is not None
    assert ended.until.year == 1970
    assert world.registry.ticket("r2") == second
    assert world.registry.ticket("r3") is None
    assert world.registry.ticket("\0") is None


def test_a_ticket_is_used_for_one_generation(world: World) -> None:
    world.registry.open_ticket(world.ticket(), "C-1", "user-1")
    one, other = generation(world.user.id, 1), generation(world.user.id, 2)
    world.registry.record(one, exchange(one, "ticket:r1"), None, DAY)
    used = world.registry.ticket("r1")
    assert used == dataclasses.replace(world.ticket(), serial=one.serial)
    with pytest.raises(Stale):
        world.registry.record(other, exchange(other, "ticket:r1"), one, DAY)
    assert world.state(one) is State.RECORDED
    assert world.registry.generation(other.serial) is None


@pytest.mark.parametrize("reference", ["r1", "r9"])
def test_a_ticket_that_was_ended_or_never_was_is_good_for_nothing(world: World, reference: str) -> None:
    world.registry.open_ticket(world.ticket("r1"), "C-1", "user-1")
    world.registry.open_ticket(world.ticket("r2"), "C-1", "user-1")
    one = generation(world.user.id, 1)
    with pytest.raises(Stale):
        world.registry.record(one, exchange(one, f"ticket:{reference}"), None, DAY)
    assert world.registry.generation(one.serial) is None


def test_a_confirmation_ends_the_ticket_and_keeps_its_secret(world: World) -> None:
    world.registry.open_ticket(world.ticket(), "C-1", "user-1")
    one = generation(world.user.id, 1)
    its = exchange(one, "ticket:r1")
    world.registry.record(one, its, None, DAY)
    world.registry.sign_off(one.serial, CERTIFICATE)
    world.registry.confirm(its, b"digest", DAY, False)
    ended = world.registry.ticket("r1")
    assert ended is not None
    assert (ended.secret, ended.serial, ended.until.year) == (b"secret\0", one.serial, 1970)
    assert world.registry.standing(world.user.id).open_until is None


# --- issuing ---


def test_a_second_one_that_waits_is_stale(world: World) -> None:
    world.recorded()
    with pytest.raises(Stale):
        world.recorded()


def test_a_key_that_is_certified_is_stale_whoever_asks(world: World) -> None:
    one = world.active()
    other = dataclasses.replace(generation(world.administrator.id, 50), key_hash=one.key_hash)
    with pytest.raises(Stale):
        world.registry.record(other, exchange(other), None, DAY)
    assert world.registry.exchange(BANK.code, exchange(other).transaction) is None


def test_a_transaction_that_is_taken_is_stale_and_nothing_is_left(world: World) -> None:
    _, its = world.recorded()
    other = generation(world.administrator.id, 50)
    with pytest.raises(Stale):
        world.registry.record(other, dataclasses.replace(its, serial=other.serial), None, DAY)
    assert world.registry.generation(other.serial) is None
    assert world.registry.exchange(BANK.code, its.transaction) == its


def test_what_is_displaced_is_void_or_revoked(world: World) -> None:
    recorded, _ = world.recorded()
    world.recorded(displaced=recorded, now=DAY + HOUR)
    found = world.registry.generation(recorded.serial)
    assert found is not None
    assert (found.state, found.revoked_at, found.reason) == (State.VOID, DAY + HOUR, RevocationReason.SUPERSEDED)
    waiting = world.registry.standing(world.user.id).pending
    assert waiting is not None
    world.registry.sign_off(waiting.serial, CERTIFICATE)
    pending = dataclasses.replace(waiting, state=State.PENDING)
    world.recorded(displaced=pending)
    assert world.state(pending) is State.REVOKED


def test_what_is_displaced_must_be_as_it_was_read(world: World) -> None:
    recorded, _ = world.recorded()
    world.registry.sign_off(recorded.serial, CERTIFICATE)
    with pytest.raises(Stale):
        world.recorded(displaced=recorded)
    assert world.state(recorded) is State.PENDING


def test_somebody_elses_is_not_displaced(world: World) -> None:
    theirs = generation(world.administrator.id, 50)
    world.registry.record(theirs, exchange(theirs), None, DAY)
    with pytest.raises(Stale):
        world.recorded(displaced=theirs)
    assert world.state(theirs) is State.RECORDED


def test_only_what_is_recorded_is_recorded_and_signed_off(world: World) -> None:
    with pytest.raises(ValueError, match="generation"):
        world.registry.record(
            dataclasses.replace(generation(1, 1), state=State.ACTIVE), exchange(generation(1, 1)), None, DAY
        )
    one, _ = world.pending()
    for serial in (one.serial, 7):
        with pytest.raises(Stale):
            world.registry.sign_off(serial, b"another")
    found = world.registry.generation(one.serial)
    assert found is not None
    assert (found.certificate, found.draft) == (CERTIFICATE, b"")


def test_another_transaction_is_bound_once(world: World) -> None:
    one, its = world.recorded()
    other = exchange(one, transaction=b"another")
    world.registry.bind(other)
    world.registry.bind(other)
    assert world.registry.exchange(BANK.code, b"another") == other
    assert world.registry.exchange(BANK.code, its.transaction) == its
    for wrong in (
        dataclasses.replace(other, request_digest=bytes(32)),
        dataclasses.replace(its, serial=7, transaction=b"of none"),
    ):
        with pytest.raises(Stale):
            world.registry.bind(wrong)


def test_binding_uses_the_ticket(world: World) -> None:
    one, _ = world.recorded()
    world.registry.open_ticket(world.ticket(), "C-1", "user-1")
    world.registry.bind(exchange(one, "ticket:r1", b"another"))
    ticket = world.registry.ticket("r1")
    assert ticket is not None
    assert ticket.serial == one.serial


def test_a_confirmation_makes_it_the_active_one(world: World) -> None:
    first = world.active(DAY)
    second, its = world.pending(DAY + HOUR)
    world.registry.confirm(its, b"digest", DAY + HOUR, retire=True)
    found = world.registry.generation(first.serial)
    assert found is not None
    assert (found.state, found.revoked_at, found.reason) == (State.REVOKED, DAY + HOUR, RevocationReason.SUPERSEDED)
    assert world.state(second) is State.ACTIVE
    taken = world.registry.exchange(BANK.code, its.transaction)
    assert taken == dataclasses.replace(its, confirm_digest=b"digest")


def test_what_is_not_pending_is_not_confirmed_and_the_old_one_stays(world: World) -> None:
    old = world.active()
    one, its = world.recorded()
    for retire in (False, True):
        with pytest.raises(Stale):
            world.registry.confirm(its, b"digest", DAY, retire)
    assert (world.state(one), world.state(old)) == (State.RECORDED, State.ACTIVE)
    with pytest.raises(Stale):
        world.registry.confirm(exchange(generation(None, 99)), b"digest", DAY, False)


def test_a_confirmation_is_in_time_to_the_microsecond(world: World) -> None:
    one, its = world.pending()
    assert one.confirm_by is not None
    with pytest.raises(Stale):
        world.registry.confirm(its, b"digest", one.confirm_by + MICRO, False)
    assert world.registry.expire_unconfirmed(one.confirm_by) == 0
    world.registry.confirm(its, b"digest", one.confirm_by, False)


def test_a_confirmation_in_a_transaction_that_is_not_its_own_is_stale(world: World) -> None:
    old = world.active()
    one, its = world.pending()
    with pytest.raises(Stale):
        world.registry.confirm(dataclasses.replace(its, transaction=b"unknown"), b"digest", DAY, False)
    assert (world.state(one), world.state(old)) == (State.PENDING, State.ACTIVE)


# --- taking back ---


def test_what_may_be_revoked_is_once(world: World) -> None:
    superseded, active = world.active(DAY), world.active(DAY + HOUR)
    recorded, _ = world.recorded()
    for one, becomes in ((superseded, State.REVOKED), (active, State.REVOKED), (recorded, State.VOID)):
        world.registry.revoke(one.serial, REASON, DAY)
        found = world.registry.generation(one.serial)
        assert found is not None
        assert (found.state, found.revoked_at, found.reason) == (becomes, DAY, REASON)
        with pytest.raises(Stale):
            world.registry.revoke(one.serial, REASON, DAY)
    with pytest.raises(Stale):
        world.registry.revoke(7, REASON, DAY)


def test_what_nobody_confirmed_is_taken_back(world: World) -> None:
    active = world.active()
    pending, _ = world.pending()
    theirs = generation(world.administrator.id, 50)
    world.registry.record(theirs, exchange(theirs), None, DAY)
    assert pending.confirm_by is not None
    assert world.registry.expire_unconfirmed(pending.confirm_by + MICRO) == 2
    assert [world.state(one) for one in (active, pending, theirs)] == [State.ACTIVE, State.REVOKED, State.VOID]
    assert world.registry.expire_unconfirmed(DAY + 999 * HOUR) == 0
