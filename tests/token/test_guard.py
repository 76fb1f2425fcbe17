"""Nothing is deleted before its successor is there and proven, and a permit works once (S2)."""

from __future__ import annotations

import dataclasses
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.token.helpers import (
    WORDS,
    FaultyMedium,
    certified,
    counts,
    credential,
    key_by_somebody_else,
    logged_in,
    only,
)
from tokenmgr.domain.contents import Target, refusal
from tokenmgr.domain.credential import CertificateFacts, Credential, Key, KeyKind, StoredCertificate, TrustAttributes
from tokenmgr.errors import DeletionRefused, SignatureWrong
from tokenmgr.testbed.simulated import SimulatedMedium
from tokenmgr.testbed.throwaway_ca import ThrowawayCA
from tokenmgr.token.guard import DeletionPermit
from tokenmgr.token.module import Library
from tokenmgr.token.session import Session
from tokenmgr.token.signer import signer

DAY = datetime(2026, 4, 1, tzinfo=UTC)
YEAR = timedelta(days=365)


def made(number: int) -> Credential:
    public = b"public %d" % number
    facts = CertificateFacts(
        b"der %d" % number, f"CN={number}", "CN=CA", number, DAY, DAY + YEAR, public, False, b"", b"", b""
    )
    key_id = bytes([number])
    return Credential(
        Key(key_id, "", "p256", public, TrustAttributes(), handle=number),
        StoredCertificate(key_id, "", facts.der, facts, handle=10 + number),
    )


def parts(one: Credential) -> list[Target]:
    return [one.key, *([one.certificate] if one.certificate else [])]


OLD, NEW, OLDER = made(1), made(2), made(4)
IDLE = Credential(made(3).key, None)
AUTHORITY = StoredCertificate(b"", "", b"der of ca", None, handle=99)
HELD = [OLD, NEW, OLDER, IDLE]
KEYS = [one.key for one in HELD]
CERTIFICATES = [*(one.certificate for one in HELD if one.certificate), AUTHORITY]


@pytest.mark.parametrize(
    ("targets", "successor", "reason"),
    [
        pytest.param([], NEW, "nothing named", id="nothing"),
        pytest.param([made(7).key], NEW, "not on this medium", id="elsewhere"),
        pytest.param([OLD.key], NEW, "half of a working certificate and key", id="key alone"),
        pytest.param([OLD.certificate], NEW, "half of a working certificate and key", id="certificate alone"),
        pytest.param(parts(OLD), None, "the last working certificate", id="no successor"),
        pytest.param(parts(OLD), IDLE, "successor not on this medium", id="successor without certificate"),
        pytest.param(parts(OLD), OLD, "the successor itself", id="itself"),
        pytest.param([*parts(OLD), *parts(NEW)], NEW, "the successor itself", id="successor too"),
        pytest.param(parts(OLD), made(7), "successor not on this medium", id="successor elsewhere"),
        pytest.param(parts(OLD), NEW, "", id="old, new stays"),
        pytest.param([*parts(OLD), *parts(OLDER)], NEW, "", id="two old ones"),
        pytest.param(parts(IDLE), None, "", id="an idle key"),
        pytest.param([AUTHORITY], None, "", id="something that is no working certificate"),
        pytest.param([*parts(IDLE), *parts(OLD)], None, "the last working certificate", id="hidden among others"),
    ],
)
def test_why_these_may_not_be_deleted(targets: list[Target], successor: Credential | None, reason: str) -> None:
    assert refusal(targets, KEYS, CERTIFICATES, successor, DAY) == reason


@pytest.mark.parametrize(
    ("moment", "reason"),
    [
        (DAY - timedelta(microseconds=1), True),
        (DAY, False),
        (DAY + YEAR, False),
        (DAY + YEAR + timedelta(microseconds=999_999), False),  # its last second (R2)
        (DAY + YEAR + timedelta(seconds=1), True),
    ],
)
def test_a_successor_that_is_not_valid_now_is_none(moment: datetime, reason: bool) -> None:
    assert (refusal(parts(OLD), KEYS, CERTIFICATES, NEW, moment) == "the successor is not valid now") is reason


