"""SubjectPublicKeyInfo from what a token tells of a key. ValueError where that makes no key."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_CURVES: dict[int, type[ec.EllipticCurve]] = {256: ec.SECP256R1, 384: ec.SECP384R1, 521: ec.SECP521R1}


def of_modulus(modulus: int, exponent: int) -> bytes:
    return _encoded(rsa.RSAPublicNumbers(exponent, modulus).public_key())


def of_point(bits: int, point: bytes) -> bytes:
    return _encoded(ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[bits](), point))


def of_ed25519(point: bytes) -> bytes:
    return _encoded(ed25519.Ed25519PublicKey.from_public_bytes(point))


def _encoded(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
