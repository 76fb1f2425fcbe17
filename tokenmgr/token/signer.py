"""A key on the medium as `cryptography` knows private keys: every builder (certificate, request, CRL) takes it."""

from __future__ import annotations

from typing import Any, NoReturn, Protocol, Self, cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tokenmgr.domain.credential import Key
from tokenmgr.domain.medium import MediumFacts
from tokenmgr.errors import KeyMissing, NotPermitted, NotSupported, SignatureWrong
from tokenmgr.token.keys import Scheme

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class Signs(Protocol):
    """What is asked of a session here."""

    @property
    def medium(self) -> MediumFacts: ...
    def sign(self, key: Key, message: bytes, scheme: Scheme, prehashed: bool = False) -> bytes: ...


def signer(session: Signs, key: Key, proven: bool = False) -> PrivateKey:
    """Valid while the session is. It signs, and refuses everything else. `proven`: each signature is verified before
    anybody gets it, for what is kept and sent again: a medium may say that it has signed when it has not."""
    if key.public_key is None:
        raise KeyMissing(serial=session.medium.serial, key_id=key.key_id.hex())
    public = load_der_public_key(key.public_key)
    match public:
        case rsa.RSAPublicKey():
            return RSAOnMedium(session, key, public, proven)
        case ec.EllipticCurvePublicKey():
            return ECOnMedium(session, key, public, proven)
        case ed25519.Ed25519PublicKey():
            return Ed25519OnMedium(session, key, public, proven)
    raise NotSupported(serial=session.medium.serial, wanted=key.kind)


class _OnMedium:
    def __init__(self, session: Signs, key: Key, public: Any, proven: bool) -> None:
        self._session = session
        self._key = key
        self._public = public
        self._proven = proven

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        """The private part cannot leave the medium, and these keys only sign (S1)."""
        raise NotPermitted(serial=self._session.medium.serial)

    private_numbers = private_bytes = private_bytes_raw = decrypt = exchange = _refuse

    def _sign(self, message: bytes, kind: str, algorithm: Any = None) -> bytes:
        prehashed = isinstance(algorithm, Prehashed)
        digest = algorithm._algorithm if prehashed else algorithm  # it shows it no other way
        return self._session.sign(
            self._key, bytes(message), Scheme(kind, digest.name.upper()) if digest else Scheme(kind), prehashed
        )

    def _prove(self, signature: bytes, *how: Any) -> bytes:
        try:
            if self._proven:
                self._public.verify(signature, *how)
        except InvalidSignature as error:
            raise SignatureWrong(serial=self._session.medium.serial, key_id=self._key.key_id.hex()) from error
        return signature

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


class RSAOnMedium(_OnMedium, rsa.RSAPrivateKey):
    def sign(self, data: Any, padding_: Any, algorithm: Any) -> bytes:
        if isinstance(padding_, padding.PKCS1v15):
            return self._prove(self._sign(data, "pkcs1", algorithm), data, padding_, algorithm)
        if isinstance(padding_, padding.PSS) and _as_usual(padding_, algorithm):
            return self._prove(self._sign(data, "pss", algorithm), data, padding_, algorithm)
        raise UnsupportedAlgorithm("PKCS #1 v1.5, or PSS with a salt as long as the digest")

    def public_key(self) -> rsa.RSAPublicKey:
        return cast(rsa.RSAPublicKey, self._public)

    @property
    def key_size(self) -> int:
        return self.public_key().key_size


def _as_usual(pss: padding.PSS, algorithm: hashes.HashAlgorithm | Prehashed) -> bool:
    """And the mask by the same digest (RFC 4055, 3.1). `cryptography` shows both in no other way."""
    salt, mask = pss._salt_length, pss.mgf._algorithm
    digest = algorithm._algorithm if isinstance(algorithm, Prehashed) else algorithm
    return mask.name == digest.name and (salt is padding.PSS.DIGEST_LENGTH or salt == algorithm.digest_size)


class ECOnMedium(_OnMedium, ec.EllipticCurvePrivateKey):
    def sign(self, data: Any, signature_algorithm: Any) -> bytes:
        return self._prove(self._sign(data, "ecdsa", signature_algorithm.algorithm), data, signature_algorithm)

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return cast(ec.EllipticCurvePublicKey, self._public)

    @property
    def curve(self) -> ec.EllipticCurve:
        return self.public_key().curve

    @property
    def key_size(self) -> int:
        return self.curve.key_size


class Ed25519OnMedium(_OnMedium, ed25519.Ed25519PrivateKey):
    def sign(self, data: Any) -> bytes:
        return self._prove(self._sign(data, "eddsa"), data)

    def public_key(self) -> ed25519.Ed25519PublicKey:
        return cast(ed25519.Ed25519PublicKey, self._public)
