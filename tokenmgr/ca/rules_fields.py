"""Rules for the fields of a certificate (RFC 5280, 4.1)."""

from __future__ import annotations

from tokenmgr.ca import keycheck
from tokenmgr.ca.profile import Kind, OwnOrder
from tokenmgr.ca.rules import Wanted, rule
from tokenmgr.ca.tbs import Tbs, moment, names, time_of
from tokenmgr.domain.rehearsal import LIVES
from tokenmgr.errors import KeyUnfit
from tokenmgr.pki import der

# ECDSA and RSA signature algorithms by OID -> what follows the OID.
_ECDSA = {der.oid(f"1.2.840.10045.4.3.{number}") for number in (2, 3, 4)}
_RSA = {der.oid(f"1.2.840.113549.1.1.{number}") for number in (11, 12, 13)}

# RFC 5280, appendix A.1: upper bounds, in characters. What has none here may be 64 long.
_LONGEST = {
    der.oid("2.5.4.3"): 64,  # common name
    der.oid("2.5.4.6"): 2,  # country
    der.oid("2.5.4.7"): 128,  # locality
    der.oid("2.5.4.8"): 128,  # state
    der.oid("1.2.840.113549.1.9.1"): 255,  # e-mail address
    der.oid("0.9.2342.19200300.100.1.25"): 63,  # domain component
}
_COUNTRY, _SERIAL_NUMBER, _QUALIFIER = (der.oid(f"2.5.4.{number}") for number in (6, 5, 46))
_IN_IA5 = {der.oid("1.2.840.113549.1.9.1"), der.oid("0.9.2342.19200300.100.1.25")}
_IN_PRINTABLE = {_COUNTRY, _SERIAL_NUMBER, _QUALIFIER}
_PRINTABLE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")


@rule("RFC 5280, 4.1.2.1")
def version_is_3(tbs: Tbs, _wanted: Wanted) -> bool:
    return tbs.version == der.integer(2)


@rule("RFC 5280, 4.1.2.2")
def serial_is_positive(tbs: Tbs, _wanted: Wanted) -> bool:
    return der.unsigned(tbs.serial) > 0


@rule("RFC 5280, 4.1.2.2")
def serial_fits_20_octets(tbs: Tbs, _wanted: Wanted) -> bool:
    return len(tbs.serial.body) <= 20


@rule("CVE-2008-5077 and others: 64 bits that nobody foresees; a serial number this long has room for them")
def serial_is_long_enough(tbs: Tbs, _wanted: Wanted) -> bool:
    return int.from_bytes(tbs.serial.body, "big").bit_length() >= 64


@rule("the order")
def serial_is_the_ordered_one(tbs: Tbs, wanted: Wanted) -> bool:
    return tbs.serial.whole == der.integer(wanted.order.serial)


@rule("RFC 5280, 4.1.1.2")
def algorithm_is_the_same_outside(tbs: Tbs, wanted: Wanted) -> bool:
    return tbs.algorithm == wanted.algorithm


@rule("RFC 5758, 3.2; RFC 4055, 5: ECDSA has no parameters, RSA has NULL")
def algorithm_has_its_parameters(tbs: Tbs, _wanted: Wanted) -> bool:
    oid, *parameters = der.children(tbs.algorithm)
    if oid.whole in _ECDSA:
        return not parameters
    return oid.whole in _RSA and [one.whole for one in parameters] == [der.tlv(der.NULL)]


@rule("RFC 5280, 4.1.2.4")
def issuer_is_the_authority(tbs: Tbs, wanted: Wanted) -> bool:
    return tbs.issuer == wanted.issuer


@rule("RFC 5280, 4.1.2.5: UTCTime through 2049, to the second, in UTC")
def times_are_well_written(tbs: Tbs, _wanted: Wanted) -> bool:
    return all(time.whole == time_of(moment(time)) for time in (tbs.not_before, tbs.not_after))


@rule("the order")
def times_are_the_ordered_ones(tbs: Tbs, wanted: Wanted) -> bool:
    given = moment(tbs.not_before), moment(tbs.not_after)
    return given == (wanted.order.not_before, wanted.order.not_after)


@rule("RFC 5280, 4.1.2.5")
def validity_has_a_length(tbs: Tbs, _wanted: Wanted) -> bool:
    return moment(tbs.not_before) < moment(tbs.not_after)


@rule("domain/rehearsal.py: it is for as long as it takes, and no longer")
def a_rehearsal_is_short(tbs: Tbs, wanted: Wanted) -> bool:
    return wanted.kind is not Kind.REHEARSAL or moment(tbs.not_after) - moment(tbs.not_before) <= LIVES


