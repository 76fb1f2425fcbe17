"""What a bank and the CA's operator ask for: all that there is, all that is missing or taken, and lists."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from tests.sql.world import BANK, DAY, HOUR, REASON, World, enrolment, exchange, generation
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.generation import RevocationReason, State
from tokenmgr.domain.party import Bank, Role
from tokenmgr.domain.policy import BankPolicy
from tokenmgr.errors import NotRegistered, Taken
from tokenmgr.ra.ports import Stale
from tokenmgr.sql.administration import Change
from tokenmgr.sql.crls import Crl, Revoked
from tokenmgr.sql.listing import Counts, Which
from tokenmgr.sql.parties import Contract, Enrolment
from tokenmgr.sql.rows import policy_of, policy_text

OTHER = Bank("0001", "もうひとつの信用金庫")

# --- banks, contracts ---


def test_a_bank_is_added_once_and_changed_as_a_whole(world: World) -> None:
    world.administration.add_bank(OTHER)
    with pytest.raises(Taken) as taken:
        world.administration.add_bank(OTHER)
    assert (taken.value.kind, taken.value.name) == ("bank", "0001")
    changed = Bank("0001", "改名", BankPolicy(key_kinds=(KeyKind.P256,)), "WEB-FB")
    world.administration.change_bank("0001", lambda _: changed)
    assert world.administration.banks() == [changed, BANK]
    assert world.registry.bank("0001") == changed
    with pytest.raises(NotRegistered):
        world.administration.change_bank("0002", lambda bank: bank)
    with pytest.raises(NotRegistered):
        world.administration.bank("0002")


def test_a_policy_of_before_takes_the_defaults_of_today() -> None:
    policy = BankPolicy(wrong_pins=3, notice_days=(60,))
    assert policy_of(policy_text(policy)) == policy
    assert policy_of('{"wrong_pins": 3}') == BankPolicy(wrong_pins=3)


def test_contracts_are_their_banks(world: World) -> None:
    world.administration.add_bank(OTHER)
    world.administration.add_contract(Contract("0001", "C-1", "別の会社"))
    world.administration.add_contract(Contract(BANK.code, "C-0", "零"))
    assert [one.number for one in world.administration.contracts(BANK.code)] == ["C-0", "C-1"]
    with pytest.raises(Taken):
        world.administration.add_contract(Contract("0001", "C-1", "again"))
    with pytest.raises(NotRegistered) as missing:
        world.administration.add_contract(Contract("0009", "C-1", "of no bank"))
    assert (missing.value.kind, missing.value.name) == ("bank", "0009")
    with pytest.raises(ValueError, match="contract"):
        world.administration.add_contract(Contract("0001", "C 1", "its number is none"))


# --- subscribers ---


def test_an_id_is_enrolled_once_under_a_contract_that_there_is(world: World) -> None:
    new = world.administration.enrol(enrolment("user-2"))
    assert world.administration.subscriber(new.id) == world.administration.find(BANK.code, "C-1", "user-2") == new
    with pytest.raises(Taken) as taken:
        world.administration.enrol(enrolment("user-2"))
    assert taken.value.name == f"{BANK.code}/C-1/user-2"
    with pytest.raises(NotRegistered) as missing:
        world.administration.enrol(enrolment("user-2", contract="C-9"))
    assert (missing.value.kind, missing.value.name) == ("contract", f"{BANK.code}/C-9")
    with pytest.raises(NotRegistered):
        world.administration.subscriber(99)
    with pytest.raises(NotRegistered):
        world.administration.find("1", "2", "3")


def test_an_enrolment_is_checked_at_birth_and_shows_no_hash() -> None:
    with pytest.raises(ValueError, match="email"):
        Enrolment("1234", "C-1", "user", Role.USER, "nonsense")
    assert "login" not in repr(enrolment("user"))


def test_all_are_enrolled_or_none(world: World) -> None:
    rows = [enrolment(f"u{number}") for number in range(3)]
    with pytest.raises(Taken):
        world.administration.enrol_all([*rows, enrolment("admin")])
    assert len(list(world.administration.subscribers())) == 2
    assert world.administration.enrol_all(iter(rows)) == 3
    assert len(list(world.administration.subscribers())) == 5


def test_what_is_changed_changes_and_the_rest_stays(world: World) -> None:
    number = world.user.id
    world.administration.change_subscriber(number, Change(email="new@example.jp", login_hash="other"))
    world.administration.change_subscriber(number, Change(role=Role.ADMINISTRATOR, confirmation_hash="another"))
    world.administration.change_subscriber(number, Change())
    found = world.registry.enrolled(BANK.code, "C-1", "user-1")
    assert found is not None
    assert found.subscriber == dataclasses.replace(world.user, email="new@example.jp", role=Role.ADMINISTRATOR)
    assert (found.login_hash, found.confirmation_hash) == ("other", "another")
    world.administration.change_subscriber(number, Change(email=""))
    assert world.administration.subscriber(number).email == ""
    with pytest.raises(ValueError, match="email"):
        world.administration.change_subscriber(number, Change(email="nonsense"))
    with pytest.raises(NotRegistered):
        world.administration.change_subscriber(99, Change(email=""))


def test_an_acquisition_is_opened_again_and_closed(world: World) -> None:
    until = DAY + timedelta(days=80)
    for moment in (until, None):
        world.administration.open_acquisition(world.user.id, moment, DAY)
        assert world.registry.standing(world.user.id).open_until == moment
    with pytest.raises(NotRegistered):
        world.administration.open_acquisition(99, until, DAY)
    with pytest.raises(NotRegistered):
        world.administration.unlock(99)


# --- lists ---


def test_lists_show_whom_they_are_asked_for(world: World) -> None:
    active = world.active()
    world.recorded()
    world.registry.spend_try(BANK.code, "C-1", "admin", 5, False, DAY)
    admin, user = world.administration.subscribers()
    assert (admin.subscriber, admin.serial, admin.is_waiting, admin.tries_spent) == (
        world.administrator,
        None,
        False,
        1,
    )
    assert (user.subscriber, user.serial, user.is_waiting, user.tries_spent) == (world.user, active.serial, True, 0)
    assert (user.not_after, admin.open_until, user.open_until) == (active.not_after, DAY, None)
    end, tick = active.not_after, timedelta(microseconds=1)
    expected = {
        Which(): 2,
        Which(bank=BANK.code): 2,
        Which(bank="0001"): 0,
        Which(bank=BANK.code, contract="C-1"): 2,
        Which(contract="C-9"): 0,
        Which(state=State.ACTIVE): 1,
        Which(state=State.RECORDED): 1,
        Which(bank=BANK.code, state=State.REVOKED): 0,
        Which(expires_before=end): 0,
        Which(expires_before=end + tick): 1,
        Which(expires_from=end): 1,
        Which(expires_from=end + tick): 0,
    }
    assert {which: len(list(world.administration.subscribers(which))) for which in expected} == expected


def test_a_list_that_is_not_read_to_its_end_holds_nothing(world: World) -> None:
    world.administration.enrol_all([enrolment(f"u{number:04}") for number in range(1200)])
    rows = world.administration.subscribers(Which(bank=BANK.code))
    assert next(rows).subscriber == world.administrator
    rows.close()  # type: ignore[attr-defined]
    assert len(list(world.administration.subscribers())) == 1202
    world.administration.enrol(enrolment("one-more"))


def test_everything_is_counted(world: World) -> None:
    world.active(DAY)
    world.active(DAY + HOUR)
    counted = Counts(1, 2, {State.ACTIVE: 1, State.SUPERSEDED: 1})
    assert world.administration.counts() == world.administration.counts(BANK.code) == counted
    assert world.administration.counts("0001") == Counts(0, 0, {})


def test_a_history_shows_all_that_an_id_was_given(world: World) -> None:
    first, second = world.active(DAY), world.active(DAY + HOUR)
    assert [one.serial for one in world.administration.history(world.user.id)] == [first.serial, second.serial]
    assert world.administration.history(world.administrator.id) == []


# --- the CA ---


def test_the_cas_own_certificates_are_adopted(world: World) -> None:
    own = dataclasses.replace(
        generation(None, 90), state=State.ACTIVE, store=None, confirm_by=None, certificate=b"x", draft=b""
    )
    world.administration.adopt(own)
    assert world.registry.generation(own.serial) == own
    with pytest.raises(Taken):
        world.administration.adopt(own)
    another = dataclasses.replace(own, serial=91, key_hash=bytes(32))
    world.administration.adopt(another)
    world.registry.revoke(91, RevocationReason.SUPERSEDED, DAY)
    for wrong in (dataclasses.replace(own, subscriber=1), dataclasses.replace(own, state=State.PENDING)):
        with pytest.raises(ValueError, match="generation"):
            world.administration.adopt(wrong)


def test_what_is_revoked_is_listed_by_its_serial_number(world: World) -> None:
    revoked = [world.active(DAY + number * HOUR, retire=True) for number in range(5)][:-1]
    void, _ = world.recorded()
    world.registry.revoke(void.serial, REASON, DAY + 9 * HOUR)
    listed = list(world.administration.revoked(DAY))
    assert [one.serial for one in listed] == sorted(one.serial for one in (*revoked, void))
    assert Revoked(void.serial, DAY + 9 * HOUR, REASON) in listed
    last = max(one.not_after for one in revoked)
    assert len(list(world.administration.revoked(last))) == 1
    assert list(world.administration.revoked(last + HOUR)) == []


def test_a_revocation_list_has_a_number_of_its_own_and_the_newest_is_kept(world: World) -> None:
    assert world.administration.crl() is None
    first, second, third = (world.administration.reserve_crl() for _ in range(3))
    assert (first, second, third) == (1, 2, 3)
    lists = [Crl(1, number, DAY, DAY + HOUR, 0, number, b"list %d" % number) for number in (first, third)]
    for one in lists:
        world.administration.keep_crl(one)
        assert world.administration.crl() == one
    world.administration.keep_crl(Crl(1, second, DAY, DAY + HOUR, 0, second, b"late"))
    assert world.administration.crl() == lists[-1]
    for number in (third, 9):
        with pytest.raises(NotRegistered):
            world.administration.keep_crl(Crl(1, number, DAY, DAY, 0, number, b"again"))
    assert world.administration.reserve_crl() == 4


def test_moments_and_serial_numbers_are_kept_to_the_last_digit(world: World) -> None:
    latest = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    biggest = dataclasses.replace(
        generation(world.user.id, 1), serial=(1 << 160) - 1, not_after=latest, confirm_by=latest
    )
    world.registry.record(biggest, exchange(biggest), None, DAY)
    assert world.registry.generation(biggest.serial) == biggest
    for serial in (0, -1, 1 << 160):
        with pytest.raises(ValueError, match="serial"):
            world.registry.generation(serial)


def test_one_of_the_cas_own_that_was_never_signed_is_taken_back(world: World) -> None:
    """Adopted before it is signed: a start that was cut short leaves none that counts as valid."""
    signed, lost = (
        dataclasses.replace(generation(0, number), subscriber=None, state=State.ACTIVE) for number in (901, 902)
    )
    for one in (signed, lost):
        world.administration.adopt(one)
    world.administration.certified(signed.serial, b"certificate")
    with pytest.raises(Stale):
        world.administration.certified(signed.serial, b"another")
    assert world.administration.drop_unsigned(lost.not_before) == 0  # it may be being signed
    assert world.administration.drop_unsigned(lost.not_before + HOUR) == 1
    found = [world.registry.generation(one.serial) for one in (signed, lost)]
    assert [one and one.state for one in found] == [State.ACTIVE, State.REVOKED]
