"""A certificate's bytes become facts, or NotACertificate; nothing else."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from tests.pki.certificates import Party, issue
from tokenmgr.errors import NotACertificate
from tokenmgr.pki.facts import certificate_facts

ISSUER, SUBJECT = Party("しんきん CA"), Party("9999 0001 管理者")
DER = issue(SUBJECT, ISSUER, authority=False, number=0x80_0000_0000_0000_0001)


def test_the_facts_are_those_that_an_independent_reader_finds() -> None:
    read = x509.load_der_x509_certificate(DER)
    facts = certificate_facts(DER)
    assert facts.der == DER
    assert facts.serial_number == read.serial_number == 0x80_0000_0000_0000_0001
    assert (facts.not_before, facts.not_after) == (read.not_valid_before_utc, read.not_valid_after_utc)
    assert facts.not_before == datetime(2026, 4, 1, tzinfo=UTC)
    assert facts.public_key == read.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert facts.subject_der == read.subject.public_bytes()
    assert facts.issuer_der == read.issuer.public_bytes()
    assert facts.serial_der == bytes.fromhex("020a00800000000000000001")
    assert (facts.subject, facts.issuer) == ("CN=9999 0001 管理者", "CN=しんきん CA")
    assert not facts.is_authority


def test_an_authority_is_known_by_its_basic_constraints() -> None:
    assert certificate_facts(issue(ISSUER, ISSUER)).is_authority


def test_the_fingerprint_is_the_one_that_other_programs_show() -> None:
    from cryptography.hazmat.primitives.hashes import SHA256

    assert certificate_facts(DER).fingerprint == x509.load_der_x509_certificate(DER).fingerprint(SHA256()).hex()


def test_a_name_is_one_line_in_its_own_order_and_in_the_forms_that_people_know() -> None:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "株式会社 しんきん"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "経理部"),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, "0001"),
            x509.NameAttribute(NameOID.COMMON_NAME, "太郎"),
        ]
    )
    expected = "C=JP, O=株式会社 しんきん, OU=経理部, serialNumber=0001, CN=太郎"
    assert certificate_facts(issue(SUBJECT, ISSUER, name=name)).subject == expected


def test_an_empty_name_is_an_empty_line() -> None:
    assert certificate_facts(issue(SUBJECT, ISSUER, name=x509.Name([]))).subject == ""


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"hello", id="text"),
        pytest.param(DER + b"\x00", id="a trailing byte"),
        pytest.param(DER + DER, id="two certificates"),
        pytest.param(DER[:-1], id="a byte short"),
        pytest.param(x509.load_der_x509_certificate(DER).public_bytes(Encoding.PEM), id="PEM"),
        pytest.param(b"\x30\x00", id="an empty SEQUENCE"),
        pytest.param(b"\x30\x80" * 20_000, id="endlessly nested"),
        pytest.param(b"\x30\x84\xff\xff\xff\xff", id="a length beyond everything"),
        pytest.param(b"A" * 1_000_000, id="a megabyte of something else"),
    ],
)
def test_what_is_not_one_whole_certificate_is_not_a_certificate(wrong: bytes) -> None:
    with pytest.raises(NotACertificate):
        certificate_facts(wrong)


def facts_or_refusal(data: bytes) -> None:
    with contextlib.suppress(NotACertificate):
        assert certificate_facts(data).der == data


@given(st.binary(max_size=200))
def test_any_bytes_are_a_certificate_or_refused(data: bytes) -> None:
    facts_or_refusal(data)


@given(st.lists(st.tuples(st.integers(0, len(DER) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_certificate_with_flipped_bytes_is_read_or_refused_and_never_anything_else(
    flips: list[tuple[int, int]],
) -> None:
    data = bytearray(DER)
    for place, value in flips:
        data[place] = value
    facts_or_refusal(bytes(data))


def test_every_single_byte_of_a_certificate_may_be_damaged() -> None:
    for place in range(len(DER)):
        for value in (0x00, 0x80, 0xFF, DER[place] ^ 0x20):
            facts_or_refusal(DER[:place] + bytes([value]) + DER[place + 1 :])


@given(st.integers(0, len(DER) - 1))
def test_a_certificate_cut_anywhere_is_refused(length: int) -> None:
    with pytest.raises(NotACertificate):
        certificate_facts(DER[:length])


def test_a_version_or_a_time_that_x509_does_not_have_is_no_certificate() -> None:
    """Other software takes such bytes; a medium may hold them; nothing here may fall over them."""
    good = DER
    strange = bytearray(good)
    at = strange.index(b"\xa0\x03\x02\x01\x02")
    strange[at + 4] = 8
    with pytest.raises(NotACertificate):
        certificate_facts(bytes(strange))
    at = good.index(b"\x17\x0d")  # UTCTime without its Z
    with pytest.raises(NotACertificate):
        certificate_facts(good[: at + 14] + b"0" + good[at + 15 :])
