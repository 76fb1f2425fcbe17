"""What is pressing, and what is renewed with nobody there: by what real stores show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.api.rig import BANK, OTHER_BANK
from tests.customer.test_pc_store import DAY, Home, home
from tokenmgr.customer.due import Alone, alone, pressing
from tokenmgr.customer.operations import Outcome
from tokenmgr.customer.status import Status
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.medium import PinState
from tokenmgr.domain.status import Verdict
from tokenmgr.errors import AuthorityUnreachable

__all__ = ["home"]


def without_pin(found: Status) -> Status:
    """Whatever is there, if none of it had a PIN."""
    return replace(found, stores=[replace(one, look=replace(one.look, needs_pin=False)) for one in found.stores])


def due(home: Home) -> Outcome:
    first = home.acquire()
    home.world.rig.now = first.certificate.not_after - DAY
    return first


def test_what_is_due_is_renewed_alone_where_no_pin_is_and_on_no_medium(home: Home) -> None:
    first = home.acquire()
    assert pressing(home.status()).stores == []
    home.world.rig.now = first.certificate.not_after - DAY
    found = home.status()
    assert alone(found) == []  # it has a password
    assert alone(without_pin(found)) == [Alone(home.name, BANK, first.certificate.serial_number)]
    media = [replace(one, look=replace(one.look, kind=StoreKind.MEDIUM)) for one in found.stores]
    assert alone(without_pin(replace(found, stores=media))) == []
    assert pressing(found).verdict is Verdict.DUE
    assert pressing(found, but=[first.certificate.serial_number]).verdict is Verdict.FINE


def test_what_is_unfinished_comes_first_and_is_gone_on_with(home: Home) -> None:
    due(home)
    home.world.cut(1)
    with pytest.raises(AuthorityUnreachable):
        home.counter(home.pc).renew()
    home.world.near = type(home.world.near)(home.world.rig)
    home.restarted()
    found = home.status()
    assert alone(without_pin(found)) == [Alone(home.name, BANK, None)]
    assert pressing(found).verdict is Verdict.HAND
    done = home.counter(home.pc).renew()
    assert not pressing(home.status(), but=[done.certificate.serial_number]).begun
    assert alone(without_pin(home.status())) == []


def test_what_has_its_old_certificate_in_another_store_is_left_to_a_person(home: Home) -> None:
    world = home.world
    first = world.renewable()
    assert first.facts
    world.rig.now -= DAY
    world.cut(1)
    with pytest.raises(AuthorityUnreachable):
        home.counter(home.pc, world.store).renew()
    world.near = type(world.near)(world.rig)
    home.restarted()
    found = home.status()
    assert alone(without_pin(found)) == []
    assert [one.source for one in pressing(found).begun] == [world.serial]


def test_an_acquisition_is_left_to_a_person(home: Home) -> None:
    """Its login PINs nobody types at night; and until it is ended nothing else is done there."""
    home.world.cut(1)
    with pytest.raises(AuthorityUnreachable):
        home.acquire()
    home.world.near = type(home.world.near)(home.world.rig)
    home.restarted()
    found = home.status()
    assert alone(without_pin(found)) == []
    assert [one.operation for one in pressing(found).begun] == ["acquisition"]


def test_what_is_unfinished_at_another_bank_waits_alone(home: Home) -> None:
    first = due(home)
    ours, home.world.near = home.world.near, home.world.other_bank()
    home.world.cut(2)
    with pytest.raises(AuthorityUnreachable):
        home.acquire()
    home.world.near = ours
    home.restarted()
    found = home.status()
    assert [one.bank for one in found.begun] == [OTHER_BANK]
    assert alone(without_pin(found)) == [Alone(home.name, BANK, first.certificate.serial_number)]
    home.counter(home.pc).renew()
    found = home.status()
    assert [one.bank for one in found.begun] == [OTHER_BANK]
    assert alone(without_pin(found)) == []


def test_a_store_whose_trouble_is_its_own_is_not_shown_empty(home: Home) -> None:
    home.acquire()
    found = home.status()
    locked = [replace(one, look=replace(one.look, pin=PinState.LOCKED)) for one in found.stores if one.rows]
    (shown,) = pressing(replace(found, stores=locked)).stores
    assert shown.rows
