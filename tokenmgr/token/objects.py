"""Attributes of PKCS#11 objects <-> keys and certificates, and the templates that make them."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Collection
from typing import Any

from tokenmgr.domain.contents import Contents, PublicPart
from tokenmgr.domain.credential import (
    CertificateFacts,
    Key,
    KeyKind,
    StoredCertificate,
    TrustAttributes,
)
from tokenmgr.errors import KeyMissing, NotACertificate
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.token.keys import RECIPES, Recipe

_PUBLIC_PART = ["ID", "LABEL", "KEY_TYPE", "MODULUS", "PUBLIC_EXPONENT", "EC_PARAMS", "EC_POINT"]
TRUST = ["TOKEN", "PRIVATE", "SENSITIVE", "EXTRACTABLE", "LOCAL", "ALWAYS_SENSITIVE", "NEVER_EXTRACTABLE"]

# What one pass over a medium reads, class by class.
WANTED = {
    "PRIVATE_KEY": [*_PUBLIC_PART, *TRUST, "ALWAYS_AUTHENTICATE"],
    "PUBLIC_KEY": _PUBLIC_PART,
    "CERTIFICATE": ["ID", "LABEL", "VALUE"],
    "DATA": ["LABEL", "APPLICATION"],
}
# What must never come out of a private key: RSA's exponent and primes, EC's scalar.
SECRET_PARTS = ["PRIVATE_EXPONENT", "PRIME_1", "PRIME_2", "EXPONENT_1", "EXPONENT_2", "COEFFICIENT", "VALUE"]

_CURVES = {  # EC_PARAMS -> bits
    bytes.fromhex("06082a8648ce3d030107"): 256,
    bytes.fromhex("06052b81040022"): 384,
    bytes.fromhex("06052b81040023"): 521,
}


class MediumContents(Contents):
    def key(self, key_id: bytes) -> Key:
        found = [key for key in self.keys if key.key_id == key_id]
        if not found:
            raise KeyMissing(serial=self.serial, key_id=key_id.hex())
        return found[0]


def public_template(recipe: Recipe, parameters: bytes | None, key_id: bytes, label: str) -> dict[str, Any]:
    template: dict[str, Any] = {"CLASS": "PUBLIC_KEY", "TOKEN": True, "ID": key_id, "LABEL": label, "VERIFY": True}
    if parameters is None:
        return template | {"MODULUS_BITS": recipe.bits, "PUBLIC_EXPONENT": b"\x01\x00\x01"}
    return template | {"EC_PARAMS": parameters}


def private_template(key_id: bytes, label: str, plain: bool, omit: Collection[str] = ()) -> dict[str, Any]:
    """S1. `plain` leaves out the usages that we refuse: some cards answer an unusual boolean with CKR_GENERAL_ERROR.
    `omit` is what the family refuses to be told: its keys are so by themselves, or are refused when they are judged."""
    template: dict[str, Any] = {
        "CLASS": "PRIVATE_KEY",
        "TOKEN": True,
        "PRIVATE": True,
        "SENSITIVE": True,
        "EXTRACTABLE": False,  # left to the token, NSS and openCryptoki make keys that can be taken out
        "SIGN": True,
        "ID": key_id,
        "LABEL": label,
    }
    whole = template if plain else template | {"DECRYPT": False, "UNWRAP": False, "DERIVE": False}
    return {name: value for name, value in whole.items() if name not in omit}


def certificate_template(facts: CertificateFacts, key_id: bytes, label: str) -> dict[str, Any]:
    """Subject, issuer and serial number as in the certificate itself: browsers search by them (PKCS#11 3.0, 4.6.3)."""
    return {
        "CLASS": "CERTIFICATE",
        "CERTIFICATE_TYPE": "X_509",
        "TOKEN": True,
        "PRIVATE": False,
        "ID": key_id,
        "LABEL": label,
        "SUBJECT": facts.subject_der,
        "ISSUER": facts.issuer_der,
        "SERIAL_NUMBER": facts.serial_der,
        "VALUE": facts.der,
    }


def keys(found: list[dict[str, Any]]) -> list[Key]:
    """Private keys, each with its public part: its own attributes, or the public key object of its CKA_ID where there
    is one of each. Among several of one ID nobody can tell which is whose."""
    private = [item for item in found if item["class"] == "PRIVATE_KEY"]
    public = [item for item in found if item["class"] == "PUBLIC_KEY"]
    used = Counter((item["class"], _id(item)) for item in (*private, *public))
    clear = {_id(item): item for item in public if used["PUBLIC_KEY", _id(item)] == used["PRIVATE_KEY", _id(item)] == 1}
    return [_key(item, clear.get(_id(item))) for item in private]


def public_keys(found: list[dict[str, Any]]) -> list[PublicPart]:
    return [
        PublicPart(_id(item), item.get("LABEL", ""), functools.partial(_subject_public_key, item))
        for item in found
        if item["class"] == "PUBLIC_KEY"
    ]


def _subject_public_key(item: dict[str, Any]) -> bytes | None:
    return public_key(item)[1]


def _key(item: dict[str, Any], public: dict[str, Any] | None) -> Key:
    kind, spki = public_key(item)
    if spki is None and public is not None:
        kind, spki = public_key(public)
    each_time = item.get("ALWAYS_AUTHENTICATE") is True
    return Key(_id(item), item.get("LABEL", ""), kind, spki, trust(item), item["handle"], each_time)


def trust(item: dict[str, Any]) -> TrustAttributes:
    return TrustAttributes(**{name.lower(): item.get(name) for name in TRUST})


def certificates(found: list[dict[str, Any]], placeholders: bool = False) -> list[StoredCertificate]:
    return [_certificate(item, placeholders) for item in found if item["class"] == "CERTIFICATE"]


def _certificate(item: dict[str, Any], placeholders: bool) -> StoredCertificate:
    """`placeholders`: this family gives a new key a certificate of its own making, which no CA is the issuer of."""
    der = bytes(item.get("VALUE", b""))
    try:
        facts = certificate_facts(der)
    except NotACertificate:
        facts = None
    made_up = placeholders and facts is not None and facts.subject_der == facts.issuer_der and not facts.is_authority
    made_up = made_up and facts is not None and facts.not_before == facts.not_after  # nobody was to use it
    return StoredCertificate(_id(item), item.get("LABEL", ""), der, facts, item["handle"], made_up)


def _id(item: dict[str, Any]) -> bytes:
    return bytes(item.get("ID", b""))


def public_key(item: dict[str, Any]) -> tuple[str, bytes | None]:
    """(kind, SubjectPublicKeyInfo); None where the attributes are not there or make no key."""
    from tokenmgr.pki import spki  # here: it takes longer to load than a medium takes to answer

    try:
        if item.get("KEY_TYPE") == "RSA" and item.get("MODULUS") and item.get("PUBLIC_EXPONENT"):
            modulus = int.from_bytes(item["MODULUS"], "big")
            exponent = int.from_bytes(item["PUBLIC_EXPONENT"], "big")
            return f"rsa{modulus.bit_length()}", spki.of_modulus(modulus, exponent)
        if item.get("KEY_TYPE") == "EC" and item.get("EC_POINT"):
            bits = _CURVES[bytes(item["EC_PARAMS"])]
            return f"p{bits}", spki.of_point(bits, _point(item["EC_POINT"], 1 + 2 * ((bits + 7) // 8)))
        if item.get("KEY_TYPE") == "EC_EDWARDS" and item.get("EC_PARAMS") in RECIPES[KeyKind.ED25519].parameters:
            return "ed25519", spki.of_ed25519(_point(item["EC_POINT"], 32))
    except (ValueError, KeyError):
        return str(item.get("KEY_TYPE", "unknown")).lower(), None
    return str(item.get("KEY_TYPE", "unknown")).lower(), None


def _point(value: bytes, size: int) -> bytes:
    """CKA_EC_POINT is an OCTET STRING around the point; some tokens give the point alone. Its size tells which."""
    if len(value) not in (size, size + 2, size + 3):
        raise ValueError("a point of another curve")
    return bytes(value[-size:])
