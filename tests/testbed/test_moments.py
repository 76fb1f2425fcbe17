"""What happens to a medium at a moment that a rule or a test chooses: a word that is set, a call that is held."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.token.helpers import only
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.medium import PinState
from tokenmgr.errors import FaultWrong, MediumChanged, MediumError, MediumFull, PinLocked
from tokenmgr.log import Secret
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.faults import Rule
from tokenmgr.testbed.simulated import PIN
from tokenmgr.token.session import Session


def test_it_locks_at_a_call_that_a_rule_chooses(bed: Testbed) -> None:
    (medium,) = bed.up("fresh")
    medium.fault("C_Login", "set", "user_wrong=3", skip=1)
    with medium.library() as library, Session.open(library, medium.serial) as session:
        session.login(Secret(PIN))
        session.logout()
        with pytest.raises(PinLocked):
            session.login(Secret(PIN))
        assert only(library).pin is PinState.LOCKED


def test_it_is_full_from_a_call_on(bed: Testbed) -> None:
    (medium,) = bed.up("fresh")
    medium.fault("C_GenerateKeyPair", "set", "capacity=1", skip=1)
    with medium.library() as library, Session.open(library, medium.serial, write=True) as session:
        session.login(Secret(PIN))
        session.generate_key(KeyKind.P256, b"\1", "one")
        with pytest.raises(MediumFull):
            session.generate_key(KeyKind.P256, b"\2", "two")
        assert len(session.contents().keys) == 1


def test_its_serial_number_changes_and_a_session_that_was_bound_to_it_refuses(bed: Testbed) -> None:
    (medium,) = bed.up("valid")
    with medium.library() as library, Session.open(library, medium.serial) as session:
        medium.control["other_serial"] = 0xC0FFEE
        with pytest.raises(MediumChanged) as raised:
            session.refresh()
        assert raised.value.seen == "0000000000c0ffee"
        medium.control["other_serial"] = 0
        assert session.refresh().serial == medium.serial


@pytest.mark.parametrize("text", ["user_wrong", "user_wrong=", "user_wrong=x", "user_wrong=-1", "capacity=4294967296"])
def test_a_setting_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(FaultWrong) as raised:
        Rule.read("C_Sign", "set", text)
    assert raised.value.reason == "takes-word"


@pytest.mark.parametrize("text", ["plugged=0", "rules=1", "wrong=1", ""])
def test_only_what_belongs_to_the_stick_can_be_set(text: str) -> None:
    with pytest.raises(FaultWrong) as raised:
        Rule.read("C_Sign", "set", text)
    assert raised.value.reason == "unknown-word"


def test_a_call_is_held_while_the_plug_is_pulled_and_no_half_is_left(bed: Testbed) -> None:
    (medium,) = bed.up("valid")
    with medium.library() as library, ThreadPoolExecutor(1) as pool:
        with Session.open(library, medium.serial, write=True) as session:
            session.login(Secret(PIN))
            with medium.held("C_GenerateKeyPair") as arrived:
                job = pool.submit(session.generate_key, KeyKind.P256, b"\1", "key")
                arrived.wait()
                medium.unplug()
            assert isinstance(job.exception(), MediumError)
        medium.plug()
        with Session.open(library, medium.serial) as session:
            session.login(Secret(PIN))
            assert len(session.contents().keys) == 1


@pytest.mark.parametrize("after", [False, True])
def test_another_medium_in_the_slot_in_the_middle_of_a_call(bed: Testbed, after: bool) -> None:
    (one,), (other,) = bed.up("valid", name="one"), bed.up("fresh", name="other")
    mine, another = one.serial, other.serial
    with one.library() as library, ThreadPoolExecutor(1) as pool:
        with Session.open(library, mine, write=True) as session:
            session.login(Secret(PIN))
            with one.held("C_GenerateKeyPair", after=after) as arrived:
                job = pool.submit(session.generate_key, KeyKind.P256, b"\1", "key")
                arrived.wait()
                one.swap(other)
            assert isinstance(job.exception(), MediumError)
        assert only(library).serial == another
        with Session.open(library, another) as session:
            session.login(Secret(PIN))
            assert session.contents().keys == []  # nothing went to the wrong medium
    with other.library() as library, Session.open(library, mine) as session:
        session.login(Secret(PIN))
        assert len(session.contents().keys) == 1 + after


def test_what_a_call_made_that_was_pulled_and_plugged_again_is_not_there(bed: Testbed) -> None:
    """Wherever in the call that falls: what was answered is what is on it."""
    (medium,) = bed.up("valid")
    keys = 1
    for number, pause in enumerate((0.0, 0.02, 0.1, 0.2)):
        with medium.library() as library, ThreadPoolExecutor(1) as pool:
            with Session.open(library, medium.serial, write=True) as session:
                session.login(Secret(PIN))
                job = pool.submit(session.generate_key, KeyKind.RSA_3072, bytes([number]), "key")
                time.sleep(pause)
                medium.unplug()
                medium.plug()
                keys += job.exception() is None
            with Session.open(library, medium.serial) as session:
                session.login(Secret(PIN))
                assert len(session.contents().keys) == keys


def test_no_program_comes_is_said(bed: Testbed) -> None:
    (medium,) = bed.up("fresh")
    with medium.held("C_Sign") as arrived, pytest.raises(TimeoutError):
        arrived.wait(0.02)
    assert medium.control.rules() == []
