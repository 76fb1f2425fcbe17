"""Habits of families that are not at hand: data that the code honours, shown on SoftHSM with a family made for each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

import pytest

from tests.token.helpers import WORDS, FaultyMedium, certificate_for, certified, counts, logged_in, only
from tokenmgr.config import TimeLimits
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.family import UNKNOWN, Certificates, Family, Keys, Labels, Pin, Space, Time, Token
from tokenmgr.domain.medium import MediumFacts, PinState
from tokenmgr.errors import (
    CertificateInWay,
    DeletionRefused,
    KeyIdTaken,
    KeyIdWrong,
    MediumFull,
    MediumGone,
    MediumNotFound,
    MediumTroubled,
    NoPlace,
    NotPermitted,
    NotSupported,
    OfficerNeeded,
    PinNotUnblockable,
    PinUnacceptable,
    PinWrong,
)
from tokenmgr.log import Secret
from tokenmgr.testbed.simulated import PIN, SO_PIN, SimulatedMedium
from tokenmgr.testbed.throwaway_ca import ThrowawayCA
from tokenmgr.token import pins
from tokenmgr.token.checkup import check
from tokenmgr.token.module import Library, patient
from tokenmgr.token.preflight import preflight
from tokenmgr.token.session import Session

SPARE = Token(spare_slot=True)  # as SoftHSM has it


@contextmanager
def session_of(medium: SimulatedMedium, family: Family) -> Iterator[Session]:
    with (
        medium.library(family=replace(family, token=SPARE)) as library,
        logged_in(library, only(library).serial) as opened,
    ):
        yield opened


# --- who makes keys, and where ---


def test_where_the_officer_makes_keys_the_user_is_refused_before_anything_is_sent(medium: SimulatedMedium) -> None:
    with session_of(medium, Family(keys=Keys(by="officer"))) as session:
        with pytest.raises(OfficerNeeded):
            session.generate_key(KeyKind.P256, b"\x01", WORDS)
        assert counts(session) == {}
        session.logout()
        session.login_officer(Secret(SO_PIN))
        assert session.role() == "officer"
        with pytest.raises(NotPermitted):  # the officer's own PIN would be changed
            session.change_pin(Secret(SO_PIN), Secret("5678"))


def test_where_nobody_makes_keys_it_is_said_so(medium: SimulatedMedium) -> None:
    with session_of(medium, Family(keys=Keys(by="nobody"))) as session:
        assert [obstacle.code for obstacle in preflight(session).obstacles] == ["M110"]
        with pytest.raises(NotSupported):
            session.generate_key(KeyKind.P256, b"\x01", WORDS)


def test_fixed_places_are_taken_in_order_and_no_other(medium: SimulatedMedium) -> None:
    with session_of(medium, Family(keys=Keys(places=("03", "01")))) as session:
        with pytest.raises(KeyIdWrong) as wrong:
            session.generate_key(KeyKind.P256, b"\x02", WORDS)
        assert wrong.value.places == ("03", "01")
        for expected in (b"\x03", b"\x01"):
            assert session.free_key_id() == expected
            session.generate_key(KeyKind.P256, expected, WORDS)
        with pytest.raises(NoPlace):
            session.free_key_id()
        with pytest.raises(KeyIdTaken):
            session.generate_key(KeyKind.P256, b"\x03", WORDS)


def test_what_a_family_refuses_to_be_told_is_not_told_and_judged_all_the_same(faulty: FaultyMedium) -> None:
    """SoftHSM keeps a key inside by itself, too."""
    family = Family(keys=Keys(omit=("EXTRACTABLE", "LABEL")), token=SPARE)
    with faulty.library(family=family) as library, logged_in(library, only(library).serial) as session:
        key = session.generate_key(KeyKind.P256, b"\x01", WORDS)
        assert (key.trust.extractable, key.label) == (False, "")


# --- certificates and labels ---


def test_one_certificate_a_key_is_never_overwritten(medium: SimulatedMedium, authority: ThrowawayCA) -> None:
    with session_of(medium, Family(certificates=Certificates(one_per_id=True))) as session:
        found = certified(session, authority)
        other = certificate_for(session, authority, b"\x01", days=30)
        with pytest.raises(CertificateInWay):
            session.put_certificate(other, b"\x01", WORDS)
        assert found.certificate is not None
        session.put_certificate(found.certificate.der, b"\x01", WORDS)  # the same one is no other
        assert counts(session)["CERTIFICATE"] == 1 + len(authority.chain)


def test_a_medium_that_takes_no_chain_is_given_none_and_not_blamed(
    medium: SimulatedMedium, authority: ThrowawayCA, now: datetime
) -> None:
    with session_of(medium, Family(certificates=Certificates(chain=False))) as session:
        first = certified(session, authority)
        assert counts(session)["CERTIFICATE"] == 1
        assert check(session, now).problems == []
        assert first.certificate is not None
        second = session.generate_key(KeyKind.P256, b"\x02", WORDS)
        with pytest.raises(DeletionRefused):
            session.permit_deletion([first.certificate, first.key], now)
        session.put_certificate(certificate_for(session, authority, b"\x02"), b"\x02", WORDS, authority.chain)
        (successor,) = [one for one in session.contents().credentials if one.key == second]
        session.delete(session.permit_deletion([first.certificate, first.key], now, successor))


def test_labels_that_are_not_kept_are_not_changed(medium: SimulatedMedium) -> None:
    with session_of(medium, Family(labels=Labels(kept=False))) as session:
        key = session.generate_key(KeyKind.P256, b"\x01", WORDS)
        with pytest.raises(NotSupported):
            session.relabel(key, "another")


def test_an_officer_who_does_not_see_the_keys_is_given_no_permit(
    medium: SimulatedMedium, authority: ThrowawayCA, now: datetime
) -> None:
    with session_of(medium, Family()) as session:
        found = certified(session, authority)
        session.logout()
        session.login_officer(Secret(SO_PIN))
        assert found.certificate is not None
        with pytest.raises(DeletionRefused):
            session.permit_deletion([found.certificate], now)


# --- which token is a medium ---


def test_a_token_that_is_no_medium_is_not_shown(medium: SimulatedMedium) -> None:
    with medium.library(family=Family(token=Token(spare_slot=True, ignored_labels=("shinkin*",)))) as library:
        assert library.media() == []
        with pytest.raises(MediumNotFound):
            library.find("whatever")


def test_where_all_have_one_number_the_label_is_the_number(medium: SimulatedMedium) -> None:
    with medium.library(family=Family(token=Token(spare_slot=True, numbered=False))) as library:
        assert only(library).serial == "Shinkin IB"
        with Session.open(library, "Shinkin IB", write=True) as session:
            session.login(Secret(PIN))
            session.generate_key(KeyKind.P256, b"\x01", WORDS)


def test_a_medium_is_of_the_family_that_claims_it(medium: SimulatedMedium) -> None:
    plain = medium.library()
    claims = Family(name="claims", token=Token(models=("SoftHSM*",), spare_slot=True), keys=Keys(by="nobody"))
    disclaims = Family(name="disclaims", token=Token(models=("Other*",)))
    with Library(plain.path, plain.worker._environment, UNKNOWN, None, (disclaims, claims)) as library:
        assert only(library).family == "claims"
        with logged_in(library, only(library).serial) as session:
            assert session.family == claims


# --- PINs ---


def test_a_pin_whose_state_never_shows_is_not_called_fine(medium: SimulatedMedium) -> None:
    family = Family(pin=Pin(never_shown=("low", "final try", "locked")), token=SPARE)
    with medium.library(family=family) as library:
        assert (only(library).pin, only(library).so_pin) == (PinState.NOT_TOLD, PinState.NOT_TOLD)
        with Session.open(library, only(library).serial, write=True) as session, pytest.raises(PinWrong):
            session.login(Secret("9999"))


@pytest.mark.parametrize("unblock", ["elsewhere", "nobody"])
def test_who_cannot_unblock_is_not_asked_for_a_pin(medium: SimulatedMedium, unblock: str) -> None:
    with (
        medium.library(family=Family(pin=Pin(unblock=unblock), token=SPARE)) as library,
        Session.open(library, only(library).serial, write=True) as session,
    ):
        with pytest.raises(PinNotUnblockable) as raised:
            session.reset_pin(Secret("wrong one"), Secret(PIN))
        assert raised.value.unblock == unblock
        assert session.refresh().so_pin is PinState.FINE


@pytest.mark.parametrize(
    ("secret", "rule"), [("12345678", "lengths"), ("zz" * 24, "hex"), ("12345", "hex"), ("ab" * 24, "")]
)
def test_an_officers_key_of_another_form_would_be_tried_as_the_users_pin(
    facts: MediumFacts, library: Library, secret: str, rule: str
) -> None:
    family = Family(pin=Pin(officer="key", officer_lengths=(48,)))
    if not rule:
        pins.refuse_malformed(Secret(secret), facts, family, "so")
        return
    with pytest.raises(PinUnacceptable) as raised:
        pins.refuse_malformed(Secret(secret), facts, family, "so")
    assert raised.value.rule == rule


def test_a_wrong_unblocking_pin_that_is_noticed_late_is_told_as_what_it_is(faulty: FaultyMedium) -> None:
    """Some take any at C_Login, and count it wrong only at C_InitPIN."""
    with faulty.library() as library, Session.open(library, only(library).serial, write=True) as session:
        faulty.control["flags_on"] = 0x40000  # the user's PIN is locked: why else unblock it
        faulty.fault("C_InitPIN", "answer", "CKR_PIN_INCORRECT")
        with pytest.raises(PinWrong) as raised:
            session.reset_pin(Secret(SO_PIN), Secret("5678"))
        assert (raised.value.who, raised.value.state) == ("so", "fine")


def test_where_only_a_login_tells_that_a_pin_is_wrong_it_logs_in_before_the_change(faulty: FaultyMedium) -> None:
    """A TPM answers "done" to a change with a wrong PIN, and changes nothing."""
    with faulty.library(family=Family(pin=Pin(change_logged_in=True), token=SPARE)) as library:
        for logged_in_before in (False, True):
            with Session.open(library, only(library).serial, write=True) as session:
                if logged_in_before:
                    session.login(Secret(PIN))
                with pytest.raises(PinWrong):
                    session.change_pin(Secret("9999"), Secret("5678"))
        assert faulty.calls("C_SetPIN") == 0
        with Session.open(library, only(library).serial, write=True) as session:
            session.change_pin(Secret(PIN), Secret("5678"))
            assert session.role() == ""
            session.login(Secret("5678"))


@pytest.mark.parametrize("how", ["never", "blank"])
def test_what_may_not_be_formatted_is_not(faulty: FaultyMedium, how: str) -> None:
    with faulty.library(family=Family(token=Token(spare_slot=True, format=how))) as library:
        with pytest.raises(NotSupported):
            library.format(only(library).serial, Secret(SO_PIN), Secret(PIN), "new")
        assert faulty.calls("C_InitToken") == 0


# --- space and time ---


@pytest.mark.parametrize(("full", "error"), [(("CKR_GENERAL_ERROR",), MediumFull), ((), MediumTroubled)])
def test_an_answer_means_full_where_the_family_says_so(
    faulty: FaultyMedium, full: tuple[str, ...], error: type[Exception], authority: ThrowawayCA
) -> None:
    family = Family(space=Space(full=full), token=SPARE)
    with faulty.library(family=family) as library, logged_in(library, only(library).serial) as session:
        session.generate_key(KeyKind.P256, b"\x01", WORDS)
        der = certificate_for(session, authority, b"\x01")
        for call in ("C_CreateObject", "C_GenerateKeyPair"):
            faulty.fault(call, "answer", "CKR_GENERAL_ERROR")
        with pytest.raises(error):
            session.put_certificate(der, b"\x01", WORDS)
        with pytest.raises(error):
            session.generate_key(KeyKind.P256, b"\x02", WORDS)


def test_a_medium_that_is_gone_is_not_full(faulty: FaultyMedium, authority: ThrowawayCA) -> None:
    family = Family(space=Space(full=("CKR_GENERAL_ERROR",)), token=SPARE)
    with faulty.library(family=family) as library, logged_in(library, only(library).serial) as session:
        session.generate_key(KeyKind.P256, b"\x01", WORDS)
        der = certificate_for(session, authority, b"\x01")
        faulty.fault("C_CreateObject", "answer", "CKR_GENERAL_ERROR")
        faulty.fault("C_GetTokenInfo", "answer", "CKR_TOKEN_NOT_PRESENT", skip=1)
        with pytest.raises((MediumGone, MediumTroubled)):
            session.put_certificate(der, b"\x01", WORDS)


def test_memory_that_is_told_wrongly_is_not_told(faulty: FaultyMedium) -> None:
    faulty.control["free_memory"] = 1
    for untruthful, free in ((False, 1), (True, None)):
        with faulty.library(family=Family(space=Space(untruthful=untruthful, total=65536), token=SPARE)) as library:
            assert only(library).free_memory == free
            assert only(library).total_memory == 65536


def test_a_family_that_is_known_to_be_slow_is_given_its_time() -> None:
    limits = patient(TimeLimits(load=5, call=20), (Family(time=Time(load=30, call=10)), UNKNOWN))
    assert (limits.load, limits.call, limits.generate) == (30, 20, TimeLimits().generate)
