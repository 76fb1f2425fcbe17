"""One contract for every token, whatever its habits: what drivers/ says of it is what it does, and a renewal's whole
life works on it. The stories are the same for all; who logs in, and what must be refused, is read from its family."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import pytest

from tests.contract import rigs
from tests.contract.rig import Rig
from tests.token.helpers import certificate_for, credential
from tokenmgr.domain.credential import Credential, Key, KeyKind
from tokenmgr.domain.medium import MediumFacts, PinState
from tokenmgr.errors import (
    CertificateInWay,
    ConnectionLost,
    DeletionRefused,
    KeyIdTaken,
    KeyIdWrong,
    LibraryError,
    MediumError,
    MediumNotFound,
    NotSupported,
    OfficerNeeded,
    PinError,
    PinLocked,
    PinNotUnblockable,
    PinUnacceptable,
    PinWrong,
)
from tokenmgr.log import Secret
from tokenmgr.testbed.throwaway_ca import ThrowawayCA
from tokenmgr.token.checkup import check
from tokenmgr.token.module import Library
from tokenmgr.token.pins import limits
from tokenmgr.token.preflight import preflight
from tokenmgr.token.session import Session

LABEL = "鍵 2026"
NEW_PIN = "654321"


KINDS = [name for name in rigs.NAMES if name != "opensc"]  # which makes no keys on this card


@pytest.fixture(params=KINDS)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    with rigs.start(request.param, tmp_path / "rig") as started:
        yield started


@pytest.fixture
def library(rig: Rig) -> Iterator[Library]:
    with rig.library() as opened:
        yield opened


@pytest.fixture
def session(rig: Rig, library: Library) -> Iterator[Session]:
    """The customer's, logged in."""
    with Session.open(library, rig.serial, write=True) as opened:
        opened.login(Secret(rig.pin))
        yield opened


@contextmanager
def maker(session: Session, rig: Rig) -> Iterator[None]:
    """Whoever makes keys and writes certificates on this token is logged in; the customer again after it."""
    if session.family.by_officer:
        session.logout()
        session.login_officer(Secret(rig.so_pin))
    yield
    if session.family.by_officer:
        session.logout()
        session.login(Secret(rig.pin))


def kind_of(session: Session) -> KeyKind:
    """The quickest that it has."""
    return KeyKind.P256 if KeyKind.P256 in session.key_kinds() else KeyKind.RSA_2048


def generation(session: Session, rig: Rig, authority: ThrowawayCA) -> Credential:
    """A key in its place, and its certificate."""
    with maker(session, rig):
        key = session.generate_key(kind_of(session), session.free_key_id(), LABEL)
    der = certificate_for(session, authority, key.key_id)
    with maker(session, rig):
        session.put_certificate(der, key.key_id, LABEL, authority.chain)
    return credential(session, key.key_id)


def test_it_is_what_its_file_says(rig: Rig, library: Library) -> None:
    (medium,) = library.media()
    assert medium.family == rig.name
    assert medium.serial == rig.serial != ""
    assert medium.initialised
    assert medium.pin is (PinState.NOT_TOLD if len(library.family_of(medium).pin.never_shown) >= 3 else PinState.FINE)


def test_a_renewals_life(rig: Rig, session: Session, authority: ThrowawayCA, now: datetime) -> None:
    habits = session.family.certificates
    first = generation(session, rig, authority)
    assert first.certificate is not None
    assert [f for f in check(session, now).findings if f.grave] == []
    if session.family.labels.kept:
        assert (first.key.label, first.certificate.label) == (LABEL, LABEL)

    second = generation(session, rig, authority)
    assert second.key.key_id != first.key.key_id
    assert [c.der for c in session.contents().certificates if c.key_id == first.key.key_id] == [first.certificate.der]
    for one in (first, second):
        session.prove(one.key, one.facts.public_key if one.facts else None)
    assert check(session, now).problems == []
    stored = {c.der for c in session.contents().certificates}
    assert set(authority.chain) <= stored if habits.chain else not set(authority.chain) & stored

    with pytest.raises(DeletionRefused):
        session.permit_deletion([first.key], now)
    second = credential(session, second.key.key_id)  # read again: on some, writing one renames another
    first = credential(session, first.key.key_id)
    assert first.certificate is not None
    permit = session.permit_deletion([first.key, first.certificate], now, successor=second)
    with maker(session, rig):
        session.delete(permit)
    left = session.contents()
    assert first.certificate.der not in {c.der for c in left.certificates}
    session.prove(left.key(second.key.key_id), second.facts.public_key if second.facts else None)
    assert check(session, now).problems == []