def test_a_key_that_shows_no_public_part_is_not_taken_for_unused() -> None:
    silent = dataclasses.replace(OLD.key, public_key=None)
    assert OLD.certificate is not None
    targets: list[Target] = [silent, OLD.certificate]
    assert refusal(targets, [silent], [OLD.certificate], None, DAY) == "the last working certificate"


def test_a_certificate_under_another_id_still_belongs_to_its_key() -> None:
    assert OLD.certificate is not None
    moved = dataclasses.replace(OLD.certificate, key_id=b"elsewhere")
    assert refusal([OLD.key], [OLD.key], [moved], None, DAY) == "half of a working certificate and key"


def test_without_a_login_nothing_is_deleted(library: Library, session: Session, authority: ThrowawayCA) -> None:
    """Private keys are not seen then, and every certificate would look like one that nobody needs."""
    certified(session, authority)
    serial = session.medium.serial
    session.close()
    with Session.open(library, serial, write=True) as public, pytest.raises(DeletionRefused) as raised:
        public.permit_deletion(public.contents().certificates, DAY)
    assert raised.value.reason == "not logged in"


def test_two_permits_do_not_delete_each_others_successor(
    session: Session, authority: ThrowawayCA, now: datetime
) -> None:
    one, two = certified(session, authority, b"\x01"), certified(session, authority, b"\x02")
    first, second = session.permit_deletion(parts(one), now, two), session.permit_deletion(parts(two), now, one)
    session.delete(first)
    with pytest.raises(DeletionRefused):
        session.delete(second)
    assert session.contents().credentials == [two]


def test_the_old_generation_goes_when_the_new_one_works(
    session: Session, authority: ThrowawayCA, now: datetime
) -> None:
    old, new = certified(session, authority, b"\x01"), certified(session, authority, b"\x02", KeyKind.RSA_2048)
    session.delete(session.permit_deletion(parts(old), now, new))
    contents = session.contents()
    assert contents.credentials == [new]
    assert contents.findings == []
    assert counts(session) == {"PRIVATE_KEY": 1, "PUBLIC_KEY": 1, "CERTIFICATE": 3}
    session.prove(new.key)


def test_the_last_working_certificate_stays(session: Session, authority: ThrowawayCA, now: datetime) -> None:
    found = certified(session, authority)
    before = counts(session)
    for targets in (parts(found), [found.key], [found.certificate]):
        with pytest.raises(DeletionRefused) as raised:
            session.permit_deletion([target for target in targets if target], now)
        assert raised.value.serial == session.medium.serial
    assert counts(session) == before


