"""Rules for the extensions of a certificate (RFC 5280, 4.2). Each value is read here, not compared with what was built:
what built it may be wrong."""

from __future__ import annotations

import functools
import hashlib
from ipaddress import ip_address
from urllib.parse import urlsplit

from tokenmgr.ca.profile import CRITICAL, Kind, OwnOrder
from tokenmgr.ca.rules import Wanted, rule
from tokenmgr.ca.tbs import Tbs
from tokenmgr.pki import der
from tokenmgr.pki.der import Malformed

SKI, KEY_USAGE, SAN, BASIC, CRL_POINTS = (f"2.5.29.{number}" for number in (14, 15, 17, 19, 31))
POLICIES, AKI, PURPOSES = (f"2.5.29.{number}" for number in (32, 35, 37))
AIA, NO_CHECK = "1.3.6.1.5.5.7.1.1", "1.3.6.1.5.5.7.48.1.5"
_CA_ISSUERS, _OCSP = der.oid("1.3.6.1.5.5.7.48.2"), der.oid("1.3.6.1.5.5.7.48.1")
_URI = 0x86  # GeneralName, [6]
_TRUE = der.tlv(der.BOOLEAN, b"\xff")

_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


@rule("RFC 5280, 4.2")
def no_extension_is_there_twice(tbs: Tbs, _wanted: Wanted) -> bool:
    return len({extension.oid for extension in tbs.extensions}) == len(tbs.extensions)


@rule("the profile: no extension is missing, and no other is there")
def extensions_are_those_of_its_kind(tbs: Tbs, wanted: Wanted) -> bool:
    return {extension.oid for extension in tbs.extensions} == {der.oid(oid) for oid in wanted.shape.extensions}


@rule("RFC 5280, 4.2.1.3, 4.2.1.9: these are critical, and the others are not; FALSE is the default and not written")
def extensions_are_critical_where_they_must(tbs: Tbs, _wanted: Wanted) -> bool:
    critical = {der.oid(oid) for oid in CRITICAL}
    return all(e.critical == (_TRUE if e.oid in critical else b"") for e in tbs.extensions)


@rule("RFC 5280, 4.2.1.3; RFC 9483, 1.5; RFC 6960, 4.2.2.2")
def key_usage_fits_its_kind(tbs: Tbs, wanted: Wanted) -> bool:
    return _usages(tbs.value(KEY_USAGE)) == wanted.shape.usages


@functools.lru_cache(maxsize=256)
def _usages(value: bytes) -> frozenset[str]:
    bits = der.only(value, der.BIT_STRING).body
    if len(bits) not in (2, 3) or bits[-1] == 0 or bits[-1] & -bits[-1] != 1 << bits[0]:  # X.690, 11.2.2: named bits
        raise Malformed("keyUsage")
    number = int.from_bytes(bits[1:].ljust(2, b"\0"), "big")
    return frozenset(name for place, name in enumerate(_USAGES) if number >> (15 - place) & 1)


@rule("RFC 5280, 4.2.1.12; RFC 9480, 2.2; RFC 6960, 4.2.2.2")
def purposes_fit_its_kind(tbs: Tbs, wanted: Wanted) -> bool:
    if not wanted.shape.purposes:
        return not tbs.values(PURPOSES)
    return _oids(tbs.value(PURPOSES)) == tuple(der.oid(oid) for oid in wanted.shape.purposes)


@functools.lru_cache(maxsize=256)
def _oids(value: bytes) -> tuple[bytes, ...]:
    return tuple(one.whole for one in der.children(value))


@rule("RFC 5280, 4.2.1.9: an authority says so, and what is none says nothing")
def basic_constraints_fit_its_kind(tbs: Tbs, wanted: Wanted) -> bool:
    shape = wanted.shape
    if not shape.authority:
        return not tbs.values(BASIC)
    length = [] if shape.path_length is None else [der.integer(shape.path_length)]
    return [one.whole for one in der.children(tbs.value(BASIC))] == [_TRUE, *length]


