"""Keys that must not be certified, each really made."""

from __future__ import annotations

import functools
import hashlib
import math
import random

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from tests.ca.made import key
from tokenmgr.ca import keycheck, roca
from tokenmgr.ca.keycheck import kind_of, refuse_weak
from tokenmgr.ca.signing import spki_of
from tokenmgr.domain.credential import KeyKind
from tokenmgr.errors import KeyUnfit
from tokenmgr.pki import der

DRAWN = random.Random(20260401)  # noqa: S311  keys for a test, the same every time


def rsa_spki(modulus: int, exponent: int = 65537, algorithm: bytes = keycheck.RSA_ENCRYPTION) -> bytes:
    numbers = der.tlv(der.SEQUENCE, der.integer(modulus), der.integer(exponent))
    return der.tlv(der.SEQUENCE, algorithm, der.tlv(der.BIT_STRING, b"\0", numbers))


def is_prime(number: int) -> bool:
    if any(number % small == 0 for small in PRIMES):
        return number in PRIMES
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in (2, 3, 5, 7, 11, 13, 17, 19):
        power = pow(base, odd, number)
        if power not in (1, number - 1) and all((power := power * power % number) != number - 1 for _ in range(twos)):
            return False
    return True


PRIMES = roca.small_primes(2000)


def next_prime(number: int) -> int:
    number |= 1
    while not is_prime(number):
        number += 2
    return number


def prime(bits: int) -> int:
    """With its two highest bits set, so that a product of two has twice as many."""
    return next_prime(DRAWN.getrandbits(bits) | 3 << bits - 2)


