"""The OCSP responder's answers: as they were told, and believed by others."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from hypothesis import given
from hypothesis import strategies as st

from tests import java
from tests.api.signer import HookedKey
from tests.ca.made import CA_KINDS, NOW, pkilint
from tests.ca.status import DAY, FIRST, ended, run, single, status_ca
from tests.ca.test_crl import FLAGS
from tokenmgr.ca.keys import CaKey
from tokenmgr.ca.ocsp import Good, Responder, Revoked, Single, Standing, Unknown, failure
from tokenmgr.ca.ocsp_request import CertId, Status, read_request
from tokenmgr.ca.profile import key_identifier
from tokenmgr.ca.signing import spki_of
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.generation import RevocationReason
from tokenmgr.errors import SignatureUnfit
from tokenmgr.pki import der

HASHES: tuple[HashAlgorithm, ...] = (SHA1(), SHA256(), SHA384(), SHA512())  # noqa: S303
STANDINGS: dict[str, Standing] = {
    "good": Good(),
    "unknown": Unknown(),
    "revoked": Revoked(NOW - DAY),
    **{f"revoked {reason.value}": Revoked(NOW - DAY, reason) for reason in RevocationReason},
}


def asked(number: int = 0, algorithm: HashAlgorithm = HASHES[0], kind: KeyKind = KeyKind.P256) -> CertId:
    """Of the n-th customer, as `cryptography` asks."""
    ca = status_ca(kind)
    customer, issuing = map(x509.load_der_x509_certificate, (ca.customers[number], ca.issuing.certificate))
    data = ocsp.OCSPRequestBuilder().add_certificate(customer, issuing, algorithm).build().public_bytes(Encoding.DER)
    (found,) = read_request(data).ids
    return found


moments = st.datetimes(datetime(2001, 1, 1), datetime(9000, 1, 1)).map(  # noqa: DTZ001
    lambda when: when.replace(microsecond=0, tzinfo=NOW.tzinfo)
)
standings = st.one_of(
    st.just(Good()), st.just(Unknown()), st.builds(Revoked, moments, st.sampled_from([None, *RevocationReason]))
)


@given(
    st.sampled_from(HASHES), standings, moments, moments, st.timedeltas(timedelta(seconds=1), timedelta(days=9999)),
    st.none() | st.binary(min_size=1, max_size=128),
)  # fmt: skip
def test_it_is_read_as_it_was_written(
    algorithm: HashAlgorithm,
    standing: Standing,
    produced_at: datetime,
    begins: datetime,
    lasts: timedelta,
    nonce: bytes | None,
) -> None:
    ca, cert_id = status_ca(), asked(1, algorithm)
    said = Single(cert_id, standing, begins, begins + timedelta(seconds=lasts // timedelta(seconds=1)))
    read = ocsp.load_der_ocsp_response(ca.responder.answer([said], nonce, produced_at))
    assert read.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
    assert (read.responder_key_hash, read.responder_name) == (key_identifier(spki_of(ca.ocsp.signer)), None)
    assert [one.public_bytes(Encoding.DER) for one in read.certificates] == [ca.ocsp.certificate]
    assert read.produced_at_utc == produced_at
    nonces = [one.value.nonce for one in read.extensions if isinstance(one.value, x509.OCSPNonce)]
    assert nonces == ([] if nonce is None else [nonce])
    (found,) = read.responses
    assert (found.issuer_name_hash, found.issuer_key_hash) == (cert_id.name_hash, cert_id.key_hash)
    assert found.serial_number == FIRST + 1
    assert found.hash_algorithm.name == algorithm.name
    assert (found.this_update_utc, found.next_update_utc) == (said.this_update, said.next_update)
    assert found.certificate_status.name == type(standing).__name__.upper()
    at, reason = (standing.at, standing.reason) if isinstance(standing, Revoked) else (None, None)
    assert (found.revocation_time_utc, found.revocation_reason) == (at, FLAGS.get(reason.value) if reason else None)


def test_an_id_is_given_back_octet_by_octet() -> None:
    """Its algorithm without the NULL, which another writer would put there."""
    usual = asked(0, SHA256())
    _algorithm, *others = (part.whole for part in der.children(usual.der))
    bare = der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, der.oid(usual.algorithm)), *others)
    data = bare
    for _ in range(4):  # Request, requestList, TBSRequest, OCSPRequest
        data = der.tlv(der.SEQUENCE, data)
    (read,) = read_request(data).ids
    assert (read.der, dataclasses.replace(read, der=usual.der)) == (bare, usual)
    responder = status_ca().responder
    assert responder.names(read)
    assert bare in responder.answer([single(read, Good())], None, NOW)


def test_whose_certificates_it_answers_for() -> None:
    responder, other = status_ca().responder, status_ca(KeyKind.P384).responder
    for algorithm in HASHES:
        mine = asked(0, algorithm)
        assert responder.names(mine)
        assert not other.names(mine)
        for wrong in (
            {"name_hash": mine.name_hash[:-1] + b"\0"},
            {"key_hash": mine.key_hash[:-1] + b"\0"},
            {"algorithm": "1.2.840.113549.2.5"},  # MD5
            {"serial": 0},
            {"serial": 1 << 159},
        ):
            assert not responder.names(dataclasses.replace(mine, **wrong))


def test_moments_have_whole_seconds() -> None:
    part = timedelta(microseconds=999_999)
    said = single(asked(), Revoked(NOW + part), NOW + part)
    read = ocsp.load_der_ocsp_response(status_ca().responder.answer([said], None, NOW + part))
    assert {read.produced_at_utc, read.this_update_utc, read.revocation_time_utc} == {NOW}
    assert read.next_update_utc == NOW + DAY


def test_what_no_answer_says() -> None:
    with pytest.raises(ValueError, match="no time"):
        Single(asked(), Good(), NOW, NOW)
    with pytest.raises(ValueError, match="nothing"):
        status_ca().responder.answer([], None, NOW)
    with pytest.raises(ValueError, match="success"):
        failure(Status.SUCCESSFUL)


def test_a_wrong_signature_leaves_nobody() -> None:
    ca, signer = status_ca(), status_ca().ocsp.signer
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    wrong = HookedKey(signer, lambda sign: (made := sign())[:-1] + bytes([made[-1] ^ 1]))
    broken = Responder(CaKey("ocsp", wrong, ca.ocsp.certificate), ca.issuing.certificate)
    with pytest.raises(SignatureUnfit) as refused:
        broken.answer([single(asked(), Good())], None, NOW)
    assert refused.value.key == "ocsp"


def test_pkilint_finds_nothing(tmp_path: Path) -> None:
    """In every kind of answer, and in those that are no more than a status."""
    answers: dict[str, bytes] = {
        f"{kind.value} {name} {len(nonce or b'')}": status_ca(kind).responder.answer(
            [single(asked(kind=kind), standing)], nonce, NOW
        )
        for kind in CA_KINDS
        for name, standing in STANDINGS.items()
        for nonce in (None, b"N" * 32)
    }
    several = [single(asked(number), Good()) for number in range(3)]
    answers["several"] = status_ca().responder.answer(several, None, NOW)
    answers |= {status.name: failure(status) for status in Status if status is not Status.SUCCESSFUL}
    for name, data in answers.items():
        (tmp_path / name).write_bytes(data)
    assert pkilint(*(("lint_ocsp_response", "lint", "-s", "NOTICE", tmp_path / name) for name in answers)) == ""


def test_failures_are_read_by_others(tmp_path: Path) -> None:
    for status in set(Status) - {Status.SUCCESSFUL}:
        data = failure(status)
        assert ocsp.load_der_ocsp_response(data).response_status.value == status.value
        assert data == ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus(status.value)).public_bytes(
            Encoding.DER
        )


@pytest.mark.parametrize("kind", CA_KINDS, ids=lambda kind: kind.value)
def test_cryptography_verifies_it(kind: KeyKind) -> None:
    ca = status_ca(kind)
    read = ocsp.load_der_ocsp_response(ca.responder.answer([single(asked(kind=kind), Good())], None, NOW))
    shown, algorithm = ca.ocsp.signer.public_key(), read.signature_hash_algorithm
    assert algorithm
    assert algorithm.name == ("sha384" if kind is KeyKind.P384 else "sha256")
    if isinstance(shown, rsa.RSAPublicKey):
        shown.verify(read.signature, read.tbs_response_bytes, padding.PKCS1v15(), algorithm)
    else:
        shown.verify(read.signature, read.tbs_response_bytes, ec.ECDSA(algorithm))


# --- other programs, from their request to their verdict ----------------------------------------------------------

ANY_DATE = ("-validity_period", str(10**10))  # seconds that the clock may be off


@pytest.mark.parametrize("kind", CA_KINDS, ids=lambda kind: kind.value)
@pytest.mark.parametrize("trusted", [("-CAfile", "chain.pem"), ("-VAfile", "ocsp.pem")], ids=["chain", "signer"])
@pytest.mark.parametrize("nonce", ["-nonce", "-no_nonce"])
def test_openssl_believes_it(kind: KeyKind, trusted: tuple[str, str], nonce: str, tmp_path: Path) -> None:
    answer_openssl(kind, nonce, tmp_path)
    ids = ("-issuer", "issuing.pem", "-cert", "0.pem", "-cert", "1.pem", "-sha256", "-cert", "2.pem")
    said = run(
        "openssl", "ocsp", "-reqin", "request.der", "-no_nonce", "-respin", "answer.der", *ids, *trusted, *ANY_DATE,
        folder=tmp_path,
    )  # fmt: skip
    assert "Response verify OK" in said
    about = [line for line in said.splitlines() if ".pem: " in line or "Reason" in line or "WARNING" in line]
    assert about == ["0.pem: good", "1.pem: revoked", "\tReason: keyCompromise", "2.pem: unknown"]


def answer_openssl(kind: KeyKind, nonce: str, folder: Path) -> None:
    """What it asks of three customers, by two hashes: one good, one revoked, one unknown."""
    status_ca(kind).write(folder)
    ids = ("-issuer", "issuing.pem", "-cert", "0.pem", "-cert", "1.pem", "-sha256", "-cert", "2.pem")
    run("openssl", "ocsp", *ids, nonce, "-reqout", "request.der", folder=folder)
    answer_all(kind, folder)


def answer_all(kind: KeyKind, folder: Path) -> None:
    """Of request.der."""
    read = read_request((folder / "request.der").read_bytes())
    told: tuple[Standing, ...] = (Good(), Revoked(NOW, RevocationReason.KEY_COMPROMISE), Unknown())
    singles = [single(cert_id, standing) for cert_id, standing in zip(read.ids, told, strict=True)]
    (folder / "answer.der").write_bytes(status_ca(kind).responder.answer(singles, read.nonce, NOW))


def test_openssl_sees_another_nonce(tmp_path: Path) -> None:
    answer_openssl(KeyKind.P256, "-nonce", tmp_path)
    done = ended(
        "openssl", "ocsp", "-issuer", "issuing.pem", "-cert", "0.pem", "-nonce", "-respin", "answer.der",
        "-CAfile", "chain.pem", *ANY_DATE, folder=tmp_path,
    )  # fmt: skip
    assert done.returncode
    assert "Nonce Verify error" in done.stderr


@pytest.mark.parametrize("kind", CA_KINDS, ids=lambda kind: kind.value)
@pytest.mark.parametrize("trusted", [("--load-trust", "chain.pem"), ("--load-signer", "ocsp.pem")], ids=lambda t: t[0])
def test_gnutls_believes_it(kind: KeyKind, trusted: tuple[str, str], tmp_path: Path) -> None:
    answer_openssl(kind, "-nonce", tmp_path)
    line = ("ocsptool", "--verify-response", "--load-response", "answer.der", *trusted)
    said = run(*line, folder=tmp_path)
    assert "Verifying OCSP Response: Success." in said
    assert [line.split(": ")[1] for line in said.splitlines() if "Certificate Status" in line] == [
        "good", "revoked", "unknown",
    ]  # fmt: skip
    damaged = bytearray((tmp_path / "answer.der").read_bytes())
    damaged[60] ^= 1  # its producedAt
    (tmp_path / "answer.der").write_bytes(damaged)
    assert "Verifying OCSP Response: Success." not in ended(*line, folder=tmp_path).stdout


@pytest.mark.parametrize("kind", CA_KINDS, ids=lambda kind: kind.value)
def test_java_believes_it(kind: KeyKind, tmp_path: Path, classes: str) -> None:
    """BouncyCastle asks and reads; the JDK's path validation takes nothing else for its source."""
    program = java.line(classes, "Status")
    ca = status_ca(kind)
    ca.write(tmp_path)
    run(*program, "ask", "request.der", folder=tmp_path)
    answer_all(kind, tmp_path)
    at = int((NOW + DAY / 2).timestamp())
    said = run(*program, "judge", "answer.der", str(at), folder=tmp_path).split("\n")
    assert said == [
        "signature true",
        "good",
        "revoked 1",
        "unknown",
        "valid",
        "REVOKED",
        "UNDETERMINED_REVOCATION_STATUS",
        "",
    ]
    late = int((NOW + 3 * DAY).timestamp())
    assert "valid" not in run(*program, "judge", "answer.der", str(late), folder=tmp_path).split("\n")
