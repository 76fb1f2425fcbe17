"""Is the chain whole? Each certificate names, and was signed by, one that is here, up to a self-signed one."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from tests.pki.certificates import Party, facts, issue
from tokenmgr.pki.chain import LONGEST, chain_of
from tokenmgr.pki.facts import certificate_facts

ROOT, MIDDLE, LEAF, STRANGER = Party("Root"), Party("Middle"), Party("Leaf"), Party("Stranger")
ROOT_CERTIFICATE, MIDDLE_CERTIFICATE = facts(ROOT, ROOT), facts(MIDDLE, ROOT)
LEAF_CERTIFICATE = facts(LEAF, MIDDLE, authority=False)


def test_a_whole_chain_is_given_nearest_first_whatever_else_is_on_the_medium() -> None:
    others = [ROOT_CERTIFICATE, facts(STRANGER, STRANGER), LEAF_CERTIFICATE, MIDDLE_CERTIFICATE]
    assert chain_of(LEAF_CERTIFICATE, others) == ([MIDDLE_CERTIFICATE, ROOT_CERTIFICATE], "")


@pytest.mark.parametrize("present", [[], [ROOT_CERTIFICATE], [MIDDLE_CERTIFICATE]])
def test_an_issuer_that_is_not_here_is_missing(present: list[object]) -> None:
    others = [one for one in (ROOT_CERTIFICATE, MIDDLE_CERTIFICATE) if one in present]
    assert chain_of(LEAF_CERTIFICATE, others)[1] == "chain-missing"


def test_an_issuer_of_the_right_name_and_the_wrong_key_breaks_the_chain() -> None:
    impostor = facts(Party("Middle"), ROOT)
    assert chain_of(LEAF_CERTIFICATE, [impostor, ROOT_CERTIFICATE])[1] == "chain-broken"


def test_of_two_issuers_with_one_name_the_one_that_signed_is_taken() -> None:
    impostor = facts(Party("Middle"), ROOT)
    assert chain_of(LEAF_CERTIFICATE, [impostor, MIDDLE_CERTIFICATE, ROOT_CERTIFICATE])[1] == ""


def test_an_issuer_that_is_no_authority_does_not_count() -> None:
    assert chain_of(LEAF_CERTIFICATE, [facts(MIDDLE, ROOT, authority=False), ROOT_CERTIFICATE])[1] == "chain-missing"


def test_a_circle_has_an_end() -> None:
    one, two = facts(ROOT, MIDDLE), facts(MIDDLE, ROOT)
    assert chain_of(LEAF_CERTIFICATE, [one, two])[1] != ""


def test_a_chain_that_is_too_long_is_not_called_whole() -> None:
    parties = [Party(f"CA {number}") for number in range(LONGEST + 2)]
    chain = [facts(low, high) for low, high in itertools.pairwise(parties)]
    leaf = facts(LEAF, parties[0], authority=False)
    _, wrong = chain_of(leaf, chain)
    assert wrong != ""


def test_a_certificate_that_names_itself_as_issuer_and_was_signed_by_another_is_not_whole() -> None:
    forged = certificate_facts(issue(LEAF, dataclasses.replace(STRANGER, name="Leaf"), authority=False))
    assert chain_of(forged, [ROOT_CERTIFICATE])[1] != ""


def test_a_cross_signed_issuer_does_not_hide_the_way_to_the_root_that_is_here() -> None:
    cross_signed = facts(ROOT, STRANGER)
    for others in ([cross_signed, ROOT_CERTIFICATE], [ROOT_CERTIFICATE, cross_signed]):
        assert chain_of(facts(LEAF, ROOT, authority=False), others)[1] == ""


def test_an_issuer_with_a_kind_of_key_that_nobody_knows_breaks_the_chain_and_raises_nothing() -> None:
    ec_public_key = bytes.fromhex("06072a8648ce3d0201")
    unknown = bytes.fromhex("06072a8648ce3d027f")
    strange = certificate_facts(MIDDLE_CERTIFICATE.der.replace(ec_public_key, unknown))
    assert chain_of(LEAF_CERTIFICATE, [strange, ROOT_CERTIFICATE])[1] == "chain-broken"


def test_a_signature_of_a_kind_that_nobody_knows_breaks_the_chain_and_raises_nothing() -> None:
    ecdsa_sha256 = bytes.fromhex("06082a8648ce3d040302")
    unknown = bytes.fromhex("06082a8648ce3d04037f")
    strange = certificate_facts(LEAF_CERTIFICATE.der.replace(ecdsa_sha256, unknown))
    assert chain_of(strange, [MIDDLE_CERTIFICATE, ROOT_CERTIFICATE])[1] == "chain-broken"
