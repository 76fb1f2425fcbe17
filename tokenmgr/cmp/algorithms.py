"""Signatures by their AlgorithmIdentifier (RFC 9481, 3): RSA v1.5 and PSS, ECDSA, Ed25519. Nothing with SHA-1."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509 import ObjectIdentifier

from tokenmgr.cmp import structures as spec
from tokenmgr.cmp.der import decode, encode, optional, tlv
from tokenmgr.cmp.faults import FailInfo, ProtocolFault

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

Digest = hashes.SHA256 | hashes.SHA384 | hashes.SHA512

NULL = b"\x05\x00"
RSA: dict[str, type[Digest]] = {
    "1.2.840.113549.1.1.11": hashes.SHA256,
    "1.2.840.113549.1.1.12": hashes.SHA384,
    "1.2.840.113549.1.1.13": hashes.SHA512,
}
PSS = "1.2.840.113549.1.1.10"
MGF1 = "1.2.840.113549.1.1.8"
ECDSA: dict[str, type[Digest]] = {
    "1.2.840.10045.4.3.2": hashes.SHA256,
    "1.2.840.10045.4.3.3": hashes.SHA384,
    "1.2.840.10045.4.3.4": hashes.SHA512,
}
ED25519 = "1.3.101.112"
DIGESTS: dict[str, type[Digest]] = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256,
    "2.16.840.1.101.3.4.2.2": hashes.SHA384,
    "2.16.840.1.101.3.4.2.3": hashes.SHA512,
}


def bad_algorithm(text: str) -> ProtocolFault:
    return ProtocolFault(FailInfo.badAlg, text)


def identifier(oid: str, parameters: bytes | None = None) -> bytes:
    """An AlgorithmIdentifier as DER."""
    value = None if parameters is None else tlv(parameters)
    return encode(spec.AlgorithmIdentifier(algorithm=ObjectIdentifier(oid), parameters=value))


def parts(algorithm: bytes | spec.AlgorithmIdentifier) -> tuple[str, bytes | None]:
    """The object identifier and the parameters, None where they are absent."""
    read = decode(spec.AlgorithmIdentifier, algorithm) if isinstance(algorithm, bytes) else algorithm
    return read.algorithm.dotted_string, optional(read.parameters)


def known(table: dict[str, type[Digest]], algorithm: bytes | spec.AlgorithmIdentifier) -> Digest:
    """Its parameters are absent or NULL: both occur for all of them (RFC 5754, 2; RFC 9483, item 10)."""
    oid, parameters = parts(algorithm)
    if oid not in table or parameters not in (None, NULL):
        raise bad_algorithm("a digest that is not accepted")
    return table[oid]()


def signature_algorithm(key: PrivateKey, rsa_parameters: bytes | None = None) -> bytes:
    """What `sign` will make with this key."""
    if isinstance(key, rsa.RSAPrivateKey):
        return identifier("1.2.840.113549.1.1.11", rsa_parameters)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        digest = type(_digest_of(key.curve))
        return identifier(next(oid for oid, one in ECDSA.items() if one is digest))
    return identifier(ED25519)


def _digest_of(curve: ec.EllipticCurve) -> Digest:
    """As long as the curve (RFC 9481, 3.2; RFC 5480, 4)."""
    if curve.key_size <= 256:
        return hashes.SHA256()
    return hashes.SHA384() if curve.key_size <= 384 else hashes.SHA512()


def sign(key: PrivateKey, data: bytes) -> bytes:
    """With any key that `cryptography` can sign with, one on a medium included."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(_digest_of(key.curve)))
    return key.sign(data)


def verify(key: object, algorithm: bytes, signature: bytes, data: bytes, wrong: FailInfo) -> None:
    """Raises badAlg for an algorithm that is not accepted, and `wrong` for all else that is not right."""
    check = _verifier(algorithm)
    try:
        check(key, signature, data)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError) as error:
        raise ProtocolFault(wrong, "the signature is wrong") from error


def load_key(public_key: bytes) -> PublicKey | None:
    """None for what is no key, or one of another kind."""
    try:
        key = load_der_public_key(public_key)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, PublicKey) else None


Verifier = Callable[[object, bytes, bytes], None]


def _verifier(algorithm: bytes) -> Verifier:
    oid, parameters = parts(algorithm)
    if oid in RSA and parameters in (None, NULL):
        return _rsa(padding.PKCS1v15(), RSA[oid]())
    if oid == PSS and parameters:
        return _pss(decode(spec.RSASSAPSSParams, parameters))
    if oid in ECDSA and parameters is None:
        return _ecdsa(ECDSA[oid]())
    if oid == ED25519 and parameters is None:
        return _ed25519
    raise bad_algorithm("a signature algorithm that is not accepted")


def _pss(said: spec.RSASSAPSSParams) -> Verifier:
    """One digest for the message and the mask, and a salt of its length (RFC 9481, 3.1; RFC 4055, 3.1)."""
    if said.hashAlgorithm is None or said.maskGenAlgorithm is None or said.trailerField not in (None, 1):
        raise bad_algorithm("RSASSA-PSS with its defaults, which are SHA-1")
    digest = known(DIGESTS, said.hashAlgorithm)
    oid, mask = parts(said.maskGenAlgorithm)
    if oid != MGF1 or not mask or known(DIGESTS, mask).name != digest.name or said.saltLength != digest.digest_size:
        raise bad_algorithm("RSASSA-PSS with an unusual mask or salt")
    return _rsa(padding.PSS(padding.MGF1(digest), digest.digest_size), digest)


def _rsa(pad: padding.AsymmetricPadding, digest: hashes.HashAlgorithm) -> Verifier:
    def check(key: object, signature: bytes, data: bytes) -> None:
        if not isinstance(key, rsa.RSAPublicKey):
            raise _other_kind()
        key.verify(signature, data, pad, digest)

    return check


def _ecdsa(digest: hashes.HashAlgorithm) -> Verifier:
    def check(key: object, signature: bytes, data: bytes) -> None:
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise _other_kind()
        key.verify(signature, data, ec.ECDSA(digest))

    return check


def _ed25519(key: object, signature: bytes, data: bytes) -> None:
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise _other_kind()
    key.verify(signature, data)


def _other_kind() -> TypeError:
    return TypeError("a key of another kind")
