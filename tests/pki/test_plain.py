"""What is read by hand is what the thorough reader reads; what is not usual is left to that."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from tests.api.rig import _ceremony
from tests.pki.certificates import Party, issue
from tokenmgr.errors import NotACertificate
from tokenmgr.pki import plain
from tokenmgr.pki.facts import thorough_facts
from tokenmgr.pki.names import subscriber_name

ISSUER, SUBJECT = Party("しんきん CA"), Party("1234")
NAME = x509.Name(
    [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "みほん信用金庫"),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "1234-0012345"),
        x509.NameAttribute(NameOID.COMMON_NAME, "user01"),
    ]
)
DER = issue(SUBJECT, ISSUER, authority=False, name=NAME)
OUR_OWN = _ceremony()[1]


def agree(data: bytes) -> bool:
    """Whether it was read by hand."""
    try:
        read = plain.facts(data)
    except plain.Unusual:
        return False
    assert read == thorough_facts(data)
    return True


@pytest.mark.parametrize("purpose", ["root", "issuing", "cmp"])
def test_what_our_ca_issues_is_usual(purpose: str) -> None:
    assert agree(OUR_OWN[purpose])


def test_a_subscribers_is_usual_and_its_name_is_told() -> None:
    assert agree(DER)
    assert agree(issue(ISSUER, ISSUER))
    assert plain.pairs(subscriber_name("みほん信用金庫", "1234", "0012345", "user01")) == [
        ("country_name", "JP"),
        ("organization_name", "みほん信用金庫"),
        ("organizational_unit_name", "1234-0012345"),
        ("common_name", "user01"),
    ]


def test_every_single_byte_may_be_damaged() -> None:
    for place in range(len(DER)):
        for value in (0x00, 0x01, 0x80, 0xFF, DER[place] ^ 0x20, DER[place] ^ 1):
            both(DER[:place] + bytes([value]) + DER[place + 1 :])


@given(st.lists(st.tuples(st.integers(0, len(DER) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_so_may_several(flips: list[tuple[int, int]]) -> None:
    data = bytearray(DER)
    for place, value in flips:
        data[place] = value
    both(bytes(data))


@given(st.binary(max_size=200))
def test_any_bytes_are_left_to_the_other_reader_or_read_alike(data: bytes) -> None:
    assert not agree(data)


def both(data: bytes) -> None:
    """The one reads parts of extensions that the other does not: what it refuses there is nothing that we tell."""
    try:
        thorough_facts(data)
    except NotACertificate:
        return
    agree(data)


def test_unusual_names_and_depths_are_left_to_the_other_reader() -> None:
    odd = x509.Name([x509.NameAttribute(NameOID.EMAIL_ADDRESS, "a@bank.example")])
    for name in (odd, x509.Name([x509.RelativeDistinguishedName([*NAME][:2])])):
        assert not agree(issue(SUBJECT, ISSUER, name=name))
    assert not agree(b"\x30\x80" * 20_000)
