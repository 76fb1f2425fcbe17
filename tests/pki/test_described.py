"""What a certificate says beside its facts, against an independent reader."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.cmp.parties import certificate, name
from tests.pki.certificates import Party, issue
from tokenmgr.cmp.algorithms import PrivateKey
from tokenmgr.domain.arc import REHEARSAL
from tokenmgr.errors import NotACertificate
from tokenmgr.pki.described import described

RSA = rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize(
    ("key", "named", "bits", "signed"),
    [
        (RSA, "rsa", 2048, "sha256 rsassa_pkcs1v15"),
        (ec.generate_private_key(ec.SECP384R1()), "secp384r1", 384, "sha256 ecdsa"),
        (ed25519.Ed25519PrivateKey.generate(), "ed25519", 256, "ed25519"),
    ],
    ids=["rsa", "p384", "ed25519"],
)
def test_key_signature_and_extensions(key: PrivateKey, named: str, bits: int, signed: str) -> None:
    read = certificate(name("One"), key, name("CA"), key, serial=7)
    told = described(read.public_bytes(Encoding.DER))
    assert (told.version, told.key, told.bits, told.signature) == (3, named, bits, signed)
    found = {one.name: one for one in told.extensions}
    assert (found["key_usage"].values, found["key_usage"].is_critical) == (("digital_signature",), True)
    assert found["basic_constraints"].values == ("end_entity",)
    own = read.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest.hex()
    assert found["key_identifier"].values == found["authority_key_identifier"].values == (own,)


def test_what_it_is_for_where_more_is_and_what_nobody_knows() -> None:
    one = Party("One")
    built = (
        x509.CertificateBuilder(one.subject, one.subject, one.key.public_key(), 7)
        .not_valid_before(x509.load_der_x509_certificate(issue(one, one)).not_valid_before_utc)
        .not_valid_after(x509.load_der_x509_certificate(issue(one, one)).not_valid_after_utc)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, x509.ObjectIdentifier(REHEARSAL)]), critical=False
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("one.example")]), critical=False)
        .add_extension(
            x509.CRLDistributionPoints(
                [x509.DistributionPoint([x509.UniformResourceIdentifier("http://ca.example/ca.crl")], None, None, None)]
            ),
            critical=False,
        )
        .add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), critical=False)
    )
    told = described(built.sign(one.key, SHA384()).public_bytes(Encoding.DER))
    assert told.signature == "sha384 ecdsa"
    assert {each.name: each.values for each in told.extensions} == {
        "extended_key_usage": ("client_auth", REHEARSAL),
        "subject_alt_name": ("one.example",),
        "crl_distribution_points": ("http://ca.example/ca.crl",),
        "1.2.3.4": ("0500",),
    }


@pytest.mark.parametrize("wrong", [b"", b"0", b"\x30\x03\x02\x01\x05"])
def test_what_is_no_certificate_is_refused(wrong: bytes) -> None:
    with pytest.raises(NotACertificate):
        described(wrong)
