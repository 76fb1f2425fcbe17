"""The CA's token fails for a moment: OpenSSL is told to wait, asks again, and gets its certificate (RFC 9483, 4.4)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest

from tests.interop.customer import Customer
from tests.interop.openssl import OpenSSL
from tests.interop.running import Authority
from tokenmgr.api import jobs
from tokenmgr.domain.generation import State
from tokenmgr.testbed.simulated import SimulatedMedium

SOON = 5.0  # seconds


@pytest.fixture
def waiting(tmp_path: Path, failing_ca: Authority) -> OpenSSL:
    return OpenSSL(tmp_path, failing_ca)


@pytest.fixture(autouse=True)
def undisturbed(failing_ca: Authority) -> Iterator[None]:
    """The CA's jobs sign, too, and would take the faults that are meant for something else: they wait for us, as for
    another node that is at them."""
    deadline = time.monotonic() + SOON
    while True:
        with failing_ca.administration.alone(jobs.ALONE) as is_mine:
            if is_mine:
                yield
                return
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_it_polls_until_the_token_signs(
    waiting: OpenSSL, failing_ca: Authority, failing_token: SimulatedMedium
) -> None:
    """Not at the request, nor when it first asks again; five seconds later it does. The CA tries twice each time."""
    failing_token.fault("C_SignInit", "answer", "CKR_DEVICE_ERROR", times=4)
    ticket, file = failing_ca.ticket(), waiting.name("pem")
    said = waiting.cmp("ir", *waiting.with_secret(ticket), "-newkey", waiting.new_key(), "-certout", file).text
    told = ("received 'waiting' PKIStatus", "received POLLREP", "checkAfter = 5 seconds", "received PKICONF")
    assert [one for one in told if one not in said] == []
    assert failing_ca.states(ticket.user) == [State.ACTIVE]
    assert file.exists()


def test_a_renewal_waits_under_our_signature(
    waiting: OpenSSL, failing_ca: Authority, failing_token: SimulatedMedium
) -> None:
    """The first signature, tried twice, is the certificate's; that of the answer which says so holds again."""
    holder = waiting.acquire()
    failing_token.fault("C_SignInit", "answer", "CKR_DEVICE_ERROR", times=2)
    asked = ("-newkey", waiting.new_key(), "-certout", waiting.name("pem"))
    said = waiting.cmp("kur", *waiting.by(holder), *asked).text
    assert "received 'waiting' PKIStatus" in said
    assert "received PKICONF" in said
    assert failing_ca.states(holder.user) == [State.SUPERSEDED, State.ACTIVE]


def test_a_customers_pc_waits_and_asks_again(
    tmp_path: Path, failing_ca: Authority, failing_token: SimulatedMedium, testbed_store: Path
) -> None:
    customer = Customer(tmp_path / "home", failing_ca, testbed_store)
    number = failing_token.fault("C_SignInit", "answer", "CKR_DEVICE_ERROR", times=2)
    customer.acquire()
    assert [one.hits for one in failing_token.control.rules() if one.number == number] == [2]
    assert failing_ca.states(customer.user) == [State.ACTIVE]


def test_a_signature_that_the_token_made_up_is_handed_to_nobody(
    waiting: OpenSSL, failing_ca: Authority, failing_token: SimulatedMedium
) -> None:
    """After the question for its length, noughts. The client waits, and gets what was recorded."""
    failing_token.fault("C_Sign", "lie", skip=1, times=1)
    ticket = failing_ca.ticket()
    asked = (*waiting.with_secret(ticket), "-newkey", waiting.new_key(), "-certout", str(waiting.name("pem")))
    said = waiting.cmp("ir", *asked).text
    assert "received 'waiting' PKIStatus" in said
    assert "received PKICONF" in said
    assert failing_ca.states(ticket.user) == [State.ACTIVE]


def test_the_ca_signs_again_after_a_signature_was_cut_short(
    failing_ca: Authority, failing_token: SimulatedMedium
) -> None:
    """What the token had begun is no hindrance to what comes after: nobody notices."""
    failing_token.fault("C_Sign", "answer", "CKR_DEVICE_ERROR", times=1)
    assert is_ready(failing_ca)


def test_the_ca_signs_again_when_its_token_is_plugged_in_again(
    failing_ca: Authority, failing_token: SimulatedMedium
) -> None:
    failing_token.unplug()
    assert not is_ready(failing_ca)
    failing_token.plug()
    until_ready(failing_ca)


def test_the_ca_signs_again_after_its_library_has_crashed(
    failing_ca: Authority, failing_token: SimulatedMedium
) -> None:
    """It is started again, logged in to again, and asked again."""
    failing_token.fault("C_Sign", "crash", times=1)
    assert is_ready(failing_ca)


def is_ready(ca: Authority) -> bool:
    try:
        return bool(ca.fetch("/readyz"))
    except HTTPError as error:
        if error.code != 503:
            raise
        return False


def until_ready(ca: Authority) -> None:
    deadline = time.monotonic() + SOON
    while not is_ready(ca):
        assert time.monotonic() < deadline, "it never signs again"
        time.sleep(0.2)
