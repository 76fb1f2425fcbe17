"""All findings at once: every state that a medium can be in is found and named by its code."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from cryptography import x509

from tests.token.helpers import (
    WORDS,
    certificate_for,
    certified,
    counts,
    key_by_somebody_else,
    object_by_somebody_else,
)
from tokenmgr.domain.credential import KeyKind
from tokenmgr.testbed.throwaway_ca import ThrowawayCA
from tokenmgr.token.checkup import check
from tokenmgr.token.session import Session


def codes(session: Session, now: datetime) -> list[str]:
    return sorted(finding.code for finding in check(session, now).findings)


def grave(session: Session, now: datetime) -> list[str]:
    return sorted(finding.code for finding in check(session, now).problems)


def test_a_good_medium_has_no_problems_and_is_not_changed(
    session: Session, authority: ThrowawayCA, now: datetime
) -> None:
    certified(session, authority, b"\x01")
    certified(session, authority, b"\x02", KeyKind.RSA_2048)
    before = counts(session)
    result = check(session, now)
    assert result.findings == []
    assert len(result.credentials) == 2
    assert len(result.certificates) == 4
    assert counts(session) == before


def test_an_empty_medium_has_no_problems(session: Session, now: datetime) -> None:
    assert [finding.code for finding in check(session, now).findings if not finding.grave] == ["medium-empty"]
    assert check(session, now).problems == []


def test_a_key_that_waits_for_its_certificate_is_no_problem(session: Session, now: datetime) -> None:
    session.generate_key(KeyKind.P256, b"\x01", WORDS)
    assert codes(session, now) == ["key-without-certificate"]
    assert grave(session, now) == []


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (timedelta(seconds=-1), ["certificate-not-yet-valid"]),
        (timedelta(0), []),
        (timedelta(days=365, seconds=-1), []),
        (timedelta(days=365), ["certificate-expired"]),
    ],
)
def test_a_certificate_is_valid_from_its_first_second_and_ends_at_the_exact_second(
    session: Session, authority: ThrowawayCA, now: datetime, moment: timedelta, expected: list[str]
) -> None:
    """R2. The CA's own certificates begin a day before."""
    certified(session, authority)
    assert codes(session, now + moment) == expected


@pytest.mark.parametrize("missing", [0, 1])
def test_an_issuer_that_is_not_on_the_medium_is_missing(
    session: Session, authority: ThrowawayCA, now: datetime, missing: int
) -> None:
    session.generate_key(KeyKind.P256, b"\x01", WORDS)
    chain = [one for number, one in enumerate(authority.chain) if number != missing]
    session.put_certificate(certificate_for(session, authority, b"\x01"), b"\x01", WORDS, chain)
    assert grave(session, now) == ["chain-missing"]


def test_an_issuer_of_the_same_name_and_another_key_breaks_the_chain(
    session: Session, authority: ThrowawayCA, now: datetime
) -> None:
    session.generate_key(KeyKind.P256, b"\x01", WORDS)
    impostor = ThrowawayCA(now)
    session.put_certificate(certificate_for(session, authority, b"\x01"), b"\x01", WORDS, impostor.chain)
    assert grave(session, now) == ["chain-broken"]


def put_elsewhere(session: Session, der: bytes, key_id: bytes) -> None:
    subject = x509.load_der_x509_certificate(der).subject.public_bytes()
    object_by_somebody_else(session, der, key_id, SUBJECT=subject)


def test_a_certificate_under_the_id_of_another_key_is_a_mismatch(
    session: Session, authority: ThrowawayCA, now: datetime
) -> None:
    for key_id in (b"\x01", b"\x02"):
        session.generate_key(KeyKind.P256, key_id, WORDS)
    put_elsewhere(session, certificate_for(session, authority, b"\x02"), b"\x01")
    assert "pair-mismatch" in grave(session, now)
    assert check(session, now).credentials[0].certificate is None


def test_the_right_certificate_under_another_id_is_said_to_be_that(
    session: Session, authority: ThrowawayCA, now: datetime
) -> None:
    session.generate_key(KeyKind.P256, b"\x01", WORDS)
    put_elsewhere(session, certificate_for(session, authority, b"\x01"), b"\x07")
    assert "pair-other-id" in grave(session, now)


