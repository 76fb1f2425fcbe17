"""A certificate of a CA that is not ours, written beside its key. The key says which one it is; nothing else does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tokenmgr.customer.medium_store import MediumStore
from tokenmgr.domain.contents import Contents
from tokenmgr.domain.credential import CertificateFacts, Key, is_over
from tokenmgr.domain.holding import ELSEWHERE, mark_of
from tokenmgr.errors import AuthorityAlone, CertificateForNoKey, ImportUnfit, KeyAtWork, SeveralToImport
from tokenmgr.pki.chain import chain_of
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.renewal.acceptance import SKEW, issuers_of, label_of


@dataclass(frozen=True)
class Fitting:
    """A certificate, its key on the medium, and its issuers as far up as they are known."""

    key: Key
    facts: CertificateFacts
    chain: Sequence[CertificateFacts]
    is_whole: bool  # up to a root
    is_there: bool  # byte for byte, from before


def fitting(store: MediumStore, given: Sequence[bytes], roots: Sequence[bytes], now: datetime) -> Fitting:
    """The one that is meant, with nothing against it; nothing is touched. ImportUnfit has every reason at once."""
    contents = store.contents()
    read = [certificate_facts(one) for one in given]
    facts = _meant(read, contents)
    key = next(key for key in contents.keys if key.public_key == facts.public_key)
    if mark_of(key.label):
        raise KeyAtWork(serial=store.name, key_id=key.key_id.hex())
    chain, missing = _issuers(facts, read, contents, roots)
    given_issuers = [one for one in read if one.is_authority and one != facts]
    wrong = {
        "certificate-of-authority": facts.is_authority,
        "certificate-not-yet-valid": facts.not_before > now + SKEW,
        "certificate-expired": is_over(facts.not_after, now),
        "certificate-ends-before": _ends_before(facts, contents),
        "chain-not-to-roots": bool(roots) and bool(missing),
        "chain-not-signed": not roots and missing == "chain-broken",
        "chain-not-given": not roots and missing == "chain-missing" and bool(given_issuers) and not chain,
    }
    findings = (*(name for name, is_so in wrong.items() if is_so), *store.judge(key))
    if findings:
        raise ImportUnfit(serial=store.name, subject=facts.subject, findings=findings)
    return Fitting(key, facts, chain, not missing, _is_there(facts, key, contents))


def write(store: MediumStore, found: Fitting) -> None:
    """Beside its key, read back by a conversation of its own, and proven by a signature. Twice is as once."""
    key_id, label = found.key.key_id, label_of(found.facts)
    store.write(found.facts.der, key_id, label, [one.der for one in found.chain])
    store.verify_afresh(found.facts.der, key_id)
    if found.key.label.startswith(ELSEWHERE):
        store.rename(key_id, label)


def _meant(read: Sequence[CertificateFacts], contents: Contents) -> CertificateFacts:
    """Of keys that are here; the one that is new, where old ones come along."""
    public = {key.public_key: key for key in contents.keys if key.public_key}
    own = [one for one in read if one.public_key in public]
    if not own:
        others = [one for one in read if not one.is_authority]
        if not others:
            raise AuthorityAlone(serial=contents.serial, subject=read[0].subject)
        raise CertificateForNoKey(serial=contents.serial, subject=others[0].subject)
    new = [one for one in own if not _is_there(one, public[one.public_key], contents)] or own
    if len(new) > 1:
        raise SeveralToImport(certificates=tuple(f"{one.serial_number:x} {one.subject}" for one in new))
    return new[0]


def _is_there(one: CertificateFacts, key: Key, contents: Contents) -> bool:
    return any(each.der == one.der and each.key_id == key.key_id for each in contents.certificates)


def _ends_before(facts: CertificateFacts, contents: Contents) -> bool:
    """An older file of the same CA: the newer one would go on being used."""
    there = [one.facts for one in contents.certificates if one.facts and one.facts.public_key == facts.public_key]
    return any(one.not_after > facts.not_after and one.issuer_der == facts.issuer_der for one in there)


def _issuers(
    facts: CertificateFacts, read: Sequence[CertificateFacts], contents: Contents, roots: Sequence[bytes]
) -> tuple[list[CertificateFacts], str]:
    """What is on the medium already counts, too. Where roots are named no other will do."""
    others = [*read, *(one.facts for one in contents.certificates if one.facts)]
    if not roots:
        return chain_of(facts, others)
    chain, missing = issuers_of(facts, [one.der for one in others], roots)
    return [certificate_facts(one) for one in chain], missing
