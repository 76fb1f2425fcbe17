"""Which public keys this CA certifies: a few kinds, each in the one form that it has in DER, and none that is known to
be broken. What cannot be seen on a public key (a bad generator that left no mark) is not claimed to be.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass

from tokenmgr.ca import roca
from tokenmgr.domain.credential import KeyKind
from tokenmgr.errors import KeyUnfit
from tokenmgr.pki import der

SMALL = 1 << 16  # factors below it are looked for
FERMAT_ROUNDS = 100  # p and q so close that this finds them were not drawn at random

RSA_ENCRYPTION = der.tlv(der.SEQUENCE, der.oid("1.2.840.113549.1.1.1"), der.tlv(der.NULL))  # RFC 3279, 2.3.1
_RSA_KINDS = {2048: KeyKind.RSA_2048, 3072: KeyKind.RSA_3072, 4096: KeyKind.RSA_4096}

IsKnownWeak = Callable[[bytes], bool]


@dataclass(frozen=True)
class Curve:
    """y^2 = x^3 - 3x + b modulo `prime` (SP 800-186, 3.2.1). Its group has no smaller subgroup: on it is in it."""

    kind: KeyKind
    oid: str
    prime: int
    b: int

    @property
    def size(self) -> int:
        return (self.prime.bit_length() + 7) // 8

    @functools.cached_property
    def prefix(self) -> bytes:
        """A SubjectPublicKeyInfo up to the point, which is not compressed (RFC 5480, 2.1.1, 2.2)."""
        algorithm = der.tlv(der.SEQUENCE, der.oid("1.2.840.10045.2.1"), der.oid(self.oid))
        point = bytes(2 + 2 * self.size)
        return der.tlv(der.SEQUENCE, algorithm, der.tlv(der.BIT_STRING, point))[: -len(point)] + b"\x00\x04"

    def has(self, x: int, y: int) -> bool:
        in_field = x < self.prime and y < self.prime
        return in_field and (y * y - (x * x * x - 3 * x + self.b)) % self.prime == 0


CURVES = (
    Curve(
        KeyKind.P256,
        "1.2.840.10045.3.1.7",
        2**256 - 2**224 + 2**192 + 2**96 - 1,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    ),
    Curve(
        KeyKind.P384,
        "1.3.132.0.34",
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
    ),
)


def kind_of(spki: bytes) -> KeyKind:
    """KeyUnfit for every other kind, form and size."""
    for curve in CURVES:
        if _is_on(curve, spki):
            return curve.kind
    modulus, _ = _rsa_numbers(spki)
    kind = _RSA_KINDS.get(modulus.bit_length())
    if kind is None:
        raise KeyUnfit(reason="modulus-size")
    return kind


def refuse_weak(spki: bytes, is_known_weak: IsKnownWeak | None = None) -> KeyKind:
    """KeyUnfit names the reason. `is_known_weak` is asked with the SHA-256 of the key: a list of keys that somebody has
    published, such as Debian's of 2008, which no arithmetic tells."""
    kind = _sound(bytes(spki))
    if is_known_weak is not None and is_known_weak(hashlib.sha256(spki).digest()):
        raise KeyUnfit(reason="known-weak")
    return kind


@functools.lru_cache(maxsize=1024)
def _sound(spki: bytes) -> KeyKind:
    """Remembered, because the same key is asked about when it is requested and when it is certified."""
    kind = kind_of(spki)
    if kind not in {curve.kind for curve in CURVES}:
        modulus, exponent = _rsa_numbers(spki)
        if weakness := weakness_of_rsa(modulus, exponent):
            raise KeyUnfit(reason=weakness)
    return kind


def _is_on(curve: Curve, spki: bytes) -> bool:
    if not spki.startswith(curve.prefix) or len(spki) != len(curve.prefix) + 2 * curve.size:
        return False
    point = spki[len(curve.prefix) :]
    if not curve.has(int.from_bytes(point[: curve.size], "big"), int.from_bytes(point[curve.size :], "big")):
        raise KeyUnfit(reason="not-on-curve")
    return True


def _rsa_numbers(spki: bytes) -> tuple[int, int]:
    """RFC 8017, A.1.1, in the SubjectPublicKeyInfo of RFC 3279, 2.3.1: NULL parameters, and no PSS key."""
    try:
        algorithm, bits = der.children(spki)
        if algorithm.whole != RSA_ENCRYPTION:
            raise KeyUnfit(reason="kind-not-allowed")
        if bits.tag != der.BIT_STRING or bits.body[:1] != b"\0":
            raise KeyUnfit(reason="not-canonical")
        modulus, exponent = (der.unsigned(number) for number in der.children(bits.body[1:]))
    except ValueError as error:
        raise KeyUnfit(reason="not-canonical") from error
    return modulus, exponent


def weakness_of_rsa(modulus: int, exponent: int) -> str:
    """SP 800-56B, 6.2: the exponent is odd and between 2^16 and 2^256. Then what makes a modulus easy to factor."""
    if not 1 << 16 < exponent < 1 << 256 or not exponent & 1:
        return "exponent"
    if math.gcd(modulus, _primorial() % modulus) != 1:
        return "small-factor"
    if _is_close(modulus):
        return "close-primes"
    return "roca" if roca.has_structure(modulus) else ""


@functools.cache
def _primorial() -> int:
    return math.prod(roca.small_primes(SMALL))


def _is_close(modulus: int) -> bool:
    """Fermat: N = a^2 - b^2 for an a just above its root, where p and q are nearly the same. b = 0: a square."""
    a = math.isqrt(modulus)
    a += a * a < modulus
    b_squared = a * a - modulus
    for _ in range(FERMAT_ROUNDS):
        # A square ends on few of the 64 values of its last bits; only then is the root worth taking.
        if _SQUARES >> (b_squared & 63) & 1 and math.isqrt(b_squared) ** 2 == b_squared:
            return True
        b_squared += 2 * a + 1
        a += 1
    return False


_SQUARES = sum(1 << bits for bits in {number * number & 63 for number in range(64)})