def test_a_new_key_is_what_s1_promises_by_what_its_family_tells_truly(rig: Rig, session: Session) -> None:
    with maker(session, rig):
        key = session.generate_key(kind_of(session), session.free_key_id(), LABEL)
    assert session.judge(key) == ()
    assert key.trust.extractable is False
    false = {
        name for name in ("sensitive", "local", "always_sensitive", "never_extractable") if not getattr(key.trust, name)
    }
    assert false <= set(session.family.keys.untruthful)


def test_what_must_be_refused_is_refused_before_it_is_sent(rig: Rig, session: Session, authority: ThrowawayCA) -> None:
    habits = session.family
    if habits.by_officer:
        with pytest.raises(OfficerNeeded):
            session.generate_key(kind_of(session), session.free_key_id(), LABEL)
    made = generation(session, rig, authority)
    with maker(session, rig):
        with pytest.raises(KeyIdTaken):
            session.generate_key(kind_of(session), made.key.key_id, LABEL)
        if habits.keys.places:
            with pytest.raises(KeyIdWrong):
                session.generate_key(kind_of(session), b"\xee\xee", LABEL)
        other = certificate_for_again(session, rig, authority, made.key)
        if habits.certificates.one_per_id:
            with pytest.raises(CertificateInWay):
                session.put_certificate(other, made.key.key_id, LABEL)
    if not habits.labels.kept:
        with pytest.raises(NotSupported):
            session.relabel(made.key, "another")
    assert credential(session, made.key.key_id).certificate == made.certificate
    session.prove(session.contents().key(made.key.key_id))


def certificate_for_again(session: Session, rig: Rig, authority: ThrowawayCA, key: Key) -> bytes:
    """A second certificate for the same key: the customer signs the request, and the maker is logged in again."""
    if session.family.by_officer:
        session.logout()
        session.login(Secret(rig.pin))
    der = certificate_for(session, authority, key.key_id, days=30)
    if session.family.by_officer:
        session.logout()
        session.login_officer(Secret(rig.so_pin))
    return der


def test_preflight_says_what_then_happens(rig: Rig, session: Session, authority: ThrowawayCA) -> None:
    before = preflight(session, officer_at_hand=True)
    assert before.obstacles == ()
    with_nobody = {type(obstacle) for obstacle in preflight(session).obstacles}
    assert with_nobody == ({OfficerNeeded} if session.family.by_officer else set())
    made = generation(session, rig, authority)
    after = preflight(session, officer_at_hand=True)
    if session.family.keys.places:
        assert made.key.key_id.hex() == before.place != after.place
        assert (before.places_left or 0) - 1 == after.places_left
    else:
        assert (before.place, before.places_left) == (None, None)


def test_no_place_is_said_before_anything_is_touched(rig: Rig, session: Session, authority: ThrowawayCA) -> None:
    places = session.family.keys.places
    if not places:
        assert len({session.free_key_id() for _ in range(10)}) == 10  # any ID is free
        return
    for _ in places:
        with maker(session, rig):
            session.generate_key(KeyKind.P256, session.free_key_id(), LABEL)
    obstacles = preflight(session, officer_at_hand=True).obstacles
    assert [obstacle.code for obstacle in obstacles] == ["M122"]
    with pytest.raises(MediumError) as raised:
        session.free_key_id()
    assert raised.value.code == "M122"


# --- PINs ---


def shown(library: Library, rig: Rig) -> MediumFacts:
    return library.find(rig.serial)


def try_pin(library: Library, rig: Rig, pin: str) -> None:
    with Session.open(library, rig.serial, write=True) as session:
        session.login(Secret(pin), accept_final_try=True)


