"""DER is read strictly, and what is written is read again."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr.pki import der


@given(st.integers(min_value=-(1 << 200), max_value=1 << 200))
def test_an_integer_is_written_in_its_shortest_form(value: int) -> None:
    whole = der.integer(value)
    assert der.faults(whole) == ()
    assert int.from_bytes(der.only(whole, der.INTEGER).body, "big", signed=True) == value


@given(st.lists(st.integers(min_value=0, max_value=1 << 140), max_size=8), st.integers(min_value=0, max_value=39))
def test_an_identifier_is_read_as_it_was_written(arcs: list[int], second: int) -> None:
    for first in (0, 1, 2):
        dotted = ".".join(map(str, (first, second, *arcs)))
        whole = der.oid(dotted)
        assert der.faults(whole) == ()
        assert der.dotted(der.only(whole, der.OID)) == dotted


@given(st.binary(max_size=300))
def test_whatever_is_read_is_written_the_same(body: bytes) -> None:
    whole = der.tlv(der.OCTET_STRING, body)
    assert der.read(whole + b"rest") == (der.Element(der.OCTET_STRING, body, whole), len(whole))


@given(st.binary(max_size=40))
def test_nothing_makes_the_reader_fail_in_another_way(data: bytes) -> None:
    der.faults(data)
    with contextlib.suppress(der.Malformed):
        der.elements(data)


@pytest.mark.parametrize(
    "data",
    [
        "0101 01",  # a BOOLEAN of 01
        "0202 0001",  # INTEGERs that are too long, or empty
        "0202 ff80",
        "0200",
        "0302 0101",  # unused bits that are not 0, more than 7 of them, of nothing
        "0302 0800",
        "0301 01",
        "0300",
        "0501 00",
        "0603 2a80 01",  # an arc that begins with an idle octet, one that does not end, none
        "0602 2a86",
        "0600",
        "0481 0100",  # lengths that are not the shortest, indefinite, cut short
        "0482 0001 00",
        "3080 0000",
        "0402 00",
        "04",
        "",
        "1f81 0100",  # a tag of more than one byte
        "3106 0202 0100 0101 00",  # a SET that is not sorted
        "1000",  # a SEQUENCE that is not constructed
        "3003 0101 01",  # and deeper
    ],
)
def test_what_is_not_der_is_seen(data: str) -> None:
    assert der.faults(bytes.fromhex(data))
