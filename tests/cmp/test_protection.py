"""MACs and signatures: the algorithms of RFC 9481, and those that are refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter

import pytest
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509 import ObjectIdentifier

from tests.cmp.bodies import bodies
from tests.cmp.parties import SALT, SECRET, Party, authority, header, holder, message
from tokenmgr.cmp import structures as spec
from tokenmgr.cmp.algorithms import MGF1, NULL, PSS, identifier, signature_algorithm
from tokenmgr.cmp.der import decode, encode
from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.cmp.messages import Message, assemble, parse
from tokenmgr.cmp.oids import PBKDF2, PBMAC1
from tokenmgr.cmp.protection import (
    MAX_ITERATIONS,
    MacParameters,
    MacProtector,
    Pbm,
    Pbmac1,
    is_mac,
    mac_like,
    mac_parameters,
    verify_mac,
    verify_signature,
)

SHA1, SHA256 = "1.3.14.3.2.26", "2.16.840.1.101.3.4.2.1"


@dataclass(frozen=True)
class Made:
    """Of any algorithm and value."""

    algorithm: bytes
    value: bytes = b"v" * 32
    sender_kid: bytes | None = b"4711"

    def protect(self, protected_part: bytes) -> bytes:
        return self.value


def refused(fail: FailInfo, said: Message, by: bytes | Party) -> None:
    with pytest.raises(ProtocolFault) as caught:
        verify_mac(said, by) if isinstance(by, bytes) else verify_signature(said, by.certificate)
    assert caught.value.fail is fail


MACS: list[MacParameters] = [
    *(Pbm(SALT, 100, owf, mac) for owf in ("sha1", "sha256", "sha384", "sha512") for mac in ("sha1", "sha256")),
    Pbm(SALT, 100, "sha512", "sha384"),
    Pbm(b"", 100, "sha512", "sha512"),
    Pbmac1(SALT, 100),
    Pbmac1(SALT, 100, "sha512", "sha384", 64),
]


@pytest.mark.parametrize("parameters", MACS, ids=str)
def test_a_mac_holds_with_its_secret_only(parameters: MacParameters) -> None:
    said = message(*bodies()[0], MacProtector(b"4711", SECRET, parameters))
    assert is_mac(said)
    verify_mac(said, SECRET)
    refused(FailInfo.badMessageCheck, said, SECRET + b"!")
    refused(FailInfo.badAlg, said, holder())


@pytest.mark.parametrize("parameters", MACS, ids=str)
def test_an_answer_has_the_kind_and_strength_of_the_request_and_a_salt_of_its_own(parameters: MacParameters) -> None:
    """RFC 9483, item 12."""
    said = message(*bodies()[0], MacProtector(b"4711", SECRET, parameters))
    like = mac_like(said, SECRET, b"another salt")
    assert like.sender_kid == b"4711"
    assert replace(mac_parameters(like.algorithm), salt=parameters.salt) == mac_parameters(parameters.algorithm)
    verify_mac(message(*bodies()[0], like), SECRET)


def test_the_secret_is_not_shown() -> None:
    assert "correct" not in repr(MacProtector(b"4711", SECRET, Pbm(SALT)))


@pytest.mark.parametrize("kind", [Pbm, Pbmac1])
def test_iterations_are_bounded_before_they_are_counted(kind: type[MacParameters]) -> None:
    """RFC 4211, 4.4 has the lower bound; the upper one keeps strangers from making the server count."""
    for count in (99, 0, -1, MAX_ITERATIONS + 1, 2**40):
        began = perf_counter()
        refused(FailInfo.badAlg, message(*bodies()[0], Made(kind(SALT, count).algorithm)), SECRET)
        assert perf_counter() - began < 0.02
    refused(FailInfo.badAlg, message(*bodies()[0], Made(kind(b"s" * 129, 100).algorithm)), SECRET)


def algorithm(oid: str, parameters: bytes | None = None) -> spec.AlgorithmIdentifier:
    return decode(spec.AlgorithmIdentifier, identifier(oid, parameters))


def pbkdf2(**changes: object) -> bytes:
    usual = {"salt": SALT, "iterationCount": 100, "keyLength": 32, "prf": algorithm("1.2.840.113549.2.9", NULL)}
    said = spec.PBKDF2Params(**{**usual, **changes})  # type: ignore[arg-type]
    return pbmac1(algorithm(PBKDF2, encode(said)))


def pbmac1(derive: spec.AlgorithmIdentifier, mac: str = "1.2.840.113549.2.9") -> bytes:
    return identifier(PBMAC1, encode(spec.PBMAC1Params(keyDerivationFunc=derive, messageAuthScheme=algorithm(mac))))


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(identifier("1.2.840.113549.2.9"), id="a bare HMAC (RFC 9483, item 4)"),
        pytest.param(identifier(PBMAC1), id="PBMAC1 without parameters"),
        pytest.param(pbkdf2(prf=None), id="PBKDF2 with its default, HMAC-SHA-1, unsaid"),
        pytest.param(pbkdf2(keyLength=8), id="a short key"),
        pytest.param(pbkdf2(keyLength=2**30), id="a key of a gigabyte"),
        pytest.param(pbkdf2(prf=algorithm("1.2.3")), id="an unknown prf"),
        pytest.param(pbmac1(algorithm("1.2.3")), id="an unknown key derivation"),
        pytest.param(pbmac1(algorithm(PBKDF2)), id="PBKDF2 without parameters"),
        pytest.param(identifier("1.2.3.4"), id="anything"),
    ],
)
def test_other_macs_are_refused(said: bytes) -> None:
    refused(FailInfo.badAlg, message(*bodies()[0], Made(said)), SECRET)


def test_a_key_length_may_be_left_out() -> None:
    """RFC 8018, A.2: then it is that of the MAC."""
    assert mac_parameters(pbkdf2(keyLength=None)) == Pbmac1(SALT, 100)


@pytest.mark.parametrize("kind", ["rsa", "p256", "p384", "p521", "ed25519"])
def test_a_signature_holds_with_its_certificate_only(kind: str) -> None:
    signer = holder(kind)
    said = message(*bodies()[0], signer.protector())
    assert not is_mac(said)
    verify_signature(said, signer.certificate)
    refused(FailInfo.badMessageCheck, said, holder(kind, number=78))
    refused(FailInfo.badMessageCheck, said, holder("ed25519" if kind != "ed25519" else "rsa"))
    refused(FailInfo.badAlg, said, SECRET)


def test_the_algorithm_is_written_as_rfc_9483_has_it() -> None:
    """Item 10: RSA's parameters are absent in protectionAlg, and NULL in a proof of possession."""
    assert signature_algorithm(authority().key).hex() == "300b06092a864886f70d01010b"
    assert signature_algorithm(authority().key, NULL).hex() == "300d06092a864886f70d01010b0500"
    assert signature_algorithm(holder("p384").key).hex() == "300a06082a8648ce3d040303"