def prime_of_roca(bits: int, primes_in_m: int) -> int:
    """k * M + (65537^a mod M): Nemec and others, 2017, 2.1."""
    product = math.prod(PRIMES[:primes_in_m])
    while True:
        residue = pow(65537, DRAWN.randrange(1 << 60), product)
        for _ in range(200):
            k = DRAWN.randrange((3 << bits - 2) // product + 1, (1 << bits) // product)
            if is_prime(number := k * product + residue):
                return number


def reason(spki: bytes) -> str:
    with pytest.raises(KeyUnfit) as refused:
        refuse_weak(spki)
    return refused.value.reason


@pytest.mark.parametrize(
    "kind", [KeyKind.RSA_2048, KeyKind.RSA_3072, KeyKind.RSA_4096, KeyKind.P256, KeyKind.P384], ids=lambda k: k.value
)
def test_good_keys_are_what_they_are(kind: KeyKind) -> None:
    spki = spki_of(key(kind))
    assert kind_of(spki) is refuse_weak(spki) is kind


@pytest.mark.parametrize("bits", [1024, 2047, 2056, 4104])
def test_other_sizes(bits: int) -> None:
    modulus = DRAWN.getrandbits(bits) | 1 << bits - 1 | 1
    assert reason(rsa_spki(modulus)) == "modulus-size"


@pytest.mark.parametrize("exponent", [1, 3, 17, 65535, 65536, 65538, 1 << 256, (1 << 256) + 1])
def test_exponents(exponent: int) -> None:
    modulus = key(KeyKind.RSA_2048).public_key().public_numbers()
    assert isinstance(modulus, rsa.RSAPublicNumbers)
    assert reason(rsa_spki(modulus.n, exponent)) == "exponent"
    assert refuse_weak(rsa_spki(modulus.n, (1 << 255) + 1)) is KeyKind.RSA_2048


@pytest.mark.parametrize("small", [2, 3, 2003, 65521])
def test_a_small_factor(small: int) -> None:
    modulus = small * ((3 << 2046) // small | DRAWN.getrandbits(1000) | 1)
    assert modulus.bit_length() == 2048
    assert reason(rsa_spki(modulus)) == "small-factor"


def test_two_primes_that_are_close() -> None:
    first = prime(1024)
    assert reason(rsa_spki(first * next_prime(first + 2))) == "close-primes"
    assert reason(rsa_spki(first * next_prime(first + (1 << 514)))) == "close-primes"
    assert refuse_weak(rsa_spki(first * prime(1024))) is KeyKind.RSA_2048


def test_a_square() -> None:
    assert reason(rsa_spki(prime(1024) ** 2)) == "close-primes"


@pytest.mark.parametrize(("bits", "primes_in_m"), [(1024, 126), (1536, 126), (2048, 225)])
def test_primes_of_roca(bits: int, primes_in_m: int) -> None:
    assert reason(rsa_spki(prime_of_roca(bits, primes_in_m) * prime_of_roca(bits, primes_in_m))) == "roca"


def test_one_prime_of_roca_is_not_the_fingerprint() -> None:
    """Both primes of such a key are so: the sum of their logarithms is the modulus's."""
    assert refuse_weak(rsa_spki(prime_of_roca(1024, 126) * prime(1024))) is KeyKind.RSA_2048


def test_powers_that_agree_on_no_logarithm_are_not_roca() -> None:
    """Modulo every prime a power of 65537, and each by itself: by the Chinese remainder theorem."""
    modulus, product = 0, 1
    for small, logarithms in roca._tables()[:125]:
        residue = list(logarithms)[DRAWN.randrange(len(logarithms))]
        modulus += product * ((residue - modulus) * pow(product, -1, small) % small)
        product *= small
    modulus += product * ((1 << 2047) // product + 1)
    assert all(modulus % small in logarithms for small, logarithms in roca._tables()[:125])
    assert not roca.has_structure(modulus)


@given(st.integers(min_value=0))
def test_every_power_has_the_structure_of_roca(exponent: int) -> None:
    product = math.prod(PRIMES[:126])
    residue = pow(65537, exponent % (1 << 200), product)
    assert roca.has_structure(residue + product * (1 << 1100))


def spki_of_point(curve: keycheck.Curve, x: int, y: int) -> bytes:
    return curve.prefix + x.to_bytes(curve.size, "big") + y.to_bytes(curve.size, "big")


@pytest.mark.parametrize("curve", keycheck.CURVES, ids=lambda curve: curve.kind.value)
def test_points_that_are_not_on_their_curve(curve: keycheck.Curve) -> None:
    numbers = key(curve.kind).public_key().public_numbers()
    assert isinstance(numbers, ec.EllipticCurvePublicNumbers)
    assert refuse_weak(spki_of_point(curve, numbers.x, numbers.y)) is curve.kind
    assert refuse_weak(spki_of_point(curve, numbers.x, curve.prime - numbers.y)) is curve.kind
    for x, y in ((numbers.x, numbers.y ^ 1), (numbers.y, numbers.x), (0, 0), (curve.prime, numbers.y)):
        assert reason(spki_of_point(curve, x, y)) == "not-on-curve"


def test_a_coordinate_beyond_its_field_is_not_reduced() -> None:
    curve = keycheck.CURVES[0]
    x = next(x for x in range(1 << 20) if pow(x**3 - 3 * x + curve.b, (curve.prime - 1) // 2, curve.prime) == 1)
    y = pow(x**3 - 3 * x + curve.b, (curve.prime + 1) // 4, curve.prime)
    assert refuse_weak(spki_of_point(curve, x, y)) is KeyKind.P256
    assert reason(spki_of_point(curve, x + curve.prime, y)) == "not-on-curve"


@functools.cache
def other_keys() -> dict[str, bytes]:
    good = key(KeyKind.P256).public_key()
    assert isinstance(good, ec.EllipticCurvePublicKey)
    point = good.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    algorithm = der.tlv(der.SEQUENCE, der.oid("1.2.840.10045.2.1"), der.oid("1.2.840.10045.3.1.7"))
    modulus = key(KeyKind.RSA_2048).public_key().public_numbers()
    assert isinstance(modulus, rsa.RSAPublicNumbers)
    pss = der.tlv(der.SEQUENCE, der.oid("1.2.840.113549.1.1.10"))
    no_null = der.tlv(der.SEQUENCE, der.oid("1.2.840.113549.1.1.1"))
    others: dict[str, PublicKeyTypes] = {
        "P-521": ec.generate_private_key(ec.SECP521R1()).public_key(),
        "secp256k1": ec.generate_private_key(ec.SECP256K1()).public_key(),
        "brainpool": ec.generate_private_key(ec.BrainpoolP256R1()).public_key(),
        "Ed25519": ed25519.Ed25519PrivateKey.generate().public_key(),
        "DSA": dsa.generate_private_key(2048).public_key(),
    }
    return {
        **{
            name: public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            for name, public in others.items()
        },
        "compressed": der.tlv(der.SEQUENCE, algorithm, der.tlv(der.BIT_STRING, b"\0" + point)),
        "infinity": der.tlv(der.SEQUENCE, algorithm, der.tlv(der.BIT_STRING, b"\0\0")),
        "PSS": rsa_spki(modulus.n, algorithm=pss),
        "RSA without NULL": rsa_spki(modulus.n, algorithm=no_null),
    }


@pytest.mark.parametrize("name", list(other_keys()))
def test_other_kinds_and_forms(name: str) -> None:
    assert reason(other_keys()[name]) == "kind-not-allowed"


@pytest.mark.parametrize("kind", [KeyKind.P256, KeyKind.RSA_2048], ids=lambda k: k.value)
def test_bytes_after_a_key_and_keys_cut_short(kind: KeyKind) -> None:
    good = spki_of(key(kind))
    for wrong in (good + b"\0", good[:-1], good[1:], b"", b"\x30\x00"):
        assert reason(wrong) in ("not-canonical", "kind-not-allowed")


def test_numbers_that_are_not_the_shortest() -> None:
    modulus = key(KeyKind.RSA_2048).public_key().public_numbers()
    assert isinstance(modulus, rsa.RSAPublicNumbers)
    long = der.tlv(der.INTEGER, b"\0\0" + modulus.n.to_bytes(256, "big"))
    negative = der.tlv(der.INTEGER, modulus.n.to_bytes(256, "big"))
    for number in (long, negative):
        numbers = der.tlv(der.SEQUENCE, number, der.integer(65537))
        spki = der.tlv(der.SEQUENCE, keycheck.RSA_ENCRYPTION, der.tlv(der.BIT_STRING, b"\0", numbers))
        assert reason(spki) == "not-canonical"


@given(st.binary(max_size=120))
def test_no_bytes_make_it_fail_in_another_way(data: bytes) -> None:
    with pytest.raises(KeyUnfit):
        kind_of(data)


def test_a_key_that_somebody_has_published() -> None:
    spki = spki_of(key(KeyKind.P256))
    listed = {hashlib.sha256(spki).digest()}
    with pytest.raises(KeyUnfit) as refused:
        refuse_weak(spki, listed.__contains__)
    assert refused.value.reason == "known-weak"
    assert refuse_weak(spki_of(key(KeyKind.P384)), listed.__contains__) is KeyKind.P384
