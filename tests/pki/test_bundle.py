"""Files of certificates, as CAs and other programs hand them out."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from asn1crypto import cms
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs7 import serialize_certificates
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509 import load_der_x509_certificate
from hypothesis import given
from hypothesis import strategies as st

from tests.pki.certificates import Party, issue
from tokenmgr.errors import BundleUnfit, PrivateKeyInside
from tokenmgr.pki import der
from tokenmgr.pki.bundle import LONGEST, certificates_in

CA, ONE = Party("CA"), Party("太郎")
ROOT, LEAF = issue(CA, CA), issue(ONE, CA, authority=False)
BOTH = [LEAF, ROOT]


def pem(data: bytes, label: str = "CERTIFICATE", end: str = "\n") -> bytes:
    lines = base64.encodebytes(data).decode().split()
    return end.join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


PKCS7 = serialize_certificates([load_der_x509_certificate(one) for one in BOTH], Encoding.DER)


def as_ber() -> bytes:
    """Of indefinite length, as Java writes it."""
    inside = bytes(cms.ContentInfo.load(PKCS7)["content"].untag().dump())
    return b"\x30\x80" + der.oid("1.2.840.113549.1.7.2") + b"\xa0\x80" + inside + bytes(4)


FILES = {
    "der": (LEAF, [LEAF]),
    "pem": (pem(LEAF) + pem(ROOT), BOTH),
    "crlf": (pem(LEAF, end="\r\n") + pem(ROOT, end="\r\n"), BOTH),
    "words": ("お客様の証明書\n".encode() + pem(LEAF) + b"subject=CN = CA\n" + pem(ROOT) + b"bye\n", BOTH),
    "utf-16": (("\ufeff" + pem(LEAF).decode()).encode("utf-16-le"), [LEAF]),
    "with-a-request-and-a-list": (pem(b"0", "CERTIFICATE REQUEST") + pem(b"0", "X509 CRL") + pem(LEAF), [LEAF]),
    "pkcs7-der": (PKCS7, BOTH),
    "pkcs7-pem": (pem(PKCS7, "PKCS7", "\r\n"), BOTH),
    "pkcs7-ber": (as_ber(), BOTH),
    "twice": (pem(LEAF) + pem(LEAF), [LEAF]),
}


@pytest.mark.parametrize("what", FILES)
def test_certificates_are_found_by_content(what: str) -> None:
    data, wanted = FILES[what]
    found = certificates_in(data, "x.txt")
    assert sorted(found) == sorted(wanted)
    assert what.startswith("pkcs7") or found == wanted


def test_what_openssl_writes_with_its_own_words_is_read(tmp_path: Path) -> None:
    (tmp_path / "one.pem").write_bytes(pem(LEAF))
    for line in (["x509", "-text"], ["x509", "-trustout", "-setalias", "one"], ["crl2pkcs7", "-nocrl", "-certfile"]):
        files = ["one.pem"] if line[0] == "crl2pkcs7" else ["-in", "one.pem"]
        done = subprocess.run(["openssl", *line, *files], cwd=tmp_path, check=True, capture_output=True)
        assert certificates_in(done.stdout, "x") == [LEAF]


def key() -> ec.EllipticCurvePrivateKey:
    return ONE.key


WITH_KEYS = {
    "pkcs12": serialize_key_and_certificates(
        b"one", key(), load_der_x509_certificate(LEAF), None, BestAvailableEncryption(b"pw")
    ),
    "pem": pem(LEAF) + key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    "encrypted": key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pw")),
    "pkcs8": key().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
    "pkcs12-ber": b"\x30\x80\x02\x01\x03\x30\x80",
}


@pytest.mark.parametrize("what", WITH_KEYS)
def test_a_private_key_is_not_what_this_is_for(what: str) -> None:
    with pytest.raises(PrivateKeyInside):
        certificates_in(WITH_KEYS[what], "one.p12")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "bundle-empty"),
        (b"hello", "bundle-empty"),
        (pem(b"0", "CERTIFICATE REQUEST"), "bundle-empty"),
        (serialize_certificates([load_der_x509_certificate(ROOT)], Encoding.DER)[:-9], "bundle-damaged"),
        (LEAF[:-1], "bundle-damaged"),
        (LEAF + b"x", "bundle-damaged"),
        (pem(LEAF)[:-40], "bundle-damaged"),
        (pem(LEAF).replace(b"MII", b"M*I"), "bundle-damaged"),
        (pem(LEAF) + pem(ROOT[:-3]), "bundle-damaged"),
        (b"x" * (LONGEST + 1), "bundle-long"),
    ],
)
def test_what_is_no_certificate_is_said_to_be_none(data: bytes, reason: str) -> None:
    with pytest.raises(BundleUnfit) as refused:
        certificates_in(data, "x.cer")
    assert (refused.value.file, refused.value.reason) == ("x.cer", reason)


@given(
    st.binary(max_size=80), st.integers(0, len(PKCS7) - 1), st.sampled_from([PKCS7, LEAF, pem(LEAF), pem(PKCS7, "CMS")])
)
def test_whatever_has_happened_to_a_file_it_is_read_or_refused(junk: bytes, at: int, whole: bytes) -> None:
    for data in (junk, whole[:at] + junk + whole[at + len(junk) :]):
        try:
            found = certificates_in(data, "x")
        except (BundleUnfit, PrivateKeyInside):
            continue
        assert found