def test_a_certificate_without_its_key_is_told(session: Session, authority: ThrowawayCA, now: datetime) -> None:
    key = session.generate_key(KeyKind.P256, b"\x01", WORDS)
    der = certificate_for(session, authority, b"\x01")
    session.delete(session.permit_deletion([key], now))
    put_elsewhere(session, der, b"\x01")
    result = check(session, now)
    assert [(finding.code, finding.subject) for finding in result.problems] == [
        ("certificate-without-key", "CN=9999 0001 管理者")
    ]


def test_an_id_that_two_keys_have_is_told(session: Session, now: datetime) -> None:
    key_by_somebody_else(session, b"\x01", label="one")
    key_by_somebody_else(session, b"\x01", label="two")
    assert "id-used-twice" in grave(session, now)


@pytest.mark.parametrize("value", [b"not a certificate", b"", b"0\x03\x02\x01\x01", b"0\x80" * 30_000], ids=len)
def test_a_certificate_that_is_none_is_told_and_hides_nothing(
    session: Session, authority: ThrowawayCA, now: datetime, value: bytes
) -> None:
    certified(session, authority)
    object_by_somebody_else(session, value or b"\0", b"\x55")
    result = check(session, now)
    assert [(finding.code, finding.subject) for finding in result.problems] == [("certificate-damaged", "55")]
    assert result.credentials[0].certificate is not None


def test_a_certificate_written_twice_is_told(session: Session, authority: ThrowawayCA, now: datetime) -> None:
    found = certified(session, authority)
    assert found.certificate is not None
    put_elsewhere(session, found.certificate.der, b"\x01")
    assert "certificate-twice" in codes(session, now)


def test_a_key_that_can_be_taken_out_is_told_with_every_reason(session: Session, now: datetime) -> None:
    key_by_somebody_else(session, b"\x01", SENSITIVE=False, EXTRACTABLE=True)
    assert set(grave(session, now)) == {
        "key-extractable",
        "key-not-sensitive",
        "key-once-exposed",
        "key-once-extractable",
        "key-readable",
    }


def test_a_key_without_its_public_part_is_told(session: Session, now: datetime) -> None:
    session.generate_key(KeyKind.P256, b"\x01", WORDS)
    (public,) = session._find({"CLASS": "PUBLIC_KEY"})
    session._ask("destroy", handle=public["handle"])
    assert "key-without-public-part" in grave(session, now)


def test_a_key_that_may_not_sign_is_a_finding_and_not_the_end_of_the_checkup(
    session: Session, authority: ThrowawayCA, now: datetime
) -> None:
    """Somebody else's decryption key, beside a good certificate."""
    certified(session, authority, b"\x01")
    key_by_somebody_else(session, b"\x02", kind=KeyKind.RSA_2048, SIGN=False, DECRYPT=True)
    result = check(session, now)
    assert "02" in [finding.subject for finding in result.findings]
    assert [finding.subject for finding in result.problems if finding.subject != "02"] == []


def test_everything_that_is_wrong_is_told_at_once(session: Session, authority: ThrowawayCA, now: datetime) -> None:
    certified(session, authority, b"\x01")
    key_by_somebody_else(session, b"\x02", EXTRACTABLE=True)
    object_by_somebody_else(session, b"damaged", b"\x03")
    later = now + timedelta(days=366)
    assert {"certificate-expired", "key-extractable", "certificate-damaged"} <= set(grave(session, later))


def test_an_old_generation_beside_its_successor_is_no_problem(session: Session, now: datetime) -> None:
    """R12. And what is said is said of the old one only, though both have one subject."""
    past = ThrowawayCA(now - timedelta(days=400))
    session.generate_key(KeyKind.P256, b"\x01", WORDS)
    old = certificate_for(session, past, b"\x01")
    session.put_certificate(old, b"\x01", WORDS, past.chain)
    certified(session, ThrowawayCA(now), b"\x02")
    result = check(session, now)
    assert result.problems == []
    assert [(f.code, f.subject) for f in result.findings] == [("certificate-expired", "01")]
