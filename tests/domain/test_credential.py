"""Two rules: what a key must be (S1), and which certificate is whose."""

from __future__ import annotations

import dataclasses
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr.domain.credential import (
    CertificateFacts,
    Credential,
    Key,
    StoredCertificate,
    TrustAttributes,
    judge_key,
    pair,
)

GOOD = TrustAttributes(
    token=True,
    private=True,
    sensitive=True,
    extractable=False,
    local=True,
    always_sensitive=True,
    never_extractable=True,
)
NAMES = [field.name for field in dataclasses.fields(TrustAttributes)]
UNTRUTHFUL = st.frozensets(st.sampled_from(["sensitive", "local", "always_sensitive", "never_extractable"]))
TRUST = st.builds(TrustAttributes, **{name: st.sampled_from([True, False, None]) for name in NAMES})


# --- S1 ---


def test_a_good_key_has_nothing_against_it() -> None:
    assert judge_key(GOOD, private_part_refused=True, untruthful=frozenset()) == ()


@pytest.mark.parametrize("said", [None, "the contrary"])
@pytest.mark.parametrize("name", NAMES)
def test_each_attribute_that_is_wrong_or_untold_is_named(name: str, said: str | None) -> None:
    value = None if said is None else not getattr(GOOD, name)
    findings = judge_key(dataclasses.replace(GOOD, **{name: value}), True, frozenset())
    assert len(findings) == 1
    assert findings[0].startswith("key-")


def test_each_attribute_has_a_finding_of_its_own() -> None:
    nothing_told = judge_key(TrustAttributes(), private_part_refused=False, untruthful=frozenset())
    assert len(set(nothing_told)) == len(NAMES) + 1


def test_a_key_whose_private_part_was_read_is_refused_whatever_it_says_of_itself() -> None:
    assert judge_key(GOOD, private_part_refused=False, untruthful=frozenset(NAMES)) == ("key-readable",)


def test_no_family_excuses_an_extractable_key() -> None:
    extractable = dataclasses.replace(GOOD, extractable=True)
    assert judge_key(extractable, True, frozenset(NAMES)) == ("key-extractable",)


@given(TRUST, st.booleans(), UNTRUTHFUL, st.sampled_from(NAMES))
def test_a_better_key_is_never_judged_worse(
    trust: TrustAttributes, refused: bool, untruthful: frozenset[str], name: str
) -> None:
    better = dataclasses.replace(trust, **{name: getattr(GOOD, name)})
    before = set(judge_key(trust, refused, untruthful))
    assert set(judge_key(better, refused, untruthful)) <= before
    assert set(judge_key(trust, True, untruthful)) <= before


@given(TRUST, st.booleans(), UNTRUTHFUL, UNTRUTHFUL)
def test_to_rely_on_less_never_finds_more(
    trust: TrustAttributes, refused: bool, few: frozenset[str], others: frozenset[str]
) -> None:
    assert set(judge_key(trust, refused, few | others)) <= set(judge_key(trust, refused, few))


@given(TRUST, st.booleans(), UNTRUTHFUL)
def test_only_what_a_family_is_known_to_misreport_is_forgiven(
    trust: TrustAttributes, refused: bool, untruthful: frozenset[str]
) -> None:
    wrong = {name for name in NAMES if getattr(trust, name) is not getattr(GOOD, name)}
    clean = judge_key(trust, refused, untruthful) == ()
    assert clean == (refused and wrong <= untruthful)


# --- which certificate is whose ---

DAY = datetime(2026, 4, 1, tzinfo=UTC)
IDS = st.sampled_from([b"", b"\x01", b"\x02", b"\x03"])
PUBLIC = st.sampled_from([b"public-1", b"public-2", b"public-3"])


def facts(public_key: bytes, is_authority: bool, name: str, days: int = 365) -> CertificateFacts:
    encoded = name.encode()
    return CertificateFacts(
        der=b"der of " + encoded,
        subject=f"CN={name}",
        issuer="CN=CA",
        serial_number=1,
        not_before=DAY,
        not_after=DAY + timedelta(days=days),
        public_key=public_key,
        is_authority=is_authority,
        subject_der=encoded,
        issuer_der=b"CA",
        serial_der=b"\x02\x01\x01",
    )


@st.composite
def media(draw: st.DrawFn) -> tuple[list[Key], list[StoredCertificate]]:
    keys = [
        Key(key_id, "", "p256", public, GOOD, handle=1 + number)
        for number, (key_id, public) in enumerate(draw(st.lists(st.tuples(IDS, PUBLIC | st.none()), max_size=4)))
    ]
    described = st.tuples(IDS, st.one_of(st.none(), st.tuples(PUBLIC, st.booleans())))
    certificates = []
    for number, (key_id, told) in enumerate(draw(st.lists(described, max_size=6))):
        about = facts(*told, name=f"c{number}") if told else None
        certificates.append(StoredCertificate(key_id, f"c{number}", b"der of c%d" % number, about, handle=100 + number))
    return keys, certificates


@given(media())
def test_every_key_makes_one_credential_in_its_own_order(
    medium: tuple[list[Key], list[StoredCertificate]],
) -> None:
    keys, certificates = medium
    credentials, _ = pair(keys, certificates)
    assert [one.key.handle for one in credentials] == [key.handle for key in keys]


