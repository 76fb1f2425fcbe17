"""Every scenario is what its name says: made for real, and looked at with the program's own eyes."""

from __future__ import annotations

import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr import data
from tokenmgr.config import TimeLimits
from tokenmgr.domain.credential import KeyKind, StoredCertificate
from tokenmgr.domain.medium import EmptySlot, MediumFacts, PinState
from tokenmgr.errors import (
    FaultWrong,
    LibraryHung,
    MediumFull,
    MediumReadOnly,
    MediumTroubled,
    ObjectMissing,
    PinLocked,
    PinToBeChanged,
    PinWrong,
    ScenarioFileWrong,
    ScenariosConflict,
    ScenarioUnknown,
    TokenmgrError,
)
from tokenmgr.log import Secret
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.scenario import known, read, scenarios
from tokenmgr.testbed.simulated import PIN, SO_PIN, SimulatedMedium
from tokenmgr.testbed.throwaway_ca import ThrowawayCA
from tokenmgr.token.checkup import check
from tokenmgr.token.module import Library
from tokenmgr.token.session import Session

DAY = date(2027, 4, 1)
NOON = datetime(2027, 4, 1, 3, tzinfo=UTC)  # in Japan

# What verify finds wrong at noon of the day that it is made for, and the days that its certificates have left.
ON_THE_TOKEN: dict[str, tuple[set[str], list[int]]] = {
    "fresh": (set(), []),
    "valid": (set(), [300]),
    "due-in-30-days": (set(), [30]),
    "due-in-12-days": (set(), [12]),
    "due-today": (set(), [0]),
    "expired-yesterday": ({"certificate-expired"}, [-1]),
    "expired-past-grace": ({"certificate-expired"}, [-181]),
    "not-yet-valid": ({"certificate-not-yet-valid"}, [366]),
    "revoked": (set(), [200]),
    "two-generations": (set(), [12, 364]),
    "look-alike": (set(), [-20, 345]),
    "pending-key": (set(), []),
    "renewal-cut-before-request": (set(), [12]),
    "renewal-cut-before-confirmation": (set(), [12, 364]),
    "renewal-left-over": (set(), [300]),
    "certificate-without-key": ({"certificate-without-key"}, [200]),
    "wrong-pairing": ({"pair-mismatch"}, [200]),
    "same-id-twice": ({"id-used-twice", "key-without-public-part", "pair-unproven"}, [200]),
    "chain-missing": ({"chain-missing"}, [200]),
    "damaged": ({"certificate-damaged"}, []),
    "readable-key": (
        {"key-extractable", "key-not-sensitive", "key-once-exposed", "key-once-extractable", "key-readable"}, [200]
    ),
    "other-bank": (set(), [200]),
    "administrator-and-user": (set(), [25, 140]),
    "many-objects": (set(), [200] * 40),
}  # fmt: skip
# The user's PIN and the officer's, as the medium shows them.
PINS = {
    "fresh": (PinState.FINE, PinState.FINE),
    "no-pin": (PinState.NOT_SET, PinState.FINE),
    "pin-to-be-changed": (PinState.TO_BE_CHANGED, PinState.FINE),
    "pin-low": (PinState.LOW, PinState.FINE),
    "final-try": (PinState.FINAL_TRY, PinState.FINE),
    "locked": (PinState.LOCKED, PinState.FINE),
    "officer-locked": (PinState.LOCKED, PinState.LOCKED),
    "silent": (PinState.FINE, PinState.FINE),
}
BY_THEMSELVES = {  # each has a test below
    "blank", "full", "nearly-full", "read-only", "unplugged", "slow", "hangs-on-signing", "lost-answer",
    "pulled-while-generating", "torn-write", "liar", "two-plugged",
}  # fmt: skip


def test_no_scenario_is_without_a_test_and_there_are_enough() -> None:
    assert set(known()) == ON_THE_TOKEN.keys() | PINS.keys() | BY_THEMSELVES
    assert len(known()) >= 25


@pytest.mark.parametrize("name", known())
def test_a_scenario_has_its_words_in_both_languages(name: str) -> None:
    assert known()[name]["en"].isascii()
    assert not known()[name]["ja"].isascii()


