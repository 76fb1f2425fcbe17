"""What a stick has and SoftHSM has not: PIN counters, an end of its memory, a write protection, its own names."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.testbed.raw import (
    ALWAYS_AUTHENTICATE,
    BOUND,
    CONTEXT,
    LABEL,
    OFFICER,
    VALUE,
    YES,
    Program,
    Raw,
    content,
)
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.medium import MediumFacts, PinState
from tokenmgr.errors import MediumFull, MediumReadOnly, PinToBeChanged, PinWrong, TokenmgrError
from tokenmgr.log import Secret
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.simulated import PIN, SO_PIN, SimulatedMedium
from tokenmgr.token.module import Library
from tokenmgr.token.session import Session

WRONG = "9999"


@pytest.fixture
def library(stick: SimulatedMedium) -> Iterator[Library]:
    with stick.library() as opened:
        yield opened


def shown(library: Library) -> MediumFacts:
    (found,) = library.media()
    return found


def states(library: Library) -> tuple[PinState, PinState]:
    now = shown(library)
    return now.pin, now.so_pin


# --- PINs ---


def test_wrong_pins_are_counted_over_processes_and_lock_it(stick: SimulatedMedium, library: Library) -> None:
    programs = [Program(stick) for _ in range(3)]
    seen = []
    for program in programs:
        assert program.ask("raw('C_Logout', session)") == "CKR_OK"
        seen.append((program.ask(f"raw.login(session, '{WRONG}')"), states(library)[0]))
    assert seen == [
        ("CKR_PIN_INCORRECT", PinState.LOW),
        ("CKR_PIN_INCORRECT", PinState.FINAL_TRY),
        ("CKR_PIN_INCORRECT", PinState.LOCKED),
    ]
    for program in programs:
        assert program.ask(f"raw.login(session, '{PIN}')") == "CKR_PIN_LOCKED", "the right one"
        program.__exit__()
    assert states(library) == (PinState.LOCKED, PinState.FINE)


def test_a_right_pin_ends_the_counting(stick: SimulatedMedium, raw: Raw) -> None:
    session = raw.session()
    for _ in range(5):
        assert [raw.login(session, WRONG) for _ in range(2)] == ["CKR_PIN_INCORRECT"] * 2
        assert stick.control["user_wrong"] == 2
        assert raw.login(session, PIN) == raw("C_Logout", session) == "CKR_OK"
        assert stick.control["user_wrong"] == 0


def test_the_officer_has_a_counter_of_his_own(stick: SimulatedMedium, raw: Raw, library: Library) -> None:
    session = raw.session()
    seen = []
    for _ in range(3):
        assert raw.login(session, WRONG, OFFICER) == "CKR_PIN_INCORRECT"
        seen.append(states(library)[1])
    assert seen == [PinState.LOW, PinState.FINAL_TRY, PinState.LOCKED]
    assert raw.login(session, SO_PIN, OFFICER) == "CKR_PIN_LOCKED"
    assert raw.login(session, PIN) == "CKR_OK"
    assert states(library) == (PinState.FINE, PinState.LOCKED)


def test_the_officer_unblocks(stick: SimulatedMedium, raw: Raw, library: Library) -> None:
    stick.control["user_wrong"] = 3
    session = raw.session()
    assert raw.login(session, PIN) == "CKR_PIN_LOCKED"
    assert raw.login(session, SO_PIN, OFFICER) == "CKR_OK"
    assert raw("C_InitPIN", session, b"5678", 4) == raw("C_Logout", session) == "CKR_OK"
    assert states(library) == (PinState.FINE, PinState.FINE)
    assert raw.login(session, "5678") == "CKR_OK"


@pytest.mark.parametrize(("who", "pin", "word"), [("user", PIN, "user_wrong"), ("officer", SO_PIN, "so_wrong")])
def test_a_wrong_old_pin_counts_when_it_is_changed(
    stick: SimulatedMedium, raw: Raw, who: str, pin: str, word: str
) -> None:
    session = raw.session()
    if who == "officer":
        assert raw.login(session, SO_PIN, OFFICER) == "CKR_OK"
    assert [raw.set_pin(session, WRONG, "567890") for _ in range(2)] == ["CKR_PIN_INCORRECT"] * 2
    assert stick.control[word] == 2
    assert raw.set_pin(session, pin, "567890") == "CKR_OK"
    assert stick.control[word] == 0
    assert [raw.set_pin(session, pin, WRONG) for _ in range(4)] == ["CKR_PIN_INCORRECT"] * 3 + ["CKR_PIN_LOCKED"]
    assert stick.control["user_wrong"] + stick.control["so_wrong"] == 3


def test_a_wrong_pin_counts_when_it_is_formatted_and_a_right_one_makes_all_anew(
    stick: SimulatedMedium, raw: Raw
) -> None:
    def init_token(pin: str) -> str:
        return raw("C_InitToken", 0, pin.encode(), len(pin), b"new".ljust(32))

    for word in ("user_wrong", "to_be_changed"):
        stick.control[word] = 1
    assert [init_token(WRONG), init_token(WRONG), stick.control["so_wrong"]] == ["CKR_PIN_INCORRECT"] * 2 + [2]
    assert init_token(SO_PIN) == "CKR_OK"
    assert [stick.control[word] for word in ("user_wrong", "so_wrong", "to_be_changed")] == [0, 0, 0]
    assert [init_token(WRONG) for _ in range(3)] == ["CKR_PIN_INCORRECT"] * 3
    assert init_token(SO_PIN) == "CKR_PIN_LOCKED"


def test_a_pin_for_one_signature_counts_as_the_users(stick: SimulatedMedium, raw: Raw) -> None:
    session = raw.session(pin=PIN)
    assert raw.generate(session, {ALWAYS_AUTHENTICATE: YES}) == "CKR_OK"
    _, key = raw.made
    assert raw.sign_init(session, key) == "CKR_OK"
    assert raw.login(session, WRONG, CONTEXT) == "CKR_PIN_INCORRECT"
    assert stick.control["user_wrong"] == 1
    assert raw.login(session, PIN, CONTEXT) == raw.sign(session)[0] == "CKR_OK"
    assert stick.control["user_wrong"] == 0


def test_where_nothing_is_counted_it_is_softhsm_that_tells(stick: SimulatedMedium, raw: Raw, library: Library) -> None:
    for word in ("user_tries", "so_tries"):
        stick.control[word] = 0
    session = raw.session()
    assert [raw.login(session, WRONG) for _ in range(20)] == ["CKR_PIN_INCORRECT"] * 20
    assert states(library) == (PinState.LOW, PinState.FINE)
    assert raw.login(session, WRONG, OFFICER) == "CKR_PIN_INCORRECT"
    assert states(library) == (PinState.LOW, PinState.LOW)
    stick.control["user_tries"] = 3
    assert states(library) == (PinState.LOCKED, PinState.LOW), "one that counts hides nothing of the other"
    assert raw.login(session, PIN) == "CKR_PIN_LOCKED"


def test_hidden_flags_count_all_the_same(stick: SimulatedMedium, raw: Raw, library: Library) -> None:
    stick.control["flags_hidden"] = 1
    session = raw.session()
    for who in (0, 1):
        assert [raw.login(session, WRONG, who) for _ in range(4)] == ["CKR_PIN_INCORRECT"] * 3 + ["CKR_PIN_LOCKED"]
    assert states(library) == (PinState.FINE, PinState.FINE)


def test_a_pin_that_is_to_be_changed_opens_nothing_before_it_is(
    stick: SimulatedMedium, raw: Raw, library: Library
) -> None:
    session = raw.session(pin=PIN)
    raw.generate(session)
    _, key = raw.made
    stick.control["to_be_changed"] = 1
    assert states(library)[0] is PinState.TO_BE_CHANGED
    asked: list[Callable[[], str]] = [
        lambda: raw.sign_init(session, key),
        lambda: raw.generate(session),
        lambda: raw.create(session),
        lambda: raw("C_DestroyObject", session, key),
    ]
    assert [ask() for ask in asked] == ["CKR_PIN_EXPIRED"] * 4
    with Session.open(library, shown(library).serial, write=True) as mine, pytest.raises(PinToBeChanged):
        mine.login(Secret(PIN))
    assert raw.set_pin(session, WRONG, "5678") == "CKR_PIN_INCORRECT"
    assert raw.create(session) == "CKR_PIN_EXPIRED"
    assert raw.set_pin(session, PIN, "5678") == "CKR_OK"
    assert [ask() for ask in asked[1:]] == ["CKR_OK"] * 3
    assert states(library)[0] is PinState.FINE


def test_tokenmgr_says_what_is_left(stick: SimulatedMedium, library: Library) -> None:
    with Session.open(library, shown(library).serial) as session:
        for state in (PinState.LOW, PinState.FINAL_TRY):
            with pytest.raises(PinWrong) as raised:
                session.login(Secret(WRONG))
            assert raised.value.state == state.value


# --- memory ---


def objects(stick: SimulatedMedium) -> dict[str, bytes]:
    """What lies on it, without what SoftHSM writes down of each login."""
    return {name: held for name, held in content(stick.tokens).items() if not name.endswith("token.object")}


def room(stick: SimulatedMedium, more: int) -> None:
    stick.control["capacity"] = sum(map(len, content(stick.tokens).values())) + more


FILLING: dict[str, Callable[[Raw, int, int], str]] = {
    "C_CreateObject": lambda raw, session, there: raw.create(session, {VALUE: bytes(2000)}),
    "C_CopyObject": lambda raw, session, there: raw.copy(session, there),
    "C_GenerateKeyPair": lambda raw, session, there: raw.generate(session),
    "C_SetAttributeValue": lambda raw, session, there: raw.set_attribute(session, there, {LABEL: b"l" * 2000}),
}


@pytest.mark.parametrize("function", FILLING)
def test_what_does_not_fit_leaves_exactly_what_was_there(stick: SimulatedMedium, raw: Raw, function: str) -> None:
    session = raw.session(pin=PIN)
    raw.create(session, {VALUE: bytes(1500), LABEL: b"there"})
    (there,) = raw.made
    room(stick, 500)
    before = {name: len(held) for name, held in content(stick.tokens).items()}
    found = raw.found(session)
    for _ in range(3):
        assert FILLING[function](raw, session, there) == "CKR_DEVICE_MEMORY"
        assert raw.found(session) == found
        assert {name: len(held) for name, held in content(stick.tokens).items()} == before
    assert raw.value(session, there, LABEL) == b"there"
    assert raw.value(session, there) == bytes(1500)
    room(stick, 5000)
    assert FILLING[function](raw, session, there) == "CKR_OK"


def test_a_full_one_takes_a_deletion_and_what_needs_no_room(stick: SimulatedMedium, raw: Raw) -> None:
    session = raw.session(pin=PIN)
    raw.create(session, {LABEL: b"there"})
    (there,) = raw.made
    room(stick, 0)
    assert raw.create(session) == "CKR_DEVICE_MEMORY"
    assert raw.set_attribute(session, there, {LABEL: b"THERE"}) == "CKR_OK"
    assert raw.value(session, there, LABEL) == b"THERE"
    assert raw.create(session, {0x01: b"\0"}) == "CKR_OK", "an object of the session takes nothing of it"
    assert raw("C_DestroyObject", session, there) == "CKR_OK"
    assert raw.create(session, {LABEL: b"there"}) == "CKR_OK"


def test_free_memory_is_told_truthfully_until_it_is_full(stick: SimulatedMedium, raw: Raw, library: Library) -> None:
    session = raw.session(pin=PIN)
    room(stick, 4000)
    answers, told = [], []
    while "CKR_DEVICE_MEMORY" not in answers:
        now = shown(library)
        assert now.total_memory == stick.control["capacity"]
        assert now.free_memory is not None
        held = sum(map(len, content(stick.tokens).values()))
        assert now.free_memory + held == now.total_memory
        told.append(now.free_memory)
        answers.append(raw.create(session, {VALUE: bytes(700)}))
    assert told == sorted(told, reverse=True)
    assert len(told) == len(set(told)) > 3
    assert shown(library).free_memory == told[-1], "the one that did not fit took nothing"
    stick.control["capacity"] = 1
    assert shown(library).free_memory == 0


def test_a_full_one_is_full_to_tokenmgr_and_its_keys_go_on_working(stick: SimulatedMedium, library: Library) -> None:
    with Session.open(library, shown(library).serial, write=True) as session:
        session.login(Secret(PIN))
        key = session.generate_key(KeyKind.P256, b"\1", "key")
        room(stick, 100)
        with pytest.raises(MediumFull):
            session.generate_key(KeyKind.P256, b"\2", "key")
        session.prove(key)
        assert session.contents().keys == [key]


# --- write protection, names ---


def test_a_write_protected_one_is_read_and_nothing_else(stick: SimulatedMedium, raw: Raw, library: Library) -> None:
    raw.create(raw.session(pin=PIN), {LABEL: b"there"})
    assert raw("C_CloseAllSessions", 0) == "CKR_OK"
    stick.control["read_only"] = 1
    before = objects(stick)
    now = shown(library)
    assert now.read_only
    with pytest.raises(AssertionError, match="CKR_TOKEN_WRITE_PROTECTED"):
        raw.session()
    assert raw("C_InitToken", 0, SO_PIN.encode(), len(SO_PIN), b"new".ljust(32)) == "CKR_TOKEN_WRITE_PROTECTED"
    with pytest.raises(MediumReadOnly):
        Session.open(library, now.serial, write=True)
    with pytest.raises(TokenmgrError):
        library.format(now.serial, Secret(SO_PIN), Secret(PIN), "new")
    session = raw.session(write=False, pin=PIN)
    assert len(raw.found(session)) == 1
    assert raw.create(session) == "CKR_SESSION_READ_ONLY"
    assert objects(stick) == before
    stick.control["read_only"] = 0
    assert raw.create(raw.session()) == "CKR_OK"


def test_it_has_its_own_names_or_softhsms(stick: SimulatedMedium, library: Library) -> None:
    names = {"serial": "0123456789ABCDEF", "model": "専用媒体", "maker": "tokenmgr testbed", "reader": "r" * 64}
    for name, text in names.items():
        stick.control.set_text(name, text)
    now = shown(library)
    assert (now.serial, now.model, now.manufacturer, now.reader) == tuple(names.values())
    done = subprocess.run(
        ["pkcs11-tool", "--module", stick.path, "-L"], capture_output=True, text=True, timeout=BOUND, check=True
    )
    assert all(text in done.stdout for text in names.values())
    for name in names:
        stick.control.set_text(name, "")
    now = shown(library)
    assert (now.manufacturer, now.model) == ("SoftHSM project", "SoftHSM v2")
    assert "SoftHSM" in now.reader


def test_what_it_tells_can_be_said_outright(stick: SimulatedMedium, library: Library) -> None:
    for word, value in {"longest_pin": 8, "free_memory": 12345, "flags_on": 0x100000, "flags_off": 0x400}.items():
        stick.control[word] = value
    now = shown(library)
    assert (now.longest_pin, now.free_memory, now.so_pin, now.initialised) == (8, 12345, PinState.LOW, False)


def test_with_a_pin_of_its_own_it_asks_nobody(stick: SimulatedMedium, raw: Raw) -> None:
    """As a browser without a screen needs it: what it is told of a login, and a key that is private."""

    def wants_login() -> bool:
        return bool(int.from_bytes(raw.token_info(raw.slot())[96:104], sys.byteorder) & 0x4)

    assert wants_login()
    assert raw.generate(raw.session()) == "CKR_USER_NOT_LOGGED_IN"
    stick.control.set_text("pin", stick.pin)
    assert not wants_login()
    assert raw.generate(raw.session()) == "CKR_OK"


def test_nothing_is_written_in_the_place_of_another(bed: Testbed) -> None:
    """Two media, one after the other in one process each: a counter of one is not the other's."""
    (one,) = bed.up("fresh", name="one")
    (two,) = bed.up("fresh", name="two")
    assert Raw(one.path).login(Raw(one.path, initialise=False).session(), WRONG) == "CKR_PIN_INCORRECT"
    assert (one.control["user_wrong"], two.control["user_wrong"]) == (1, 0)
    assert list(two.control.calls()) == []
