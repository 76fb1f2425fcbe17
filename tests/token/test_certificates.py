"""Certificates on a medium: written beside their key, read back byte for byte, never in the place of another."""

from __future__ import annotations

import contextlib
import os
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.token.helpers import (
    WORDS,
    FaultyMedium,
    certificate_for,
    certified,
    counts,
    credential,
    logged_in,
    object_by_somebody_else,
    only,
    pkcs11_tool,
    run,
)
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.medium import MediumFacts
from tokenmgr.errors import (
    CertificateForNoKey,
    KeyMissing,
    NotACertificate,
    NotPermitted,
    ObjectMissing,
    TokenmgrError,
    WrittenDifferently,
)
from tokenmgr.log import Secret
from tokenmgr.testbed.simulated import PIN, SimulatedMedium, softhsm
from tokenmgr.testbed.throwaway_ca import ThrowawayCA
from tokenmgr.token.module import Library
from tokenmgr.token.session import Session


def test_a_certificate_and_its_chain_are_written_and_read_back(session: Session, authority: ThrowawayCA) -> None:
    key = session.generate_key(KeyKind.P256, b"\x01", WORDS)
    der = certificate_for(session, authority, b"\x01")
    written = session.put_certificate(der, b"\x01", WORDS, authority.chain)
    assert [one.der for one in written] == [der, *authority.chain]
    assert [one.key_id for one in written] == [b"\x01", b"", b""]
    contents = session.contents()
    assert contents.findings == []
    (pair,) = contents.credentials
    assert (pair.key, pair.certificate) == (key, written[0])
    assert pair.facts is not None
    assert pair.facts.subject == "CN=9999 0001 管理者"


def test_independent_readers_find_what_was_written(
    session: Session, authority: ThrowawayCA, medium: SimulatedMedium, tmp_path: Path
) -> None:
    """By OpenSC's tool and by GnuTLS's: the bytes, and the attributes that browsers search by."""
    found = certified(session, authority, b"\xc0\xff\xee")
    assert found.certificate is not None
    read = x509.load_der_x509_certificate(found.certificate.der)
    value = tmp_path / "value"
    pkcs11_tool(medium, "--read-object", "--type", "cert", "--id", "c0ffee", "--output-file", value)
    assert value.read_bytes() == found.certificate.der
    listed = pkcs11_tool(medium, "--list-objects", "--type", "cert").stdout.decode()
    block = next(part for part in listed.split("Certificate Object") if "c0ffee" in part)
    assert "X.509" in block
    assert WORDS in block
    assert "DN: CN=9999 0001" in block
    assert f"{read.serial_number:X}" in block.upper()

    environment = {**os.environ, "SOFTHSM2_CONF": str(medium.configuration), "GNUTLS_PIN": PIN}
    told = run("p11tool", "--provider", softhsm(), "--login", "--list-all", "pkcs11:", environment=environment)
    text = told.stdout.decode()
    assert text.count("X.509 Certificate") == 3
    assert text.count("id=%C0%FF%EE;") >= 3, "the certificate and both keys"
    assert "CKA_NEVER_EXTRACTABLE" in text


