"""S5, where a medium is opened anew by itself: how often a PIN is sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tokenmgr.customer.medium_store import MediumStore
from tokenmgr.errors import ConnectionLost, MediumError, PinError, PinFinalTry
from tokenmgr.log import Secret
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.simulated import PIN, SimulatedMedium
from tokenmgr.token.module import Library


@pytest.fixture
def stick(bed: Testbed) -> SimulatedMedium:
    (made,) = bed.up("fresh", name="stick")
    return made


@pytest.fixture
def library(stick: SimulatedMedium) -> Iterator[Library]:
    with stick.library() as opened:
        yield opened


def store(library: Library, stick: SimulatedMedium) -> MediumStore:
    return MediumStore(library, stick.serial, Secret(PIN))


def logins(stick: SimulatedMedium) -> int:
    return sum(call.function == "C_Login" for call in stick.control.calls())


@pytest.mark.parametrize("answer", ["CKR_SESSION_HANDLE_INVALID", "CKR_DEVICE_ERROR"])
def test_a_login_whose_answer_is_lost_is_not_made_again(library: Library, stick: SimulatedMedium, answer: str) -> None:
    """The medium may have counted it as wrong."""
    stick.fault("C_Login", "answer", answer, times=1)
    with closing(store(library, stick)) as opened:
        for _ in range(3):
            with pytest.raises(MediumError):
                opened.credentials()
            opened.close()
    assert logins(stick) == 1


def test_what_was_right_once_is_sent_again(library: Library, stick: SimulatedMedium) -> None:
    with closing(store(library, stick)) as opened:
        assert opened.credentials() == []
        opened.close()
        stick.fault("C_Login", "answer", "CKR_SESSION_HANDLE_INVALID", times=1)
        assert opened.credentials() == []
    assert logins(stick) == 3


def test_one_that_is_wrong_by_now_is_not(library: Library, stick: SimulatedMedium) -> None:
    with closing(store(library, stick)) as opened:
        assert opened.credentials() == []
        opened.close()
        stick.fault("C_Login", "answer", "CKR_PIN_INCORRECT")
        for _ in range(2):
            with pytest.raises(PinError):
                opened.credentials()
    assert logins(stick) == 2


def test_a_yes_to_the_last_try_is_for_one(library: Library, stick: SimulatedMedium) -> None:
    """Its answer is lost; the PIN was right before."""
    with closing(store(library, stick)) as opened:
        assert opened.credentials() == []
        opened.close()
        opened._accepts = True
        stick.control["flags_on"] = 0x20000  # CKF_USER_PIN_FINAL_TRY
        stick.fault("C_Login", "answer", "CKR_SESSION_HANDLE_INVALID", times=1)
        with pytest.raises((PinFinalTry, ConnectionLost)):
            opened.credentials()
        with pytest.raises(PinFinalTry):
            opened.credentials()
    assert logins(stick) == 2
