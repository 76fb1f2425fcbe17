"""Requests, as other programs read them."""

from __future__ import annotations

import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from tokenmgr.errors import RequestWrong
from tokenmgr.pki.request import Extras, PrivateKey, signed_request
from tokenmgr.pki.subject import read_name

SUBJECT = read_name("CN=太郎,O=" + "信" * 64 + ",C=JP")
KEYS: dict[str, PrivateKey] = {
    "rsa": rsa.generate_private_key(65537, 2048),
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "p384": ec.generate_private_key(ec.SECP384R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
}
EXTRAS = Extras(
    ["a.example", "*.b.example"],
    ["taro@example.com"],
    ["clientAuth", "email-protection", "1.2.3.4"],
    ["nonRepudiation"],
)


@pytest.mark.parametrize("kind", KEYS)
def test_two_other_readers_believe_it(kind: str) -> None:
    made = signed_request(KEYS[kind], SUBJECT, EXTRAS.encoded())
    read = x509.load_der_x509_csr(made)
    assert read.is_signature_valid
    assert read.subject.public_bytes() == SUBJECT
    line = ["openssl", "req", "-inform", "DER", "-verify", "-noout"]
    done = subprocess.run(line, input=made, check=True, capture_output=True)
    assert b"verify OK" in done.stderr


def test_the_extensions_are_those_that_were_asked_for() -> None:
    found = x509.load_der_x509_csr(signed_request(KEYS["p256"], SUBJECT, EXTRAS.encoded())).extensions
    names = found.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.example", "*.b.example"]
    assert names.get_values_for_type(x509.RFC822Name) == ["taro@example.com"]
    usage = found.get_extension_for_class(x509.KeyUsage)
    assert (usage.critical, usage.value.content_commitment, usage.value.digital_signature) == (True, True, False)
    purposes = found.get_extension_for_class(x509.ExtendedKeyUsage).value
    wanted = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.EMAIL_PROTECTION, x509.ObjectIdentifier("1.2.3.4")]
    assert list(purposes) == wanted


@pytest.mark.parametrize("usages", [["digital-signature"], ["digitalSignature", "content-commitment"]])
def test_key_usages_are_encoded_as_the_second_reader_does(usages: list[str]) -> None:
    read = x509.load_der_x509_csr(signed_request(KEYS["p256"], SUBJECT, Extras(key_usage=usages).encoded()))
    (found,) = read.extensions
    assert Extras(key_usage=usages).encoded()[0].endswith(found.value.public_bytes())


def test_without_extensions_there_is_no_attribute() -> None:
    read = x509.load_der_x509_csr(signed_request(KEYS["p256"], SUBJECT))
    assert (list(read.attributes), list(read.extensions)) == ([], [])


@pytest.mark.parametrize(
    ("extras", "reason"),
    [
        (Extras(dns=["日本語.example"]), "request-dns"),
        (Extras(dns=["a..b"]), "request-dns"),
        (Extras(email=["taro"]), "request-email"),
        (Extras(email=["太郎@example.com"]), "request-email"),
        (Extras(eku=["login"]), "request-eku"),
        (Extras(eku=["1.02.3"]), "request-eku"),
        (Extras(key_usage=["key-encipherment"]), "request-usage"),
        (Extras(key_usage=["keyCertSign"]), "request-usage"),
    ],
)
def test_what_no_ca_could_take_is_refused(extras: Extras, reason: str) -> None:
    with pytest.raises(RequestWrong) as refused:
        extras.encoded()
    assert refused.value.reason == reason
