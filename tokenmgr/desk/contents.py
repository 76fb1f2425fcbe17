"""Every field of a certificate that a person may be asked for, as names and values. No Qt."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from tokenmgr.clock import japan_time
from tokenmgr.desk.words import in_words
from tokenmgr.domain.arc import REHEARSAL
from tokenmgr.domain.credential import CertificateFacts
from tokenmgr.pki.described import Extension, described
from tokenmgr.pki.names import holder_of
from tokenmgr.wiring.places import is_on_pc
from tokenmgr.wiring.words import language, t, texts

Field = tuple[str, str]


def fields(facts: CertificateFacts, store: str) -> tuple[list[Field], list[Field]]:
    """What people ask for, and what programs do."""
    return [*_for_people(facts, store)], [*_for_programs(facts)]


def of_holder(facts: CertificateFacts) -> Iterator[Field]:
    """Of a subscriber's, whose it is; of any other, what it calls itself."""
    if (whose := holder_of(facts.subject_der)) is None:
        yield t("labels.subject"), facts.subject
        return
    yield t("desk_consent.bank"), f"{whose.bank_name}（{whose.bank}）" if whose.bank_name else whose.bank
    yield t("desk_consent.contract"), whose.contract
    yield t("desk_consent.user"), whose.user


def _for_people(facts: CertificateFacts, store: str) -> Iterator[Field]:
    yield from of_holder(facts)
    yield t("labels.serial_number"), f"{facts.serial_number:x}"
    yield t("labels.valid_from"), japan_time(facts.not_before, language())
    yield t("labels.valid_until"), japan_time(facts.not_after, language())
    yield t("labels.store"), in_words(store)
    if not is_on_pc(store):
        yield t("labels.serial"), store


def _for_programs(facts: CertificateFacts) -> Iterator[Field]:
    told = described(facts.der)
    yield t("labels.subject"), facts.subject
    yield t("certificate.issuer"), facts.issuer
    key = t(f"certificate.key_{told.key}") if texts().has(f"certificate.key_{told.key}") else told.key
    yield t("certificate.key"), t("certificate.key_of", key=key, bits=told.bits)
    yield t("certificate.signature"), told.signature
    yield t("certificate.fingerprint"), _grouped(facts.fingerprint)
    # What Windows shows as 拇印. It proves nothing: it is to be compared by eye.
    yield t("certificate.thumbprint"), _grouped(hashlib.sha1(facts.der, usedforsecurity=False).hexdigest())
    for one in told.extensions:
        yield _named(one), "\n".join(_valued(one.name, value) for value in one.values)
    yield t("certificate.version"), str(told.version)


def _named(one: Extension) -> str:
    known = f"certificate.{one.name}"
    name = t(known) if texts().has(known) else t("certificate.other", name=one.name)
    return t("certificate.critical", name=name) if one.is_critical else name


def _valued(extension: str, value: str) -> str:
    if extension in ("key_identifier", "authority_key_identifier"):
        return _grouped(value)
    word = "certificate.use_rehearsal" if value == REHEARSAL else f"certificate.use_{value}"
    return t(word) if texts().has(word) else value


def _grouped(digits: str) -> str:
    """As it is compared by eye."""
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4)).upper()


def as_text(found: list[Field]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in found)
