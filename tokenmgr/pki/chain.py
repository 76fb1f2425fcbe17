"""Is the chain whole: does each certificate name, and was it signed by, one that is here, up to a root?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from tokenmgr.domain.credential import CertificateFacts

LONGEST = 8


def chain_of(leaf: CertificateFacts, others: Iterable[CertificateFacts]) -> tuple[list[CertificateFacts], str]:
    """The issuers that are here, nearest first, and what is wrong: "" (whole), "chain-missing" or "chain-broken".
    Every way up is tried: a cross-signed CA has two certificates, and only one may lead to a root that is here."""
    return _climb(leaf, list(others), [])


def _climb(
    current: CertificateFacts, others: Sequence[CertificateFacts], path: list[CertificateFacts]
) -> tuple[list[CertificateFacts], str]:
    if current.is_authority and current.issuer_der == current.subject_der and _signed_by(current, current):
        return path, ""
    named = [c for c in others if c.subject_der == current.issuer_der and c.is_authority and c not in (current, *path)]
    if not named or len(path) == LONGEST:
        return path, "chain-missing"
    tried = [_climb(issuer, others, [*path, issuer]) for issuer in named if _signed_by(current, issuer)]
    whole = [way for way in tried if not way[1]]
    return (whole or tried or [(path, "chain-broken")])[0]


def _signed_by(certificate: CertificateFacts, issuer: CertificateFacts) -> bool:
    try:
        x509.load_der_x509_certificate(certificate.der).verify_directly_issued_by(
            x509.load_der_x509_certificate(issuer.der)
        )
    except (InvalidSignature, UnsupportedAlgorithm, x509.InvalidVersion, ValueError, TypeError):
        return False
    return True