@given(media())
def test_key_and_certificate_belong_together_only_when_id_and_public_key_agree(
    medium: tuple[list[Key], list[StoredCertificate]],
) -> None:
    credentials, _ = pair(*medium)
    for one in credentials:
        if one.certificate:
            assert one.certificate.key_id == one.key.key_id != b""
            assert one.certificate.facts is not None
            assert one.certificate.facts.public_key == one.key.public_key


@given(media())
def test_a_key_whose_certificate_is_there_gets_it(medium: tuple[list[Key], list[StoredCertificate]]) -> None:
    keys, certificates = medium
    credentials, _ = pair(keys, certificates)
    for one in credentials:
        fits = [
            c
            for c in certificates
            if c.facts and c.key_id and c.key_id == one.key.key_id and c.facts.public_key == one.key.public_key
        ]
        assert bool(fits) == (one.certificate is not None)


ABOUT_A_KEY = {"pair-mismatch", "pair-unproven", "pair-other-id", "certificate-twice", "certificate-superseded"}


@given(media())
def test_every_certificate_is_in_exactly_one_place_paired_or_reported_or_an_authority(
    medium: tuple[list[Key], list[StoredCertificate]],
) -> None:
    keys, certificates = medium
    credentials, findings = pair(keys, certificates)
    handles = {one.certificate.handle for one in credentials if one.certificate}
    keys_spoken_of = {finding.subject for finding in findings if finding.code in ABOUT_A_KEY}
    without_key = [finding.subject for finding in findings if finding.code == "certificate-without-key"]
    for one in certificates:
        if one.facts is None:
            assert one.handle not in handles
            continue
        disputed = any(
            key.key_id.hex() in keys_spoken_of
            for key in keys
            if (one.key_id and key.key_id == one.key_id) or key.public_key == one.facts.public_key
        )
        reported = without_key.count(one.facts.subject)
        if one.handle in handles:
            assert reported == 0
        elif disputed or one.facts.is_authority:
            assert reported == 0, "an authority is in its place, and what a key is blamed for is blamed once"
        else:
            assert reported == 1
    assert len(without_key) == len(set(without_key))


@given(media())
def test_a_damaged_certificate_is_always_reported(medium: tuple[list[Key], list[StoredCertificate]]) -> None:
    damaged = [c for c in medium[1] if c.facts is None]
    _, findings = pair(*medium)
    assert sum(finding.code == "certificate-damaged" for finding in findings) == len(damaged)


@given(media())
def test_the_order_in_which_a_token_lists_things_changes_no_finding(
    medium: tuple[list[Key], list[StoredCertificate]],
) -> None:
    keys, certificates = medium
    _, findings = pair(keys, certificates)
    _, again = pair(reversed(keys), reversed(certificates))
    assert Counter(findings) == Counter(again)


def key(key_id: bytes = b"\x01", public: bytes | None = b"public-1") -> Key:
    return Key(key_id, "", "p256", public, GOOD, handle=1)


def certificate(
    key_id: bytes = b"\x01", public: bytes = b"public-1", handle: int = 100, name: str = "a", days: int = 365
) -> StoredCertificate:
    return StoredCertificate(key_id, "", b"der of a", facts(public, False, name, days), handle=handle)


def codes(keys: list[Key], certificates: list[StoredCertificate]) -> list[str]:
    return [finding.code for finding in pair(keys, certificates)[1]]


def test_a_pair_is_no_finding() -> None:
    credentials, findings = pair([key()], [certificate()])
    assert findings == []
    assert credentials == [Credential(key(), certificate())]


def test_a_key_that_waits_for_its_certificate_is_told_and_is_not_grave() -> None:
    _, findings = pair([key()], [])
    assert [(finding.code, finding.grave) for finding in findings] == [("key-without-certificate", False)]


def test_one_id_and_two_public_keys_is_a_mismatch() -> None:
    assert codes([key()], [certificate(public=b"public-2")]) == ["pair-mismatch"]


def test_a_key_that_does_not_show_its_public_part_proves_nothing() -> None:
    assert codes([key(public=None)], [certificate()]) == ["pair-unproven"]


def test_the_certificate_under_another_id_is_found_and_not_guessed() -> None:
    credentials, findings = pair([key()], [certificate(key_id=b"\x02")])
    assert credentials[0].certificate is None
    assert "pair-other-id" in [finding.code for finding in findings]


def test_one_certificate_written_twice_is_told() -> None:
    assert "certificate-twice" in codes([key()], [certificate(), certificate(handle=101)])


def test_of_two_certificates_for_one_key_the_one_that_lasts_longer_counts() -> None:
    old, new = certificate(name="old", days=10), certificate(name="new", days=375, handle=101)
    new = dataclasses.replace(new, der=b"der of new")
    for held in ([old, new], [new, old]):
        credentials, findings = pair([key()], held)
        assert credentials[0].certificate == new
        assert findings


def test_two_keys_with_one_id_are_told() -> None:
    assert "id-used-twice" in codes([key(), key(public=b"public-2")], [])


def test_an_empty_id_pairs_nothing() -> None:
    credentials, findings = pair([key(key_id=b"")], [certificate(key_id=b"")])
    assert credentials[0].certificate is None
    assert findings


def test_a_handle_is_no_part_of_what_a_thing_is() -> None:
    assert certificate() == certificate(handle=7)
    assert dataclasses.replace(key(), handle=9) == key()
