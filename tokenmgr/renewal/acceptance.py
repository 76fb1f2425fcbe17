"""ACCEPTED: is this the certificate that was asked for? Pure, and every mismatch is told at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tokenmgr.clock import japan_day
from tokenmgr.domain.credential import CertificateFacts, Credential, Key, is_over
from tokenmgr.domain.holding import Whose
from tokenmgr.errors import ClockWrong
from tokenmgr.pki.chain import chain_of
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.pki.names import holder_of

SKEW = timedelta(minutes=5)  # between this computer's clock and the CA's
LONGEST_NAME = 200  # bytes of a label, which has more than a name in it


@dataclass(frozen=True)
class Expected:
    """`whose`: bank, contract and ID of who acquires, as far as this PC knows; in a renewal the old one says it."""

    key: Key
    old: Credential | None
    whose: Whose | None
    chain: Sequence[bytes]
    roots: Sequence[bytes]
    is_rehearsal: bool = False


def mismatches(facts: CertificateFacts, expected: Expected, now: datetime) -> tuple[str, ...]:
    old = expected.old.facts if expected.old else None
    wrong = {
        "another-key": facts.public_key != expected.key.public_key,
        "another-holder": is_of_another(facts, old, expected.whose),
        "an-authority": facts.is_authority,
        "not-of-this-ca": bool(issuers_of(facts, expected.chain, expected.roots)[1]),
        "not-valid-yet": facts.not_before > now + SKEW,
        "ended": is_over(facts.not_after, now),
        "a-rehearsal": facts.is_rehearsal and not expected.is_rehearsal,
        "no-rehearsal": expected.is_rehearsal and not facts.is_rehearsal,
        "ends-before-the-old-one": old is not None and not expected.is_rehearsal and facts.not_after < old.not_after,
    }
    return tuple(name for name, is_so in wrong.items() if is_so)


def require_clock(there: datetime, now: datetime) -> None:
    """By the CA's. A wrong one sees certificates that are good as over, or as not begun."""
    apart = there - now
    if abs(apart) > SKEW:
        raise ClockWrong(seconds=round(apart.total_seconds()), there=there)


def issuers_of(facts: CertificateFacts, chain: Sequence[bytes], roots: Sequence[bytes]) -> tuple[list[bytes], str]:
    """From the certificate up to a root that is believed, and what is missing. The CA sends more than that: by what its
    answer is signed belongs on no medium."""
    others = [one for one in map(certificate_facts, chain) if one.subject_der != one.issuer_der]
    found, missing = chain_of(facts, [*others, *map(certificate_facts, roots)])
    return [one.der for one in found], missing


def label_of(facts: CertificateFacts) -> str:
    """R12: what tells two generations apart wherever a medium's labels are shown: whose, and until which day."""
    holder = holder_of(facts.subject_der)
    return f"{shortened(holder.label if holder else facts.subject)} {japan_day(facts.not_after)}"


def shortened(name: str) -> str:
    """What a name of another CA may be: of any length, with anything in it."""
    seen = "".join(character for character in name if character.isprintable())
    return seen.encode()[:LONGEST_NAME].decode(errors="ignore").strip() or "-"


def is_of_another(facts: CertificateFacts, old: CertificateFacts | None, whose: Whose | None) -> bool:
    wanted = holder_of(old.subject_der) if old is not None else whose
    if old is not None and wanted is None:
        return old.subject_der != facts.subject_der
    return wanted is not None and holder_of(facts.subject_der) != wanted
