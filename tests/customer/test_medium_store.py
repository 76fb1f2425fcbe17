"""A medium as the engine's store: how often a PIN is sent (S5), and what it makes of a medium that lies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from tokenmgr import clock
from tokenmgr.customer.medium_store import MediumStore
from tokenmgr.domain.credential import KeyKind
from tokenmgr.errors import (
    ConnectionLost,
    MediumError,
    ObjectMissing,
    PinError,
    PinFinalTry,
    SignatureWrong,
    WrittenDifferently,
)
from tokenmgr.log import Secret
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.simulated import PIN, SimulatedMedium
from tokenmgr.testbed.throwaway_ca import ThrowawayCA
from tokenmgr.token.module import Library
from tokenmgr.token.signer import PrivateKey

KEY_ID = b"\1"


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


def signature_by(key: PrivateKey) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(b"data", padding.PKCS1v15(), SHA256())
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.sign(b"data", ec.ECDSA(SHA256()))


@pytest.mark.parametrize("kind", [KeyKind.P256, KeyKind.RSA_2048])
def test_a_signature_that_is_none_is_handed_to_nobody(library: Library, stick: SimulatedMedium, kind: KeyKind) -> None:
    """It would be kept in a request, and be sent for ever."""
    with closing(store(library, stick)) as opened:
        key = opened.signer(opened.generate(kind, b"\x01", "key"))
        stick.fault("C_Sign", "lie", times=2)  # how long it will be is asked first
        with pytest.raises(SignatureWrong):
            signature_by(key)
        assert any(signature_by(key))


def test_a_mark_that_is_not_seen_is_not_taken_for_one_that_is_gone(library: Library, stick: SimulatedMedium) -> None:
    """A look that shows nothing would leave it there, and what was done for ever unfinished."""
    with closing(store(library, stick)) as opened:
        opened.generate(KeyKind.P256, b"\x01", "before")
        stick.fault("C_FindObjects", "lie", times=1)
        with pytest.raises(ObjectMissing):
            opened.rename(b"\x01", "after")
        opened.rename(b"\x01", "after")
        assert [one.key.label for one in opened.credentials()] == ["after"]


# --- the look afresh ---


def written(opened: MediumStore) -> bytes:
    """A certificate beside a key of its own."""
    key, now = opened.generate(KeyKind.P256, KEY_ID, "key"), clock.now()
    ca = ThrowawayCA(now)
    assert key.public_key is not None
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "customer")])
    certificate = ca.certify(key.public_key, subject, now, now + timedelta(days=1))
    opened.write(certificate, KEY_ID, "key", ca.chain)
    return certificate


def test_who_looks_afresh_has_seen_nothing_of_the_medium_before(library: Library, stick: SimulatedMedium) -> None:
    """It begins while the medium makes a key, and loads the library when all is written."""
    with closing(store(library, stick)) as opened:
        opened.verify_afresh(written(opened), KEY_ID)
    calls = list(stick.control.calls())
    last = max(at for at, call in enumerate(calls) if call.function == "C_CreateObject")
    (fresh,) = {call.process for call in calls} - {library.worker.process}
    mine = [(at, call.function) for at, call in enumerate(calls) if call.process == fresh]
    assert mine[0][0] > last
    assert {"C_Initialize", "C_FindObjects", "C_Sign", "C_Finalize"} <= {function for _, function in mine}
    assert not Path(f"/proc/{fresh}").exists()


def test_what_only_its_writer_sees_is_not_believed(library: Library, stick: SimulatedMedium) -> None:
    with closing(store(library, stick)) as opened:
        certificate = written(opened)
        assert [one.certificate.der for one in opened.credentials() if one.certificate] == [certificate]
        stick.fault("C_FindObjects", "lie")
        with pytest.raises(WrittenDifferently):
            opened.verify_afresh(certificate, KEY_ID)


def test_who_is_not_needed_after_all_leaves(library: Library, stick: SimulatedMedium) -> None:
    with closing(store(library, stick)) as opened:
        opened.generate(KeyKind.P256, KEY_ID, "key")
        assert opened._fresh is not None
        process = opened._fresh.worker.process
        assert Path(f"/proc/{process}").exists()
    assert not Path(f"/proc/{process}").exists()
