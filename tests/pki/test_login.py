"""What a login by TLS looks at: the uses of a certificate, and the CAs in a server's CertificateRequest."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from tests.pki.certificates import DAY, Party
from tokenmgr.pki.der import Malformed
from tokenmgr.pki.login import authorities_asked, may_log_in, one_line_of, parts
from tokenmgr.pki.names import subscriber_name

CLIENT, MAIL = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.EMAIL_PROTECTION
NAMES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
NEVER = ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")


@pytest.mark.parametrize(
    ("uses", "key", "may"),
    [
        ((), (), True),
        ((CLIENT,), (), True),
        ((MAIL, CLIENT), ("digital_signature", "key_encipherment"), True),
        ((), ("digital_signature",), True),
        ((MAIL,), (), False),
        ((x509.ObjectIdentifier("2.5.29.37.0"),), (), False),
        ((CLIENT,), ("key_agreement",), False),
        ((CLIENT,), ("content_commitment",), False),
    ],
)
def test_what_may_log_in_is_what_chromium_was_seen_to_offer(
    uses: Sequence[x509.ObjectIdentifier], key: Sequence[str], may: bool
) -> None:
    whose = Party("tanaka")
    builder = (
        x509.CertificateBuilder()
        .subject_name(whose.subject)
        .issuer_name(whose.subject)
        .public_key(whose.key.public_key())
        .serial_number(1)
        .not_valid_before(DAY)
        .not_valid_after(DAY)
    )
    if uses:
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    if key:
        flags = {name: name in key for name in (*NAMES, *NEVER)}
        builder = builder.add_extension(x509.KeyUsage(**flags), critical=True)
    assert may_log_in(builder.sign(whose.key, SHA256()).public_bytes(Encoding.DER)) is may


def test_what_is_no_certificate_logs_in_nowhere() -> None:
    assert not may_log_in(b"\x30\x00")


def test_the_parts_of_a_name_are_those_that_a_policy_can_name() -> None:
    name = subscriber_name("みほん信用金庫", "1234", "0012345", "tanaka")
    assert parts(name)["organizational_unit_name"] == ("1234-0012345",)
    assert one_line_of(name) == "C=JP, O=みほん信用金庫, OU=1234-0012345, CN=tanaka"
    assert one_line_of(subscriber_name("a\x1b[2Jb", "1", "2", "\n")) == "C=JP, O=a?[2Jb, OU=1-2, CN=?"
    assert (dict(parts(b"?")), one_line_of(b"?")) == ({}, "3f")


names = st.lists(st.binary(max_size=40), max_size=5)


def vector(content: bytes, size: int) -> bytes:
    return len(content).to_bytes(size, "big") + content


@given(names, st.lists(st.tuples(st.integers(0, 46), st.binary(max_size=9)), max_size=3))
def test_the_names_are_found_among_the_other_extensions(wanted: list[bytes], others: list[tuple[int, bytes]]) -> None:
    """RFC 8446, 4.3.2 and RFC 5246, 7.4.4."""
    listed = vector(b"".join(vector(one, 2) for one in wanted), 2)
    extensions = [(kind, content) for kind, content in others] + [(47, listed)]
    told = b"".join(kind.to_bytes(2, "big") + vector(content, 2) for kind, content in extensions)
    assert authorities_asked(b"\x0d" + vector(vector(b"", 1) + vector(told, 2), 3), is_13=True) == wanted
    old = vector(b"\x01\x40", 1) + vector(b"\x04\x03", 2) + listed
    assert authorities_asked(b"\x0d" + vector(old, 3), is_13=False) == wanted


@given(st.binary(max_size=60), st.booleans())
def test_whatever_a_server_says_is_names_or_malformed(message: bytes, is_13: bool) -> None:
    with suppress(Malformed):
        assert all(isinstance(one, bytes) for one in authorities_asked(message, is_13))
