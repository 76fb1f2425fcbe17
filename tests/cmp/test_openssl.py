"""OpenSSL's messages are understood, and built again they are the same bytes; ours are understood by it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.cmp.openssl import REFERENCE, SECRET, OpenSSL, Transaction
from tests.cmp.parties import NOW, SALT, header, name
from tokenmgr.cmp import checks
from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.cmp.messages import (
    P10,
    CertReply,
    CertRequest,
    Confirm,
    ErrorBody,
    Info,
    Kind,
    Message,
    Poll,
    PollAnswer,
    ProofKind,
    Revoke,
    Revoked,
    Status,
    answer_header,
    assemble,
    certificate_request,
    parse,
    rejection,
)
from tokenmgr.cmp.oids import CA_CERTS
from tokenmgr.cmp.protection import MacProtector, Pbm, is_mac, mac_like, verify_mac, verify_signature

NAMES = ["ir", "ir-sha256", "ir-signed", "ir-polled", "ir-implicit", "ir-refused", "ir-error"]
NAMES += ["cr", "cr-rsa", "p10cr", "kur", "rr", "genm"]


@dataclass(frozen=True)
class Replayed:
    """Protects as the message was."""

    message: Message

    @property
    def algorithm(self) -> bytes:
        return self.message.header.algorithm or b""

    @property
    def sender_kid(self) -> bytes | None:
        return self.message.header.sender_kid

    def protect(self, protected_part: bytes) -> bytes:
        assert protected_part == self.message.protected_part
        return self.message.protection or b""


def test_every_kind_of_message_is_among_those_recorded(recorded: dict[str, Transaction]) -> None:
    assert sorted(recorded) == sorted(NAMES)
    seen = {parse(one).kind for transaction in recorded.values() for one in transaction.messages}
    assert seen == set(Kind)


@pytest.mark.parametrize("label", NAMES)
def test_its_protection_holds(recorded: dict[str, Transaction], openssl: OpenSSL, label: str) -> None:
    for side in (recorded[label].requests, recorded[label].answers):
        for read in map(parse, side):
            if is_mac(read):
                verify_mac(read, SECRET)
                with pytest.raises(ProtocolFault, match="badMessageCheck"):
                    verify_mac(read, b"another")
            else:
                answers = side is recorded[label].answers
                signer = openssl.ca.certificate if answers else checks.protection_certificate(read)
                verify_signature(read, signer)
                checks.signature_sender(read.header, signer)


@pytest.mark.parametrize("label", NAMES)
def test_it_is_encoded_again_byte_for_byte(recorded: dict[str, Transaction], label: str) -> None:
    for data in recorded[label].messages:
        read = parse(data)
        if read.kind is Kind.ERROR:  # OpenSSL's has an errorCode of its own
            continue
        assert assemble(read.header, read.kind, read.body, Replayed(read), read.extra_certs) == data


@pytest.mark.parametrize("label", NAMES)
def test_its_headers_pass_our_checks(recorded: dict[str, Transaction], label: str) -> None:
    requests, answers = ([parse(one) for one in side] for side in (recorded[label].requests, recorded[label].answers))
    checks.first(requests[0])
    for asked, told in zip(requests, answers, strict=True):
        checks.answer(told, asked.header, asked.kind)
        checks.message_time(told.header, asked.header.message_time or NOW)
    for before, told, after in zip(requests, answers, requests[1:], strict=False):
        checks.later(after, before.header, told.header)
        checks.same_credential(after, before)


def body(recorded: dict[str, Transaction], label: str, request: int | None = None, answer: int = 0) -> object:
    found = recorded[label]
    return parse(found.answers[answer] if request is None else found.requests[request]).body


def test_a_request_is_read(recorded: dict[str, Transaction], openssl: OpenSSL) -> None:
    wanted = body(recorded, "kur", 0)
    assert isinstance(wanted, CertRequest)
    assert wanted.subject == openssl.client.subject
    assert wanted.old_certificate == (openssl.ca.subject, 77)
    assert wanted.popo
    assert wanted.popo.kind is ProofKind.SIGNATURE
    checks.request_id(wanted)
    checks.template(wanted)
    checks.proof(wanted)
    checks.old_certificate(wanted, openssl.client.certificate)


def test_validity_and_extensions_of_a_template_are_read(recorded: dict[str, Transaction]) -> None:
    dated, named = body(recorded, "ir-sha256", 0), body(recorded, "ir-signed", 0)
    assert isinstance(dated, CertRequest)
    assert isinstance(named, CertRequest)
    assert dated.not_before
    assert dated.not_after
    assert (dated.not_after - dated.not_before).days == 9
    (alternative,) = named.extensions
    assert (alternative.oid, alternative.critical) == ("2.5.29.17", False)
    assert b"x.example" in alternative.value
    checks.proof(named)


def test_a_reply_and_its_confirmation_are_read(recorded: dict[str, Transaction], openssl: OpenSSL) -> None:
    reply, confirm = body(recorded, "ir"), body(recorded, "ir", 1)
    assert reply == CertReply(status=Status.ACCEPTED, certificate=openssl.new.der, ca_pubs=(openssl.ca.der,))
    assert isinstance(confirm, Confirm)
    checks.cert_hash(confirm, openssl.new.der)


def test_refusals_are_read(recorded: dict[str, Transaction]) -> None:
    assert body(recorded, "ir-refused") == CertReply(status=Status.REJECTION, fail=FailInfo.badPOP, text="no")
    error = body(recorded, "ir-error")
    assert isinstance(error, ErrorBody)
    assert (error.status, error.fail) == (Status.REJECTION, FailInfo.badRequest)


def test_a_pkcs10_request_is_read(recorded: dict[str, Transaction]) -> None:
    wanted = body(recorded, "p10cr", 0)
    assert isinstance(wanted, P10)
    assert checks.csr(wanted.csr).subject == name("One")
    confirm = body(recorded, "p10cr", 1)
    assert isinstance(confirm, Confirm)
    checks.request_id(confirm, -1)


def test_a_revocation_is_read(recorded: dict[str, Transaction], openssl: OpenSSL) -> None:
    assert body(recorded, "rr", 0) == Revoke(issuer=openssl.ca.subject, serial=77, reason=4)
    done = body(recorded, "rr")
    assert isinstance(done, Revoked)
    assert (done.status, done.serial) == (Status.ACCEPTED, 77)


def test_polling_and_support_are_read(recorded: dict[str, Transaction]) -> None:
    assert body(recorded, "ir-polled") == CertReply(status=Status.WAITING)
    assert body(recorded, "ir-polled", 1) == Poll(0)
    waiting = body(recorded, "ir-polled", answer=1)
    assert isinstance(waiting, PollAnswer)
    assert waiting.check_after == 1
    assert body(recorded, "genm", 0) == Info(CA_CERTS)


def test_implicit_confirmation_is_read(recorded: dict[str, Transaction]) -> None:
    for data in recorded["ir-implicit"].messages:
        assert parse(data).header.implicit_confirm


@pytest.mark.parametrize("mac", [("sha256", "sha1"), ("sha1", "sha1"), ("sha512", "sha256"), ("sha384", "sha512")])
def test_it_understands_our_ir_with_a_mac(openssl: OpenSSL, mac: tuple[str, str]) -> None:
    protector = MacProtector(REFERENCE.encode(), SECRET, Pbm(SALT, 500, *mac))
    asked = certificate_request(openssl.new.key, openssl.new.subject)
    sent = assemble(header(), Kind.IR, asked, protector)
    label = "-".join(("our-ir", *mac))
    (openssl.folder / f"{label}.der").write_bytes(sent)
    done = openssl.run(label, "ir", *openssl.mac, "-reqin", f"{label}.der")
    checks.answer(parse(done.answers[0]), header(), Kind.IR)
    assert parse(done.answers[0]).body == CertReply(status=Status.ACCEPTED, certificate=openssl.new.der)


def test_it_understands_our_kur_with_a_signature(openssl: OpenSSL) -> None:
    asked = certificate_request(openssl.new.key, openssl.new.subject, old_certificate=(openssl.ca.subject, 77))
    said = header(openssl.client.subject)
    sent = assemble(said, Kind.KUR, asked, openssl.client.protector(), [openssl.client.der])
    (openssl.folder / "our-kur.der").write_bytes(sent)
    done = openssl.run("our-kur", "kur", *openssl.signed, "-reqin", "our-kur.der")
    answer = parse(done.answers[0])
    checks.answer(answer, said, Kind.KUR)
    verify_signature(answer, openssl.ca.certificate)


def played_back(
    openssl: OpenSSL, label: str, command: str, answers: list[bytes], *options: str, fails: bool = False
) -> str:
    """Our answers to OpenSSL's client, from files; it takes transaction and nonce as they come then, and no more."""
    files = [f"{label}{i}.der" for i in range(len(answers))]
    for file, data in zip(files, answers, strict=True):
        (openssl.folder / file).write_bytes(data)
    return openssl.run(label, command, *options, "-rspin", ",".join(files), fails=fails, mock=False).said