def test_the_attributes_that_browsers_search_by_are_the_certificates_own_bytes(
    session: Session, authority: ThrowawayCA
) -> None:
    found = certified(session, authority)
    assert found.certificate is not None
    for der in (found.certificate.der, *authority.chain):
        read = x509.load_der_x509_certificate(der)
        template = {
            "CLASS": "CERTIFICATE",
            "SUBJECT": read.subject.public_bytes(),
            "ISSUER": read.issuer.public_bytes(),
        }
        names = ["VALUE", "SERIAL_NUMBER", "CERTIFICATE_TYPE", "TOKEN"]
        (one,) = session._ask("find", template=template, attributes={"CERTIFICATE": names})
        assert one["VALUE"] == der
        number = read.serial_number.to_bytes((read.serial_number.bit_length() + 8) // 8, "big")
        assert one["SERIAL_NUMBER"] == bytes([2, len(number)]) + number
        assert (one["CERTIFICATE_TYPE"], one["TOKEN"]) == ("X_509", True)


def test_what_is_written_twice_is_there_once(session: Session, authority: ThrowawayCA) -> None:
    found = certified(session, authority)
    assert found.certificate is not None
    before = counts(session)
    session.put_certificate(found.certificate.der, b"\x01", WORDS, authority.chain)
    session.put_certificate(found.certificate.der, b"\x01", "another label", authority.chain)
    assert counts(session) == before == {"PRIVATE_KEY": 1, "PUBLIC_KEY": 1, "CERTIFICATE": 3}


def test_a_chain_that_somebody_else_put_there_is_not_written_again(session: Session, authority: ThrowawayCA) -> None:
    for number, issuer in enumerate(authority.chain):
        read = x509.load_der_x509_certificate(issuer)
        object_by_somebody_else(session, issuer, b"ca%d" % number, SUBJECT=read.subject.public_bytes())
    certified(session, authority)
    assert counts(session)["CERTIFICATE"] == 3


def test_the_old_certificate_stays_where_it_is(session: Session, authority: ThrowawayCA) -> None:
    old = certified(session, authority, b"\x01")
    new = certified(session, authority, b"\x02")
    assert session.contents().findings == []
    assert credential(session, b"\x01") == old
    assert credential(session, b"\x02") == new


def test_a_second_certificate_for_the_same_key_replaces_nothing(
    session: Session, authority: ThrowawayCA, now: datetime
) -> None:
    old = certified(session, authority)
    later = certificate_for(session, authority, b"\x01", days=700)
    session.put_certificate(later, b"\x01", WORDS)
    held = [one.der for one in session.contents().certificates]
    assert old.certificate is not None
    assert old.certificate.der in held
    assert later in held


def test_a_certificate_for_another_key_is_refused_and_nothing_is_written(
    session: Session, authority: ThrowawayCA
) -> None:
    session.generate_key(KeyKind.P256, b"\x01", WORDS)
    session.generate_key(KeyKind.P256, b"\x02", WORDS)
    der = certificate_for(session, authority, b"\x02")
    before = counts(session)
    with pytest.raises(CertificateForNoKey) as raised:
        session.put_certificate(der, b"\x01", WORDS, authority.chain)
    assert raised.value.subject == "CN=9999 0001 管理者"
    with pytest.raises(KeyMissing):
        session.put_certificate(der, b"\x03", WORDS, authority.chain)
    assert counts(session) == before


@pytest.mark.parametrize("wrong", ["garbage", "trailing", "short", "pem", "empty"])
@pytest.mark.parametrize("where", ["certificate", "chain"])
def test_what_is_not_a_certificate_is_refused_and_nothing_is_written(
    session: Session, authority: ThrowawayCA, wrong: str, where: str
) -> None:
    session.generate_key(KeyKind.P256, b"\x01", WORDS)
    good = certificate_for(session, authority, b"\x01")
    before = counts(session)
    damaged = good if where == "certificate" else authority.chain[0]
    bad = {
        "garbage": b"not a certificate",
        "trailing": damaged + b"\n",
        "short": damaged[:-1],
        "pem": x509.load_der_x509_certificate(damaged).public_bytes(Encoding.PEM),
        "empty": b"",
    }[wrong]
    der, chain = (bad, authority.chain) if where == "certificate" else (good, [authority.chain[0], bad])
    with pytest.raises(NotACertificate):
        session.put_certificate(der, b"\x01", WORDS, chain)
    assert counts(session) == before


def test_a_session_that_only_reads_reads_everything_and_writes_nothing(
    medium: SimulatedMedium, authority: ThrowawayCA
) -> None:
    with medium.library() as library:
        serial = only(library).serial
        with logged_in(library, serial) as session:
            session.generate_key(KeyKind.P256, b"\x01", WORDS)
            der = certificate_for(session, authority, b"\x01")
            before = counts(session)
        with Session.open(library, serial) as session:
            session.login(Secret(PIN))
            key = session.contents().key(b"\x01")
            session.prove(key)
            with pytest.raises(NotPermitted):
                session.put_certificate(der, b"\x01", WORDS)
            with pytest.raises(NotPermitted):
                session.relabel(key, "new")
            assert counts(session) == before


def test_without_a_login_certificates_are_seen_and_keys_are_not(
    library: Library, facts: MediumFacts, authority: ThrowawayCA
) -> None:
    with logged_in(library, facts.serial) as session:
        found = certified(session, authority)
    library.worker.stop()
    with Session.open(library, facts.serial, write=True) as session:
        contents = session.contents()
        assert contents.keys == []
        assert found.certificate in contents.certificates
        assert found.certificate is not None
        with pytest.raises(TokenmgrError):
            session.put_certificate(found.certificate.der, b"\x01", WORDS)


def test_a_certificate_that_reads_back_differently_is_told(faulty: FaultyMedium, authority: ThrowawayCA) -> None:
    """The module says yes to the writing, and nothing is there."""
    with faulty.library() as library, logged_in(library, only(library).serial) as session:
        session.generate_key(KeyKind.P256, b"\x01", WORDS)
        der = certificate_for(session, authority, b"\x01")
        faulty.fault("C_CreateObject", "answer", "CKR_OK")
        with pytest.raises((WrittenDifferently, ObjectMissing)) as raised:
            session.put_certificate(der, b"\x01", WORDS)
        assert raised.value.retriable
        assert counts(session) == {"PRIVATE_KEY": 1, "PUBLIC_KEY": 1}


def test_labels_change_and_nothing_else_does(session: Session, authority: ThrowawayCA) -> None:
    found = certified(session, authority)
    assert found.certificate is not None
    session.relabel(found.certificate, "古い証明書")
    session.relabel(found.key, "古い鍵")
    again = credential(session, b"\x01")
    assert again.certificate is not None
    assert (again.certificate.label, again.key.label) == ("古い証明書", "古い鍵")
    assert (again.certificate.der, again.key.public_key) == (found.certificate.der, found.key.public_key)


def test_a_label_in_an_old_encoding_does_not_hide_what_is_on_the_medium(
    session: Session, medium: SimulatedMedium, authority: ThrowawayCA, tmp_path: Path
) -> None:
    """Japanese Windows software of old wrote labels in Shift_JIS."""
    good = certified(session, authority)
    value = tmp_path / "ca"
    value.write_bytes(authority.chain[1])
    label = os.fsdecode("電子証明書".encode("shift_jis"))
    environment = {**os.environ, "SOFTHSM2_CONF": str(medium.configuration)}
    command = ["pkcs11-tool", "--module", softhsm(), "--login", "--pin", PIN, "--write-object", str(value)]
    subprocess.run(
        [*command, "--type", "cert", "--id", "99", "--label", label], env=environment, check=True, timeout=60
    )
    contents = session.contents()
    assert b"\x99" in [one.key_id for one in contents.certificates]
    assert good.key in contents.keys


def test_a_medium_pulled_between_two_calls_is_never_said_to_be_empty(
    library: Library, session: Session, medium: SimulatedMedium, authority: ThrowawayCA
) -> None:
    certified(session, authority)
    medium.unplug()
    with pytest.raises(TokenmgrError) as raised:
        session.contents()
    assert raised.value.retriable


def test_after_plugging_in_again_a_new_session_finds_everything(
    library: Library, session: Session, medium: SimulatedMedium, authority: ThrowawayCA
) -> None:
    found = certified(session, authority)
    serial = session.medium.serial
    medium.unplug()
    for use in (session.refresh, lambda: session.generate_key(KeyKind.P256, b"\x02", WORDS)):
        with pytest.raises(TokenmgrError) as raised:
            use()
        assert raised.value.retriable
    session.close()
    medium.plug()
    with logged_in(library, serial) as again:
        assert credential(again, b"\x01") == found
        again.prove(credential(again, b"\x01").key)


def test_a_key_that_an_earlier_session_read_is_never_taken_for_another_object(
    library: Library, facts: MediumFacts, authority: ThrowawayCA
) -> None:
    """A handle is worth nothing in the next session; what is done with it must fail, or reach what was meant."""
    with logged_in(library, facts.serial) as session:
        stale = [session.generate_key(KeyKind.P256, bytes([number]), f"key {number}") for number in (1, 2, 3)]
        certified(session, authority, b"\x04")
    library.media()  # starts the library again, as any look does
    with logged_in(library, facts.serial) as session:
        for key in stale:
            before = labels(session)
            with contextlib.suppress(TokenmgrError):
                session.relabel(key, "renamed")
            changed = {name for name, label in labels(session).items() if before[name] != label}
            assert changed <= {("key", key.key_id)}, key


def labels(session: Session) -> dict[tuple[str, bytes], str]:
    contents = session.contents()
    return {
        **{("key", one.key_id): one.label for one in contents.keys},
        **{("certificate", one.der): one.label for one in contents.certificates},
    }
