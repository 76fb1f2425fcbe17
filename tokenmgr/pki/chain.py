"""Is the chain whole: does each certificate name, and was it signed by, one that is here, up to a self-signed one?"""

from __future__ import annotations

from collections.abc import Iterable

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from tokenmgr.domain.credential import CertificateFacts

LONGEST = 8


def chain_of(leaf: CertificateFacts, others: Iterable[CertificateFacts]) -> tuple[list[CertificateFacts], str]:
    """The issuers that are here, nearest first, and what is wrong: "" (whole), "chain-missing" or "chain-broken"."""
    others = list(others)
    chain: list[CertificateFacts] = []
    current = leaf
    while current.issuer_der != current.subject_der and len(chain) < LONGEST:
        named = [c for c in others if c.subject_der == current.issuer_der and c.is_authority and c not in chain]
        if not named:
            return chain, "chain-missing"
        signed = [c for c in named if _signed_by(current, c)]
        if not signed:
            return chain, "chain-broken"
        chain.append(signed[0])
        current = signed[0]
    return chain, ""


def _signed_by(certificate: CertificateFacts, issuer: CertificateFacts) -> bool:
    try:
        x509.load_der_x509_certificate(certificate.der).verify_directly_issued_by(
            x509.load_der_x509_certificate(issuer.der)
        )
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True
