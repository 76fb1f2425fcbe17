"""A key on the medium as `cryptography` knows private keys; OpenSSL reads what was made with it."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, Hash
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs7
from cryptography.x509 import ocsp

from tests.token.helpers import NAME, WORDS, certified, run
from tokenmgr.domain.credential import KeyKind
from tokenmgr.errors import NotPermitted, NotSupported
from tokenmgr.pki.request import PrivateKey, request
from tokenmgr.testbed.throwaway_ca import ThrowawayCA
from tokenmgr.token.session import Session
from tokenmgr.token.signer import signer

KINDS = [KeyKind.RSA_2048, KeyKind.P256, KeyKind.P384, KeyKind.ED25519]


def digest(kind: KeyKind) -> SHA256 | SHA384 | None:
    return {KeyKind.ED25519: None, KeyKind.P384: SHA384()}.get(kind, SHA256())


def key_of(session: Session, kind: KeyKind, key_id: bytes = b"\x01") -> PrivateKey:
    return signer(session, session.generate_key(kind, key_id, WORDS))


def self_signed(key: PrivateKey, now: datetime, algorithm: SHA256 | SHA384 | None) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(NAME)
        .public_key(key.public_key())
        .serial_number(4711)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, algorithm)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_openssl_reads_and_verifies_what_is_made_with_each_kind_of_key(
    session: Session, kind: KeyKind, now: datetime, tmp_path: Path
) -> None:
    key = key_of(session, kind)
    wanted, root = tmp_path / "csr", tmp_path / "root"
    wanted.write_bytes(request(key, NAME))
    verified = run(
        "openssl", "req", "-inform", "DER", "-in", wanted, "-verify", "-noout", "-subject", "-nameopt", "utf8"
    )
    assert b"OK" in verified.stderr + verified.stdout
    assert "9999 0001 管理者".encode() in verified.stdout

    certificate = self_signed(key, now, digest(kind))
    root.write_bytes(certificate.public_bytes(Encoding.PEM))
    at = str(int(now.timestamp()) + 1)
    assert b"OK" in run("openssl", "verify", "-attime", at, "-check_ss_sig", "-CAfile", root, root).stdout

    revoked = x509.RevokedCertificateBuilder().serial_number(1).revocation_date(now).build()
    crl = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(NAME)
        .last_update(now)
        .next_update(now + timedelta(days=1))
        .add_revoked_certificate(revoked)
        .sign(key, digest(kind))
    )
    (tmp_path / "crl").write_bytes(crl.public_bytes(Encoding.PEM))
    read = run("openssl", "crl", "-in", tmp_path / "crl", "-CAfile", root, "-noout", "-verify")
    assert b"verify OK" in read.stderr + read.stdout

    response = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            certificate, certificate, SHA256(), ocsp.OCSPCertStatus.GOOD, now, now + timedelta(days=1), None, None
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, certificate)
        .certificates([certificate])
        .sign(key, digest(kind))
    )
    (tmp_path / "ocsp").write_bytes(response.public_bytes(Encoding.DER))
    told = run(
        *("openssl", "ocsp", "-sha256", "-respin", tmp_path / "ocsp", "-CAfile", root, "-issuer", root, "-cert", root),
        *("-attime", at, "-no_nonce", "-validity_period", str(10**10)),
        status=None,
    )
    assert b"Response verify OK" in told.stderr + told.stdout


@pytest.mark.parametrize("kind", [KeyKind.RSA_2048, KeyKind.P256])
def test_it_signs_messages_as_pkcs7_too(session: Session, kind: KeyKind, now: datetime) -> None:
    key = key_of(session, kind)
    assert not isinstance(key, ed25519.Ed25519PrivateKey)
    certificate = self_signed(key, now, SHA256())
    builder = pkcs7.PKCS7SignatureBuilder().set_data(b"text").add_signer(certificate, _plain(key), SHA256())
    assert builder.sign(Encoding.DER, [])


def _plain(key: PrivateKey) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    return key


def test_it_says_of_itself_what_its_public_key_says(session: Session) -> None:
    one, two = key_of(session, KeyKind.RSA_2048, b"\x01"), key_of(session, KeyKind.P384, b"\x02")
    assert isinstance(one, rsa.RSAPrivateKey)
    assert isinstance(two, ec.EllipticCurvePrivateKey)
    assert one.key_size == one.public_key().key_size == 2048
    assert (two.key_size, two.curve.name) == (384, "secp384r1")
    assert copy.copy(one) is copy.deepcopy(one) is one


@pytest.mark.parametrize("kind", KINDS)
def test_the_private_part_is_refused_in_every_form(session: Session, kind: KeyKind) -> None:
    key = key_of(session, kind)
    with pytest.raises(NotPermitted) as raised:
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert raised.value.serial == session.medium.serial
    forms: list[Callable[[], object]] = []
    match key:
        case rsa.RSAPrivateKey():
            forms = [key.private_numbers, lambda: key.decrypt(b"", padding.PKCS1v15())]
        case ec.EllipticCurvePrivateKey():
            forms = [key.private_numbers, lambda: key.exchange(ec.ECDH(), key.public_key())]
        case ed25519.Ed25519PrivateKey():
            forms = [key.private_bytes_raw]
    for form in forms:
        with pytest.raises(NotPermitted):
            form()


@pytest.mark.parametrize("algorithm", [SHA256(), SHA384(), SHA512()], ids=lambda one: one.name)
def test_rsa_signs_as_asked_with_the_message_or_with_its_digest(
    session: Session, algorithm: SHA256 | SHA384 | SHA512
) -> None:
    key = key_of(session, KeyKind.RSA_2048)
    assert isinstance(key, rsa.RSAPrivateKey)
    hashing = Hash(algorithm)
    hashing.update(b"message")
    value = hashing.finalize()
    for way in (padding.PKCS1v15(), padding.PSS(padding.MGF1(algorithm), padding.PSS.DIGEST_LENGTH)):
        for given, named in ((b"message", algorithm), (value, Prehashed(algorithm))):
            key.public_key().verify(key.sign(given, way, named), b"message", way, algorithm)


def test_what_this_key_cannot_do_as_asked_is_refused_and_not_done_otherwise(session: Session) -> None:
    key = key_of(session, KeyKind.RSA_2048)
    assert isinstance(key, rsa.RSAPrivateKey)
    for way in (
        padding.PSS(padding.MGF1(SHA256()), padding.PSS.MAX_LENGTH),
        padding.PSS(padding.MGF1(SHA256()), 20),
        padding.PSS(padding.MGF1(SHA512()), 32),
        padding.OAEP(padding.MGF1(SHA256()), SHA256(), None),
    ):
        with pytest.raises(UnsupportedAlgorithm):
            key.sign(b"message", way, SHA256())
    with pytest.raises(NotSupported):
        key.sign(b"message", padding.PKCS1v15(), SHA1())  # noqa: S303


def test_ec_signs_with_the_message_or_with_its_digest(session: Session) -> None:
    key = key_of(session, KeyKind.P256)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    message = os.urandom(100)
    hashing = Hash(SHA512())
    hashing.update(message)
    for given, named in ((message, SHA512()), (hashing.finalize(), Prehashed(SHA512()))):
        key.public_key().verify(key.sign(given, ec.ECDSA(named)), message, ec.ECDSA(SHA512()))
    with pytest.raises(NotSupported):
        key.sign(message, ec.ECDSA(SHA1()))  # noqa: S303


def test_a_certificate_issued_to_a_key_on_the_medium_is_verified_by_openssl_up_to_the_root(
    session: Session, authority: ThrowawayCA, now: datetime, tmp_path: Path
) -> None:
    found = certified(session, authority)
    assert found.certificate is not None
    names = ("leaf", "issuing", "root")
    for name, der in zip(names, (found.certificate.der, *authority.chain), strict=True):
        pem = x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)
        (tmp_path / name).write_bytes(pem)
    leaf, issuing, root = (tmp_path / name for name in names)
    at = str(int(now.timestamp()) + 1)
    told = run(
        "openssl", "verify", "-attime", at, "-purpose", "sslclient", "-CAfile", root, "-untrusted", issuing, leaf
    )
    assert b"OK" in told.stdout
