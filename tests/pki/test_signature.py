"""A signature is checked, never believed: verification raises, it returns nothing."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.pki.certificates import Party
from tokenmgr.errors import NotSupported, SignatureWrong
from tokenmgr.pki.request import PrivateKey, request
from tokenmgr.pki.signature import check_signature

KEYS: list[PrivateKey] = [
    rsa.generate_private_key(65537, 2048),
    ec.generate_private_key(ec.SECP256R1()),
    ec.generate_private_key(ec.SECP384R1()),
    ed25519.Ed25519PrivateKey.generate(),
]
KINDS = ["rsa", "p256", "p384", "ed25519"]


def spki(key: PrivateKey | ed448.Ed448PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def sign(key: PrivateKey, message: bytes) -> bytes:
    match key:
        case rsa.RSAPrivateKey():
            return key.sign(message, padding.PKCS1v15(), SHA256())
        case ec.EllipticCurvePrivateKey():
            return key.sign(message, ec.ECDSA(SHA256()))
        case _:
            return key.sign(message)


@pytest.mark.parametrize("key", KEYS, ids=KINDS)
def test_a_right_signature_passes_and_a_changed_message_or_signature_does_not(key: PrivateKey) -> None:
    signature = sign(key, b"message")
    check_signature(spki(key), signature, b"message")
    with pytest.raises(SignatureWrong):
        check_signature(spki(key), signature, b"Message")
    for wrong in (b"", signature[:-1], bytes(len(signature)), signature[:-1] + bytes([signature[-1] ^ 1])):
        with pytest.raises(SignatureWrong):
            check_signature(spki(key), wrong, b"message")


@pytest.mark.parametrize("key", KEYS, ids=KINDS)
def test_a_signature_of_another_key_does_not_pass(key: PrivateKey) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(SignatureWrong):
        check_signature(spki(other), sign(key, b"message"), b"message")


def test_a_kind_of_key_that_we_do_not_use_is_said_to_be_that() -> None:
    with pytest.raises(NotSupported) as raised:
        check_signature(spki(ed448.Ed448PrivateKey.generate()), b"", b"message")
    assert "Ed448" in raised.value.wanted


@pytest.mark.parametrize("key", KEYS, ids=KINDS)
def test_a_request_carries_the_name_and_is_signed_by_its_key(key: PrivateKey) -> None:
    made = x509.load_der_x509_csr(request(key, Party("9999 0001 管理者").subject))
    assert made.is_signature_valid
    assert made.subject == Party("9999 0001 管理者").subject
    assert made.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == spki(key)
