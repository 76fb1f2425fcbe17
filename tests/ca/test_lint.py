"""Each rule of the lint, on a certificate that was made wrong for it; and no bit of one goes unread."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from tests.ca.made import NOW, PROFILE, issuer, key, keys, order, server_order
from tokenmgr.ca import lint
from tokenmgr.ca.profile import POLICY_MEDIUM, POLICY_PC, AnyOrder, Kind, OwnOrder, own_name
from tokenmgr.ca.rules import Wanted
from tokenmgr.ca.signing import spki_of
from tokenmgr.ca.tbs import moment, time_of
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.rehearsal import LIVES
from tokenmgr.errors import CertificateUnfit
from tokenmgr.pki import der

Change = Callable[[bytes], bytes]

VERSION, SERIAL, ALGORITHM, ISSUER, VALIDITY, SUBJECT, KEY, EXTENSIONS = range(8)
SKI, KU, SAN, BASIC, CRL, POLICIES, AKI, EKU = (f"2.5.29.{number}" for number in (14, 15, 17, 19, 31, 32, 35, 37))
AIA, NO_CHECK = "1.3.6.1.5.5.7.1.1", "1.3.6.1.5.5.7.48.1.5"
UTC_TIME, SEQUENCE = der.UTC_TIME, der.SEQUENCE


def part(place: int, new: bytes) -> Change:
    def change(tbs: bytes) -> bytes:
        parts = [one.whole for one in der.children(tbs)]
        parts[place] = new
        return der.tlv(SEQUENCE, *parts)

    return change


def extensions(change: Callable[[list[bytes]], list[bytes]]) -> Change:
    def changed(tbs: bytes) -> bytes:
        parts = [one.whole for one in der.children(tbs)]
        held = [one.whole for one in der.children(der.only(parts[-1], 0xA3).body)]
        return der.tlv(SEQUENCE, *parts[:-1], der.tlv(0xA3, der.tlv(SEQUENCE, *change(held))))

    return changed


def without(oid: str) -> Change:
    return extensions(lambda held: [one for one in held if der.oid(oid) not in one])


def extension(oid: str, value: bytes, critical: bytes = b"") -> bytes:
    return der.tlv(SEQUENCE, der.oid(oid), critical, der.tlv(der.OCTET_STRING, value))


def with_value(oid: str, value: bytes) -> Change:
    critical = der.tlv(der.BOOLEAN, b"\xff") if oid in (KU, BASIC) else b""
    new = extension(oid, value, critical)
    return extensions(lambda held: [*(one for one in held if der.oid(oid) not in one), new])


def more(value: bytes) -> Change:
    return extensions(lambda held: [*held, value])


def validity(starts: bytes, ends: bytes) -> Change:
    return part(VALIDITY, der.tlv(SEQUENCE, starts, ends))


def subject(*pairs: tuple[str, int, bytes]) -> Change:
    rdns = (der.tlv(der.SET, der.tlv(SEQUENCE, der.oid(oid), der.tlv(tag, value))) for oid, tag, value in pairs)
    return part(SUBJECT, der.tlv(SEQUENCE, *rdns))


def oids(*dotted: str) -> bytes:
    return der.tlv(SEQUENCE, *map(der.oid, dotted))


def policies(*dotted: str) -> bytes:
    return der.tlv(SEQUENCE, *(der.tlv(SEQUENCE, der.oid(one)) for one in dotted))


def points(url: str) -> bytes:
    name = der.tlv(0xA0, der.tlv(0xA0, der.tlv(0x86, url.encode())))
    return der.tlv(SEQUENCE, der.tlv(SEQUENCE, name))


def accesses(*pairs: tuple[str, str]) -> bytes:
    return der.tlv(SEQUENCE, *(der.tlv(SEQUENCE, der.oid(how), der.tlv(0x86, url.encode())) for how, url in pairs))


CN, C = "2.5.4.3", "2.5.4.6"
STARTS, ENDS = time_of(NOW), time_of(NOW + timedelta(days=365))
CA_ISSUERS, OCSP = "1.3.6.1.5.5.7.48.2", "1.3.6.1.5.5.7.48.1"
ECDSA_256, ECDSA_384 = der.oid("1.2.840.10045.4.3.2"), der.oid("1.2.840.10045.4.3.3")
P521 = spki_of(ec.generate_private_key(ec.SECP521R1()))

WRONG: dict[str, list[Change]] = {
    "version_is_3": [part(VERSION, der.tlv(0xA0, der.integer(1))), part(VERSION, der.tlv(0xA0, der.integer(3)))],
    "serial_is_positive": [part(SERIAL, der.integer(0)), part(SERIAL, der.integer(-(1 << 100)))],
    "serial_fits_20_octets": [part(SERIAL, der.integer(1 << 159))],
    "serial_is_long_enough": [part(SERIAL, der.integer(4711)), part(SERIAL, der.integer((1 << 63) - 1))],
    "serial_is_the_ordered_one": [part(SERIAL, der.integer((1 << 126) + 6))],
    "algorithm_is_the_same_outside": [part(ALGORITHM, der.tlv(SEQUENCE, ECDSA_384))],
    "algorithm_has_its_parameters": [
        part(ALGORITHM, der.tlv(SEQUENCE, ECDSA_256, der.tlv(der.NULL))),
        part(ALGORITHM, der.tlv(SEQUENCE, der.oid("1.2.840.113549.1.1.11"))),
        part(ALGORITHM, der.tlv(SEQUENCE, der.oid("1.2.840.113549.1.1.5"), der.tlv(der.NULL))),  # SHA-1
    ],
    "issuer_is_the_authority": [part(ISSUER, own_name("another"))],
    "times_are_well_written": [
        validity(der.tlv(der.GENERALIZED_TIME, b"20260401030000Z"), ENDS),
        validity(der.tlv(UTC_TIME, b"2604010300Z"), ENDS),
        validity(der.tlv(UTC_TIME, b"260401120000+0900"), ENDS),
        validity(STARTS, der.tlv(der.GENERALIZED_TIME, b"20500101000000.5Z")),
        validity(STARTS, der.tlv(UTC_TIME, b"270231000000Z")),
    ],
    "times_are_the_ordered_ones": [validity(STARTS, time_of(NOW + timedelta(days=366)))],
    "validity_has_a_length": [validity(ENDS, STARTS), validity(STARTS, STARTS)],
    "validity_is_within_the_issuers": [
        validity(time_of(NOW - timedelta(seconds=1)), ENDS),
        validity(STARTS, time_of(NOW + timedelta(days=3650, seconds=1))),
    ],
    "subject_is_the_ordered_one": [part(SUBJECT, own_name("another"))],
    "subject_is_not_empty": [part(SUBJECT, der.tlv(SEQUENCE))],
    "subject_is_not_the_issuers": [part(SUBJECT, own_name("試験認証局"))],
    "subject_has_the_right_strings": [
        subject((CN, 0x14, b"T61")),
        subject((CN, 0x1E, "信".encode("utf-16-be"))),
        subject((CN, der.PRINTABLE, b"a@b")),
        subject((CN, der.UTF8, b"\xff")),
        subject((CN, der.UTF8, b"a\nb")),
        subject((C, der.UTF8, b"JP")),
        subject(("1.2.840.113549.1.9.1", der.UTF8, b"a@b.jp")),
    ],
    "subject_has_the_right_lengths": [
        subject((CN, der.UTF8, ("信" * 65).encode())),
        subject((CN, der.UTF8, b"")),
        subject((CN, der.UTF8, b" a")),
    ],
    "subject_has_a_country_of_two_letters": [
        subject((C, der.PRINTABLE, b"jp"), (CN, der.UTF8, b"a")),
        subject((C, der.PRINTABLE, b"392"), (CN, der.UTF8, b"a")),
        subject((C, der.PRINTABLE, b"JP"), (C, der.PRINTABLE, b"JP")),
    ],
    "public_key_is_the_ordered_one": [part(KEY, spki_of(key(KeyKind.P256, 7)))],
    "public_key_is_sound": [part(KEY, P521), part(KEY, spki_of(key(KeyKind.P256, 9))[:-1] + b"\0")],
    "public_key_is_not_the_issuers": [part(KEY, spki_of(key(KeyKind.P256, 2)))],
    "nothing_else_is_in_it": [
        lambda tbs: der.tlv(SEQUENCE, der.only(tbs, SEQUENCE).body, der.tlv(0x82, b"\0\1")),
        lambda tbs: der.tlv(SEQUENCE, der.only(tbs, SEQUENCE).body, der.children(tbs)[-1].whole),
    ],
    "every_part_is_der": [
        part(VERSION, der.tlv(0xA0, der.tlv(der.INTEGER, b"\0\2"))),
        more(extension("1.2.3.4", der.tlv(der.NULL), der.tlv(der.BOOLEAN, b"\1"))),
        with_value(SKI, der.tlv(der.OCTET_STRING, b"\0" * 20) + b"\0"),
        with_value(KU, der.tlv(der.BIT_STRING, b"\7\x81")),
    ],
    "written_again_it_is_the_same": [
        part(VERSION, der.tlv(0xA0, der.integer(2), der.integer(2))),
        part(VALIDITY, der.tlv(SEQUENCE, ENDS, STARTS)),
    ],
    "no_extension_is_there_twice": [extensions(lambda held: [*held, held[-1]])],
    "extensions_are_those_of_its_kind": [
        *(without(oid) for oid in (KU, EKU, SKI, AKI, CRL, AIA, POLICIES)),
        more(extension("2.5.29.18", der.tlv(SEQUENCE, der.tlv(0x82, b"a")))),
    ],
    "extensions_are_critical_where_they_must": [
        more(extension(KU, b"")),
        more(extension("1.2.3.4", der.tlv(der.NULL), der.tlv(der.BOOLEAN, b"\xff"))),
        more(extension("1.2.3.4", der.tlv(der.NULL), der.tlv(der.BOOLEAN, b"\0"))),
    ],
    "key_usage_fits_its_kind": [
        with_value(KU, der.tlv(der.BIT_STRING, b"\5\xa0")),  # and keyEncipherment
        with_value(KU, der.tlv(der.BIT_STRING, b"\2\x04")),  # keyCertSign
        with_value(KU, der.tlv(der.BIT_STRING, b"\0\x80")),  # not the shortest
        without(KU),
    ],
    "purposes_fit_its_kind": [
        with_value(EKU, oids("1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1")),
        with_value(EKU, oids("2.5.29.37.0")),
        with_value(EKU, oids()),
        without(EKU),
    ],
    "basic_constraints_fit_its_kind": [
        with_value(BASIC, der.tlv(SEQUENCE, der.tlv(der.BOOLEAN, b"\xff"))),
        with_value(BASIC, der.tlv(SEQUENCE)),
    ],
    "subject_key_identifier_is_its_keys": [
        with_value(SKI, der.tlv(der.OCTET_STRING, b"\1" * 20)),
        with_value(SKI, b"\1" * 20),
    ],
    "authority_key_identifier_is_the_issuers": [
        with_value(AKI, der.tlv(SEQUENCE, der.tlv(0x80, b"\1" * 20))),
        with_value(AKI, der.tlv(SEQUENCE)),
    ],
    "policies_are_those_of_its_store": [
        with_value(POLICIES, policies(POLICY_PC)),
        with_value(POLICIES, policies(POLICY_MEDIUM, POLICY_PC)),
        with_value(POLICIES, policies("2.5.29.32.0")),
        with_value(POLICIES, policies()),
    ],
    "revocation_list_is_pointed_to": [
        with_value(CRL, points(url))
        for url in ("ldap://a/b", "/crl", "http:///b", "http://other.example.jp/", "http://a b/")
    ],
    "issuer_and_ocsp_are_pointed_to": [
        with_value(AIA, accesses((CA_ISSUERS, PROFILE.issuer_url))),
        with_value(AIA, accesses((OCSP, PROFILE.ocsp_url), (CA_ISSUERS, PROFILE.issuer_url))),
        with_value(AIA, accesses((CA_ISSUERS, "ftp://a/b"), (OCSP, PROFILE.ocsp_url))),
    ],
    "server_names_are_the_ordered_ones": [with_value(SAN, der.tlv(SEQUENCE, der.tlv(0x82, b"bank.example.jp")))],
    "nocheck_is_a_null": [with_value(NO_CHECK, der.tlv(der.NULL))],
}


def checked(ordered: AnyOrder) -> tuple[bytes, Wanted]:
    """A good one, and what is wanted of it."""
    return issuer().draft(ordered).tbs, issuer()._wanted(ordered)


def broken_rules(tbs: bytes, wanted: Wanted) -> set[str]:
    return {finding.split(" ", 1)[0] for finding in lint.findings(tbs, wanted)}


@pytest.mark.parametrize("rule", WRONG)
def test_a_rule_sees_what_is_wrong_for_it(rule: str) -> None:
    tbs, wanted = checked(order())
    for number, change in enumerate(WRONG[rule]):
        assert rule in broken_rules(change(tbs), wanted), number


def test_names_are_a_servers_only() -> None:
    signs = OwnOrder(
        Kind.CMP, 1 << 126, own_name("CMP"), spki_of(key(KeyKind.P256, 9)), NOW, NOW + timedelta(1), ("a",)
    )
    nameless = OwnOrder(Kind.TLS, 1 << 126, own_name("TLS"), spki_of(key(KeyKind.P256, 9)), NOW, NOW + timedelta(1))
    for wrong in (signs, nameless):
        with pytest.raises(CertificateUnfit) as refused:
            issuer().draft(wrong)
        assert any(one.startswith("names_are_a_servers ") for one in refused.value.findings)


def test_a_rehearsal_is_short_and_no_login() -> None:
    rehearsed = dataclasses.replace(order(), is_rehearsal=True, not_after=NOW + LIVES)
    tbs, wanted = checked(rehearsed)
    assert broken_rules(with_value(EKU, oids("1.3.6.1.5.5.7.3.2"))(tbs), wanted) == {"purposes_fit_its_kind"}
    assert broken_rules(with_value(POLICIES, policies(POLICY_MEDIUM))(tbs), wanted) == {
        "policies_are_those_of_its_store"
    }
    with pytest.raises(CertificateUnfit) as refused:
        issuer().draft(dataclasses.replace(rehearsed, not_after=NOW + LIVES + timedelta(seconds=1)))
    assert [one.split(" ")[0] for one in refused.value.findings] == ["a_rehearsal_is_short"]


def test_every_rule_has_its_wrong_certificate_and_its_source() -> None:
    assert {*WRONG, "names_are_a_servers", "a_rehearsal_is_short"} == set(lint.RULES)
    assert all(rule.source for rule in lint.RULES.values())


def test_rules_for_an_authority() -> None:
    """Of a certificate with basicConstraints, and of one whose own key signs it."""
    wanted = issuer()._wanted(OwnOrder(Kind.ISSUING, 1 << 126, own_name("x"), spki_of(key(KeyKind.P256, 9)), NOW, NOW))
    tbs = der.children(keys().issuing.certificate)[0].whole
    true = der.tlv(der.BOOLEAN, b"\xff")
    for value in (der.tlv(SEQUENCE, true), der.tlv(SEQUENCE, true, der.integer(1)), der.tlv(SEQUENCE)):
        assert "basic_constraints_fit_its_kind" in broken_rules(with_value(BASIC, value)(tbs), wanted)
    assert "basic_constraints_fit_its_kind" not in broken_rules(tbs, wanted)


def test_every_finding_is_told_at_once_with_its_source() -> None:
    tbs, wanted = checked(order())
    wrong = part(SERIAL, der.integer(4711))(part(ISSUER, own_name("another"))(without(KU)(tbs)))
    with pytest.raises(CertificateUnfit) as refused:
        lint.refuse_unfit(wrong, wanted)
    found = refused.value.findings
    assert {"serial_is_long_enough", "issuer_is_the_authority", "key_usage_fits_its_kind"} <= broken_rules(
        wrong, wanted
    )
    assert any("RFC 5280, 4.1.2.4" in one for one in found)


@pytest.mark.parametrize(
    "ordered",
    [order(), order(KeyKind.RSA_2048, StoreKind.PC), server_order("ca.example.jp", "192.0.2.1", "2001:db8::1")],
    ids=["medium", "pc", "server"],
)
def test_no_bit_of_a_certificate_goes_unread(ordered: AnyOrder) -> None:
    tbs, wanted = checked(ordered)
    assert not lint.findings(tbs, wanted)
    for place in range(len(tbs)):
        for bit in range(8):
            wrong = bytearray(tbs)
            wrong[place] ^= 1 << bit
            assert lint.findings(bytes(wrong), wanted), (place, bit)


@given(st.data())
def test_no_bytes_make_the_lint_fail_in_another_way(data: st.DataObject) -> None:
    tbs, wanted = checked(order())
    at = data.draw(st.integers(0, len(tbs)))
    wrong = tbs[:at] + data.draw(st.binary(max_size=9)) + tbs[at + data.draw(st.integers(0, 9)) :]
    assert wrong == tbs or lint.findings(wrong, wanted)


@given(st.datetimes(min_value=NOW.replace(tzinfo=None), max_value=NOW.replace(tzinfo=None, year=9999)))
def test_a_time_is_read_as_it_was_written(when: datetime) -> None:
    exact = when.replace(tzinfo=UTC, microsecond=0)
    whole = time_of(exact)
    assert moment(der.read(whole)[0]) == exact
    assert (whole[0] == UTC_TIME) == (exact.year < 2050)