@dataclass(frozen=True)
class SignedWith:
    """RSA with any padding and any name for it."""

    algorithm: bytes
    pad: padding.AsymmetricPadding
    digest: hashes.HashAlgorithm
    sender_kid: bytes | None = None

    def protect(self, protected_part: bytes) -> bytes:
        key = authority().key
        assert isinstance(key, rsa.RSAPrivateKey)
        return key.sign(protected_part, self.pad, self.digest)


def pss(digest: str | None = SHA256, mask: str = SHA256, salt: int | None = 32, **changes: int) -> bytes:
    said = spec.RSASSAPSSParams(
        hashAlgorithm=algorithm(digest) if digest else None,
        maskGenAlgorithm=algorithm(MGF1, identifier(mask)),
        saltLength=salt,
        **changes,
    )
    return identifier(PSS, encode(said))


PADDING = padding.PSS(padding.MGF1(hashes.SHA256()), 32)


@pytest.mark.parametrize("null", [None, NULL])
@pytest.mark.parametrize(("oid", "digest"), [("11", hashes.SHA256()), ("12", hashes.SHA384()), ("13", hashes.SHA512())])
def test_rsa_holds_with_parameters_absent_or_null(null: bytes | None, oid: str, digest: hashes.HashAlgorithm) -> None:
    said = SignedWith(identifier(f"1.2.840.113549.1.1.{oid}", null), padding.PKCS1v15(), digest)
    verify_signature(message(*bodies()[0], said), authority().certificate)


def test_rsassa_pss_holds() -> None:
    read = message(*bodies()[0], SignedWith(pss(), PADDING, hashes.SHA256()))
    verify_signature(read, authority().certificate)
    refused(FailInfo.badMessageCheck, read, holder("rsa"))


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(pss(SHA1, SHA1, 20), id="PSS with SHA-1"),
        pytest.param(pss(None), id="PSS with its default, SHA-1, unsaid"),
        pytest.param(pss(SHA256, "2.16.840.1.101.3.4.2.3"), id="PSS with two digests"),
        pytest.param(pss(salt=20), id="PSS with a short salt"),
        pytest.param(pss(salt=None), id="PSS with the default salt"),
        pytest.param(pss(trailerField=2), id="PSS with another trailer"),
        pytest.param(identifier(PSS), id="PSS without parameters"),
        pytest.param(identifier("1.2.840.113549.1.1.5", NULL), id="RSA with SHA-1"),
        pytest.param(identifier("1.2.840.10045.4.1"), id="ECDSA with SHA-1"),
        pytest.param(identifier("1.2.840.113549.1.1.4", NULL), id="RSA with MD5"),
        pytest.param(identifier("1.2.840.113549.1.1.11", b"\x02\x01\x00"), id="RSA with parameters of another kind"),
        pytest.param(identifier("1.2.840.10045.4.3.2", NULL), id="ECDSA with parameters (RFC 5758, 3.2)"),
    ],
)
def test_other_signatures_are_refused(said: bytes) -> None:
    refused(FailInfo.badAlg, message(*bodies()[0], SignedWith(said, PADDING, hashes.SHA256())), authority())


def test_what_is_not_protected_is_refused() -> None:
    """RFC 9483, item 12."""
    whole = message(*bodies()[0], MacProtector(b"4711", SECRET, Pbm(SALT, 100)))
    outer = decode(spec.PKIMessage, whole.raw)
    bare = parse(encode(spec.PKIMessage(header=outer.header, body=outer.body)))
    assert bare.protection is None
    refused(FailInfo.badMessageCheck, bare, SECRET)
    refused(FailInfo.badMessageCheck, bare, holder())


def test_a_protection_of_broken_bits_is_refused() -> None:
    whole = message(*bodies()[0], MacProtector(b"4711", SECRET, Pbm(SALT, 100)))
    outer = decode(spec.PKIMessage, whole.raw)
    outer.protection = asn1.BitString(b"\x80", 7)
    with pytest.raises(ProtocolFault, match="badDataFormat"):
        parse(encode(outer))


def test_the_header_says_what_the_protector_does() -> None:
    """Whatever the header said before: the two cannot differ."""
    said = header(algorithm=identifier("1.2.3"), sender_kid=b"else")
    read = parse(assemble(said, *bodies()[0], MacProtector(b"4711", SECRET, Pbm(SALT, 100))))
    assert (read.header.sender_kid, is_mac(read)) == (b"4711", True)
    assert ObjectIdentifier("1.2.3").dotted_string.encode() not in read.raw