def test_a_successor_whose_key_does_not_sign_for_its_certificate_is_none(
    session: Session, authority: ThrowawayCA, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    """The proof is made at that moment; what was true yesterday is not asked."""
    old, new = certified(session, authority, b"\x01"), certified(session, authority, b"\x02")
    sign = session.sign
    monkeypatch.setattr(session, "sign", lambda key, message, *more: sign(key, message + b"!", *more))
    with pytest.raises(SignatureWrong):
        session.permit_deletion(parts(old), now, new)


def test_a_permit_works_once(session: Session, authority: ThrowawayCA, now: datetime) -> None:
    old, new = certified(session, authority, b"\x01"), certified(session, authority, b"\x02")
    permit = session.permit_deletion(parts(old), now, new)
    session.delete(permit)
    key_by_somebody_else(session, b"\x01")
    with pytest.raises(DeletionRefused):
        session.delete(permit)
    assert credential(session, b"\x01").key.key_id == b"\x01"


def test_a_permit_for_another_medium_is_none(
    session: Session, authority: ThrowawayCA, tmp_path: Path, now: datetime
) -> None:
    session.generate_key(KeyKind.P256, b"\x01", WORDS)
    other = SimulatedMedium(tmp_path / "other", os.environ)
    other.create()
    with other.library() as library, logged_in(library, only(library).serial) as elsewhere:
        elsewhere.generate_key(KeyKind.P256, b"\x01", WORDS)
        permit = elsewhere.permit_deletion(elsewhere.contents().keys, now)
        with pytest.raises(DeletionRefused):
            session.delete(permit)
        elsewhere.delete(permit)
        assert elsewhere.contents().keys == []
    assert len(session.contents().keys) == 1


def test_an_idle_key_goes_without_a_successor_and_its_public_part_with_it(
    session: Session, authority: ThrowawayCA, now: datetime
) -> None:
    working = certified(session, authority, b"\x01")
    idle = session.generate_key(KeyKind.P256, b"\x02", WORDS)
    session.delete(session.permit_deletion([idle], now))
    assert session.contents().credentials == [working]
    assert counts(session)["PUBLIC_KEY"] == 1


def test_a_key_that_did_not_go_keeps_the_public_part_that_tells_whose_it_is(
    faulty: FaultyMedium, now: datetime
) -> None:
    with faulty.library() as library, logged_in(library, only(library).serial) as session:
        idle = session.generate_key(KeyKind.P256, b"\x02", WORDS)
        faulty.fault("C_DestroyObject", "lie", times=1)
        with pytest.raises(DeletionRefused):
            session.delete(session.permit_deletion([idle], now))
        assert session.contents().keys == [idle]
        assert counts(session) == {"PRIVATE_KEY": 1, "PUBLIC_KEY": 1}


def test_what_came_after_the_permit_is_not_deleted_by_it(session: Session, now: datetime) -> None:
    first = session.generate_key(KeyKind.P256, b"\x01", WORDS)
    permit = session.permit_deletion([first], now)
    second = session.generate_key(KeyKind.P256, b"\x02", WORDS)
    session.delete(permit)
    assert session.contents().keys == [second]


def test_of_two_keys_with_one_id_only_the_named_one_goes(session: Session, now: datetime) -> None:
    """Somebody else's software used the ID again. The other key keeps its public part."""
    key_by_somebody_else(session, b"\x01", label="one", kind=KeyKind.RSA_2048)
    key_by_somebody_else(session, b"\x01", label="two", kind=KeyKind.RSA_2048)
    (one,) = [key for key in session.contents().keys if key.label == "one"]
    session.delete(session.permit_deletion([one], now))
    (left,) = session.contents().keys
    assert left.label == "two"
    assert counts(session) == {"PRIVATE_KEY": 1, "PUBLIC_KEY": 1}


def test_a_permit_is_not_forged_by_accident() -> None:
    permit = DeletionPermit("1234", (OLD.key,), None, DAY)
    assert not permit.used
    assert DeletionPermit("1234", (), None, DAY).targets == ()


def test_a_placeholder_that_signed_itself_is_no_successor(
    session: Session, authority: ThrowawayCA, now: datetime
) -> None:
    """Some cards make one with every key."""
    old = certified(session, authority, b"\x01")
    key = session.generate_key(KeyKind.P256, b"\x02", WORDS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "placeholder")])
    builder = x509.CertificateBuilder(name, name, signer(session, key).public_key(), 7, now, now + YEAR)
    placeholder = builder.sign(signer(session, key), SHA256()).public_bytes(Encoding.DER)
    session.put_certificate(placeholder, b"\x02", WORDS)
    with pytest.raises(DeletionRefused) as raised:
        session.permit_deletion(parts(old), now, credential(session, b"\x02"))
    assert raised.value.reason == "the successor's chain is not whole"


def test_a_logout_behind_our_back_deletes_nothing(session: Session, authority: ThrowawayCA, now: datetime) -> None:
    certified(session, authority)
    session._ask("logout")
    with pytest.raises(DeletionRefused):
        session.permit_deletion(session.contents().certificates, now)
