"""Keys on P-256 that hand-over tickets are signed with: as PEM, and the short name by which a ticket calls its own."""

from __future__ import annotations

import hashlib
import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)

PrivateKey = EllipticCurvePrivateKey  # for whoever only carries one
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_LABEL = "PUBLIC KEY"
_UNFIT = (ValueError, TypeError, UnsupportedAlgorithm)  # TypeError: an encrypted one without its password


def kid_of(public_key: bytes) -> str:
    """Of a SubjectPublicKeyInfo, DER."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def new_key() -> EllipticCurvePrivateKey:
    return generate_private_key(SECP256R1())


def spki_of(key: EllipticCurvePrivateKey) -> bytes:
    return _spki(key.public_key())


def private_pem(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def read_private(pem: bytes) -> EllipticCurvePrivateKey:
    """ValueError where it is none, or needs a password."""
    try:
        key = load_pem_private_key(pem, None)
    except _UNFIT as error:
        raise ValueError("no private key") from error
    match key:
        case EllipticCurvePrivateKey(curve=SECP256R1()):
            return key
    raise ValueError("not on P-256")


def public_pem(public_key: bytes) -> str:
    return load_der_public_key(public_key).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def read_public(public_key: bytes) -> EllipticCurvePublicKey:
    try:
        key = load_der_public_key(public_key)
    except _UNFIT as error:
        raise ValueError("no public key") from error
    return _on_p256(key)


def public_keys_in(pem: str) -> tuple[bytes, ...]:
    """DER, each once; words around the blocks are passed over. ValueError where one of them is another kind of thing:
    a private key above all, which is nobody's to hand out."""
    blocks = list(_BLOCK.finditer(pem))
    if not blocks or any(one[1] != _LABEL for one in blocks):
        raise ValueError("no public key")
    try:
        keys = [load_pem_public_key(one[0].encode()) for one in blocks]
    except _UNFIT as error:
        raise ValueError("no public key") from error
    return tuple(dict.fromkeys(_spki(_on_p256(one)) for one in keys))


def _on_p256(key: object) -> EllipticCurvePublicKey:
    match key:
        case EllipticCurvePublicKey(curve=SECP256R1()):
            return key
    raise ValueError("not on P-256")


def _spki(key: EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
