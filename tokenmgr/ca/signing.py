"""A signature of this CA: by which algorithm, over exactly which bytes, and checked before anybody sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tokenmgr.errors import SignatureUnfit
from tokenmgr.pki import der

CaSigner = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Scheme:
    """By the key: SHA-256, and SHA-384 where the key is as strong as that (RFC 5480, 4, table)."""

    algorithm: bytes  # the AlgorithmIdentifier, DER
    digest: hashes.SHA256 | hashes.SHA384


_ECDSA_256 = Scheme(der.tlv(der.SEQUENCE, der.oid("1.2.840.10045.4.3.2")), hashes.SHA256())  # RFC 5758, 3.2
_ECDSA_384 = Scheme(der.tlv(der.SEQUENCE, der.oid("1.2.840.10045.4.3.3")), hashes.SHA384())
_RSA_256 = Scheme(der.tlv(der.SEQUENCE, der.oid("1.2.840.113549.1.1.11"), der.tlv(der.NULL)), hashes.SHA256())


def scheme_of(signer: CaSigner) -> Scheme:
    return _scheme_of(signer.public_key())


def _scheme_of(public_key: Any) -> Scheme:
    if isinstance(public_key, rsa.RSAPublicKey):
        return _RSA_256  # RFC 4055, 5: NULL parameters
    return _ECDSA_384 if public_key.curve.key_size > 256 else _ECDSA_256


def spki_of(signer: CaSigner) -> bytes:
    return signer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def seal(signer: CaSigner, body: bytes, name: str) -> bytes:
    """SEQUENCE { body, algorithm, BIT STRING } (RFC 5280, 4.1.1, 5.1.1), its signature checked with the public key.
    `name`: whose key it is, for whoever is told that it does not work."""
    scheme = scheme_of(signer)
    signature = signature_over(signer, body, name)
    return der.tlv(der.SEQUENCE, body, scheme.algorithm, der.tlv(der.BIT_STRING, b"\0", signature))


def signature_over(signer: CaSigner, body: bytes, name: str) -> bytes:
    digest = scheme_of(signer).digest
    if isinstance(signer, rsa.RSAPrivateKey):
        signature = signer.sign(body, padding.PKCS1v15(), digest)
    else:
        signature = signer.sign(body, ec.ECDSA(digest))
    try:
        verify_over(signer.public_key(), signature, body)
    except InvalidSignature as error:
        raise SignatureUnfit(key=name) from error
    return signature


def verify_over(public_key: Any, signature: bytes, body: bytes) -> None:
    """Of a CA's key, by its scheme. InvalidSignature where it is another's, or of other bytes."""
    digest = _scheme_of(public_key).digest
    if isinstance(public_key, rsa.RSAPublicKey):
        public_key.verify(signature, body, padding.PKCS1v15(), digest)
    else:
        public_key.verify(signature, body, ec.ECDSA(digest))


# --- building without a key ---------------------------------------------------------------------------------------


class _Blank:
    """In a builder's eyes a key of the same algorithm as the CA's. It signs with nothing, so that what is only a draft
    can be mistaken for a certificate by nobody: not even by whoever would take a throw-away key's signature for one."""

    def __init__(self, public: Any) -> None:
        self._public = public

    def sign(self, *_: Any) -> bytes:
        return b"\0"

    def public_key(self) -> Any:
        return self._public

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("there is no key")

    private_numbers = private_bytes = decrypt = exchange = _refuse

    @property
    def curve(self) -> Any:
        return self._public.curve

    @property
    def key_size(self) -> int:
        return int(self._public.key_size)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


class _BlankRSA(_Blank, rsa.RSAPrivateKey):
    pass


class _BlankEC(_Blank, ec.EllipticCurvePrivateKey):
    pass


def blank(signer: CaSigner) -> CaSigner:
    return (_BlankRSA if isinstance(signer, rsa.RSAPrivateKey) else _BlankEC)(signer.public_key())
