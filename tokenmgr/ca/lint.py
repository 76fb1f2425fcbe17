"""The last look at a certificate before it is signed, whatever kind it is: every rule, every finding, one error."""

from __future__ import annotations

from tokenmgr.ca import rules_extensions, rules_fields
from tokenmgr.ca.rules import RULES, Wanted
from tokenmgr.ca.tbs import read_tbs
from tokenmgr.errors import CertificateUnfit
from tokenmgr.pki.der import Malformed

__all__ = ["RULES", "findings", "refuse_unfit", "rules_extensions", "rules_fields"]

NO_CERTIFICATE = "it_is_a_certificate (RFC 5280, 4.1)"


def findings(tbs: bytes, wanted: Wanted) -> tuple[str, ...]:
    """Every rule that the DER of a TBSCertificate breaks."""
    try:
        read = read_tbs(tbs)
    except Malformed:
        return (NO_CERTIFICATE,)
    return tuple(found for one in RULES.values() if (found := one.breaks(read, wanted)))


def refuse_unfit(tbs: bytes, wanted: Wanted) -> None:
    if found := findings(tbs, wanted):
        raise CertificateUnfit(findings=found)
