"""Nothing is deleted before its successor is there and proven, and a permit works once (S2)."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.token.helpers import WORDS, certified, counts, credential, key_by_somebody_else, logged_in, only
from tokenmgr.domain.credential import CertificateFacts, Credential, Key, KeyKind, StoredCertificate, TrustAttributes
from tokenmgr.errors import DeletionRefused, SignatureWrong
from tokenmgr.testbed.simulated import SimulatedMedium
from tokenmgr.testbed.throwaway_ca import ThrowawayCA
from tokenmgr.token.guard import DeletionPermit, Target, refusal
from tokenmgr.token.session import Session

DAY = datetime(2026, 4, 1, tzinfo=UTC)


def made(number: int) -> Credential:
    public = b"public %d" % number
    facts = CertificateFacts(
        b"der %d" % number, f"CN={number}", "CN=CA", number, DAY, DAY, public, False, b"", b"", b""
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
EVERYTHING: list[Target] = [*(part for one in HELD for part in parts(one)), AUTHORITY]


@pytest.mark.parametrize(
    ("targets", "successor", "reason"),
    [
        pytest.param([], NEW, "nothing named", id="nothing"),
        pytest.param([made(7).key], NEW, "not on this medium", id="elsewhere"),
        pytest.param([OLD.key], NEW, "half of a working certificate and key", id="key alone"),
        pytest.param([OLD.certificate], NEW, "half of a working certificate and key", id="certificate alone"),
        pytest.param(parts(OLD), None, "the last working certificate", id="no successor"),
        pytest.param(parts(OLD), IDLE, "the last working certificate", id="successor without certificate"),
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
    assert refusal(targets, HELD, EVERYTHING, successor) == reason


def test_the_old_generation_goes_when_the_new_one_works(session: Session, authority: ThrowawayCA) -> None:
    old, new = certified(session, authority, b"\x01"), certified(session, authority, b"\x02", KeyKind.RSA_2048)
    session.delete(session.permit_deletion(parts(old), new))
    contents = session.contents()
    assert contents.credentials == [new]
    assert contents.findings == []
    assert counts(session) == {"PRIVATE_KEY": 1, "PUBLIC_KEY": 1, "CERTIFICATE": 3}
    session.prove(new.key)


def test_the_last_working_certificate_stays(session: Session, authority: ThrowawayCA) -> None:
    found = certified(session, authority)
    before = counts(session)
    for targets in (parts(found), [found.key], [found.certificate]):
        with pytest.raises(DeletionRefused) as raised:
            session.permit_deletion([target for target in targets if target], None)
        assert raised.value.serial == session.medium.serial
    assert counts(session) == before


def test_a_successor_whose_key_does_not_sign_for_its_certificate_is_none(
    session: Session, authority: ThrowawayCA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof is made at that moment; what was true yesterday is not asked."""
    old, new = certified(session, authority, b"\x01"), certified(session, authority, b"\x02")
    sign = session.sign
    monkeypatch.setattr(session, "sign", lambda key, message, *more: sign(key, message + b"!", *more))
    with pytest.raises(SignatureWrong):
        session.permit_deletion(parts(old), new)


def test_a_permit_works_once(session: Session, authority: ThrowawayCA) -> None:
    old, new = certified(session, authority, b"\x01"), certified(session, authority, b"\x02")
    permit = session.permit_deletion(parts(old), new)
    session.delete(permit)
    key_by_somebody_else(session, b"\x01")
    with pytest.raises(DeletionRefused):
        session.delete(permit)
    assert credential(session, b"\x01").key.key_id == b"\x01"


def test_a_permit_for_another_medium_is_none(session: Session, authority: ThrowawayCA, tmp_path: Path) -> None:
    session.generate_key(KeyKind.P256, b"\x01", WORDS)
    other = SimulatedMedium(tmp_path / "other", os.environ)
    other.create()
    with other.library() as library, logged_in(library, only(library).serial) as elsewhere:
        elsewhere.generate_key(KeyKind.P256, b"\x01", WORDS)
        permit = elsewhere.permit_deletion(elsewhere.contents().keys)
        with pytest.raises(DeletionRefused):
            session.delete(permit)
        elsewhere.delete(permit)
        assert elsewhere.contents().keys == []
    assert len(session.contents().keys) == 1


def test_an_idle_key_goes_without_a_successor_and_its_public_part_with_it(
    session: Session, authority: ThrowawayCA
) -> None:
    working = certified(session, authority, b"\x01")
    idle = session.generate_key(KeyKind.P256, b"\x02", WORDS)
    session.delete(session.permit_deletion([idle]))
    assert session.contents().credentials == [working]
    assert counts(session)["PUBLIC_KEY"] == 1


def test_what_came_after_the_permit_is_not_deleted_by_it(session: Session) -> None:
    first = session.generate_key(KeyKind.P256, b"\x01", WORDS)
    permit = session.permit_deletion([first])
    second = session.generate_key(KeyKind.P256, b"\x02", WORDS)
    session.delete(permit)
    assert session.contents().keys == [second]


def test_of_two_keys_with_one_id_only_the_named_one_goes(session: Session) -> None:
    """Somebody else's software used the ID again. The other key keeps its public part."""
    key_by_somebody_else(session, b"\x01", label="one", kind=KeyKind.RSA_2048)
    key_by_somebody_else(session, b"\x01", label="two", kind=KeyKind.RSA_2048)
    (one,) = [key for key in session.contents().keys if key.label == "one"]
    session.delete(session.permit_deletion([one]))
    (left,) = session.contents().keys
    assert left.label == "two"
    assert counts(session) == {"PRIVATE_KEY": 1, "PUBLIC_KEY": 1}


def test_a_permit_is_not_forged_by_accident() -> None:
    permit = DeletionPermit("1234", (OLD.key,))
    assert not permit.used
    assert DeletionPermit("1234", ()).targets == ()
