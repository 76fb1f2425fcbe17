"""Is this the certificate that was asked for? Each reason why not by itself, and all of them at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from itertools import product

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from tests.api.rig import NOW
from tokenmgr.domain.credential import CertificateFacts, Credential, Key, KeyKind, StoredCertificate, TrustAttributes
from tokenmgr.domain.holding import Whose
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.renewal.acceptance import SKEW, Expected, issuers_of, label_of, mismatches
from tokenmgr.testbed.throwaway_ca import ThrowawayCA
from tokenmgr.token.making import LONGEST_OBJECT_LABEL
from tokenmgr.token.module import check_label

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
WHO, OTHER = ("1234", "0012345", "user01"), ("1234", "0012345", "user02")
NAME = "みほん信用金庫"
CA, OTHER_CA = ThrowawayCA(NOW - DAY, "ours"), ThrowawayCA(NOW - DAY, "another")
ENDS = NOW + 365 * DAY
KINDS = (
    NameOID.COUNTRY_NAME,
    NameOID.ORGANIZATION_NAME,
    NameOID.ORGANIZATIONAL_UNIT_NAME,
    NameOID.COMMON_NAME,
)
REASONS = (
    "another-key",
    "another-holder",
    "an-authority",
    "not-of-this-ca",
    "not-valid-yet",
    "ended",
    "ends-before-the-old-one",
)


@cache
def made(who: tuple[str, str, str] = WHO, key: int = 1, bank: str = NAME, ca: ThrowawayCA = CA) -> CertificateFacts:
    """A certificate as a CA hands it out; as it is, the one that was asked for."""
    public = ec.derive_private_key(key, ec.SECP256R1()).public_key()
    whose = "-".join(who[:2])
    parts = zip(KINDS, ("JP", bank, whose, who[2]), strict=True)
    name = x509.Name([x509.NameAttribute(*one) for one in parts])
    encoded = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return certificate_facts(ca.certify(encoded, name, NOW, ENDS))


def held(facts: CertificateFacts) -> Credential:
    """On a store, beside its key."""
    key = Key(b"\1", "", KeyKind.P256.value, facts.public_key, TrustAttributes(), 1)
    return Credential(key, StoredCertificate(b"\1", "", facts.der, facts, 2))


def expected(old: CertificateFacts | None = None, whose: tuple[str, str, str] | None = None) -> Expected:
    return Expected(
        held(made()).key, held(old) if old else None, Whose(*whose) if whose else None, CA.chain, CA.chain[-1:]
    )


def ending(facts: CertificateFacts, ends: datetime) -> CertificateFacts:
    return replace(facts, not_after=ends)


OLD = ending(made(key=2), NOW + DAY)


def test_what_was_asked_for_is_accepted() -> None:
    assert mismatches(made(), expected(OLD), NOW) == ()
    assert mismatches(made(), expected(whose=WHO), NOW) == ()
    assert mismatches(made(), expected(), NOW) == ()  # of an acquisition that another PC has begun


def test_every_mismatch_is_told_by_itself_and_beside_any_other() -> None:
    for chosen in product((False, True), repeat=len(REASONS)):
        told_are_those(chosen)


def told_are_those(chosen: tuple[bool, ...]) -> None:
    so = dict(zip(REASONS, chosen, strict=True))
    facts = made(
        who=OTHER if so["another-holder"] else WHO,
        key=3 if so["another-key"] else 1,
        ca=OTHER_CA if so["not-of-this-ca"] else CA,
    )
    ends = NOW - SECOND if so["ended"] else ENDS
    facts = replace(
        facts,
        is_authority=so["an-authority"],
        not_before=NOW + SKEW + SECOND if so["not-valid-yet"] else NOW,
        not_after=ends,
    )
    old = ending(OLD, ends + SECOND if so["ends-before-the-old-one"] else ends)
    assert mismatches(facts, expected(old), NOW) == tuple(name for name in REASONS if so[name])


# --- when ---


@given(st.integers(-400, 400), st.integers(-400, 400), st.integers(-400, 400))
def test_of_time_only_what_a_clock_may_differ_by_is_forgiven(starts: int, ends: int, old_ends: int) -> None:
    """Seconds from now. One that lives on as long as the old one, to the second, loses its customer nothing (R2)."""
    facts = replace(made(), not_before=NOW + starts * SECOND, not_after=NOW + ends * SECOND)
    found = mismatches(facts, expected(ending(OLD, NOW + old_ends * SECOND)), NOW)
    assert ("not-valid-yet" in found) == (starts > SKEW.total_seconds())
    assert ("ended" in found) == (ends < 0)  # its last second counts
    assert ("ends-before-the-old-one" in found) == (ends < old_ends)


# --- whose ---

ids = st.tuples(st.sampled_from(["1234", "5678"]), st.sampled_from(["0012345", "0012346"]), st.sampled_from(["a", "b"]))


@given(ids, ids, st.sampled_from([NAME, "あたらしい信用金庫"]), st.booleans())
def test_the_ids_are_whose_it_is_and_the_banks_name_may_change(
    wanted: tuple[str, str, str], got: tuple[str, str, str], bank: str, is_renewal: bool
) -> None:
    """In a renewal the old one says it; in an acquisition the four fields (R9)."""
    asked = expected(ending(made(wanted, key=2), NOW + DAY)) if is_renewal else expected(whose=wanted)
    found = mismatches(made(got, bank=bank), asked, NOW)
    assert found == (() if wanted == got else ("another-holder",))


def test_where_no_ids_are_in_the_subject_it_is_the_very_same_one() -> None:
    """Of a CA that is not ours: there is nothing to tell an ID from a bank's name by."""
    theirs = replace(OLD, subject_der=certificate_facts(CA.chain[-1]).subject_der)
    assert mismatches(replace(made(), subject_der=theirs.subject_der), expected(theirs), NOW) == ()
    assert mismatches(made(), expected(theirs), NOW) == ("another-holder",)
    assert mismatches(theirs, replace(expected(OLD), key=held(OLD).key), NOW) == ("another-holder",)


