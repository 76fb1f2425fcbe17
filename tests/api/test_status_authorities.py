"""The status service of a CA whose key has been rolled over: two authorities, each with its own list and responder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate, ocsp

from tests.api.rig import Rig
from tests.api.test_rollover import after
from tests.api.test_status import TYPE, World, path_of, standing, status_of
from tokenmgr.api import jobs
from tokenmgr.api.answers_ahead import AnswersAhead
from tokenmgr.ca.keys import AuthorityKeys
from tokenmgr.ca.ocsp_request import read_request
from tokenmgr.domain.generation import RevocationReason
from tokenmgr.pki import der


@dataclass
class Both:
    """A certificate of each authority that is good, and one of each that is revoked."""

    world: World
    good: tuple[bytes, bytes]
    revoked: tuple[bytes, bytes]

    @property
    def authorities(self) -> tuple[AuthorityKeys, ...]:
        return self.world.rig.service.keys.authorities


@pytest.fixture
def both(rig: Rig) -> Iterator[Both]:
    rig.enrol("user02")
    old = [rig.with_certificate(user).certificate for user in ("user01", "user02")]
    jobs.round_of(rig.service)
    rolled = after(rig)
    for user in ("user03", "user04"):
        rolled.enrol(user)
    new = [rolled.with_certificate(user).certificate for user in ("user03", "user04")]
    jobs.round_of(rolled.service)
    for one in (old[1], new[1]):
        rolled.registry.revoke(rolled.of(one).serial, RevocationReason.KEY_COMPROMISE, rolled.now)
    jobs.round_of(rolled.service)
    yield Both(World(rolled), (old[0], new[0]), (old[1], new[1]))
    rolled.close()


def asked(certificate: bytes, authority: AuthorityKeys) -> bytes:
    issuing = load_der_x509_certificate(authority.issuing.certificate)
    builder = ocsp.OCSPRequestBuilder().add_certificate(load_der_x509_certificate(certificate), issuing, SHA1())  # noqa: S303
    return builder.build().public_bytes(Encoding.DER)


def key_of(certificate: bytes) -> ec.EllipticCurvePublicKey:
    key = load_der_x509_certificate(certificate).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key


def test_each_authority_has_its_lists_and_its_certificate(both: Both) -> None:
    client = both.world.client
    for one, suffix, revoked in zip(both.authorities, ("", "-2"), both.revoked, strict=True):
        certificate = client.get(f"/ca{suffix}.cer").content
        assert certificate == one.issuing.certificate
        load_der_x509_certificate(certificate).verify_directly_issued_by(
            load_der_x509_certificate(client.get(f"/root{suffix}.cer").content)
        )
        for path in (f"/ca{suffix}.crl", f"/ca{suffix}-delta.crl"):
            read = x509.load_der_x509_crl(client.get(path).content)
            assert read.is_signature_valid(key_of(certificate)), path
            assert [found.serial_number for found in read] == [load_der_x509_certificate(revoked).serial_number], path


def test_each_certificate_is_answered_for_by_its_own_responder(both: Both) -> None:
    for one, good, revoked in zip(both.authorities, both.good, both.revoked, strict=True):
        for certificate, expected in ((good, "GOOD"), (revoked, "REVOKED keyCompromise")):
            request = asked(certificate, one)
            answers = both.world.client.post("/ocsp", request, TYPE), both.world.client.get(path_of(request))
            for answer in answers:
                read = ocsp.load_der_ocsp_response(answer.content)
                assert standing(read) == expected
                (signer,) = read.certificates
                assert signer.public_bytes(Encoding.DER) == one.ocsp.certificate
                signer.verify_directly_issued_by(load_der_x509_certificate(one.issuing.certificate))
                hashed = read.signature_hash_algorithm
                assert hashed
                key_of(one.ocsp.certificate).verify(read.signature, read.tbs_response_bytes, ec.ECDSA(hashed))


def test_a_certificate_asked_for_at_the_wrong_authority_is_unknown_there(both: Both) -> None:
    for certificate, other, there in zip(both.good, reversed(both.good), reversed(both.authorities), strict=True):
        read = ocsp.load_der_ocsp_request(asked(other, there))
        serial = load_der_x509_certificate(certificate).serial_number
        request = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
            read.issuer_name_hash,
            read.issuer_key_hash,
            serial,
            SHA1(),  # noqa: S303
        )
        answer = both.world.client.post("/ocsp", request.build().public_bytes(Encoding.DER), TYPE)
        assert standing(ocsp.load_der_ocsp_response(answer.content)) == "UNKNOWN"


def test_several_certificates_at_once(both: Both) -> None:
    """Each for itself, in the order in which they were asked for; those of two authorities have nobody to answer."""
    for one, good, revoked in zip(both.authorities, both.good, both.revoked, strict=True):
        answer = both.world.client.post("/ocsp", together(asked(revoked, one), asked(good, one)), TYPE)
        found = list(ocsp.load_der_ocsp_response(answer.content).responses)
        assert [(each.serial_number, each.certificate_status.name) for each in found] == [
            (load_der_x509_certificate(revoked).serial_number, "REVOKED"),
            (load_der_x509_certificate(good).serial_number, "GOOD"),
        ]
        assert answer.headers["cache-control"] == "no-store"
    mixed = (asked(certificate, one) for certificate, one in zip(both.good, both.authorities, strict=True))
    assert status_of(both.world.client.post("/ocsp", together(*mixed), TYPE)) == "UNAUTHORIZED"


def together(*requests: bytes) -> bytes:
    ids = (one.der for request in requests for one in read_request(request).ids)
    found = b"".join(der.tlv(der.SEQUENCE, one) for one in ids)
    for _ in range(3):  # requestList, TBSRequest, OCSPRequest
        found = der.tlv(der.SEQUENCE, found)
    return found


def test_answers_for_both_are_made_ahead(both: Both) -> None:
    rig = both.world.rig
    AnswersAhead(rig.service)(rig.now)
    world = World(rig)
    for one, certificate in zip(both.authorities, both.good, strict=True):
        signed = world.count("signed")
        answer = world.client.get(path_of(asked(certificate, one)))
        assert (standing(ocsp.load_der_ocsp_response(answer.content)), world.count("signed")) == ("GOOD", signed)
