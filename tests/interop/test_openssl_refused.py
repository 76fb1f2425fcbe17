"""`openssl cmp` where our answer is no: it understands it, and nothing has happened."""

from __future__ import annotations

import dataclasses

import pytest

from tests.interop.openssl import Client, OpenSSL
from tests.interop.running import OTHER_BANK, Authority, Ticket
from tokenmgr.domain.generation import State, StoreKind


@pytest.fixture
def ticket(ca: Authority) -> Ticket:
    return ca.ticket()


def refused(openssl: OpenSSL, command: str, *options: str, path: str = "", key: str = "") -> str:
    """`-trusted`, because what nobody has proven is answered under our signature."""
    enrols = command in ("ir", "cr", "kur", "p10cr")
    asked: tuple[str, ...] = ("-certout", str(openssl.name("pem"))) if enrols else ()
    asked += ("-newkey", key or openssl.new_key()) if enrols and command != "p10cr" else ()
    return openssl.cmp(command, *options, *asked, "-trusted", str(openssl.ca.root), path=path, status=1).text


def test_a_wrong_secret(ca: Authority, openssl: OpenSSL, ticket: Ticket) -> None:
    said = refused(openssl, "ir", *openssl.with_secret(dataclasses.replace(ticket, secret="wrong")))
    assert "badMessageCheck" in said
    assert not ca.generations(ticket.user)
    openssl.acquire(ticket=ticket)  # which costs the right one nothing


def test_a_reference_that_there_is_not(openssl: OpenSSL, ticket: Ticket) -> None:
    said = refused(openssl, "ir", *openssl.with_secret(dataclasses.replace(ticket, reference="0123456789abcdef")))
    assert "badMessageCheck" in said


def test_a_reference_that_was_used(openssl: OpenSSL, ticket: Ticket) -> None:
    openssl.acquire(ticket=ticket)
    assert "PKIStatus: rejection" in refused(openssl, "ir", *openssl.with_secret(ticket))


def test_a_bank_that_there_is_not(openssl: OpenSSL, ticket: Ticket) -> None:
    said = refused(openssl, "ir", *openssl.with_secret(ticket), path=".well-known/cmp/p/9999")
    assert "code=404, reason=Not Found" in said


def test_another_bank(openssl: OpenSSL, ticket: Ticket, holder: Client) -> None:
    path = f".well-known/cmp/p/{OTHER_BANK}"
    assert "badMessageCheck" in refused(openssl, "ir", *openssl.with_secret(ticket), path=path)
    assert "notAuthorized" in refused(openssl, "kur", *holder.signed, path=path)


def test_no_protection_at_all(openssl: OpenSSL) -> None:
    asked = ("-unprotected_requests", "-recipient", "/CN=CA", "-subject", "/CN=One")
    assert "badMessageCheck" in refused(openssl, "ir", *asked)


def test_a_secret_where_a_signature_is_wanted(openssl: OpenSSL, ticket: Ticket, holder: Client) -> None:
    asked = openssl.with_secret(ticket)
    assert "wrongIntegrity" in refused(openssl, "cr", *asked)
    for command in ("kur", "rr"):
        assert "wrongIntegrity" in refused(openssl, command, *asked, "-oldcert", str(holder.certificate))


def test_a_signature_where_a_secret_is_wanted(openssl: OpenSSL, holder: Client) -> None:
    assert "notAuthorized" in refused(openssl, "ir", *holder.signed)


def test_a_certificate_of_another_ca(openssl: OpenSSL) -> None:
    """Of our customer's name."""
    (ca_key, ca_file), key, file = openssl.new_root(), openssl.new_key(), str(openssl.name("pem"))
    asked = ("-x509", "-config", "/dev/null", "-subj", "/CN=user01", "-key", key, "-out", file)
    openssl.do("req", *asked, "-CA", ca_file, "-CAkey", ca_key)
    assert "signerNotTrusted" in refused(openssl, "kur", "-cert", file, "-key", key)


