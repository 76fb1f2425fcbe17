"""The CA's issuing key with somebody standing beside it: a real subclass, which `CaKey.signer` takes for what it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, Self

from cryptography.hazmat.primitives.asymmetric import ec

from tokenmgr.errors import MediumTroubled

Hook = Callable[[Callable[[], bytes]], bytes]  # is handed the signing, and does it, or not


class HookedKey(ec.EllipticCurvePrivateKey):
    def __init__(self, key: ec.EllipticCurvePrivateKey, hook: Hook) -> None:
        self._key, self._hook = key, hook

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        return self._hook(lambda: self._key.sign(data, signature_algorithm))

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._key.public_key()

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._key.curve

    @property
    def key_size(self) -> int:
        return self._key.key_size

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("it signs, and that is all")

    exchange = private_numbers = private_bytes = _refuse

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


class Troubled:
    """A token that fails of its first `times` signatures, as a real one does that is pulled in the middle."""

    def __init__(self, times: int = 1) -> None:
        self.left = times
        self.signed = 0

    def __call__(self, sign: Callable[[], bytes]) -> bytes:
        if self.left:
            self.left -= 1
            raise MediumTroubled(call="C_Sign", answer="CKR_GENERAL_ERROR")
        self.signed += 1
        return sign()