@rule("RFC 5280, 4.2.1.2 (1)")
def subject_key_identifier_is_its_keys(tbs: Tbs, wanted: Wanted) -> bool:
    _algorithm, bits = der.children(wanted.order.public_key)
    digest = hashlib.sha1(bits.body[1:], usedforsecurity=False).digest()
    return der.only(tbs.value(SKI), der.OCTET_STRING).body == digest


@rule("RFC 5280, 4.2.1.1: the key identifier alone; a root needs none")
def authority_key_identifier_is_the_issuers(tbs: Tbs, wanted: Wanted) -> bool:
    if wanted.kind is Kind.ROOT:
        return not tbs.values(AKI)
    return [one.whole for one in der.children(tbs.value(AKI))] == [der.tlv(0x80, wanted.issuer_key_id)]


@rule("RFC 5280, 4.2.1.4; a customer's has exactly one, by where its key is")
def policies_are_those_of_its_store(tbs: Tbs, wanted: Wanted) -> bool:
    if not wanted.policies:
        return not tbs.values(POLICIES)
    given = [one.whole for one in der.children(tbs.value(POLICIES))]
    return given == [der.tlv(der.SEQUENCE, der.oid(policy)) for policy in wanted.policies]


@rule("RFC 5280, 4.2.1.13")
def revocation_list_is_pointed_to(tbs: Tbs, wanted: Wanted) -> bool:
    if CRL_POINTS not in wanted.shape.extensions:
        return not tbs.values(CRL_POINTS)
    return _points(tbs.value(CRL_POINTS)) == (wanted.crl_url,)


@functools.lru_cache(maxsize=256)
def _points(value: bytes) -> tuple[str, ...]:
    """Of each point: its name [0], in it the full name [0], in it one URI."""
    found = []
    for point in der.children(value):
        full = der.only(der.only(der.only(point.whole, der.SEQUENCE).body, 0xA0).body, 0xA0)
        found.append(_absolute(der.only(full.body, _URI).body))
    return tuple(found)


@rule("RFC 5280, 4.2.2.1")
def issuer_and_ocsp_are_pointed_to(tbs: Tbs, wanted: Wanted) -> bool:
    if AIA not in wanted.shape.extensions:
        return not tbs.values(AIA)
    expected = ((_CA_ISSUERS, wanted.issuer_url), (_OCSP, wanted.ocsp_url))
    return _accesses(tbs.value(AIA)) == tuple((how, url) for how, url in expected if url)


@functools.lru_cache(maxsize=256)
def _accesses(value: bytes) -> tuple[tuple[bytes, str], ...]:
    found = []
    for access in der.children(value):
        how, where = der.children(access.whole)
        found.append((how.whole, _absolute(der.only(where.whole, _URI).body)))
    return tuple(found)


def _absolute(url: bytes) -> str:
    """RFC 5280, 4.2.1.6: an absolute URI of a scheme that is known here, in ASCII, of a host."""
    text = url.decode("ascii")
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or not text.isprintable() or " " in text:
        raise Malformed("not an absolute http(s) URL")
    return text


@rule("RFC 9525, 2: a server is called by its DNS names and addresses")
def server_names_are_the_ordered_ones(tbs: Tbs, wanted: Wanted) -> bool:
    names = wanted.order.names if isinstance(wanted.order, OwnOrder) else ()
    if SAN not in wanted.shape.extensions:
        return not tbs.values(SAN)
    return [one.whole for one in der.children(tbs.value(SAN))] == [_general_name(name) for name in names]


def _general_name(name: str) -> bytes:
    try:
        return der.tlv(0x87, ip_address(name).packed)
    except ValueError:
        return der.tlv(0x82, name.encode("ascii"))


@rule("RFC 6960, 4.2.2.2.1")
def nocheck_is_a_null(tbs: Tbs, wanted: Wanted) -> bool:
    if NO_CHECK not in wanted.shape.extensions:
        return not tbs.values(NO_CHECK)
    return tbs.value(NO_CHECK) == der.tlv(der.NULL)
