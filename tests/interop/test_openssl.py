"""`openssl cmp` over HTTPS: every request that it knows, and what it makes of our answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.interop.openssl import Client, OpenSSL
from tests.interop.running import BANK, Authority
from tokenmgr.cmp.messages import parse
from tokenmgr.domain.generation import RevocationReason, State, StoreKind

KINDS = ["p256", "p384", "rsa2048"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_first_certificate_and_its_renewal(ca: Authority, openssl: OpenSSL, kind: str) -> None:
    """OpenSSL's own MAC, PasswordBasedMac with HMAC-SHA-1; then the old key signs for a new one."""
    first = openssl.acquire(kind=kind)
    assert openssl.verify(first).endswith(": OK\n")
    second = openssl.renew(first, kind=kind)
    assert openssl.verify(second).endswith(": OK\n")
    assert second.read.subject == first.read.subject
    assert ca.states(first.user) == [State.SUPERSEDED, State.ACTIVE]


@pytest.mark.parametrize("mac", ["hmacWithSHA256", "hmacWithSHA512"])
def test_other_macs(openssl: OpenSSL, mac: str) -> None:
    openssl.acquire("-mac", mac)


def test_another_digest_in_the_mac_and_in_signatures(openssl: OpenSSL) -> None:
    first = openssl.acquire("-digest", "sha384")
    openssl.renew(first, "-digest", "sha512", kind="rsa2048")


def test_from_one_kind_of_key_to_another(ca: Authority, openssl: OpenSSL) -> None:
    holder = openssl.acquire(kind="rsa2048")
    for kind in ("p384", "p256", "rsa2048"):
        holder = openssl.renew(holder, kind=kind)
    assert ca.states(holder.user) == [*[State.SUPERSEDED] * 3, State.ACTIVE]


def test_the_certificate_of_a_cr(ca: Authority, openssl: OpenSSL) -> None:
    renewed = openssl.renew(openssl.acquire(), command="cr")
    assert ca.states(renewed.user) == [State.SUPERSEDED, State.ACTIVE]


@pytest.mark.parametrize("padding", ["pkcs1", "pss"])
def test_a_pkcs10_request_with_a_secret(ca: Authority, openssl: OpenSSL, padding: str) -> None:
    """A request that is signed with PSS by an ordinary RSA key is taken; a key that is for PSS alone is not."""
    ticket = ca.ticket()
    pss = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32") if padding == "pss" else ()
    csr = openssl.new_csr(openssl.new_key("rsa2048"), *pss)
    said = openssl.cmp("p10cr", *openssl.with_secret(ticket), "-csr", csr, "-certout", openssl.name("pem"))
    assert "received PKICONF" in said.text
    assert ca.states(ticket.user) == [State.ACTIVE]


def test_a_pkcs10_request_signed_by_the_old_key(ca: Authority, openssl: OpenSSL) -> None:
    holder = openssl.acquire()
    csr = openssl.new_csr(openssl.new_key("p384"))
    said = openssl.cmp("p10cr", *openssl.by(holder), "-csr", csr, "-certout", openssl.name("pem"))
    assert "received PKICONF" in said.text
    assert ca.states(holder.user) == [State.SUPERSEDED, State.ACTIVE]


def test_implicit_confirmation_is_not_granted(openssl: OpenSSL) -> None:
    """It asks, is not told that it may, and confirms (RFC 9483, 4.1.1)."""
    holder = openssl.acquire("-implicit_confirm")
    openssl.renew(holder, "-implicit_confirm")


def test_what_is_never_confirmed_waits_and_signs_nothing(ca: Authority, openssl: OpenSSL) -> None:
    holder = openssl.acquire()
    unconfirmed = openssl.name("pem")
    key = openssl.new_key()
    asked = ("-newkey", key, "-certout", unconfirmed, "-disable_confirm")
    openssl.cmp("kur", *openssl.by(holder), *asked)
    assert ca.states(holder.user) == [State.ACTIVE, State.PENDING]
    other = ("-trusted", str(ca.root), "-cert", str(unconfirmed), "-key", key, "-newkey", openssl.new_key())
    said = openssl.cmp("kur", *other, "-certout", openssl.name("pem"), status=1)
    assert "notAuthorized" in said.text
    said = openssl.cmp(
        "kur", *openssl.by(holder), "-newkey", key, "-certout", unconfirmed
    )  # S6: that one, and no other
    assert "received PKICONF" in said.text
    assert ca.states(holder.user) == [State.SUPERSEDED, State.ACTIVE]


def test_a_saved_request_brings_the_same_certificate(ca: Authority, openssl: OpenSSL) -> None:
    """S6, while it waits for its confirmation and afterwards; the answers are the same, but for their time."""
    ticket, key = ca.ticket(), openssl.new_key()
    files = [openssl.name("pem") for _ in range(3)]
    asked = (*openssl.with_secret(ticket), "-newkey", key)
    saved = openssl.cmp("ir", *asked, "-certout", files[0], "-disable_confirm").requests[0]
    again = ("-reqin", str(saved), "-disable_confirm")
    openssl.cmp("ir", *asked, *again, "-certout", files[1])
    done = openssl.cmp("ir", *asked, "-certout", files[2])
    assert "received PKICONF" in done.text
    assert len({file.read_bytes() for file in files}) == 1
    openssl.cmp("ir", *asked, *again, "-certout", files[1])
    for request, answer in zip(done.requests, done.answers, strict=True):
        headers = {"Content-Type": "application/pkixcmp"}
        told = parse(ca.fetch(f"/.well-known/cmp/p/{BANK}", request.read_bytes(), headers))
        before = parse(answer.read_bytes())
        assert told.body == before.body
        assert replace(told.header, message_time=None) == replace(before.header, message_time=None)
    assert ca.states(ticket.user) == [State.ACTIVE]


