"""What holds for all messages: any bytes are read or refused, what is written is read again, damage is noticed."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cmp.bodies import bodies
from tests.cmp.openssl import Transaction
from tests.cmp.parties import SALT, SECRET, header, holder, message, name
from tokenmgr.cmp import checks
from tokenmgr.cmp.der import unwrap
from tokenmgr.cmp.faults import ProtocolFault
from tokenmgr.cmp.messages import (
    P10,
    Body,
    CertRequest,
    Confirm,
    Header,
    Kind,
    Message,
    Revoke,
    assemble,
    parse,
    parse_header,
)
from tokenmgr.cmp.protection import MacProtector, Pbm, is_mac, verify_mac, verify_signature

MAC = MacProtector(b"4711", SECRET, Pbm(SALT, 100))
SIGNED = holder().protector()


@cache
def ours() -> list[bytes]:
    return [assemble(header(), kind, body, MAC, [holder().der]) for kind, body in bodies()]


def read_or_refused(data: bytes) -> None:
    """Through all that a server or a client does with a message from outside; only ProtocolFault may come out."""
    with contextlib.suppress(ProtocolFault):
        parse_header(data)
    with contextlib.suppress(ProtocolFault):
        read = parse(data)
        for check in (checks.first, checks.protection_certificate, protection_of, body_of):
            with contextlib.suppress(ProtocolFault):
                check(read)
        with contextlib.suppress(ProtocolFault):
            checks.mac_sender(read.header)


def protection_of(read: Message) -> None:
    if is_mac(read):
        with contextlib.suppress(ProtocolFault):
            verify_mac(read, SECRET)
    verify_signature(read, holder().certificate)


def body_of(read: Message) -> None:
    match read.body:
        case CertRequest() as asked:
            checks.template(asked)
            checks.proof(asked)
        case P10(csr):
            checks.csr(csr)
        case Confirm() as confirm:
            checks.cert_hash(confirm, holder().der)
        case Revoke() as revoke:
            checks.revocation(revoke)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    read_or_refused(data)


damage = st.lists(
    st.tuples(st.sampled_from(["flip", "cut", "repeat", "insert"]), st.floats(0, 1), st.integers(0, 255)),
    min_size=1,
    max_size=4,
)


def damaged(data: bytes, steps: list[tuple[str, float, int]]) -> bytes:
    for how, where, value in steps:
        at = int(where * (len(data) - 1)) if data else 0
        after = {"flip": at + 1, "cut": at + value % 8, "repeat": at, "insert": at}[how]
        put = data[at : at + value] if how == "repeat" else b"" if how == "cut" else bytes([value])
        data = data[:at] + put + data[after:]
    return data


@given(st.data(), damage)
def test_a_damaged_message_of_ours_is_read_or_refused(data: st.DataObject, steps: list[tuple[str, float, int]]) -> None:
    read_or_refused(damaged(data.draw(st.sampled_from(ours())), steps))


@given(st.data(), damage)
def test_a_damaged_message_of_openssl_is_read_or_refused(
    recorded: dict[str, Transaction], data: st.DataObject, steps: list[tuple[str, float, int]]
) -> None:
    found = [one for transaction in recorded.values() for one in transaction.messages]
    read_or_refused(damaged(data.draw(st.sampled_from(found)), steps))


def test_every_single_byte_of_a_message_may_be_damaged() -> None:
    for data in ours():
        for at in range(0, len(data), 3):
            for value in (0x00, 0x80, 0xFF, data[at] ^ 0x20, data[at] ^ 0x01):
                with contextlib.suppress(ProtocolFault):
                    parse(data[:at] + bytes([value]) + data[at + 1 :])


names = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20)
some = st.none() | st.binary(min_size=16, max_size=64)
moments = st.none() | st.datetimes(datetime(1950, 1, 1), datetime(9999, 12, 31)).map(  # noqa: DTZ001
    lambda one: one.replace(microsecond=0, tzinfo=UTC)
)
headers = st.builds(
    Header,
    pvno=st.sampled_from([2, 3]),
    sender=names.map(lambda text: name(text).public_bytes()) | st.just(b"\x82\x01x"),
    recipient=st.sampled_from([b"\x30\x00", name("CA").public_bytes(), b"\x86\x03a:b"]),
    transaction_id=some,
    sender_nonce=some,
    recip_nonce=some,
    recip_kid=some,
    message_time=moments,
    free_text=st.lists(names, max_size=16).map(tuple),
    implicit_confirm=st.booleans(),
    confirm_wait=moments,
    profile=st.just("") | names,
)


@given(headers, st.sampled_from(bodies()), st.sampled_from([MAC, SIGNED]), st.integers(0, 3))
def test_what_is_written_is_what_is_read(
    said: Header, kind_and_body: tuple[Kind, Body], protector: MacProtector, certificates: int
) -> None:
    extra = (holder().der,) * certificates
    read = parse(assemble(said, *kind_and_body, protector, extra))
    assert read.header == replace(said, algorithm=protector.algorithm, sender_kid=protector.sender_kid)
    assert (read.kind, read.body) == kind_and_body
    assert read.extra_certs == extra
    assert parse_header(read.raw) == read.header


@pytest.mark.parametrize("protector", [MAC, SIGNED], ids=["MAC", "signature"])
def test_a_change_of_any_byte_of_the_protected_part_is_noticed(protector: MacProtector) -> None:
    whole = message(*bodies()[0], protector)
    covered = unwrap(whole.protected_part)
    start = whole.raw.index(covered)
    for at in range(start, start + len(covered)):
        with pytest.raises(ProtocolFault):
            check_all(whole.raw[:at] + bytes([whole.raw[at] ^ 0x01]) + whole.raw[at + 1 :])
    check_all(whole.raw)


def check_all(data: bytes) -> None:
    read = parse(data)
    if is_mac(read):
        verify_mac(read, SECRET)
    else:
        verify_signature(read, holder().certificate)


def test_nothing_takes_long() -> None:
    """A message as long as may be, of as many elements as may be."""
    for filler in (
        b"\x30\x00" * 32_000,
        b"\x30\x80" * 32_000,
        b"\x30\x84\xff\xff\xff\xff",
        b"\xa0\x82\xff\xf0" * 16_000,
    ):
        began = perf_counter()
        read_or_refused(filler)
        assert perf_counter() - began < 0.1