def test_a_pin_is_changed_by_who_knows_it(rig: Rig, library: Library) -> None:
    with Session.open(library, rig.serial, write=True) as session:
        session.change_pin(Secret(rig.pin), Secret(NEW_PIN))
    with pytest.raises(PinError):
        try_pin(library, rig, rig.pin)
    try_pin(library, rig, NEW_PIN)


def test_a_change_with_a_wrong_pin_changes_nothing_and_says_so(rig: Rig, library: Library) -> None:
    with pytest.raises(PinWrong) as raised, Session.open(library, rig.serial, write=True) as session:
        session.change_pin(Secret("000000"), Secret(NEW_PIN))
    assert raised.value.state == shown(library, rig).pin.value
    try_pin(library, rig, rig.pin)


def test_wrong_pins_are_counted_and_the_last_try_is_asked_for(
    rig: Rig, session: Session, library: Library, authority: ThrowawayCA
) -> None:
    made = generation(session, rig, authority)
    session.close()
    never = library.family_of(shown(library, rig)).pin.never_shown
    states = []
    for _ in range(5):
        state = shown(library, rig).pin
        states.append(state)
        if state is PinState.FINAL_TRY:
            with pytest.raises(PinError) as unasked, Session.open(library, rig.serial, write=True) as asking:
                asking.login(Secret("000000"))
            assert unasked.value.code == "P105"
        with pytest.raises((PinLocked, PinWrong)) as tried:
            try_pin(library, rig, "000000")
        if not isinstance(tried.value, PinWrong):
            break
        assert tried.value.state == shown(library, rig).pin.value
    assert not {state.value for state in states} & set(never)
    locks = shown(library, rig).pin is PinState.LOCKED
    assert locks or rig.name in NEVER_LOCK or "locked" in never
    _after_locking(rig, library, made)


NEVER_LOCK = {"softhsm", "nss"}


def _after_locking(rig: Rig, library: Library, made: Credential) -> None:
    """The way back, by who can go it; what is on the medium stays."""
    with Session.open(library, rig.serial, write=True) as session:
        if session.family.pin.unblock != "officer":
            with pytest.raises(PinNotUnblockable):
                session.reset_pin(Secret(rig.so_pin), Secret(NEW_PIN))
            return
        session.reset_pin(Secret(rig.so_pin), Secret(NEW_PIN))
    with Session.open(library, rig.serial, write=True) as session:
        session.login(Secret(NEW_PIN))
        session.prove(session.contents().key(made.key.key_id))


def test_a_pin_that_cannot_be_right_is_not_sent(rig: Rig, session: Session, library: Library) -> None:
    session.close()
    before = shown(library, rig).pin
    with Session.open(library, rig.serial) as opened:
        for wrong in ("", "1" * (limits(opened.medium)[1] + 1)):
            with pytest.raises(PinUnacceptable):
                opened.login(Secret(wrong))
    if lengths := library.family_of(shown(library, rig)).pin.officer_lengths:
        assert len(rig.so_pin) in lengths
        with Session.open(library, rig.serial, write=True) as opened, pytest.raises(PinUnacceptable):
            opened.login_officer(Secret(rig.pin))
    assert shown(library, rig).pin is before


# --- pulled and put back ---


@pytest.mark.parametrize("rig", ["softhsm", "yubikey"], indirect=True)  # nobody can pull the others
def test_a_medium_that_is_pulled_and_put_back(rig: Rig, session: Session, library: Library) -> None:
    with maker(session, rig):
        key = session.generate_key(kind_of(session), session.free_key_id(), LABEL)
    rig.hand.unplug()
    with pytest.raises((MediumError, LibraryError)):
        session.prove(key)
    session.close()
    with pytest.raises(MediumNotFound):
        library.find(rig.serial)
    rig.hand.plug()
    with Session.open(library, rig.serial, write=True) as again:
        again.login(Secret(rig.pin))
        again.prove(again.contents().key(key.key_id))
    with suppress(ConnectionLost):
        session.close()
