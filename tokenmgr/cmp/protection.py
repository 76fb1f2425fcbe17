"""The protection of a message (RFC 4210, 5.1.3; RFC 9481): made by a Protector, checked by a function that raises."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field, replace
from typing import Protocol

from cryptography import x509

from tokenmgr.cmp import structures as spec
from tokenmgr.cmp.algorithms import (
    NULL,
    PrivateKey,
    bad_algorithm,
    identifier,
    parts,
    sign,
    signature_algorithm,
    verify,
)
from tokenmgr.cmp.certificates import key_id, load
from tokenmgr.cmp.der import decode, encode
from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.cmp.oids import PBKDF2, PBM, PBMAC1
from tokenmgr.cmp.values import Message

# RFC 4211, 4.4 wants 100 at least. At most: whoever knows a reference name, but no secret, can make the server count
# that far for every message. This many take 20 to 60 ms.
MIN_ITERATIONS, MAX_ITERATIONS = 100, 100_000
MAX_SALT = 128  # RFC 4211, 4.4
OWF = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
# HMAC-SHA-1 is not broken, and the default of OpenSSL 3.0 and many devices. It has two names (RFC 4210, D.2).
MACS = {
    "1.3.6.1.5.5.8.1.2": "sha1",
    "1.2.840.113549.2.7": "sha1",
    "1.2.840.113549.2.9": "sha256",
    "1.2.840.113549.2.10": "sha384",
    "1.2.840.113549.2.11": "sha512",
}


class Protector(Protocol):
    """What signs outgoing messages. `sender_kid` goes into the header (RFC 9483, 3.1)."""

    @property
    def algorithm(self) -> bytes: ...

    @property
    def sender_kid(self) -> bytes | None: ...

    def protect(self, protected_part: bytes) -> bytes: ...


@dataclass(frozen=True)
class Pbm:
    """PasswordBasedMac. `owf` and `mac` are digests by name, `mac_oid` the name that was used for it."""

    salt: bytes
    iterations: int = 10_000
    owf: str = "sha256"
    mac: str = "sha256"
    mac_oid: str = ""

    @property
    def algorithm(self) -> bytes:
        said = spec.PBMParameter(
            salt=self.salt,
            owf=_identifier(_oid(OWF, self.owf)),
            iterationCount=self.iterations,
            mac=_identifier(self.mac_oid or _oid(MACS, self.mac)),
        )
        return identifier(PBM, encode(said))

    def key(self, secret: bytes) -> bytes:
        digest = secret + self.salt
        for _ in range(self.iterations):
            digest = hashlib.new(self.owf, digest).digest()
        return digest


@dataclass(frozen=True)
class Pbmac1:
    """PBMAC1 with PBKDF2 (RFC 8018, 7.1). `prf` and `mac` are the digests of two HMACs."""

    salt: bytes
    iterations: int = 10_000
    prf: str = "sha256"
    mac: str = "sha256"
    key_length: int = 32

    @property
    def algorithm(self) -> bytes:
        derive = spec.PBKDF2Params(
            salt=self.salt,
            iterationCount=self.iterations,
            keyLength=self.key_length,
            prf=_identifier(_oid(MACS, self.prf), NULL),
        )
        said = spec.PBMAC1Params(
            keyDerivationFunc=_identifier(PBKDF2, encode(derive)),
            messageAuthScheme=_identifier(_oid(MACS, self.mac), NULL),
        )
        return identifier(PBMAC1, encode(said))

    def key(self, secret: bytes) -> bytes:
        return hashlib.pbkdf2_hmac(self.prf, secret, self.salt, self.iterations, self.key_length)


MacParameters = Pbm | Pbmac1


def _oid(table: dict[str, str], digest: str) -> str:
    return next(oid for oid, name in table.items() if name == digest)


def _identifier(oid: str, parameters: bytes | None = None) -> spec.AlgorithmIdentifier:
    return decode(spec.AlgorithmIdentifier, identifier(oid, parameters))


@dataclass(frozen=True)
class MacProtector:
    reference: bytes
    secret: bytes = field(repr=False)
    parameters: MacParameters

    @property
    def algorithm(self) -> bytes:
        return self.parameters.algorithm

    @property
    def sender_kid(self) -> bytes:
        return self.reference

    def protect(self, protected_part: bytes) -> bytes:
        return _mac(self.parameters, self.secret, protected_part)


@dataclass(frozen=True)
class SignatureProtector:
    """`key` may be one on a medium. The certificate belongs first into extraCerts (RFC 9483, 3.3)."""

    key: PrivateKey = field(repr=False)
    certificate: bytes

    @property
    def algorithm(self) -> bytes:
        return signature_algorithm(self.key)

    @property
    def sender_kid(self) -> bytes | None:
        return key_id(load(self.certificate))

    def protect(self, protected_part: bytes) -> bytes:
        return sign(self.key, protected_part)


def _mac(parameters: MacParameters, secret: bytes, data: bytes) -> bytes:
    return hmac.digest(parameters.key(secret), data, parameters.mac)


def is_mac(message: Message) -> bool:
    """RFC 9483, item 9: one kind of protection for a whole transaction."""
    return message.header.algorithm is not None and parts(message.header.algorithm)[0] in (PBM, PBMAC1)


def verify_mac(message: Message, secret: bytes) -> None:
    algorithm, value = _protected(message)
    if not hmac.compare_digest(_mac(mac_parameters(algorithm), secret, message.protected_part), value):
        raise ProtocolFault(FailInfo.badMessageCheck, "the MAC is wrong")


def verify_signature(message: Message, certificate: x509.Certificate) -> None:
    """That the certificate may sign, and who vouches for it, are questions of their own (checks.py)."""
    algorithm, value = _protected(message)
    verify(certificate.public_key(), algorithm, value, message.protected_part, FailInfo.badMessageCheck)


def _protected(message: Message) -> tuple[bytes, bytes]:
    """RFC 9483, items 4 and 12."""
    if message.header.algorithm is None or message.protection is None:
        raise ProtocolFault(FailInfo.badMessageCheck, "the message is not protected")
    return message.header.algorithm, message.protection


def mac_like(message: Message, secret: bytes, salt: bytes) -> MacProtector:
    """For the answer: the kind and the strength of the request's protection, with a salt of its own (item 12)."""
    algorithm, _ = _protected(message)
    return MacProtector(message.header.sender_kid or b"", secret, replace(mac_parameters(algorithm), salt=salt))


