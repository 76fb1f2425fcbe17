"""The fingerprint of ROCA (CVE-2017-15361): moduli of Infineon's RSALib, whose primes are k * M + (65537^a mod M) with
M the product of the first so many primes. Nemec and others, "The Return of Coppersmith's Attack", CCS 2017, 2.1.

Then N = 65537^c modulo M for one c: modulo each small prime N is a power of 65537, and the powers agree on c. A modulus
of another origin that is long enough to be certified fits by chance once in 2^700.
"""

from __future__ import annotations

import functools
import math

GENERATOR = 65537
# Bits of the modulus, at most -> how many primes make M (the paper's table 1).
_PRIMES_IN_M = ((960, 39), (1952, 71), (3936, 126), (4096, 225))


def has_structure(modulus: int) -> bool:
    count = next((count for bits, count in _PRIMES_IN_M if modulus.bit_length() <= bits), 225)
    remainder, period = 0, 1  # c = remainder modulo period, as far as it is known
    for prime, logarithms in _tables()[: count - 1]:
        found = logarithms.get(modulus % prime)
        if found is None:
            return False
        merged = _merged(remainder, period, found, len(logarithms))
        if merged is None:
            return False
        remainder, period = merged
    return True


def _merged(one: int, modulo: int, other: int, order: int) -> tuple[int, int] | None:
    """c = one (mod modulo) and c = other (mod order): c modulo both, or None where they contradict each other."""
    common = math.gcd(modulo, order)
    if (other - one) % common:
        return None
    step = (other - one) // common * pow(modulo // common, -1, order // common) % (order // common)
    whole = modulo // common * order
    return (one + step * modulo) % whole, whole


@functools.cache
def _tables() -> list[tuple[int, dict[int, int]]]:
    """For each prime: every power of 65537 modulo it, with its logarithm. 2 is left out: every modulus is odd."""
    return [(prime, _logarithms(prime)) for prime in small_primes(1428)[1:]]


def _logarithms(prime: int) -> dict[int, int]:
    found: dict[int, int] = {}
    power = 1
    while power not in found:
        found[power] = len(found)
        power = power * GENERATOR % prime
    return found


def small_primes(below: int) -> list[int]:
    sieve = bytearray((1,)) * below
    sieve[0:2] = b"\0\0"
    for number in range(2, math.isqrt(below) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, below, number)))
    return [number for number in range(below) if sieve[number]]
