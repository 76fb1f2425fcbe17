"""Key kinds and signatures: which mechanism makes them on this token, and what must be done around it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tokenmgr.domain.credential import KeyKind
from tokenmgr.errors import NotSupported
from tokenmgr.pki import der

Mechanisms = Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Recipe:
    """How a kind of key is generated. `parameters` are the ways of naming its curve, tried in this order."""

    mechanism: str
    key_type: str
    bits: int
    parameters: tuple[bytes, ...] = ()


RECIPES = {
    KeyKind.RSA_2048: Recipe("RSA_PKCS_KEY_PAIR_GEN", "RSA", 2048),
    KeyKind.RSA_3072: Recipe("RSA_PKCS_KEY_PAIR_GEN", "RSA", 3072),
    KeyKind.RSA_4096: Recipe("RSA_PKCS_KEY_PAIR_GEN", "RSA", 4096),
    KeyKind.P256: Recipe("EC_KEY_PAIR_GEN", "EC", 256, (bytes.fromhex("06082a8648ce3d030107"),)),
    KeyKind.P384: Recipe("EC_KEY_PAIR_GEN", "EC", 384, (bytes.fromhex("06052b81040022"),)),
    # PKCS#11 3.0, 2.3.5 names the curve by OID or by PrintableString; SoftHSM 2.6 knows the second only.
    KeyKind.ED25519: Recipe(
        "EC_EDWARDS_KEY_PAIR_GEN", "EC_EDWARDS", 255, (bytes.fromhex("06032b6570"), b"\x13\x0cedwards25519")
    ),
}


def supported(mechanisms: Mechanisms) -> tuple[KeyKind, ...]:
    """The kinds that this token says it can generate, by mechanism and size. Curves are not told; generation tells."""
    return tuple(kind for kind, recipe in RECIPES.items() if _fits(recipe, mechanisms))


def _fits(recipe: Recipe, mechanisms: Mechanisms) -> bool:
    if recipe.mechanism not in mechanisms:
        return False
    smallest, largest = mechanisms[recipe.mechanism]
    # Edwards sizes are told as 255 or 256 bits, as bytes by some; a largest of 0 means that the token does not say.
    return recipe.key_type == "EC_EDWARDS" or largest == 0 or smallest <= recipe.bits <= largest


@dataclass(frozen=True)
class Scheme:
    """A signature as X.509 and TLS name it. EdDSA hashes by itself."""

    padding: str  # pkcs1, pss, ecdsa, eddsa
    digest: str = "SHA256"


def usual_scheme(kind: str) -> Scheme:
    """What a key of this kind signs with, SHA-256 where there is a choice. A kind is `rsa2048`, or `rsa` if unseen."""
    if kind.startswith("rsa"):
        return Scheme("pkcs1")
    return Scheme("eddsa") if kind in ("ed25519", "ec_edwards") else Scheme("ecdsa")


def modulus_bits(kind: str) -> int:
    """0 where the token does not show the public part, and for every kind that has none."""
    size = kind.removeprefix("rsa")
    return int(size) if size != kind and size.isdigit() else 0


@dataclass(frozen=True)
class Plan:
    """`before` makes of the message what this mechanism takes, `after` makes of its answer what the world expects."""

    mechanism: str
    pss: str | None
    before: Callable[[bytes], bytes]
    after: Callable[[bytes], bytes] = bytes


# RFC 8017, 9.2 note 1: DigestInfo up to the digest itself.
_DIGEST_INFO = {
    "SHA256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "SHA384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "SHA512": bytes.fromhex("3051300d060960864801650304020305000440"),
}


def plan(scheme: Scheme, mechanisms: Mechanisms, key_bits: int, prehashed: bool = False) -> Plan:
    """The best way that this token has: its own hashing mechanism, else the raw one with the rest done here.
    SHA-256 or better, always named. `prehashed`: the message given is the digest already."""
    digest = scheme.digest
    if scheme.padding != "eddsa" and digest not in _DIGEST_INFO:
        raise NotSupported(wanted=digest)

    def hashed(message: bytes) -> bytes:
        return message if prehashed else hashlib.new(digest, message).digest()

    def digest_info(message: bytes) -> bytes:
        return _DIGEST_INFO[digest] + hashed(message)

    def padded(message: bytes) -> bytes:  # RFC 8017, 9.2: EMSA-PKCS1-v1_5
        tail = b"\x00" + digest_info(message)
        return b"\x00\x01".ljust(key_bits // 8 - len(tail), b"\xff") + tail

    ways = {
        "pkcs1": [
            Plan(f"{digest}_RSA_PKCS", None, bytes),
            Plan("RSA_PKCS", None, digest_info),
            *([Plan("RSA_X_509", None, padded)] if key_bits else []),
        ],
        "pss": [Plan(f"{digest}_RSA_PKCS_PSS", digest, bytes), Plan("RSA_PKCS_PSS", digest, hashed)],
        "ecdsa": [
            Plan(f"ECDSA_{digest}", None, bytes, ecdsa_der),
            Plan("ECDSA", None, hashed, ecdsa_der),
        ],
        "eddsa": [Plan("EDDSA", None, bytes)],
    }[scheme.padding]
    hashes_itself = {f"{digest}_RSA_PKCS", f"{digest}_RSA_PKCS_PSS", f"ECDSA_{digest}"}
    for way in ways:
        if way.mechanism in mechanisms and not (prehashed and way.mechanism in hashes_itself):
            return way
    raise NotSupported(wanted=f"{scheme.padding} {digest}")


USED = frozenset(
    {recipe.mechanism for recipe in RECIPES.values()}
    | {form.format(digest) for form in ("{}_RSA_PKCS", "{}_RSA_PKCS_PSS", "ECDSA_{}") for digest in _DIGEST_INFO}
    | {"RSA_PKCS", "RSA_X_509", "RSA_PKCS_PSS", "ECDSA", "EDDSA"}
)


def ecdsa_der(raw: bytes) -> bytes:
    """r and s side by side, as PKCS#11 has them, -> the SEQUENCE that X.509 and TLS carry (RFC 3279, 2.2.3)."""
    half = len(raw) // 2
    return der.tlv(der.SEQUENCE, *(der.integer(int.from_bytes(one, "big")) for one in (raw[:half], raw[half:])))