@pytest.mark.parametrize(("name", "expected"), ON_THE_TOKEN.items(), ids=ON_THE_TOKEN)
def test_what_is_on_it(bed: Testbed, name: str, expected: tuple[set[str], list[int]]) -> None:
    (medium,) = bed.up(name, day=DAY)
    with medium.library() as library, Session.open(library, facts(medium).serial) as session:
        session.login(Secret(PIN))
        checkup = check(session, NOON)
    own = [c.facts for c in checkup.certificates if c.facts and not c.facts.is_authority]
    assert (
        {finding.code for finding in checkup.problems},
        sorted((one.not_after - NOON).days for one in own),
    ) == expected


@pytest.mark.parametrize(("name", "expected"), PINS.items(), ids=PINS)
def test_what_it_shows_of_its_pins(bed: Testbed, name: str, expected: tuple[PinState, PinState]) -> None:
    medium = facts(*bed.up(name, day=DAY))
    assert (medium.pin, medium.so_pin) == expected


def test_a_certificate_ends_at_the_last_second_of_a_day_in_japan_and_is_valid_for_a_year(bed: Testbed) -> None:
    (medium,) = bed.up("due-in-12-days", day=DAY)
    (own,) = [c.facts for c in contents(medium) if c.facts and not c.facts.is_authority]
    assert own.not_after == datetime(2027, 4, 13, 14, 59, 59, tzinfo=UTC)
    assert (own.not_after - own.not_before).days == 364  # and 23:59:59


def test_the_silent_one_locks_without_a_word(bed: Testbed) -> None:
    (medium,) = bed.up("silent")
    with medium.library() as library, Session.open(library, facts(medium).serial) as session:
        with pytest.raises(PinWrong):
            session.login(Secret("9999"))
        with pytest.raises(PinLocked):
            session.login(Secret(PIN))
        assert library.media()[0].pin is PinState.FINE


def test_a_pin_that_must_be_changed_opens_nothing_before(bed: Testbed) -> None:
    (medium,) = bed.up("pin-to-be-changed")
    with medium.library() as library, Session.open(library, facts(medium).serial, write=True) as session:
        with pytest.raises(PinToBeChanged):
            session.login(Secret(PIN))
        session.change_pin(Secret(PIN), Secret("5678"))
        session.generate_key(KeyKind.P256, b"\1", "key")


def test_a_locked_one_is_opened_by_the_officer(bed: Testbed) -> None:
    (medium,) = bed.up("locked")
    with medium.library() as library, Session.open(library, facts(medium).serial, write=True) as session:
        session.reset_pin(Secret(SO_PIN), Secret("5678"))
        assert library.media()[0].pin is PinState.FINE


def test_the_revoked_one_is_on_its_cas_list_and_the_others_are_not(bed: Testbed) -> None:
    for name, status in (("revoked", "certificate revoked"), ("valid", ": OK")):
        (medium,) = bed.up(name, day=DAY)
        (own,) = [c for c in contents(medium) if c.facts and not c.facts.is_authority]
        (medium.folder / "own.der").write_bytes(own.der)
        command = ["openssl", "verify", "-crl_check", "-attime", str(int(NOON.timestamp())), "-CAfile", "ca.pem",
                   "-CRLfile", "crl.pem", "own.der"]  # fmt: skip
        done = subprocess.run(command, cwd=medium.folder, capture_output=True, text=True)
        assert status in done.stdout + done.stderr


def test_all_media_of_a_testbed_have_one_ca(bed: Testbed) -> None:
    first, second = (bed.up(name, day=DAY)[0] for name in ("valid", "due-today"))
    assert (first.folder / "ca.pem").read_bytes() == (second.folder / "ca.pem").read_bytes()


def test_the_blank_one_has_a_number_and_can_be_formatted_by_it(bed: Testbed) -> None:
    (medium,) = bed.up("blank")
    blank = facts(medium)
    assert (blank.initialised, blank.pin) == (False, PinState.NOT_SET)
    with medium.library() as library:
        made = library.format(blank.serial, Secret(SO_PIN), Secret(PIN), "Shinkin IB")
    assert (made.serial, made.label, made.pin) == (blank.serial, "Shinkin IB", PinState.FINE)


def test_the_full_one_takes_nothing_and_the_nearly_full_one_a_key_and_no_certificate(bed: Testbed) -> None:
    (full,), (nearly,) = bed.up("full"), bed.up("nearly-full")
    assert facts(full).free_memory == 0
    with full.library() as library, writing(full, library) as session, pytest.raises(MediumFull):
        session.generate_key(KeyKind.P256, b"\1", "key")
    with nearly.library() as library, writing(nearly, library) as session:
        key = session.generate_key(KeyKind.P256, b"\1", "key")
        with pytest.raises(MediumFull):
            session.put_certificate(certificate(nearly, key.public_key), b"\1", "key", ())