@pytest.mark.parametrize("store", StoreKind)
def test_the_store_stands_in_the_certificate_as_its_policy(ca: Authority, openssl: OpenSSL, store: StoreKind) -> None:
    made = openssl.acquire("-policy_oids", ca.policy_of(store), ticket=ca.ticket(store))
    said = openssl.do("x509", "-in", made.certificate, "-noout", "-text")
    assert f"Policy: {ca.policy_of(store)}" in said
    assert "TLS Web Client Authentication" in said
    assert openssl.verify(made, "-policy", ca.policy_of(store), "-explicit_policy", "-purpose", "sslclient")
    other = next(one for one in StoreKind if one is not store)
    assert "no explicit policy" in openssl.verify(made, "-policy", ca.policy_of(other), "-explicit_policy", status=2)
    assert [one.store for one in ca.generations(made.user)] == [store]


def test_what_was_not_given_as_asked_is_told(openssl: OpenSSL) -> None:
    """RFC 9483, 4.1.1: accepted, or grantedWithMods. OpenSSL asks for the old subject by itself."""
    holder = openssl.acquire()
    plain = openssl.cmp("kur", *openssl.by(holder), "-newkey", openssl.new_key(), "-certout", openssl.name("pem"))
    assert "grantedWithMods" not in plain.text
    holder = openssl.acquire()
    asked = ("-newkey", openssl.new_key(), "-certout", openssl.name("pem"), "-days", "5", "-sans", "a.example")
    assert "grantedWithMods" in openssl.cmp("kur", *openssl.by(holder), *asked).text


@pytest.mark.parametrize("command", ["ir", "kur", "rr"])
def test_the_address_may_name_the_operation(openssl: OpenSSL, command: str) -> None:
    """RFC 9483, 6.1."""
    holder = openssl.acquire() if command != "ir" else None
    credential = openssl.by(holder) if holder else openssl.with_secret(openssl.ca.ticket())
    asked: tuple[str, ...] = ("-newkey", openssl.new_key(), "-certout", str(openssl.name("pem")))
    if command == "rr" and holder:
        asked = ("-oldcert", str(holder.certificate))
    words = {"ir": "initialization", "kur": "keyupdate", "rr": "revocation"}
    for word in sorted(words.values(), key=lambda one: one == words[command]):
        fits = word == words[command]
        said = openssl.cmp(command, *credential, *asked, path=f".well-known/cmp/p/{BANK}/{word}", status=not fits)
        assert fits or "badRequest" in said.text or "missing trust anchor" in said.text


INFO = ["caCerts", "currentCRL", "certReqTemplate", "rootCaKeyUpdate"]


@pytest.mark.parametrize("what", ["id-it-" + one for one in INFO])
def test_what_it_may_ask_about_the_ca(openssl: OpenSSL, holder: Client, what: str) -> None:
    said = openssl.cmp("genm", *openssl.by(holder), "-infotype", what.removeprefix("id-it-"))
    assert f"genp contains ITAV of type: {what}" in said.text


def test_a_question_that_has_no_answer(openssl: OpenSSL, holder: Client) -> None:
    assert "badRequest" in openssl.cmp("genm", *openssl.by(holder), "-infotype", "signKeyPairTypes", status=1).text


def test_a_question_under_a_secret(openssl: OpenSSL, ca: Authority) -> None:
    asked = openssl.with_secret(ca.ticket())
    assert "id-it-caCerts" in openssl.cmp("genm", *asked, "-infotype", "caCerts").text


def test_a_connection_for_each_message(openssl: OpenSSL) -> None:
    """It speaks HTTP/1.0. By default it asks for the connection to be kept, and goes on without."""
    openssl.renew(openssl.acquire("-keep_alive", "0"), "-keep_alive", "0")


def test_our_signature_by_the_certificate_that_is_expected(openssl: OpenSSL, ca: Authority) -> None:
    pinned = ("-srvcert", str(ca.folder.path / "cmp.pem"))
    holder = openssl.acquire()
    said = openssl.cmp("genm", *holder.signed, *pinned, "-infotype", "caCerts")
    assert "received GENP" in said.text


@pytest.mark.parametrize("reason", [-1, 1, 5])
def test_ones_own_certificate_is_revoked(ca: Authority, openssl: OpenSSL, reason: int) -> None:
    holder = openssl.acquire()
    said = openssl.cmp("rr", *openssl.by(holder), "-oldcert", str(holder.certificate), "-revreason", str(reason))
    assert "revocation accepted" in said.text
    (kept,) = ca.generations(holder.user)
    assert (kept.state, kept.reason) == (State.REVOKED, RevocationReason(max(reason, 0)))


def test_the_one_before_is_revoked_by_the_one_after(ca: Authority, openssl: OpenSSL) -> None:
    old = openssl.acquire()
    new = openssl.renew(old)
    openssl.cmp("rr", *openssl.by(new), "-oldcert", str(old.certificate), "-revreason", "4")
    assert ca.states(old.user) == [State.REVOKED, State.ACTIVE]
