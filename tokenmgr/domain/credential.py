"""Keys and certificates on a store, and two rules: what a key must be (S1), and which certificate is whose."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import Enum


class KeyKind(Enum):
    RSA_2048 = "rsa2048"
    RSA_3072 = "rsa3072"
    RSA_4096 = "rsa4096"
    P256 = "p256"
    P384 = "p384"
    ED25519 = "ed25519"


@dataclass(frozen=True)
class TrustAttributes:
    """What the token says of a private key; None where it does not say."""

    token: bool | None = None
    private: bool | None = None
    sensitive: bool | None = None
    extractable: bool | None = None
    local: bool | None = None
    always_sensitive: bool | None = None
    never_extractable: bool | None = None


@dataclass(frozen=True)
class Key:
    """A private key on a store. `public_key` is its SubjectPublicKeyInfo, None where the store does not show it."""

    key_id: bytes
    label: str
    kind: str
    public_key: bytes | None
    trust: TrustAttributes
    handle: int = field(compare=False, repr=False)
    pin_each_time: bool = False  # CKA_ALWAYS_AUTHENTICATE: a login does not suffice, every signature wants the PIN

    @property
    def identity(self) -> tuple[bytes, bytes | None]:
        """What makes it this key, whatever it is labelled and wherever it lies."""
        return self.key_id, self.public_key

    @property
    def fingerprint(self) -> str:
        import hashlib  # here: it takes longer to load than all of this file

        return hashlib.sha256(self.public_key).hexdigest() if self.public_key else ""


def is_over(end: datetime, now: datetime) -> bool:
    """To the second, and its last one counts, as whoever verifies a certificate does (R2; RFC 5280, 4.1.2.5)."""
    return now.replace(microsecond=0) > end


@dataclass(frozen=True)
class CertificateFacts:
    """What a certificate says. The *_der fields are its own bytes, for the attributes that browsers search by."""

    der: bytes
    subject: str
    issuer: str
    serial_number: int
    not_before: datetime
    not_after: datetime
    public_key: bytes
    is_authority: bool
    subject_der: bytes
    issuer_der: bytes
    serial_der: bytes
    is_rehearsal: bool = False  # it never logs in, and counts as none (domain/rehearsal.py)

    @property
    def fingerprint(self) -> str:
        import hashlib  # here: it takes longer to load than all of this file

        return hashlib.sha256(self.der).hexdigest()

    def is_valid(self, now: datetime) -> bool:
        return self.not_before <= now and not is_over(self.not_after, now)


@dataclass(frozen=True)
class StoredCertificate:
    """A certificate on a store. `facts` is None where its bytes are not a certificate."""

    key_id: bytes
    label: str
    der: bytes
    facts: CertificateFacts | None
    handle: int = field(compare=False, repr=False)
    placeholder: bool = False  # came with a new key and was issued by nobody; a certificate takes its place

    @property
    def identity(self) -> tuple[bytes, bytes | None]:
        return self.key_id, self.der


@dataclass(frozen=True)
class Credential:
    """A key and the certificate that is proven to be its own, if it has one."""

    key: Key
    certificate: StoredCertificate | None

    @property
    def facts(self) -> CertificateFacts | None:
        return self.certificate.facts if self.certificate else None

    @property
    def parts(self) -> tuple[Key | StoredCertificate, ...]:
        """As a store takes them away."""
        return (self.key, self.certificate) if self.certificate else (self.key,)


@dataclass(frozen=True)
class Finding:
    """Something about a medium that a person should know. `grave` ones mean that it must not be trusted as it is."""

    code: str
    subject: str
    grave: bool = True


# S1. Attribute -> (what it must be, finding where it is not).
_MUST_BE = {
    "token": (True, "key-not-stored"),
    "private": (True, "key-not-private"),
    "sensitive": (True, "key-not-sensitive"),
    "extractable": (False, "key-extractable"),
    "local": (True, "key-not-local"),
    "always_sensitive": (True, "key-once-exposed"),
    "never_extractable": (True, "key-once-extractable"),
}


def judge_key(trust: TrustAttributes, private_part_refused: bool, untruthful: frozenset[str]) -> tuple[str, ...]:
    """Every way in which a key breaks S1. What its family is known to report falsely (drivers/) proves nothing; that it
    is not extractable and that a read was refused are judged always. A token that does not say does not confirm."""
    relied_on = [f.name for f in fields(trust) if f.name == "extractable" or f.name not in untruthful]
    wrong = [_MUST_BE[name][1] for name in relied_on if getattr(trust, name) is not _MUST_BE[name][0]]
    return tuple(wrong if private_part_refused else [*wrong, "key-readable"])


def pair(keys: Iterable[Key], certificates: Iterable[StoredCertificate]) -> tuple[list[Credential], list[Finding]]:
    """Key and certificate belong together when CKA_ID *and* public key agree; the rest is reported, never guessed."""
    keys, certificates = list(keys), list(certificates)
    findings = [Finding("id-used-twice", key_id.hex()) for key_id in _repeated(key.key_id for key in keys)]
    by_id, by_key = defaultdict(list), defaultdict(list)
    for certificate in certificates:
        if certificate.facts and not certificate.placeholder:
            by_id[certificate.key_id].append(certificate)
            by_key[certificate.facts.public_key].append(certificate)
    credentials, spoken_of = [], set()
    for key in keys:
        same_id = by_id[key.key_id] if key.key_id else []
        same_key = by_key[key.public_key] if key.public_key else []
        own = sorted((c for c in same_id if c in same_key), key=_expiry, reverse=True)
        credentials.append(Credential(key, own[0] if own else None))
        findings += _about_key(key, same_id, same_key, own)
        spoken_of |= {certificate.handle for certificate in (*same_id, *same_key)}
    for certificate in certificates:
        if certificate.placeholder:
            continue
        if certificate.facts is None:
            findings.append(Finding("certificate-damaged", certificate.key_id.hex() or certificate.label))
        elif certificate.handle not in spoken_of and not certificate.facts.is_authority:
            findings.append(Finding("certificate-without-key", certificate.facts.subject))
    return credentials, findings


def _about_key(
    key: Key, same_id: list[StoredCertificate], same_key: list[StoredCertificate], own: list[StoredCertificate]
) -> list[Finding]:
    name = key.key_id.hex()
    found = []
    if len(own) < len(same_id):
        found.append(Finding("pair-mismatch" if key.public_key else "pair-unproven", name))
    if len({certificate.der for certificate in own}) < len(own):
        found.append(Finding("certificate-twice", name))
    elif len(own) > 1:
        found.append(Finding("certificate-superseded", name, grave=False))
    if len(own) < len(same_key):
        found.append(Finding("pair-other-id", name))
    return found or ([] if own else [Finding("key-without-certificate", name, grave=False)])


def _expiry(certificate: StoredCertificate) -> datetime:
    return certificate.facts.not_after if certificate.facts else datetime.min.replace(tzinfo=UTC)


def _repeated(ids: Iterable[bytes]) -> list[bytes]:
    return [key_id for key_id, count in Counter(ids).items() if count > 1]
