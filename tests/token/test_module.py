"""A medium is known by its serial number, never by its slot; and what is said of it is fresh."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.token.helpers import WORDS, FaultyMedium, logged_in, only
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.family import Family, Keys, Token
from tokenmgr.domain.medium import MediumFacts, PinState, SlotTrouble
from tokenmgr.errors import (
    LabelWrong,
    MediumAmbiguous,
    MediumChanged,
    MediumNotFound,
    NoMedium,
    PinFinalTry,
    PinLocked,
    PinUnacceptable,
    PinWrong,
    TokenmgrError,
)
from tokenmgr.log import Secret
from tokenmgr.testbed.simulated import PIN, SO_PIN, SimulatedMedium
from tokenmgr.token import pins
from tokenmgr.token.module import Library
from tokenmgr.token.session import Session


@pytest.fixture
def other(tmp_path: Path) -> SimulatedMedium:
    made = SimulatedMedium(tmp_path / "other", os.environ)
    made.create(label="The other one")
    return made


def bare(medium: SimulatedMedium) -> Library:
    """SoftHSM as an unknown family: its spare, blank slot is shown too."""
    return Library(medium.library().path, medium.library().worker._environment)


def test_a_medium_shows_what_it_is(facts: MediumFacts) -> None:
    assert len(facts.serial) == 16
    assert (facts.label, facts.family, facts.initialised, facts.read_only) == ("Shinkin IB", "softhsm", True, False)
    assert (facts.pin, facts.so_pin) == (PinState.FINE, PinState.FINE)
    assert (facts.shortest_pin, facts.longest_pin) == (4, 255)
    assert (facts.free_memory, facts.total_memory) == (None, None), "SoftHSM does not tell, and nothing is made up"


def test_two_media_are_told_apart(medium: SimulatedMedium, other: SimulatedMedium) -> None:
    with medium.library() as one, other.library() as two:
        assert only(one).serial != only(two).serial
        assert (only(one).label, only(two).label) == ("Shinkin IB", "The other one")
        with pytest.raises(MediumNotFound) as raised:
            one.find(only(two).serial)
        assert raised.value.serial == only(two).serial
        assert raised.value.seen == (only(one).serial,)


def test_two_media_in_one_library_are_told_apart(medium: SimulatedMedium, other: SimulatedMedium) -> None:
    for token in other.tokens.iterdir():
        token.rename(medium.tokens / token.name)
    with medium.library() as library:
        found = library.media()
        assert len({one.serial for one in found}) == 2
        for one in found:
            assert library.find(one.serial).label == one.label
            with logged_in(library, one.serial) as session:
                session.generate_key(KeyKind.P256, one.label.encode(), WORDS)
        for one in found:
            with logged_in(library, one.serial) as session:
                assert [key.key_id for key in session.contents().keys] == [one.label.encode()]


def test_two_tokens_with_one_number_are_never_guessed_between(medium: SimulatedMedium, tmp_path: Path) -> None:
    """By their labels: SoftHSM itself ends the process when two of its tokens have one serial number."""
    same = SimulatedMedium(tmp_path / "same", os.environ)
    same.create()
    for token in same.tokens.iterdir():
        token.rename(medium.tokens / token.name)
    with medium.library(family=Family(token=Token(spare_slot=True, numbered=False))) as library:
        assert [one.serial for one in library.media()] == ["Shinkin IB"] * 2
        with pytest.raises(MediumAmbiguous) as raised:
            library.find("Shinkin IB")
    assert len(set(raised.value.places)) == 2


def test_the_flags_are_read_anew_every_time(library: Library, facts: MediumFacts, medium: SimulatedMedium) -> None:
    with medium.library() as another, Session.open(another, facts.serial) as session, pytest.raises(PinWrong):
        session.login(Secret("9999"))
    assert only(library).pin is PinState.LOW
    with Session.open(library, facts.serial) as session:
        session.login(Secret(PIN))
    assert only(library).pin is PinState.FINE


def test_a_medium_comes_and_goes_under_one_library(library: Library, medium: SimulatedMedium) -> None:
    serial = only(library).serial
    for _ in range(2):
        medium.unplug()
        assert library.media() == []
        with pytest.raises(MediumNotFound) as raised:
            library.find(serial)
        assert raised.value.seen == ()
        medium.plug()
        assert only(library).serial == serial


def test_find_sees_a_medium_that_was_plugged_in_after_the_last_look(library: Library, medium: SimulatedMedium) -> None:
    serial = only(library).serial
    medium.unplug()
    assert library.media() == []
    medium.plug()
    assert library.find(serial).serial == serial


def test_another_medium_in_its_place_is_not_mistaken_for_it(
    library: Library, medium: SimulatedMedium, other: SimulatedMedium
) -> None:
    """S4, with a session open while they are swapped."""
    serial = only(library).serial
    session = logged_in(library, serial)
    medium.unplug()
    for token in other.tokens.iterdir():
        token.rename(medium.tokens / token.name)
    for use in (session.contents, session.refresh, lambda: session.generate_key(KeyKind.P256, b"\x01", WORDS)):
        with pytest.raises(TokenmgrError) as raised:
            use()
        assert raised.value.retriable
    session.close()
    with pytest.raises(MediumNotFound) as missing:
        library.find(serial)
    assert missing.value.seen == (only(library).serial,)
    with logged_in(library, only(library).serial) as fresh:
        assert fresh.contents().keys == []


def test_the_facts_of_a_slot_are_refused_when_another_medium_is_in_it(library: Library, facts: MediumFacts) -> None:
    with pytest.raises(MediumChanged) as raised:
        library.facts(facts.slot, "0000000000000000")
    assert raised.value.seen == facts.serial


def test_a_slot_that_cannot_be_read_is_told(faulty: FaultyMedium) -> None:
    faulty.fault("C_GetTokenInfo", "answer", "CKR_TOKEN_NOT_RECOGNIZED")
    with faulty.library() as library:
        (trouble,) = library.slots()
    assert isinstance(trouble, SlotTrouble)
    assert (trouble.code, trouble.answer) == ("M109", "CKR_TOKEN_NOT_RECOGNIZED")


def test_a_slot_that_cannot_be_read_hides_no_other(medium: SimulatedMedium, other: SimulatedMedium) -> None:
    (damaged,) = other.tokens.iterdir()
    damaged = damaged.rename(medium.tokens / damaged.name)
    with medium.library() as library:
        library.worker.load()
        (damaged / "token.object").write_bytes(b"")
        found = library.slots()
    assert [one.label for one in found if isinstance(one, MediumFacts)] == ["Shinkin IB"]
    assert [one.answer for one in found if isinstance(one, SlotTrouble)] == ["CKR_GENERAL_ERROR"]


def test_a_look_does_not_end_a_session_in_use(library: Library, session: Session) -> None:
    session.generate_key(KeyKind.P256, b"\x01", WORDS)
    only(library)
    library.find(session.medium.serial)
    session.prove(session.contents().key(b"\x01"))


def test_a_session_closed_twice_does_not_make_the_next_look_end_another(library: Library, facts: MediumFacts) -> None:
    first = logged_in(library, facts.serial)
    first.close()
    first.close()
    with logged_in(library, facts.serial) as second:
        only(library)
        second.contents()
    assert library.open_sessions == 0


class Swapping(Library):
    """The medium is changed in the moment between finding and opening."""

    def facts(self, slot: int, serial: str, reader: str = "") -> MediumFacts:
        raise MediumChanged(serial=serial, seen="another")


def test_a_session_that_did_not_open_is_not_counted_as_open(medium: SimulatedMedium) -> None:
    plain = medium.library()
    with Swapping(plain.path, plain.worker._environment, plain.families[-1]) as library:
        with pytest.raises(MediumChanged):
            Session.open(library, only(library).serial)
        assert library.open_sessions == 0


def test_mechanisms_leave_out_what_the_family_lists_and_cannot(medium: SimulatedMedium) -> None:
    plain = medium.library()
    family = Family(keys=Keys(avoid=("RSA_PKCS",)), token=Token(spare_slot=True))
    with Library(plain.path, plain.worker._environment, family) as library:
        told = library.mechanisms(only(library))
    assert "RSA_PKCS" not in told
    assert told["EC_KEY_PAIR_GEN"][0] <= 256 <= told["EC_KEY_PAIR_GEN"][1]


def test_memory_that_is_told_is_told(faulty: FaultyMedium) -> None:
    faulty.control["free_memory"] = 12345
    with faulty.library() as library:
        assert only(library).free_memory == 12345


def test_unavailable_in_32_bits_is_not_four_gigabytes(faulty: FaultyMedium) -> None:
    faulty.control["free_memory"] = 0xFFFFFFFF
    with faulty.library() as library:
        assert only(library).free_memory is None


# --- formatting ---


def test_a_blank_medium_becomes_one(tmp_path: Path) -> None:
    made = SimulatedMedium(tmp_path / "blank", os.environ).create(label="専用USB", pin="暗証番号")
    assert (made.label, made.initialised, made.pin) == ("専用USB", True, PinState.FINE)
    with SimulatedMedium(tmp_path / "blank", os.environ).library() as library:
        logged_in(library, made.serial, "暗証番号").close()


def test_a_medium_is_erased_and_keeps_its_number(library: Library, facts: MediumFacts) -> None:
    with logged_in(library, facts.serial) as session:
        session.generate_key(KeyKind.P256, b"\x01", WORDS)
    again = library.format(facts.serial, Secret(SO_PIN), Secret("4321"), "New")
    assert (again.serial, again.label, again.pin) == (facts.serial, "New", PinState.FINE)
    with logged_in(library, facts.serial, "4321") as session:
        assert session.contents().keys == []


def test_a_medium_is_not_erased_by_who_does_not_know_its_so_pin(library: Library, facts: MediumFacts) -> None:
    with logged_in(library, facts.serial) as session:
        session.generate_key(KeyKind.P256, b"\x01", WORDS)
    with pytest.raises(PinWrong) as raised:
        library.format(facts.serial, Secret("00000000"), Secret("4321"), "New")
    assert (raised.value.who, raised.value.serial, raised.value.call) == ("so", facts.serial, "C_InitToken")
    with logged_in(library, facts.serial) as session:
        assert [key.key_id for key in session.contents().keys] == [b"\x01"]
    assert only(library).label == "Shinkin IB"


def test_formatting_ends_the_sessions_that_were_open_on_it(library: Library, session: Session) -> None:
    library.format(session.medium.serial, Secret(SO_PIN), Secret("4321"), "New")
    with pytest.raises(TokenmgrError) as raised:
        session.contents()
    assert raised.value.retriable


@pytest.mark.parametrize(
    ("flag", "error"), [(0x400000, PinLocked), (0x200000, PinFinalTry)], ids=["locked", "final try"]
)
def test_no_try_is_spent_on_an_so_pin_that_is_locked_or_at_its_last(
    faulty: FaultyMedium, flag: int, error: type[TokenmgrError]
) -> None:
    faulty.control["flags_on"] = flag
    with faulty.library() as library, pytest.raises(error):
        library.format(only(library).serial, Secret(SO_PIN), Secret("4321"), "New")
    assert faulty.calls("C_InitToken") == 0


def test_nothing_to_format_is_no_medium(faulty: FaultyMedium) -> None:
    faulty.control["flags_on"] = pins.TOKEN_INITIALIZED
    with faulty.library() as library, pytest.raises(NoMedium):
        library.format("", Secret(SO_PIN), Secret(PIN), "New")


@pytest.mark.parametrize(
    "label",
    [
        "a:b:c",
        "x" * 32,
        "電子証明書の専用媒",
        "株式会社　しんきん",  # an ideographic space, as Japanese names have it
        "(株) A & B #1 'ok' \"ok\" \\ %s ;",
    ],
)
def test_a_label_that_fits_is_read_back_as_it_was_given(library: Library, facts: MediumFacts, label: str) -> None:
    assert library.format(facts.serial, Secret(SO_PIN), Secret(PIN), label).label == label


@pytest.mark.parametrize(
    "label",
    [
        "",
        "x" * 33,
        "あ" * 11,  # 33 bytes
        "漢" * 100,
        "a\0b",
        "a\nb",
        "a\x1b[31mb",
        "\ud800",
        "a\u202eb",  # turns the text round that comes after it
    ],
    ids=ascii,
)
def test_a_label_that_cannot_be_is_refused_before_anything_is_touched(
    library: Library, facts: MediumFacts, label: str
) -> None:
    with pytest.raises(LabelWrong):
        library.format(facts.serial, Secret(SO_PIN), Secret(PIN), label)
    assert only(library) == facts


@pytest.mark.parametrize(("so_pin", "pin", "who"), [("1", PIN, "so"), ("1" * 256, PIN, "so"), (SO_PIN, "123", "user")])
def test_a_pin_of_the_wrong_length_is_refused_before_anything_is_touched(
    library: Library, facts: MediumFacts, so_pin: str, pin: str, who: str
) -> None:
    with pytest.raises(PinUnacceptable) as raised:
        library.format(facts.serial, Secret(so_pin), Secret(pin), "New")
    assert (raised.value.who, raised.value.rule) == (who, "length")
    assert (raised.value.shortest, raised.value.longest) == (4, 255)
    assert only(library) == facts


def test_a_blank_slot_is_shown_where_a_family_has_no_spare_one(medium: SimulatedMedium) -> None:
    with bare(medium) as library:
        blank = [one for one in library.media() if not one.initialised]
    assert len(blank) == 1
    assert blank[0].pin is PinState.NOT_SET