@pytest.mark.parametrize(("number", "bit"), [(0, "notAuthorized"), (-1, "badPOP"), (2, "badPOP")])
def test_no_proof_of_possession(openssl: OpenSSL, ticket: Ticket, number: int, bit: str) -> None:
    """raVerified, none, and keyEncipherment."""
    key = openssl.new_key("rsa2048")
    assert bit in refused(openssl, "ir", *openssl.with_secret(ticket), "-popo", str(number), key=key)
    openssl.acquire(ticket=ticket)  # a refusal has not spent it


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("rsa1024", "neither 2048, 3072 nor 4096 bits"),
        ("p521", "kind-not-allowed"),
        ("secp256k1", "kind-not-allowed"),
        ("ed25519", "kind-not-allowed"),
    ],
)
def test_a_key_that_is_not_certified(openssl: OpenSSL, ticket: Ticket, kind: str, said: str) -> None:
    told = refused(openssl, "ir", *openssl.with_secret(ticket), key=openssl.new_key(kind))
    assert "badCertTemplate" in told
    assert said in told


def test_a_key_for_pss_alone(openssl: OpenSSL, ticket: Ticket) -> None:
    """OpenSSL signs with as long a salt as fits, RFC 9481, 3.1 wants one of the digest's length; and in a PKCS #10
    request, whose signature we take, it is the kind of key."""
    key = openssl.new_key("rsa-pss")
    assert "badAlg" in refused(openssl, "ir", *openssl.with_secret(ticket), key=key)
    told = refused(openssl, "p10cr", *openssl.with_secret(ticket), "-csr", openssl.new_csr(key))
    assert "kind-not-allowed" in told


def test_sha1_in_a_signature(openssl: OpenSSL, holder: Client) -> None:
    assert "badAlg" in refused(openssl, "kur", *holder.signed, "-digest", "sha1")


def test_another_store_than_was_said(ca: Authority, openssl: OpenSSL, ticket: Ticket) -> None:
    """S3: the acquisition was begun for a medium."""
    for policy in (ca.policy_of(StoreKind.PC), "1.2.3.4"):
        told = refused(openssl, "ir", *openssl.with_secret(ticket), "-policy_oids", policy)
        assert "unacceptedPolicy" in told


@pytest.mark.parametrize("right", ["basicConstraints=critical,CA:TRUE", "extendedKeyUsage=1.3.6.1.5.5.7.3.27"])
def test_rights_that_no_customer_has(openssl: OpenSSL, ticket: Ticket, right: str) -> None:
    csr = openssl.new_csr(openssl.new_key(), "-addext", right)
    assert "notAuthorized" in refused(openssl, "p10cr", *openssl.with_secret(ticket), "-csr", csr)


def test_the_same_key_again(openssl: OpenSSL, holder: Client) -> None:
    assert "duplicateCertReq" in refused(openssl, "kur", *holder.signed, key=holder.key)


def test_a_certificate_that_has_a_successor(openssl: OpenSSL, holder: Client) -> None:
    openssl.renew(holder)
    assert "certRevoked" in refused(openssl, "kur", *holder.signed)
    assert "certRevoked" in refused(openssl, "genm", *holder.signed, "-infotype", "caCerts")


def test_a_second_renewal_beside_the_first(ca: Authority, openssl: OpenSSL, holder: Client) -> None:
    key, file = openssl.new_key(), str(openssl.name("pem"))
    openssl.cmp("kur", *openssl.by(holder), "-newkey", key, "-certout", file, "-disable_confirm")
    told = refused(openssl, "kur", *holder.signed)
    assert "badRequest" in told
    assert "R107" in told
    assert ca.states(holder.user) == [State.ACTIVE, State.PENDING]


def test_a_revoked_certificate_does_nothing_more(openssl: OpenSSL, holder: Client) -> None:
    revoke = (*holder.signed, "-oldcert", str(holder.certificate))
    openssl.cmp("rr", *revoke, "-trusted", str(openssl.ca.root))
    assert "certRevoked" in refused(openssl, "rr", *revoke)
    assert "certRevoked" in refused(openssl, "kur", *holder.signed)


def test_somebody_elses_certificate_is_not_revoked(ca: Authority, openssl: OpenSSL, holder: Client) -> None:
    other = openssl.acquire()
    assert "notAuthorized" in refused(openssl, "rr", *holder.signed, "-oldcert", str(other.certificate))
    assert ca.states(other.user) == [State.ACTIVE]


def test_it_does_not_talk_to_a_server_of_another_root(openssl: OpenSSL, ticket: Ticket) -> None:
    """That the others do is because ours has proven itself."""
    _key, other = openssl.new_root()
    told = refused(openssl, "ir", *openssl.with_secret(ticket), "-tls_trusted", other)
    assert "certificate verify failed" in told
