"""EST (RFC 7030) on the whole front: who gets nothing, and is told why."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.name import _ASN1Type
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.actors import TESTER
from tests.api.asgi import Client, scope_of
from tests.api.est import (
    ANYBODY,
    HOME,
    NOBODY,
    OFFERED,
    Est,
    asked_for,
    basic,
    brought,
    certificates,
    csr,
    der_of,
    peer_of,
    policies,
    refused,
    unproven,
)
from tests.api.rig import (
    BANK,
    CONFIRMATION_PIN,
    CONTRACT,
    DAY,
    LOGIN_PIN,
    OTHER_BANK,
    SECOND,
    USER,
    Rig,
    granted,
    new_key,
)
from tests.api.test_rollover import after
from tokenmgr.api.app import application, applications
from tokenmgr.api.requests import CHANGE_SUBJECT_NAME
from tokenmgr.ca.profile import POLICY_MEDIUM
from tokenmgr.cmp.messages import Kind
from tokenmgr.domain.generation import RevocationReason, State
from tokenmgr.domain.policy import BankPolicy
from tokenmgr.serving import requests
from tokenmgr.sql import marks

OPERATIONS = [
    ("GET", "cacerts"),
    ("GET", "csrattrs"),
    ("POST", "simpleenroll"),
    ("POST", "simplereenroll"),
    ("POST", "serverkeygen"),
    ("POST", "fullcmc"),
]


# --- not offered ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "operation"), OPERATIONS)
def test_a_bank_that_does_not_offer_it_has_none(quick: Rig, method: str, operation: str) -> None:
    peer = quick.with_certificate().certificate
    client, headers = Client(applications(quick.service)[1], peer=peer), {"Content-Type": "application/pkcs10"}
    assert BankPolicy().est is False
    for proof in ({}, {"Authorization": basic()}):
        answer = client.request(method, f"{HOME}/{operation}", csr(new_key()), headers | proof)
        refused(answer, 404, "R131")
        refused(client.request(method, f"/.well-known/est/9999/{operation}", b"", headers), 404, "R101")
    assert quick.states() == [State.ACTIVE]


@pytest.mark.parametrize("operation", ["serverkeygen", "fullcmc"])
def test_what_this_ca_does_not_do(quick_est: Est, operation: str) -> None:
    assert operation in refused(quick_est.post(operation, csr(new_key()), authorization=basic()), 501, "R133")


def test_a_ca_that_is_closed(quick_est: Est) -> None:
    peer = quick_est.enrolled()
    marks.close(quick_est.rig.database, TESTER, quick_est.rig.now)
    refused(quick_est.reenroll(csr(new_key()), peer), 409, "R130")
    refused(quick_est.enroll(csr(new_key())), 409, "R130")
    assert set(certificates(quick_est.ask("cacerts"))) == set(quick_est.rig.service.chain)


# --- who is not proven (3.2.3; R9, R11) -------------------------------------------------------------------------------

NO_PROOF = [
    "",
    "Basic",
    "Basic !!!!",
    "Basic " + base64.b64encode(b"\xff\xfe:x:y").decode(),
    "Bearer " + basic().split()[1],
    basic(USER),
    basic(f"{CONTRACT}/{USER}/more"),
    basic(f"/{USER}"),
    basic(password=LOGIN_PIN),
    basic(password=f"{LOGIN_PIN}:{CONFIRMATION_PIN}:"),
    basic(password=f"{LOGIN_PIN}:"),
    basic(password=f"{LOGIN_PIN}:{'2' * 65}"),
    basic(password=f"{LOGIN_PIN}:24\x006802"),
]


@pytest.mark.parametrize("proof", NO_PROOF, ids=range(len(NO_PROOF)))
def test_what_is_no_proof_at_all_costs_no_try(quick_est: Est, proof: str) -> None:
    for _ in range(6):
        unproven(quick_est.enroll(csr(new_key()), proof))
    assert quick_est.enrolled()


def test_wrong_pins_are_counted_as_everywhere(quick_est: Est) -> None:
    """The counters are those of the claim, and no ID is told from another."""
    wrong, claim = basic(password=f"{LOGIN_PIN}:999999"), f"/banks/{BANK}/acquisitions"
    asked = csr(new_key())
    for _ in range(4):
        unproven(quick_est.enroll(asked, wrong))
        unproven(quick_est.enroll(asked, basic(f"{CONTRACT}/nobody", "1111:2222")))
    fields = {"contract": CONTRACT, "user": USER, "login_pin": "1", "confirmation_pin": "1", "store": "pc"}
    assert Client(application(quick_est.rig.service)).post(claim, json=fields).json()["error"]["facts"] == {
        "tries_left": 0
    }
    unproven(quick_est.enroll(asked, basic(f"{CONTRACT}/nobody", "1111:2222")))
    refused(quick_est.enroll(asked), 403, "R103")
    refused(quick_est.enroll(asked, basic(f"{CONTRACT}/nobody", "1111:2222")), 403, "R103")
    quick_est.rig.administration.unlock(quick_est.rig.subscriber.id)
    for _ in range(4):
        unproven(quick_est.enroll(asked, wrong))
    assert brought(quick_est.enroll(asked))  # and forgives the four
    for _ in range(4):
        unproven(quick_est.enroll(asked, wrong))


def test_pins_prove_nothing_at_another_bank(quick_est: Est) -> None:
    rig = quick_est.rig
    rig.administration.change_bank(OTHER_BANK, lambda bank: dataclasses.replace(bank, policy=OFFERED))
    answer = quick_est.post(
        "simpleenroll", csr(new_key()), home=f"/.well-known/est/{OTHER_BANK}", authorization=basic()
    )
    assert (answer.status_code, answer.content) == (401, b"")


def test_what_policy_refuses_is_told_to_whoever_is_proven(quick_est: Est) -> None:
    quick_est.enrolled()
    assert "renew" in refused(quick_est.enroll(csr(new_key())), 403, "R104")
    quick_est.rig.pass_time(21 * DAY)
    refused(quick_est.enroll(csr(new_key())), 403, "R104")  # its time of grace is over: none
    quick_est.rig.change_policy(grace_days=80)
    assert quick_est.enrolled()


# --- what cannot be read ----------------------------------------------------------------------------------------------

KEY = new_key()
DER = der_of(KEY)
BODIES: list[bytes] = [
    b"",
    b"junk",
    DER,
    b"-----BEGIN CERTIFICATE REQUEST-----\n" + base64.b64encode(DER) + b"\n-----END CERTIFICATE REQUEST-----\n",
    base64.b64encode(DER) + b"!",
    base64.b64encode(DER[:-1]),
    base64.b64encode(DER + b"\0"),
    base64.b64encode(DER[:-1] + bytes([DER[-1] ^ 1])),  # not signed by its own key
    base64.urlsafe_b64encode(b"\xff" * 300),
    csr(KEY, NOBODY, x509.BasicConstraints(True, None)),
    csr(rsa.generate_private_key(65537, 1024)),  # noqa: S505
    csr(ec.generate_private_key(ec.SECP521R1())),
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_a_body_that_is_no_request(quick_est: Est, body: bytes) -> None:
    peer = quick_est.enrolled()
    for answer in (quick_est.enroll(body), quick_est.reenroll(body, peer)):
        refused(answer, 400, "A106" if body in BODIES[-2:] else "R134")
    assert quick_est.rig.states() == [State.ACTIVE]
    wrong = basic(password="1:1")
    for _ in range(6):  # what cannot be read costs no try
        if body not in BODIES[-2:]:
            refused(quick_est.enroll(body, wrong), 400, "R134")
    unproven(quick_est.enroll(csr(new_key()), wrong))


def test_its_type_and_its_size(quick_est: Est) -> None:
    peer, body = quick_est.enrolled(), csr(new_key())
    for kind in ("", "text/plain", "application/pkcs7-mime", "application/json"):
        refused(quick_est.post("simplereenroll", body, peer, **{"content-type": kind}), 415, "R134")
    refused(quick_est.reenroll(body + b" " * 64 * 1024, peer), 413, "R134")
    assert (
        quick_est.post("simplereenroll", body, peer, **{"content-type": "Application/PKCS10; a=b"}).status_code == 200
    )


def test_a_slow_body(quick_est: Est, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "SLOWEST_BODY", 0.05)
    said: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(3600)

    async def send(message: Any) -> None:
        said.append(message)

    scope = scope_of("POST", f"{HOME}/simplereenroll", {"content-type": "application/pkcs10"})
    asyncio.run(applications(quick_est.rig.service)[1](scope, receive, send))
    assert said[0]["status"] == 408


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4),
    end=st.integers(0, 400),
)
def test_any_few_bytes_may_be_others(quick_est: Est, changes: list[tuple[int, int]], end: int) -> None:
    """Nothing but the request itself brings anything: a changed one is not signed by its key."""
    peer, sent = peer_of(quick_est), base64.b64decode(asked_for(quick_est))
    data = bytearray(sent)
    for at, value in changes:
        data[at % len(data)] = value
    for one in (bytes(data), sent[: end % len(sent)], bytes(data[: end % len(sent)])):
        answer = quick_est.reenroll(base64.b64encode(one), peer)
        assert answer.status_code == (200 if one == sent else 400)
    assert len(quick_est.rig.history()) <= 2


# --- renewing (4.2.2) -------------------------------------------------------------------------------------------------


def test_a_renewal_needs_the_certificate_in_tls(quick_est: Est) -> None:
    quick_est.enrolled()
    refused(quick_est.reenroll(csr(new_key()), b""), 403, "R132")
    answer = quick_est.post("simplereenroll", csr(new_key()), authorization=basic())
    refused(answer, 403, "R132")


def test_somebody_elses_certificate(quick_est: Est) -> None:
    rig = quick_est.rig
    rig.administration.change_bank(OTHER_BANK, lambda bank: dataclasses.replace(bank, policy=OFFERED))
    peer = quick_est.enrolled()
    refused(quick_est.reenroll(csr(new_key()), peer, f"/.well-known/est/{OTHER_BANK}"), 403, "R111")
    own = rig.service.keys.ocsp.certificate  # TLS does not take it for a client's; if it did, it is nobody's here
    refused(quick_est.reenroll(csr(new_key()), own), 403, "R111")
    assert rig.states() == [State.ACTIVE]


def test_a_certificate_that_is_not_active(quick_est: Est) -> None:
    rig, asked = quick_est.rig, csr(new_key())
    peer = quick_est.enrolled()
    serial = rig.of(peer).serial
    rig.registry.hold(serial, rig.now)
    assert "on-hold" in refused(quick_est.reenroll(asked, peer), 403, "R104")
    rig.registry.release(serial)
    rig.registry.revoke(serial, RevocationReason.KEY_COMPROMISE, rig.now)
    assert "revoked" in refused(quick_est.reenroll(asked, peer), 403, "R104")
    assert rig.states() == [State.REVOKED]


def test_its_time_and_its_end(quick_est: Est) -> None:
    """R2, to the second. TLS refuses what is over, unless the connection is older than that."""
    quick_est.rig.change_policy(renewal_days=5)
    peer = quick_est.enrolled()
    ends = quick_est.rig.of(peer).not_after
    quick_est.rig.now = ends - 5 * DAY - SECOND
    assert "too-early" in refused(quick_est.reenroll(csr(new_key()), peer), 403, "R104")
    quick_est.rig.now = ends + SECOND
    assert "expired" in refused(quick_est.reenroll(csr(new_key()), peer), 403, "R104")
    quick_est.rig.now = ends
    assert brought(quick_est.reenroll(csr(new_key()), peer))


def test_who_is_renewed_stays_who_it_is(quick_est: Est) -> None:
    peer = quick_est.enrolled()
    subject = x509.load_der_x509_certificate(peer).subject
    other = x509.SubjectAlternativeName([x509.DNSName("example.jp")])
    for asked in (
        csr(new_key(), ANYBODY),
        csr(new_key(), x509.Name(list(subject)[::-1])),
        csr(new_key(), subject, other),
        csr(new_key(), NOBODY, extra=CHANGE_SUBJECT_NAME),
    ):
        refused(quick_est.reenroll(asked, peer), 400, "R134")
    printable = x509.Name(
        x509.NameAttribute(one.oid, str(one.value), _ASN1Type.PrintableString if str(one.value).isascii() else None)
        for one in subject
    )
    assert printable.public_bytes() != subject.public_bytes()
    found = brought(quick_est.reenroll(csr(new_key(), printable), peer))
    assert x509.load_der_x509_certificate(found).subject.public_bytes() == subject.public_bytes()


def test_a_key_is_certified_once(quick_est: Est) -> None:
    key = new_key()
    peer = brought(quick_est.enroll(csr(key)))
    refused(quick_est.reenroll(csr(key), peer), 409, "R105")
    renewed = brought(quick_est.reenroll(csr(new_key()), peer))
    refused(quick_est.reenroll(csr(key), renewed), 409, "R105")
    quick_est.rig.enrol("another")
    refused(quick_est.enroll(csr(key), basic(f"{CONTRACT}/another")), 409, "R105")
    assert quick_est.rig.history("another") == []


def test_beside_cmp(quick_est: Est) -> None:
    """What CMP has begun and nobody has confirmed: its certificate renews nothing, both PINs together end it, and a
    renewal with another key waits for it."""
    rig = quick_est.rig
    customer = rig.begin()
    pending = granted(customer.request())
    assert "pending" in refused(quick_est.reenroll(csr(new_key()), pending), 403, "R104")
    peer = quick_est.enrolled()
    assert quick_est.states == ["active", "revoked"]
    rig.enrol("second")
    holder = rig.with_certificate("second")
    holder.begin_anew()
    granted(holder.request(new_key()))
    refused(quick_est.reenroll(csr(new_key()), holder.certificate), 409, "R107")
    assert holder.last is not None
    assert holder.confirm(granted(holder.last)).kind is Kind.PKICONF
    assert brought(quick_est.reenroll(csr(new_key()), peer))


def test_the_same_key_goes_on_with_what_cmp_has_begun(quick_est: Est) -> None:
    holder, key = quick_est.rig.with_certificate(), new_key()
    holder.begin_anew()
    begun = granted(holder.request(key))
    asked = csr(key, NOBODY, policies(POLICY_MEDIUM))
    assert brought(quick_est.reenroll(asked, holder.certificate)) == begun
    assert quick_est.states == ["active", "superseded"]


def test_after_a_rollover(quick_est: Est) -> None:
    peer = quick_est.enrolled()
    rolled = after(quick_est.rig)
    est = Est(rolled)
    renewed = brought(est.reenroll(csr(new_key()), peer))
    assert x509.load_der_x509_certificate(renewed).issuer.public_bytes() == rolled.service.issuer.subject
    (update,) = rolled.service.keys.root_updates
    told = set(certificates(est.ask("cacerts")))
    every = {update.old_with_old, update.old_with_new, update.new_with_old, update.new_with_new}  # 4.1.3
    assert told == every | set(rolled.service.keys.anchors)
    rolled.close()
