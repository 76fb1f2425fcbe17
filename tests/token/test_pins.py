"""A PIN is sent once, never tried again, and never sent where it cannot be right (S5, R11)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.token.helpers import WORDS, FaultyMedium, logged_in, only
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.family import UNKNOWN, Family, Pin
from tokenmgr.domain.medium import MediumFacts, PinState
from tokenmgr.errors import (
    FormatUnfinished,
    MediumTroubled,
    NotPermitted,
    PinError,
    PinFinalTry,
    PinLocked,
    PinNotSet,
    PinToBeChanged,
    PinUnacceptable,
    PinWrong,
    TokenmgrError,
)
from tokenmgr.log import Secret
from tokenmgr.testbed.simulated import PIN, SO_PIN
from tokenmgr.token import pins
from tokenmgr.token.module import Library
from tokenmgr.token.session import Session

SET = pins.USER_PIN_INITIALIZED
USER = {0x10000: PinState.LOW, 0x20000: PinState.FINAL_TRY, 0x40000: PinState.LOCKED, 0x80000: PinState.TO_BE_CHANGED}
GRAVEST = [PinState.LOCKED, PinState.FINAL_TRY, PinState.TO_BE_CHANGED, PinState.LOW, PinState.FINE]


# --- on the medium ---


def test_a_right_pin_opens_what_a_missing_one_does_not(library: Library, facts: MediumFacts) -> None:
    with Session.open(library, facts.serial, write=True) as session:
        with pytest.raises(NotPermitted):
            session.generate_key(KeyKind.P256, b"\x01", WORDS)
        session.login(Secret(PIN))
        session.generate_key(KeyKind.P256, b"\x01", WORDS)


def test_a_wrong_pin_is_sent_exactly_once_and_says_what_the_medium_shows_after_it(faulty: FaultyMedium) -> None:
    with faulty.library() as library, Session.open(library, only(library).serial) as session:
        with pytest.raises(PinWrong) as raised:
            session.login(Secret("9999"))
        assert faulty.calls("C_Login") == 1
        assert (raised.value.who, raised.value.state) == ("user", PinState.LOW.value)
        assert raised.value.serial == session.medium.serial
        assert session.medium.pin is PinState.LOW
        session.login(Secret(PIN))
        assert faulty.calls("C_Login") == 2


@pytest.mark.parametrize("verb", ["change", "reset", "format"])
def test_a_wrong_pin_is_sent_exactly_once_by_everything_that_takes_one(faulty: FaultyMedium, verb: str) -> None:
    with faulty.library() as library:
        serial = only(library).serial
        with Session.open(library, serial, write=True) as session:
            attempts: dict[str, Callable[[], object]] = {
                "change": lambda: session.change_pin(Secret("9999"), Secret("5678")),
                "reset": lambda: session.reset_pin(Secret("99999999"), Secret("5678")),
                "format": lambda: library.format(serial, Secret("99999999"), Secret("5678"), "New"),
            }
            with pytest.raises(PinWrong):
                attempts[verb]()
    assert faulty.calls("C_Login", "C_SetPIN", "C_InitPIN", "C_InitToken") == 1


def test_a_pin_is_changed_by_who_knows_the_old_one(library: Library, facts: MediumFacts) -> None:
    with Session.open(library, facts.serial, write=True) as session:
        session.change_pin(Secret(PIN), Secret("暗証番号5678"))
        with pytest.raises(PinWrong):
            session.login(Secret(PIN))
        session.login(Secret("暗証番号5678"))
        session.generate_key(KeyKind.P256, b"\x01", WORDS)


def test_a_pin_is_not_changed_by_who_does_not(library: Library, facts: MediumFacts) -> None:
    with Session.open(library, facts.serial, write=True) as session:
        with pytest.raises(PinWrong) as raised:
            session.change_pin(Secret("9999"), Secret("5678"))
        assert (raised.value.who, raised.value.call) == ("user", "C_SetPIN")
        session.login(Secret(PIN))


@pytest.mark.parametrize("new", ["", "123", "1" * 256, "あ" * 86], ids=len)
def test_a_new_pin_that_cannot_be_is_refused_without_a_try(library: Library, facts: MediumFacts, new: str) -> None:
    with Session.open(library, facts.serial, write=True) as session:
        with pytest.raises(PinUnacceptable) as raised:
            session.change_pin(Secret("9999"), Secret(new))
        assert (raised.value.rule, raised.value.shortest, raised.value.longest) == ("length", 4, 255)
        assert session.refresh().pin is PinState.FINE


@pytest.mark.parametrize("pin", ["", "123", "1" * 256], ids=len)
def test_a_pin_that_cannot_be_right_costs_no_try(faulty: FaultyMedium, pin: str) -> None:
    with faulty.library() as library, Session.open(library, only(library).serial, write=True) as session:
        attempts: list[Callable[[], None]] = [
            lambda: session.login(Secret(pin)),
            lambda: session.change_pin(Secret(pin), Secret("5678")),
            lambda: session.reset_pin(Secret(pin), Secret("5678")),
            lambda: session.reset_pin(Secret(SO_PIN), Secret(pin)),
        ]
        for attempt in attempts:
            with pytest.raises(PinUnacceptable):
                attempt()
        assert session.refresh().pin is session.refresh().so_pin is PinState.FINE
    assert faulty.calls("C_Login", "C_SetPIN", "C_InitPIN") == 0


@pytest.mark.parametrize("new", ["1234567890" * 25, "あ" * 85, "  12", "p@ss:w\"ord'\\"])
def test_a_pin_of_any_form_that_fits_works(library: Library, facts: MediumFacts, new: str) -> None:
    with Session.open(library, facts.serial, write=True) as session:
        session.change_pin(Secret(PIN), Secret(new))
        session.login(Secret(new))


def test_the_security_officer_sets_a_new_pin_and_everything_stays(library: Library, facts: MediumFacts) -> None:
    with logged_in(library, facts.serial) as session:
        session.generate_key(KeyKind.P256, b"\x01", WORDS)
    with Session.open(library, facts.serial, write=True) as session:
        session.reset_pin(Secret(SO_PIN), Secret("新しい暗証"))
        session.login(Secret("新しい暗証"))
        session.prove(session.contents().key(b"\x01"))


def test_a_wrong_so_pin_is_said_to_be_the_officers_and_changes_nothing(library: Library, facts: MediumFacts) -> None:
    with Session.open(library, facts.serial, write=True) as session:
        with pytest.raises(PinWrong) as raised:
            session.reset_pin(Secret("00000000"), Secret("5678"))
        assert (raised.value.who, raised.value.state) == ("so", PinState.LOW.value)
        assert session.medium.pin is PinState.FINE, "the customer's own counter is another one"
        session.login(Secret(PIN))


def test_a_new_pin_that_the_medium_refuses_does_not_leave_the_officer_logged_in(faulty: FaultyMedium) -> None:
    faulty.fault("C_InitPIN", "answer", "CKR_PIN_TOO_WEAK")
    with faulty.library() as library, Session.open(library, only(library).serial, write=True) as session:
        with pytest.raises(PinUnacceptable):
            session.reset_pin(Secret(SO_PIN), Secret("5678"))
        session.login(Secret(PIN))
        session.generate_key(KeyKind.P256, b"\x01", WORDS)


def test_a_first_pin_that_the_medium_refuses_leaves_nothing_logged_in_after_formatting(faulty: FaultyMedium) -> None:
    faulty.fault("C_InitPIN", "answer", "CKR_PIN_TOO_WEAK")
    with faulty.library() as library:
        serial = only(library).serial
        with pytest.raises(FormatUnfinished) as raised:
            library.format(serial, Secret(SO_PIN), Secret("5678"), "New")
        assert isinstance(raised.value.__cause__, PinUnacceptable)
        faulty.heal()
        assert only(library).pin is PinState.NOT_SET
        with Session.open(library, serial, write=True) as session:
            with pytest.raises(PinNotSet):
                session.login(Secret("5678"))
            session.reset_pin(Secret(SO_PIN), Secret("5678"))
            session.login(Secret("5678"))


def test_a_pin_is_not_changed_in_a_session_that_only_reads(library: Library, facts: MediumFacts) -> None:
    with Session.open(library, facts.serial) as session, pytest.raises(NotPermitted):
        session.change_pin(Secret(PIN), Secret("5678"))
    logged_in(library, facts.serial).close()


@pytest.mark.parametrize(("flag", "error"), [(0x40000, PinLocked), (0x20000, PinFinalTry)], ids=["locked", "final try"])
def test_no_try_is_spent_on_a_pin_that_is_locked_or_at_its_last(
    faulty: FaultyMedium, flag: int, error: type[TokenmgrError]
) -> None:
    faulty.control["flags_on"] = flag
    with faulty.library() as library, Session.open(library, only(library).serial, write=True) as session:
        with pytest.raises(error):
            session.login(Secret(PIN))
        with pytest.raises(error):
            session.change_pin(Secret(PIN), Secret("5678"))
    assert faulty.calls("C_Login", "C_SetPIN") == 0


def test_an_explicit_yes_spends_the_final_try_once(faulty: FaultyMedium) -> None:
    faulty.control["flags_on"] = 0x20000
    with faulty.library() as library, Session.open(library, only(library).serial, write=True) as session:
        session.login(Secret(PIN), accept_final_try=True)
    assert faulty.calls("C_Login") == 1


def test_a_pin_that_locks_with_this_try_is_said_to_be_locked_whatever_the_answer_was(faulty: FaultyMedium) -> None:
    """Some answer CKR_PIN_INCORRECT to the try that locked; only the flag is right."""
    with faulty.library() as library, Session.open(library, only(library).serial) as session:
        faulty.control["user_tries"] = 1
        with pytest.raises(PinLocked) as raised:
            session.login(Secret("9999"))
        assert raised.value.answer == "CKR_PIN_INCORRECT"
    assert faulty.calls("C_Login") == 1


def test_a_pin_that_is_to_be_changed_says_so_and_can_be_changed(faulty: FaultyMedium) -> None:
    faulty.control["flags_on"] = 0x80000
    with faulty.library() as library, Session.open(library, only(library).serial, write=True) as session:
        with pytest.raises(PinToBeChanged):
            session.login(Secret(PIN))
        session.change_pin(Secret(PIN), Secret("5678"))


# --- the rules ---


@given(st.integers(0, 2**32 - 1))
def test_the_state_of_a_pin_is_the_gravest_thing_that_the_flags_say(flags: int) -> None:
    said = [state for flag, state in USER.items() if (flags | SET) & flag] or [PinState.FINE]
    assert pins.state(flags | SET) is min(said, key=GRAVEST.index)
    said = [state for flag, state in USER.items() if flags & (flag << 4)] or [PinState.FINE]
    assert pins.state(flags, officer=True) is min(said, key=GRAVEST.index)


@given(st.integers(0, 2**32 - 1).map(lambda flags: flags & ~SET))
def test_a_pin_that_was_never_set_is_that(flags: int) -> None:
    assert pins.state(flags) is PinState.NOT_SET


REFUSED = {PinState.LOCKED: PinLocked, PinState.NOT_SET: PinNotSet, PinState.FINAL_TRY: PinFinalTry}


@pytest.mark.parametrize("officer", [False, True])
@pytest.mark.parametrize("yes", [False, True])
@pytest.mark.parametrize("state", PinState)
def test_a_hopeless_try_is_refused(facts: MediumFacts, state: PinState, yes: bool, officer: bool) -> None:
    fine = PinState.FINE
    medium = dataclasses.replace(facts, pin=fine if officer else state, so_pin=state if officer else fine)
    expected = None if state is PinState.FINAL_TRY and yes else REFUSED.get(state)
    if expected is None:
        pins.refuse_hopeless(medium, UNKNOWN, officer, yes)
        return
    with pytest.raises(expected) as raised:
        pins.refuse_hopeless(medium, UNKNOWN, officer, yes)
    assert isinstance(raised.value, PinError)
    assert (raised.value.who, raised.value.serial) == ("so" if officer else "user", facts.serial)


@pytest.mark.parametrize("officer", [False, True])
@pytest.mark.parametrize("state", [PinState.FINE, PinState.LOW, PinState.FINAL_TRY])
def test_after_a_wrong_pin_the_state_is_that_of_the_pin_that_was_wrong(
    facts: MediumFacts, state: PinState, officer: bool
) -> None:
    other = PinState.LOCKED
    medium = dataclasses.replace(facts, pin=other if officer else state, so_pin=state if officer else other)
    after = pins.after_failure(PinWrong(call="C_Login", answer="CKR_PIN_INCORRECT"), medium, medium, UNKNOWN, officer)
    assert isinstance(after, PinWrong)
    assert (after.state, after.who, after.call) == (state.value, "so" if officer else "user", "C_Login")


def test_after_a_refused_form_the_lengths_that_are_allowed_are_told(facts: MediumFacts) -> None:
    after = pins.after_failure(PinUnacceptable(call="C_SetPIN"), facts, facts, UNKNOWN, officer=False)
    assert isinstance(after, PinUnacceptable)
    assert (after.shortest, after.longest, after.serial) == (4, 255, facts.serial)


def test_a_try_that_was_counted_is_a_wrong_pin_whatever_the_answer_was(facts: MediumFacts) -> None:
    """One card answers a wrong PIN with CKR_GENERAL_ERROR; "try again" would be an invitation to lock it."""
    counted = dataclasses.replace(facts, pin=PinState.LOW)
    after = pins.after_failure(
        MediumTroubled(call="C_Login", answer="CKR_GENERAL_ERROR"), facts, counted, UNKNOWN, False
    )
    assert isinstance(after, PinWrong)
    locked = dataclasses.replace(facts, pin=PinState.LOCKED)
    assert isinstance(pins.after_failure(MediumTroubled(call="C_Login"), counted, locked, UNKNOWN, False), PinLocked)


def test_a_failure_of_which_nobody_knows_whether_it_counted_says_so(facts: MediumFacts) -> None:
    error = MediumTroubled(call="C_Login", answer="CKR_GENERAL_ERROR")
    assert pins.after_failure(error, facts, facts, UNKNOWN, False) is error
    assert error.uncertain


@pytest.mark.parametrize(
    ("characters", "pin", "rule"),
    [
        ("any", "暗証番号", ""),
        ("digits", "123456", ""),
        ("digits", "12345a", "digits"),
        ("digits", "１２３４５６", "digits"),
        ("ascii", "abc-123", ""),
        ("ascii", "暗証番号", "ascii"),
    ],
)
def test_characters_that_a_family_does_not_take_cost_no_try(
    facts: MediumFacts, characters: str, pin: str, rule: str
) -> None:
    family = Family(pin=Pin(characters=characters))
    if not rule:
        pins.refuse_malformed(Secret(pin), facts, family)
        return
    with pytest.raises(PinUnacceptable) as raised:
        pins.refuse_malformed(Secret(pin), facts, family)
    assert raised.value.rule == rule


def test_a_medium_that_does_not_tell_its_lengths_takes_any_but_an_empty_pin(facts: MediumFacts) -> None:
    silent = dataclasses.replace(facts, shortest_pin=0, longest_pin=0)
    pins.refuse_malformed(Secret("1"), silent, Family())
    with pytest.raises(PinUnacceptable):
        pins.refuse_malformed(Secret(""), silent, Family())
