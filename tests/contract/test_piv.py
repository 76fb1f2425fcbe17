"""What only a PIV card does: a PIN for each signature, a placeholder in each slot; and a library that remembers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.contract import rigs
from tests.contract.observe import generate
from tests.contract.rig import Rig
from tests.token.helpers import certificate_for, credential
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.medium import PinState
from tokenmgr.errors import (
    ConnectionLost,
    DeletionRefused,
    MediumChanged,
    MediumGone,
    MediumTroubled,
    PinWantedAgain,
    PinWrong,
)
from tokenmgr.log import Secret
from tokenmgr.testbed.throwaway_ca import ThrowawayCA
from tokenmgr.token.module import Library
from tokenmgr.token.session import Session

EACH_TIME = b"\x02"  # 9c, whose key wants the PIN for each signature
NEW_PIN = "654321"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with rigs.start("yubikey", tmp_path / "rig") as started:
        yield started


@pytest.fixture
def library(rig: Rig) -> Iterator[Library]:
    with rig.library() as opened:
        yield opened


def keyed(library: Library, rig: Rig, key_id: bytes) -> None:
    with Session.open(library, rig.serial, write=True) as session:
        session.login_officer(Secret(rig.so_pin))
        generate(session, KeyKind.P256, key_id)


def test_a_key_that_wants_the_pin_each_time_asks_for_it_each_time(rig: Rig, library: Library) -> None:
    keyed(library, rig, EACH_TIME)
    asked: list[str] = []

    def ask() -> Secret:
        asked.append("PIN")
        return Secret(rig.pin)

    with Session.open(library, rig.serial, ask_pin=ask) as session:
        session.login(Secret(rig.pin))
        key = session.contents().key(EACH_TIME)
        assert key.pin_each_time
        session.prove(key)
        session.prove(key)
    assert asked == ["PIN"] * 2


def test_without_anybody_to_ask_such_a_key_does_not_sign(rig: Rig, library: Library) -> None:
    keyed(library, rig, EACH_TIME)
    with Session.open(library, rig.serial) as session:
        session.login(Secret(rig.pin))
        with pytest.raises(PinWantedAgain):
            session.prove(session.contents().key(EACH_TIME))
        assert session.refresh().pin is PinState.FINE


def test_a_wrong_pin_for_a_signature_is_a_wrong_pin_and_sent_once(rig: Rig, library: Library) -> None:
    keyed(library, rig, EACH_TIME)
    with Session.open(library, rig.serial, ask_pin=lambda: Secret("000000")) as session:
        session.login(Secret(rig.pin))
        with pytest.raises(PinWrong) as raised:
            session.prove(session.contents().key(EACH_TIME))
        assert raised.value.state == "low"
        session.ask_pin = lambda: Secret(rig.pin)
        session.prove(session.contents().key(EACH_TIME))  # the session is not left in the middle of a signature


def test_a_placeholder_is_no_certificate_and_gives_way_to_one(
    rig: Rig, library: Library, authority: ThrowawayCA, now: datetime
) -> None:
    with Session.open(library, rig.serial, write=True) as session:
        session.login_officer(Secret(rig.so_pin))
        key = session.generate_key(KeyKind.P256, b"\x01", "ignored")
        contents = session.contents()
        assert [c.placeholder for c in contents.certificates] == [True]
        assert [c.certificate for c in contents.credentials] == [None]
        assert [finding.code for finding in contents.findings] == ["key-without-certificate"]
        session.logout()
        session.login(Secret(rig.pin))
        with pytest.raises(DeletionRefused):  # the key would go with it
            session.permit_deletion(contents.certificates, now)
        der = certificate_for(session, authority, key.key_id)
        session.logout()
        session.login_officer(Secret(rig.so_pin))
        session.put_certificate(der, key.key_id, "ignored")
        found = credential(session, key.key_id).certificate
        assert found is not None
        assert (found.der, found.placeholder) == (der, False)


def test_another_card_in_the_reader_is_noticed_and_not_shown_as_the_first(
    rig: Rig, library: Library, authority: ThrowawayCA
) -> None:
    """The library tells of the first card until it is asked for its slots, and shows its objects even then."""
    session = Session.open(library, rig.serial, write=True)
    session.login_officer(Secret(rig.so_pin))
    session.generate_key(KeyKind.P256, b"\x01", "ignored")
    rig.hand.exchange()
    with pytest.raises((MediumChanged, MediumGone, MediumTroubled, ConnectionLost)):
        session.contents()
    (there,) = library.media()
    assert there.serial != rig.serial
    with Session.open(library, there.serial) as other:
        assert other.contents().certificates == []
    with pytest.raises((MediumChanged, MediumGone, ConnectionLost)):
        session.refresh()
    session.close()


def test_a_card_pulled_in_the_middle_of_a_generation(rig: Rig, library: Library) -> None:
    with Session.open(library, rig.serial, write=True) as session:
        session.login_officer(Secret(rig.so_pin))
        rig.hand.unplug_during(0x47)  # GENERATE ASYMMETRIC KEY PAIR: made, and not answered
        with pytest.raises((MediumTroubled, MediumGone, ConnectionLost)) as raised:
            session.generate_key(KeyKind.P256, b"\x01", "ignored")
        assert raised.value.uncertain
    rig.hand.plug()
    with Session.open(library, rig.serial, write=True) as again:
        again.login_officer(Secret(rig.so_pin))
        again.generate_key(KeyKind.P256, again.free_key_id(), "ignored")


def test_formatting_ends_with_the_new_pin_and_not_with_the_one_that_everybody_knows(rig: Rig, library: Library) -> None:
    keyed(library, rig, b"\x01")
    facts = library.format(rig.serial, Secret(rig.so_pin), Secret(NEW_PIN), "ignored")
    assert facts.serial == rig.serial
    with Session.open(library, rig.serial) as session:
        assert session.contents().keys == []
        with pytest.raises(PinWrong):
            session.login(Secret("123456"))
        session.login(Secret(NEW_PIN))


def test_after_a_failed_change_of_the_pin_the_tries_that_are_left_are_known(rig: Rig, library: Library) -> None:
    """The library's flags say nothing of it until it is started again."""
    for state in ("low", "final try"):
        with pytest.raises(PinWrong) as raised, Session.open(library, rig.serial, write=True) as session:
            session.change_pin(Secret("000000"), Secret(NEW_PIN))
        assert raised.value.state == state
    assert library.find(rig.serial).pin is PinState.FINAL_TRY