def test_the_read_only_one_can_be_read_and_not_written(bed: Testbed) -> None:
    (medium,) = bed.up("read-only", "valid")
    assert facts(medium).read_only
    assert len(contents(medium)) == 3
    with medium.library() as library, pytest.raises(MediumReadOnly):
        Session.open(library, facts(medium).serial, write=True)


def test_the_unplugged_one_is_an_empty_slot_until_it_is_plugged_in(bed: Testbed) -> None:
    (medium,) = bed.up("unplugged", "valid")
    with medium.library() as library:
        assert [type(slot) for slot in library.slots()] == [EmptySlot]
        medium.plug()
        assert library.media()


def test_each_call_of_the_slow_one_takes_its_time(bed: Testbed) -> None:
    (medium,) = bed.up("slow")
    assert facts(medium).initialised
    assert all(call.milliseconds >= 150 for call in medium.control.calls())


def test_the_one_that_hangs_does_so_once(bed: Testbed) -> None:
    (medium,) = bed.up("hangs-on-signing", "valid")
    with medium.library(TimeLimits(call=1.5)) as library:
        with Session.open(library, facts(medium).serial) as session:
            session.login(Secret(PIN))
            with pytest.raises(LibraryHung):
                session.prove(session.contents().keys[0])
        with Session.open(library, facts(medium).serial) as session:
            session.login(Secret(PIN))
            session.prove(session.contents().keys[0])


@pytest.mark.parametrize(
    ("name", "error", "there"),
    [("lost-answer", MediumTroubled, True), ("torn-write", MediumTroubled, False), ("liar", ObjectMissing, False)],
)
def test_what_becomes_of_the_next_certificate(bed: Testbed, name: str, error: type[TokenmgrError], there: bool) -> None:
    (medium,) = bed.up(name, "pending-key")
    with medium.library() as library, writing(medium, library) as session:
        (key,) = session.contents().keys
        der = certificate(medium, key.public_key)
        with pytest.raises(error):
            session.put_certificate(der, key.key_id, "key", ())
        assert (der in [c.der for c in session.contents().certificates]) is there
        session.put_certificate(der, key.key_id, "key", ())
        assert der in [c.der for c in session.contents().certificates]


def test_the_one_that_is_pulled_while_it_generates_has_no_half_of_a_key_when_it_is_back(bed: Testbed) -> None:
    (medium,) = bed.up("pulled-while-generating", "valid")
    with medium.library() as library:
        with writing(medium, library) as session, pytest.raises(MediumTroubled):
            session.generate_key(KeyKind.P256, b"\1", "key")
        assert not medium.plugged
        medium.plug()
        with writing(medium, library) as session:
            assert len(session.contents().keys) == 1
            session.generate_key(KeyKind.P256, b"\1", "key")


def test_two_plugged_are_two_media_of_which_each_may_be_something_more(bed: Testbed) -> None:
    first, second = bed.up("two-plugged", "locked", name="desk")
    assert [first.name, second.name] == ["desk-1", "desk-2"]
    assert facts(first).serial != facts(second).serial
    assert facts(first).pin is facts(second).pin is PinState.LOCKED


# --- put together ---


def test_named_together_they_are_one_medium_that_is_all_of_them(bed: Testbed) -> None:
    (medium,) = bed.up("due-in-12-days", "pending-key", "final-try", day=DAY, name="half")
    assert facts(medium).pin is PinState.FINAL_TRY
    with medium.library() as library, Session.open(library, facts(medium).serial) as session:
        session.login(Secret(PIN), accept_final_try=True)
        assert len(session.contents().keys) == 2


@pytest.mark.parametrize(
    ("names", "subject"),
    [
        (("locked", "final-try"), "pin.wrong"),
        (("blank", "valid"), "put"),
        (("no-pin", "valid"), "put"),
        (("full", "nearly-full"), "memory.free"),
        (("blank", "full"), "memory.free"),
        (("blank", "locked"), "pin.wrong"),
        (("no-pin", "pin-to-be-changed"), "pin.to_be_changed"),
        (("lost-answer", "liar"), "C_CreateObject"),
    ],
)
def test_two_that_say_different_things_of_one_medium_are_refused(names: tuple[str, ...], subject: str) -> None:
    with pytest.raises(ScenariosConflict) as raised:
        scenarios(names)
    assert (raised.value.subject, raised.value.first, raised.value.second) == (subject, *names)


