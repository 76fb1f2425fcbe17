"""What is refused before anything is made of it, and what the form of each body wants."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import pytest
from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier

from tests.cmp.parties import SALT, SECRET, authority, holder, message
from tokenmgr.cmp import oids
from tokenmgr.cmp import structures as spec
from tokenmgr.cmp.der import MAX_MESSAGE, decode, encode, optional_tlv, tlv, unwrap, wrap
from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.cmp.messages import Info, Kind, PkiConf, ProofKind, certificate_request, parse, parse_header
from tokenmgr.cmp.protection import MacProtector, Pbm

MAC = MacProtector(b"4711", SECRET, Pbm(SALT, 100))
GOOD = message(Kind.PKICONF, PkiConf(), MAC)


def refused(data: bytes, fail: FailInfo = FailInfo.badDataFormat) -> str:
    with pytest.raises(ProtocolFault) as caught:
        parse(data)
    assert caught.value.fail is fail
    return caught.value.text


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x30", id="half a tag"),
        pytest.param(b"\x30\x00", id="an empty SEQUENCE"),
        pytest.param(b"hello", id="text"),
        pytest.param(GOOD.raw + b"\x00", id="a trailing byte"),
        pytest.param(GOOD.raw * 2, id="two messages"),
        pytest.param(GOOD.raw[:-1], id="a byte short"),
        pytest.param(b"\x30\x80" + unwrap(GOOD.raw) + b"\x00\x00", id="an indefinite length"),
        pytest.param(b"\x30\x83" + len(unwrap(GOOD.raw)).to_bytes(3, "big") + unwrap(GOOD.raw), id="a long length"),
        pytest.param(b"\x30\x84\xff\xff\xff\xff", id="a length beyond everything"),
        pytest.param(b"\x3f\x81\x01\x00", id="a tag above 30"),
        pytest.param(wrap(b"\x04\x00" * 5000), id="five thousand elements"),
        pytest.param(wrap(bytes(MAX_MESSAGE)), id="a message too long"),
    ],
)
def test_what_is_not_one_der_message_of_bounded_size_is_refused(data: bytes) -> None:
    refused(data)
    with pytest.raises(ProtocolFault):
        parse_header(data)


def test_ber_is_refused_in_what_is_never_decoded_too() -> None:
    """RFC 4210, 5.1.3: protection covers DER. The value of a generalInfo that nobody here knows is as strange as it
    likes, but it is DER."""
    strange = message(Kind.GENM, Info("1.2.3.4", b"\x30\x03\x04\x01\x41"), MAC)
    assert strange.body == Info("1.2.3.4", b"\x30\x03\x04\x01\x41")
    assert "shortest" in refused(strange.raw.replace(b"\x30\x03\x04\x01\x41", b"\x30\x03\x04\x81\x00"))


@pytest.mark.parametrize("depth", [17, 1000, 20_000])
def test_nests_are_refused_at_once(depth: int) -> None:
    nest = b""
    for _ in range(depth):
        nest = wrap(nest) if len(nest) < 60_000 else nest
    began = perf_counter()
    assert refused(nest) in ("too deep or too many elements", "the message is too long")
    assert perf_counter() - began < 0.02


def made(pki_header: dict[str, Any] | None = None, body: bytes | None = None, certs: int | None = None) -> bytes:
    """A message whose header or body says what ours never would."""
    outer = decode(spec.PKIMessage, GOOD.raw)
    said = decode(spec.PKIHeader, encode(outer.header))
    for field, value in (pki_header or {}).items():
        setattr(said, field, value)
    outer.header = tlv(encode(said))
    outer.body = tlv(body) if body else outer.body
    outer.extraCerts = [tlv(holder().der)] * certs if certs is not None else None
    return encode(outer)


def info(oid: str, value: bytes | None = None) -> spec.InfoTypeAndValue:
    return spec.InfoTypeAndValue(infoType=ObjectIdentifier(oid), infoValue=optional_tlv(value))


NULL = b"\x05\x00"


def test_a_message_made_so_is_good_as_such() -> None:
    assert parse(made()).header == GOOD.header


@pytest.mark.parametrize("pvno", [-1, 0, 1, 4, 2**70])
def test_other_versions_are_refused(pvno: int) -> None:
    """RFC 9483, item 1."""
    refused(made({"pvno": pvno}), FailInfo.unsupportedVersion)


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([], id="an empty one"),
        pytest.param([info("1.2.3")] * 2, id="the same twice"),
        pytest.param([info(f"1.2.{n}") for n in range(17)], id="seventeen"),
        pytest.param([info(oids.IMPLICIT_CONFIRM)], id="implicitConfirm without NULL"),
        pytest.param([info(oids.IMPLICIT_CONFIRM, b"\x01\x01\xff")], id="implicitConfirm that is TRUE"),
        pytest.param([info(oids.CONFIRM_WAIT_TIME)], id="confirmWaitTime without a time"),
        pytest.param([info(oids.CONFIRM_WAIT_TIME, b"\x17\x0d260401030000Z")], id="confirmWaitTime as a UTCTime"),
        pytest.param([info(oids.CERT_PROFILE)], id="certProfile without a name"),
        pytest.param([info(oids.CERT_PROFILE, b"\x30\x00")], id="certProfile of no name"),
        pytest.param([info(oids.CERT_PROFILE, b"\x30\x06\x0c\x01a\x0c\x01b")], id="certProfile of two names"),
        pytest.param([info(oids.CERT_PROFILE, b"\x0c\x01a")], id="certProfile that is no SEQUENCE"),
    ],
)
def test_a_general_info_out_of_form_is_refused(entries: list[spec.InfoTypeAndValue]) -> None:
    """RFC 9483, item 8."""
    refused(made({"generalInfo": entries}))


def test_general_info_that_is_not_known_is_passed_over() -> None:
    assert parse(made({"generalInfo": [info("1.2.3.4", NULL)]})).header == GOOD.header


def test_lists_are_bounded() -> None:
    refused(made({"freeText": ["x"] * 17}))
    refused(made({"freeText": []}))
    refused(made(certs=17))
    refused(made(certs=0))
    assert len(parse(made(certs=16)).extra_certs) == 16


def test_names_are_names() -> None:
    refused(made({"sender": tlv(b"\x30\x00")}))
    refused(made({"sender": tlv(b"\xa4\x02\x05\x00")}))


@pytest.mark.parametrize("number", [5, 6, 9, 10, 13, 20])
def test_bodies_that_are_not_spoken_here_are_refused(number: int) -> None:
    data = made(body=bytes([0xA0 + number, 2]) + NULL)
    refused(data, FailInfo.badRequest)
    assert parse_header(data) == GOOD.header


def test_what_is_no_body_is_refused() -> None:
    for data in (b"\xbb\x02\x05\x00", b"\x30\x00", b"\x80\x00", b"\xa0\x02\x05\x00", b"\xb3\x04\x05\x00\x05\x00"):
        refused(made(body=data))


def body(**chosen: Any) -> bytes:
    return made(body=unwrap(encode(spec.PKIBody(**chosen))))


REQUEST = spec.CertReqMsg(certReq=tlv(encode(spec.CertRequest(certReqId=0, certTemplate=spec.CertTemplate()))))
ACCEPTED = spec.PKIStatusInfo(status=0)
CONFIRM = spec.CertStatus(certHash=b"h", certReqId=0)
REVOKE = spec.RevDetails(certDetails=spec.CertTemplate(serialNumber=5))
REPLY = spec.CertResponse(certReqId=0, status=ACCEPTED)


@pytest.mark.parametrize("count", [0, 2, 100])
def test_lists_that_may_be_of_one_only(count: int) -> None:
    """RFC 9483, items 13, 22, 25, 26 and 27."""
    for name, one in (
        ("kur", REQUEST),
        ("certConf", CONFIRM),
        ("rr", REVOKE),
        ("genm", info("1.2.3")),
        ("pollReq", spec.PollReq(certReqId=0)),
        ("pollRep", spec.PollRep(certReqId=0, checkAfter=1)),
    ):
        assert parse(body(**{name: [one]})).kind.name == name.upper()
        refused(body(**{name: [one] * count}), FailInfo.badRequest)
    refused(body(ip=spec.CertRepMessage(response=[REPLY] * count)), FailInfo.badRequest)
    refused(body(rp=spec.RevRepContent(status=[ACCEPTED] * count)), FailInfo.badRequest)


def test_a_status_is_one_that_there_is() -> None:
    for wrong in (-1, 7, 2**70):
        status = spec.PKIStatusInfo(status=wrong)
        refused(body(error=spec.ErrorMsgContent(pKIStatusInfo=status)))
    status = spec.PKIStatusInfo(status=3)
    refused(body(certConf=[spec.CertStatus(certHash=b"h", certReqId=0, statusInfo=status)]), FailInfo.badRequest)


def test_waiting_has_an_end() -> None:
    for seconds in (-1, 10**9, 2**70):
        refused(body(pollRep=[spec.PollRep(certReqId=0, checkAfter=seconds)]))


def test_an_encrypted_certificate_is_refused() -> None:
    pair = spec.CertifiedKeyPair(certOrEncCert=asn1.Variant(tlv(b"\x30\x00"), "encryptedCert"))
    reply = spec.CertResponse(certReqId=0, status=ACCEPTED, certifiedKeyPair=pair)
    refused(body(cp=spec.CertRepMessage(response=[reply])), FailInfo.badRequest)


@pytest.mark.parametrize("value", [b"", b"\x0a\x01\x07", b"\x0a\x01\x0b", b"\x02\x01\x01", b"\x0a\x02\x00\x01"])
def test_a_reason_is_one_that_there_is(value: bytes) -> None:
    reason = spec.Extension(extnID=ObjectIdentifier(oids.REASON_CODE), critical=False, extnValue=value)
    refused(body(rr=[spec.RevDetails(certDetails=REVOKE.certDetails, crlEntryDetails=[reason])]))


def test_reasons_are_one_at_most() -> None:
    """RFC 9483, item 25."""
    reason = spec.Extension(extnID=ObjectIdentifier(oids.REASON_CODE), critical=False, extnValue=b"\x0a\x01\x01")
    two = spec.RevDetails(certDetails=REVOKE.certDetails, crlEntryDetails=[reason] * 2)
    refused(body(rr=[two]), FailInfo.badRequest)


@pytest.mark.parametrize("way", ["keyEncipherment", "keyAgreement"])
def test_other_proofs_are_known_as_such(way: str) -> None:
    other = spec.CertReqMsg(certReq=REQUEST.certReq, popo=asn1.Variant(tlv(NULL), way))
    proof = vars(parse(body(ir=[other])).body)["popo"]
    assert proof.kind is ProofKind.OTHER


def test_a_signature_over_something_else_is_known_as_such() -> None:
    """RFC 4211, 4.1: with a poposkInput it is not the CertRequest that is signed."""
    asked = certificate_request(holder().key, holder().subject)
    assert asked.popo
    key = decode(spec.SubjectPublicKeyInfo, asked.public_key or b"")
    instead = spec.POPOSigningKey(
        poposkInput=spec.POPOSigningKeyInput(authInfo=tlv(b"\xa0\x00"), publicKey=key),
        algorithmIdentifier=decode(spec.AlgorithmIdentifier, asked.popo.algorithm),
        signature=asn1.BitString(asked.popo.signature, 0),
    )
    sent = spec.CertReqMsg(certReq=tlv(asked.signed), popo=asn1.Variant(instead, "signature"))
    assert vars(parse(body(ir=[sent])).body)["popo"].kind is ProofKind.OTHER


def test_controls_that_are_not_known_are_passed_over_and_an_old_certificate_is_named_once() -> None:
    """RFC 4211, 6; RFC 9483, item 17."""
    old = spec.CertId(issuer=tlv(wrap(authority().subject, 0xA4)), serialNumber=5)
    named = spec.AttributeTypeAndValue(type=ObjectIdentifier(oids.OLD_CERT_ID), value=tlv(encode(old)))
    other = spec.AttributeTypeAndValue(type=ObjectIdentifier("1.2.3"), value=tlv(NULL))

    def asked(*controls: spec.AttributeTypeAndValue) -> bytes:
        request = spec.CertRequest(certReqId=0, certTemplate=spec.CertTemplate(), controls=list(controls))
        return body(kur=[spec.CertReqMsg(certReq=tlv(encode(request)))])

    assert vars(parse(asked(other, named)).body)["old_certificate"] == (authority().subject, 5)
    refused(asked(named, named), FailInfo.badRequest)
    refused(asked())


def test_bits_of_a_fault_that_nobody_knows_are_passed_over() -> None:
    for bits, known in ((b"\x40\x80", FailInfo.badMessageCheck), (b"\x00\x00\x00\x10", None)):
        status = spec.PKIStatusInfo(status=2, failInfo=asn1.BitString(bits, 0))
        assert vars(parse(body(error=spec.ErrorMsgContent(pKIStatusInfo=status))).body)["fail"] is known


def test_a_fault_reads_like_one() -> None:
    assert str(ProtocolFault(FailInfo.badPOP, "not signed")) == "badPOP: not signed"