def test_it_takes_our_answers_with_a_mac(recorded: dict[str, Transaction], openssl: OpenSSL) -> None:
    """In the request's kind of MAC (RFC 9483, 3.2), with caPubs and a confirmation."""
    answers = []
    bodies = [(Kind.IP, CertReply(status=Status.ACCEPTED, certificate=openssl.new.der, ca_pubs=(openssl.ca.der,)))]
    for asked, (kind, said) in zip(
        recorded["ir-sha256"].requests, [*bodies, (Kind.PKICONF, parse(recorded["ir"].answers[1]).body)], strict=True
    ):
        read = parse(asked)
        head = answer_header(read.header, NOW, openssl.ca.subject, b"A" * 16)
        answers.append(assemble(head, kind, said, mac_like(read, SECRET, SALT), [openssl.ca.der]))
    files = openssl.mac[:4] + openssl.mac[8:]
    assert "received PKICONF" in played_back(openssl, "played-mac", "ir", answers, *files)
    assert (openssl.folder / "played-mac.pem").read_bytes() == openssl.new.certificate.public_bytes(Encoding.PEM)


def test_it_takes_our_signed_answers(recorded: dict[str, Transaction], openssl: OpenSSL) -> None:
    answers = []
    for asked, told in zip(recorded["kur"].requests, recorded["kur"].answers, strict=True):
        head = answer_header(parse(asked).header, NOW, openssl.ca.subject, b"A" * 16)
        read = parse(told)
        answers.append(assemble(head, read.kind, read.body, openssl.ca.protector(), [openssl.ca.der]))
    client = ("-cert", "cli.crt", "-key", "cli.key", "-trusted", "ca.crt")
    assert "received PKICONF" in played_back(openssl, "played-kur", "kur", answers, *client)


def test_it_reads_our_refusal(recorded: dict[str, Transaction], openssl: OpenSSL) -> None:
    read = parse(recorded["kur"].requests[0])
    head = answer_header(read.header, NOW, openssl.ca.subject, b"A" * 16)
    refusal = rejection(ProtocolFault(FailInfo.certRevoked, "it is revoked"))
    answer = assemble(head, Kind.KUP, refusal, openssl.ca.protector(), [openssl.ca.der])
    client = ("-cert", "cli.crt", "-key", "cli.key", "-trusted", "ca.crt")
    said = played_back(openssl, "played-no", "kur", [answer], *client, fails=True)
    assert "certRevoked" in said
    assert "it is revoked" in said