@rule("RFC 5280, 6.1.3 a 2: a path is valid only while all of it is")
def validity_is_within_the_issuers(tbs: Tbs, wanted: Wanted) -> bool:
    return wanted.issuer_begins <= moment(tbs.not_before) and moment(tbs.not_after) <= wanted.issuer_ends


@rule("the order")
def subject_is_the_ordered_one(tbs: Tbs, wanted: Wanted) -> bool:
    return tbs.subject == wanted.order.subject


@rule("RFC 5280, 4.1.2.6; 4.2.1.6 has the other way, which this CA does not go")
def subject_is_not_empty(tbs: Tbs, _wanted: Wanted) -> bool:
    return bool(names(tbs.subject))


@rule("RFC 5280, 4.1.2.6: nobody but a root is called as its issuer is")
def subject_is_not_the_issuers(tbs: Tbs, wanted: Wanted) -> bool:
    return (tbs.subject == tbs.issuer) == (wanted.kind is Kind.ROOT)


@rule("RFC 5280, 4.1.2.4, appendix A.1: UTF8String or PrintableString, by what it is the name of")
def subject_has_the_right_strings(tbs: Tbs, _wanted: Wanted) -> bool:
    return _has_right_strings(tbs.subject)


def _has_right_strings(name: bytes) -> bool:
    for kind, value in names(name):
        if kind in _IN_IA5:
            fits = value.tag == der.IA5 and value.body.isascii()
        elif kind in _IN_PRINTABLE:
            fits = value.tag == der.PRINTABLE and _PRINTABLE.issuperset(value.body)
        else:
            plain = value.tag == der.PRINTABLE and _PRINTABLE.issuperset(value.body)
            fits = plain or (value.tag == der.UTF8 and value.body.decode("utf-8").isprintable())
        if not fits:
            return False
    return True


@rule("RFC 5280, appendix A.1: the upper bounds; and no name that is blank or begins or ends so")
def subject_has_the_right_lengths(tbs: Tbs, _wanted: Wanted) -> bool:
    texts = [(kind, value.body.decode("utf-8")) for kind, value in names(tbs.subject)]
    return all(0 < len(text) <= _LONGEST.get(kind, 64) and text == text.strip() for kind, text in texts)


@rule("RFC 5280, appendix A.1: a country is two letters, of ISO 3166")
def subject_has_a_country_of_two_letters(tbs: Tbs, _wanted: Wanted) -> bool:
    countries = [value.body for kind, value in names(tbs.subject) if kind == _COUNTRY]
    return len(countries) <= 1 and all(len(one) == 2 and one.isalpha() and one.isupper() for one in countries)


@rule("the order")
def public_key_is_the_ordered_one(tbs: Tbs, wanted: Wanted) -> bool:
    return tbs.public_key == wanted.order.public_key


@rule("RFC 3279, 2.3.1; RFC 5480, 2; RFC 8017, A.1; SP 800-56B, 6.2")
def public_key_is_sound(tbs: Tbs, _wanted: Wanted) -> bool:
    try:
        keycheck.refuse_weak(tbs.public_key)
    except KeyUnfit:
        return False
    return True


@rule("RFC 5280, 3.2: only a root has the key that signs it")
def public_key_is_not_the_issuers(tbs: Tbs, wanted: Wanted) -> bool:
    return (tbs.public_key == wanted.issuer_key) == (wanted.kind is Kind.ROOT)


@rule("RFC 5280, 4.1.2.8: no unique identifiers, and nothing else that has no place")
def nothing_else_is_in_it(tbs: Tbs, _wanted: Wanted) -> bool:
    return not tbs.others


@rule("X.690, 10 and 11")
def every_part_is_der(tbs: Tbs, _wanted: Wanted) -> bool:
    inside = [extension.value for extension in tbs.extensions]
    return not any(map(der.faults, [*(one.whole for part in tbs.parts for one in _pieces(part)), *inside]))


def _pieces(part: der.Element) -> list[der.Element]:
    """The extensions one by one: most of them are the same in every certificate, and looked at once (der.faults)."""
    return der.children(part.body) if part.tag == 0xA3 else [part]


@rule("RFC 5280, 4.1: DER, so that what is written again is the same")
def written_again_it_is_the_same(tbs: Tbs, wanted: Wanted) -> bool:
    order = wanted.order
    head = der.tlv(0xA0, der.integer(2)), der.integer(order.serial), wanted.algorithm, wanted.issuer
    validity = der.tlv(der.SEQUENCE, time_of(order.not_before), time_of(order.not_after))
    again = (*head, validity, order.subject, order.public_key)
    return tuple(part.whole for part in tbs.parts[:-1]) == again


@rule("the order: names are a server's only")
def names_are_a_servers(_tbs: Tbs, wanted: Wanted) -> bool:
    names_given = wanted.order.names if isinstance(wanted.order, OwnOrder) else ()
    return bool(names_given) == (wanted.kind is Kind.TLS)