def mac_parameters(algorithm: bytes) -> MacParameters:
    oid, parameters = parts(algorithm)
    if oid == PBM and parameters:
        return _pbm(decode(spec.PBMParameter, parameters))
    if oid == PBMAC1 and parameters:
        return _pbmac1(decode(spec.PBMAC1Params, parameters))
    raise bad_algorithm("a MAC that is not accepted")


def _pbm(said: spec.PBMParameter) -> Pbm:
    _in_bounds(said.salt, said.iterationCount)
    return Pbm(said.salt, said.iterationCount, _known(OWF, said.owf), _known(MACS, said.mac), parts(said.mac)[0])


def _pbmac1(said: spec.PBMAC1Params) -> Pbmac1:
    oid, parameters = parts(said.keyDerivationFunc)
    if oid != PBKDF2 or not parameters:
        raise bad_algorithm("a key derivation that is not accepted")
    derive = decode(spec.PBKDF2Params, parameters)
    _in_bounds(derive.salt, derive.iterationCount)
    if derive.prf is None:
        raise bad_algorithm("PBKDF2 without its prf, which is SHA-1")
    mac = _known(MACS, said.messageAuthScheme)
    length = hashlib.new(mac).digest_size if derive.keyLength is None else derive.keyLength
    if not 16 <= length <= 64:
        raise bad_algorithm("a MAC key of an unusual length")
    return Pbmac1(derive.salt, derive.iterationCount, _known(MACS, derive.prf), mac, length)


def _known(table: dict[str, str], algorithm: spec.AlgorithmIdentifier) -> str:
    oid, parameters = parts(algorithm)
    if oid not in table or parameters not in (None, NULL):
        raise bad_algorithm("a digest that is not accepted")
    return table[oid]


def _in_bounds(salt: bytes, iterations: int) -> None:
    if len(salt) > MAX_SALT or not MIN_ITERATIONS <= iterations <= MAX_ITERATIONS:
        raise bad_algorithm("a salt or an iteration count out of bounds")