OWN = """
[odd]
en = "Ends in five days, of another bank, and one try is left."
pin.wrong = 2
[[odd.put]]
ends = 5
bank = "1234"
[[odd.fault]]
function = "C_Sign"
action = "delay"
value = 0.01
"""


def test_a_scenario_of_ones_own_is_one_like_ours(bed: Testbed, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(OWN)
    (medium,) = bed.up("odd", "read-only", day=DAY, own=read(tmp_path / "own.toml"))
    assert (facts(medium).pin, facts(medium).read_only) == (PinState.FINAL_TRY, True)
    assert [one.rule.action for one in medium.control.rules()] == ["delay"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "No such file"),
        ("[", "Invalid"),
        ("odd = 1", "odd is no table"),
        ("[odd]\nblnk = true", "odd.blnk"),
        ("[odd]\nblank = 1", "odd.blank = 1"),
        ("[odd]\npin = 3", "odd.pin: a table"),
        ("[[odd.pin]]\nwrong = 1", "odd.pin: a table"),
        ("[odd.pin]\nwrng = 1", "known are set, wrong"),
        ("[odd.pin]\nwrong = -1", "a number from 0 to 100"),
        ("[odd.memory]\nfree = -5", "a number from 0"),
        ("[odd.stick]\nmodel = '模擬'", "odd.stick.model"),
        ("[odd.stick]\nusb_vendor = 99999", "a number from 0 to 65535"),
        ("[odd.put]\nends = 1", "tables [[odd.put]]"),
        ("[[odd.put]]\nends = 'x'", "odd.put.ends = 'x'"),
        ("[[odd.put]]\nkey = 'bogus'", "one of own, none, another, readable"),
        ("[[odd.put]]\nuser = 'abc'", "odd.put.user"),
        ("[[odd.put]]\nchain = 1", "true or false"),
        ("[odd]\nmedia = []", "odd.media"),
        ("[odd]\nmedia = [['nope']]", "odd.media"),
    ],
)
def test_a_scenario_file_that_is_wrong_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "own.toml"
    if text:
        path.write_text(text)
    with pytest.raises(ScenarioFileWrong) as raised:
        read(path)
    assert said in raised.value.reason


def test_a_wrong_rule_in_a_scenario_is_said_as_one_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text("[[odd.fault]]\nfunction = 'C_Sgn'\naction = 'hang'")
    with pytest.raises(FaultWrong) as raised:
        read(path)
    assert (raised.value.place, raised.value.nearest[0]) == (f"{path}, odd: ", "C_Sign")


def test_ours_would_be_taken_as_somebodys_own() -> None:
    assert read(data.folder("softhsm_config") / "scenarios.toml") == known()


def test_a_name_that_is_none_is_refused_with_the_nearest() -> None:
    with pytest.raises(ScenarioUnknown) as raised:
        scenarios(["lockd"])
    assert raised.value.nearest[0] == "locked"


@given(st.lists(st.sampled_from(sorted(set(known()) - {"two-plugged"})), min_size=1, max_size=4))
def test_in_whatever_order_they_are_named_they_are_the_same_or_refused(names: list[str]) -> None:
    def put_together(order: list[str]) -> object:
        try:
            (one,) = scenarios(order)
        except ScenariosConflict as error:
            return error.subject
        return one.pin, one.memory, one.blank, one.read_only, one.plugged, sorted(map(repr, (*one.put, *one.faults)))

    def is_refused(outcome: object) -> bool:
        return isinstance(outcome, str)

    one, other = put_together(names), put_together(names[::-1])
    assert one == other or (is_refused(one) and is_refused(other))


# --- words for all of these ---


def facts(medium: SimulatedMedium) -> MediumFacts:
    with medium.library() as library:
        (found,) = library.media()
    return found


def contents(medium: SimulatedMedium) -> list[StoredCertificate]:
    with medium.library() as library, Session.open(library, facts(medium).serial) as session:
        session.login(Secret(PIN))
        return session.contents().certificates


def writing(medium: SimulatedMedium, library: Library) -> Session:
    session = Session.open(library, facts(medium).serial, write=True)
    session.login(Secret(PIN))
    return session


def certificate(medium: SimulatedMedium, public_key: bytes | None) -> bytes:
    """Of a CA of its own: what matters is that it is the key's."""
    assert public_key
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, medium.name)])
    return ThrowawayCA(NOON, "test").certify(public_key, name, NOON, NOON + timedelta(days=365))