# --- of whom ---


def test_what_lies_beside_it_is_what_leads_to_the_root_and_nothing_else() -> None:
    """An answer brings its signer's certificate, too, and a root of its own that nobody here believes."""
    sent = [*OTHER_CA.chain, made(key=5).der, *CA.chain]
    assert issuers_of(made(), sent, CA.chain[-1:]) == (CA.chain, "")
    assert issuers_of(made(), CA.chain[:1], CA.chain[-1:]) == (CA.chain, "")


@pytest.mark.parametrize(
    ("chain", "roots"),
    [
        pytest.param(CA.chain, OTHER_CA.chain[-1:], id="a root that only the answer brings"),
        pytest.param(CA.chain[-1:], CA.chain[-1:], id="nobody between"),
        pytest.param(OTHER_CA.chain, CA.chain[-1:], id="another of the same name between"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_a_root_is_believed_only_where_the_profile_has_it(chain: list[bytes], roots: list[bytes]) -> None:
    assert issuers_of(made(), chain, roots)[1]
    assert mismatches(made(), replace(expected(OLD), chain=chain, roots=roots), NOW) == ("not-of-this-ca",)


def test_a_label_says_whose_and_until_which_day_in_japan() -> None:
    late = datetime(2027, 3, 31, 15, 0, tzinfo=NOW.tzinfo)
    assert label_of(ending(made(), late)) == "1234-0012345 user01 2027-04-01"
    assert label_of(ending(made(), late - SECOND)) == "1234-0012345 user01 2027-03-31"
    assert label_of(certificate_facts(CA.chain[-1])).startswith("CN=Throw-away Root ")


def test_a_name_of_another_ca_makes_a_label_whatever_is_in_it() -> None:
    """Labels have no control characters, and 255 bytes at most."""
    facts = ending(made(), NOW)
    for name in ("CN=" + "太" * 500, "CN=a\nb", "\n"):
        label = label_of(replace(facts, subject=name, subject_der=bytes((0x30, 0))))
        check_label(label, LONGEST_OBJECT_LABEL)
        assert label.endswith(" 2026-04-01")
