"""What is asked of the OCSP responder: read as others write it, and refused for the right reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from hypothesis import given
from hypothesis import strategies as st

from tests.ca.made import NOW
from tests.ca.status import FIRST, run, single, status_ca
from tokenmgr.ca.ocsp import Unknown
from tokenmgr.ca.ocsp_request import MAX_IDS, MAX_REQUEST, CertId, Refused, Request, Status, read_request
from tokenmgr.pki import der

SHA1 = der.tlv(der.SEQUENCE, der.oid("1.3.14.3.2.26"), der.tlv(der.NULL))
HASHES = {"1.3.14.3.2.26": hashes.SHA1(), "2.16.840.1.101.3.4.2.1": hashes.SHA256()}  # noqa: S303
HASHES |= {"2.16.840.1.101.3.4.2.2": hashes.SHA384(), "2.16.840.1.101.3.4.2.3": hashes.SHA512()}
NONCE, OTHER = "1.3.6.1.5.5.7.48.1.2", "1.3.6.1.5.5.7.48.1.4"
TRUE, FALSE = der.tlv(der.BOOLEAN, b"\xff"), der.tlv(der.BOOLEAN, b"\0")
OCTETS = der.OCTET_STRING


def seq(*parts: bytes) -> bytes:
    return der.tlv(der.SEQUENCE, *parts)


def cert_id(serial: int = FIRST, algorithm: bytes = SHA1) -> bytes:
    return seq(algorithm, der.tlv(OCTETS, b"n" * 20), der.tlv(OCTETS, b"k" * 20), der.integer(serial))


def extension(oid: str, value: bytes, critical: bytes = b"") -> bytes:
    return seq(der.oid(oid), critical, der.tlv(OCTETS, value))


def nonce(octets: int) -> bytes:
    return extension(NONCE, der.tlv(OCTETS, b"N" * octets))


def asked(*singles: bytes, before: bytes = b"", extensions: tuple[bytes, ...] = (), after: bytes = b"") -> bytes:
    """A request with these in its places."""
    said = der.tlv(0xA2, seq(*extensions)) if extensions else b""
    return seq(seq(before, seq(*singles), said), after)


ONE = seq(cert_id())


def test_whatever_may_stand_round_it() -> None:
    """A name, a signature, extensions that nobody need know, a default that is written out."""
    name = der.tlv(0xA1, der.tlv(0x82, b"client.example.jp"))
    signature = der.tlv(0xA0, seq(SHA1, der.tlv(der.BIT_STRING, b"\0signature")))
    inside = der.tlv(0xA0, seq(extension(OTHER, b"")))
    more = (extension(OTHER, b"?", FALSE), nonce(32), extension("1.2.3", b""))
    version = der.tlv(0xA0, der.integer(0))
    read = read_request(asked(seq(cert_id(), inside), before=version + name, extensions=more, after=signature))
    wanted = CertId(cert_id(), "1.3.14.3.2.26", b"n" * 20, b"k" * 20, FIRST)
    assert read == Request((wanted,), b"N" * 32)


@pytest.mark.parametrize("octets", [1, 16, 32, 128])
def test_a_nonce_has_1_to_128_octets(octets: int) -> None:
    assert read_request(asked(ONE, extensions=(nonce(octets),))).nonce == b"N" * octets
    critical = extension(NONCE, der.tlv(OCTETS, b"N"), TRUE)
    assert read_request(asked(ONE, extensions=(critical,))).nonce == b"N"


def test_as_many_as_may_be_asked_at_once() -> None:
    most = asked(*(seq(cert_id(FIRST + number)) for number in range(MAX_IDS)), extensions=(nonce(128),))
    assert [one.serial for one in read_request(most).ids] == [FIRST + number for number in range(MAX_IDS)]
    sha512 = seq(der.oid("2.16.840.1.101.3.4.2.3"), der.tlv(der.NULL))
    longest = seq(sha512, der.tlv(OCTETS, b"n" * 64), der.tlv(OCTETS, b"k" * 64), der.integer((1 << 159) - 1))
    whole = asked(*[seq(longest)] * MAX_IDS, extensions=(nonce(128),))
    assert len(whole) <= MAX_REQUEST
    assert len(read_request(whole).ids) == MAX_IDS


MALFORMED = {
    "nothing": b"",
    "not DER": b"\x30\x80\x00\x00",
    "a length that is not the shortest": b"\x30\x81\x04" + asked(ONE)[1:],
    "cut short": asked(ONE)[:-1],
    "trailing octets": asked(ONE) + b"\0",
    "trailing octets within": seq(seq(seq(ONE), der.tlv(der.NULL))),
    "not a sequence": der.tlv(der.SET, asked(ONE)[2:]),
    "too long": asked(ONE, extensions=(extension(OTHER, b"x" * MAX_REQUEST),)),
    "version 2": asked(ONE, before=der.tlv(0xA0, der.integer(1))),
    "no list": seq(seq()),
    "no ids": asked(),
    "an id without its serial number": asked(seq(seq(SHA1, der.tlv(OCTETS, b"n"), der.tlv(OCTETS, b"k")))),
    "a negative serial number": asked(seq(cert_id(-1))),
    "a serial number that is not the shortest": asked(ONE).replace(
        der.integer(FIRST), der.tlv(der.INTEGER, b"\0" + FIRST.to_bytes(16, "big"))
    ),
    "an algorithm that is none": asked(seq(cert_id(algorithm=seq()))),
    "an algorithm that is not DER": asked(seq(cert_id(algorithm=seq(der.oid("1.2.3"), b"\x05\x01\x00")))),
    "a nonce of 0 octets": asked(ONE, extensions=(nonce(0),)),
    "a nonce of 129 octets": asked(ONE, extensions=(nonce(129),)),
    "a nonce that is not wrapped": asked(ONE, extensions=(extension(NONCE, b"N" * 16),)),
    "two nonces": asked(ONE, extensions=(nonce(16), nonce(16))),
    "an extension without its value": asked(ONE, extensions=(seq(der.oid(OTHER)),)),
    "an extension that is critical by half": asked(
        ONE, extensions=(extension(OTHER, b"", der.tlv(der.BOOLEAN, b"\1")),)
    ),
}
UNAUTHORIZED = {
    "more ids than we answer": asked(*[ONE] * (MAX_IDS + 1)),
    "a critical extension": asked(ONE, extensions=(extension(OTHER, b"", TRUE),)),
    "a critical extension of one id": asked(seq(cert_id(), der.tlv(0xA0, seq(extension(OTHER, b"", TRUE))))),
    "a critical nonce of one id": asked(seq(cert_id(), der.tlv(0xA0, seq(extension(NONCE, b"", TRUE))))),
}


@pytest.mark.parametrize(
    ("data", "status"),
    [
        *((data, Status.MALFORMED_REQUEST) for data in MALFORMED.values()),
        *((data, Status.UNAUTHORIZED) for data in UNAUTHORIZED.values()),
    ],
    ids=[*MALFORMED, *UNAUTHORIZED],
)
def test_what_is_refused(data: bytes, status: Status) -> None:
    with pytest.raises(Refused) as refused:
        read_request(data)
    assert refused.value.status is status


@given(
    st.sampled_from(list(HASHES)),
    st.binary(min_size=64, max_size=64),
    st.binary(min_size=64, max_size=64),
    st.integers(1, (1 << 159) - 1),
    st.none() | st.binary(min_size=1, max_size=128),
)
def test_it_is_read_as_cryptography_writes_it(
    oid: str, name: bytes, key: bytes, serial: int, random: bytes | None
) -> None:
    algorithm = HASHES[oid]
    name, key = name[: algorithm.digest_size], key[: algorithm.digest_size]
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(name, key, serial, algorithm)
    if random is not None:
        builder = builder.add_extension(x509.OCSPNonce(random), critical=False)
    data = builder.build().public_bytes(Encoding.DER)
    read = read_request(data)
    (found,) = read.ids
    assert (found.algorithm, found.name_hash, found.key_hash, found.serial) == (oid, name, key, serial)
    assert found.der in data
    assert read.nonce == random


@given(st.data())
def test_no_octets_make_it_fail_in_another_way(data: st.DataObject) -> None:
    good = asked(ONE, seq(cert_id(5)), extensions=(extension(OTHER, b"", FALSE), nonce(32)))
    at = data.draw(st.integers(0, len(good)))
    wrong = good[:at] + data.draw(st.binary(max_size=9)) + good[at + data.draw(st.integers(0, 9)) :]
    answered_or_refused(wrong)


def test_no_bit_makes_it_fail_in_another_way() -> None:
    good = asked(ONE, extensions=(extension(OTHER, b"", TRUE), nonce(3)), before=der.tlv(0xA0, der.integer(0)))
    for place in range(len(good)):
        for bit in range(8):
            wrong = bytearray(good)
            wrong[place] ^= 1 << bit
            answered_or_refused(bytes(wrong))


def answered_or_refused(data: bytes) -> None:
    """Where it is read, each id is in it as it stands, and is DER all through: it becomes a part of what we sign."""
    try:
        read = read_request(data)
    except Refused:
        return
    for one in read.ids:
        assert one.der in data
        assert der.faults(one.der) == ()
    answer = status_ca().responder.answer([single(one, Unknown()) for one in read.ids], read.nonce, NOW)
    assert len(list(ocsp.load_der_ocsp_response(answer).responses)) == len(read.ids)


OPENSSL = {
    "one": (["-cert", "0.pem", "-no_nonce"], 1),
    "one with a nonce": (["-cert", "0.pem", "-nonce"], 1),
    "three": (["-cert", "0.pem", "-cert", "1.pem", "-serial", str(FIRST + 2), "-nonce"], 3),
    "two hashes": (["-sha256", "-cert", "0.pem", "-sha512", "-cert", "1.pem", "-no_nonce"], 2),
    "signed": (["-cert", "0.pem", "-signer", "client.pem", "-signkey", "client.key"], 1),
}
MAKE_A_SIGNER = "req -x509 -newkey ed25519 -nodes -subj /CN=client -keyout client.key -out client.pem"


@pytest.mark.parametrize("kind", OPENSSL)
def test_openssl_asks(kind: str, tmp_path: Path) -> None:
    how, count = OPENSSL[kind]
    status_ca().write(tmp_path)
    run("openssl", *MAKE_A_SIGNER.split(), folder=tmp_path)
    run("openssl", "ocsp", "-issuer", "issuing.pem", *how, "-reqout", "request.der", folder=tmp_path)
    read = read_request((tmp_path / "request.der").read_bytes())
    assert [one.serial for one in read.ids] == [FIRST + number for number in range(count)]
    assert all(status_ca().responder.names(one) for one in read.ids)
    assert len(read.nonce or b"") == (0 if "-no_nonce" in how else 16)


def test_gnutls_asks(tmp_path: Path) -> None:
    status_ca().write(tmp_path)
    line = "ocsptool -q --load-issuer issuing.pem --load-cert 1.pem --outfile request.der"
    run(*line.split(), folder=tmp_path)
    read = read_request((tmp_path / "request.der").read_bytes())
    assert [one.serial for one in read.ids] == [FIRST + 1]
    assert status_ca().responder.names(read.ids[0])
