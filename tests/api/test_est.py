"""EST (RFC 7030) on the whole front: who gets a certificate, and what becomes of one that is cut short."""

from __future__ import annotations

import base64
import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests.actors import TESTER
from tests.api.asgi import Client
from tests.api.est import (
    ANYBODY,
    NOBODY,
    OFFERED,
    Est,
    asked_for,
    basic,
    brought,
    certificates,
    csr,
    peer_of,
    policies,
    refused,
    unproven,
)
from tests.api.rig import (
    BANK,
    CONTRACT,
    DAY,
    SECOND,
    USER,
    Rig,
    granted,
    new_key,
)
from tests.api.signer import Troubled
from tests.api.test_rehearsals import rehearse
from tokenmgr.api.app import application
from tokenmgr.ca.profile import POLICY_MEDIUM, POLICY_PC
from tokenmgr.domain.generation import RevocationReason, State, StoreKind
from tokenmgr.domain.policy import OldGeneration
from tokenmgr.ra.ports import Exchange
from tokenmgr.sql.registry import SqlRegistry
from tokenmgr.sql.schema import audit

# --- what goes well ---------------------------------------------------------------------------------------------------


def test_a_life_by_est(est: Est) -> None:
    keys = [new_key() for _ in range(3)]
    found = [brought(est.enroll(csr(keys[0], ANYBODY)))]
    for key in keys[1:]:
        est.rig.pass_time(SECOND)
        found.append(brought(est.reenroll(csr(key), found[-1])))
    assert [one.certificate for one in est.rig.history()] == found
    assert est.rig.states() == [State.SUPERSEDED, State.SUPERSEDED, State.ACTIVE]
    told = {x509.load_der_x509_certificate(one).subject.rfc4514_string() for one in found}
    assert told == {f"CN={USER},OU={BANK}-{CONTRACT},O=みほん信用金庫,C=JP"}
    assert est.rig.active().predecessor == est.rig.of(found[1]).serial


def test_the_trail_says_who_and_from_where(quick_est: Est) -> None:
    peer = quick_est.enrolled()
    brought(quick_est.reenroll(csr(new_key()), peer))
    with quick_est.rig.database.engine.connect() as connection:
        told = select(audit.c.action, audit.c.actor_kind, audit.c.actor, audit.c.origin).order_by(audit.c.number)
        rows = connection.execute(told).all()
    who, origin = f"{BANK}/{CONTRACT}/{USER}", "203.0.113.9"
    mine = [tuple(row[:3]) for row in rows if row.origin == origin]
    assert mine == [
        ("claim.accepted", "claimant", BANK),
        ("certificate.issued", "subscriber", who),
        ("certificate.confirmed", "subscriber", who),
        ("certificate.issued", "subscriber", who),
        ("certificate.superseded", "subscriber", who),
        ("certificate.confirmed", "subscriber", who),
    ]


def test_the_same_again_is_the_same(est: Est) -> None:
    """S6: a lost answer costs nothing, whichever of the two it was."""
    first, second = csr(new_key()), csr(new_key())
    found = brought(est.enroll(first))
    assert brought(est.enroll(first)) == found
    renewed = brought(est.reenroll(second, found))
    assert brought(est.reenroll(second, found)) == renewed  # by the old one, which is superseded
    assert est.states == ["active", "superseded"]


def test_the_one_before_goes_as_policy_says(quick_est: Est) -> None:
    """R12; and what it has asked for is still given to it again."""
    quick_est.rig.change_policy(old_generation=OldGeneration.AT_CONFIRMATION)
    peer, asked = quick_est.enrolled(), csr(new_key())
    found = brought(quick_est.reenroll(asked, peer))
    assert quick_est.rig.of(peer).reason is RevocationReason.SUPERSEDED
    assert brought(quick_est.reenroll(asked, peer)) == found
    refused(quick_est.reenroll(csr(new_key()), peer), 403, "R104")


def test_what_anybody_may_ask(quick_est: Est) -> None:
    answer = quick_est.ask("cacerts")
    assert answer.headers["content-type"] == "application/pkcs7-mime"
    assert set(certificates(answer)) == set(quick_est.rig.service.chain)
    told = quick_est.ask("csrattrs")
    assert (told.status_code, told.headers["content-type"]) == (200, "application/csrattrs")
    data = base64.b64decode(told.content, validate=True)
    named = policies(POLICY_PC).public_bytes()
    sizes = "020208000202 0c0002021000".replace(" ", "")
    for part in (bytes.fromhex(sizes), named, bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06052b81040022")):
        assert part in data
    quick_est.rig.change_policy(pc_allowed=False, key_kinds=OFFERED.key_kinds[:1])
    data = base64.b64decode(quick_est.ask("csrattrs").content, validate=True)
    assert policies(POLICY_MEDIUM).public_bytes() in data
    assert bytes.fromhex("2a8648ce3d0201") not in data  # no elliptic curves at all


def test_the_other_address_is_the_same(quick_est: Est) -> None:
    """For clients that know no label, and put their path before the well-known one."""
    home = f"/banks/{BANK}/.well-known/est"
    assert quick_est.ask("cacerts", home=home).content == quick_est.ask("cacerts").content
    peer = quick_est.enrolled()
    assert brought(quick_est.reenroll(csr(new_key()), peer, home)) == quick_est.rig.active().certificate


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 600), st.sampled_from(["\n", "\r\n", " ", "\t"])), max_size=40))
def test_base64_is_wrapped_anywhere(quick_est: Est, breaks: list[tuple[int, str]]) -> None:
    """RFC 8951, 3.1; and the header of before says nothing."""
    text = asked_for(quick_est).decode()
    for at, blank in breaks:
        text = text[:at] + blank + text[at:]
    answer = quick_est.post(
        "simplereenroll", text.encode(), peer_of(quick_est), **{"content-transfer-encoding": "8bit"}
    )
    assert brought(answer) == quick_est.rig.active().certificate


# --- which store (S3) -------------------------------------------------------------------------------------------------


def test_the_store_is_the_one_that_the_request_names(quick_est: Est) -> None:
    peer = brought(quick_est.enroll(csr(new_key(), ANYBODY, policies(POLICY_MEDIUM))))
    assert quick_est.rig.of(peer).store is StoreKind.MEDIUM
    peer = brought(quick_est.reenroll(csr(new_key()), peer))
    assert quick_est.rig.of(peer).store is StoreKind.MEDIUM  # as it was
    peer = brought(quick_est.reenroll(csr(new_key(), NOBODY, policies(POLICY_PC)), peer))
    assert quick_est.rig.of(peer).store is StoreKind.PC


def test_without_a_name_it_is_the_pc_where_the_bank_allows_it(quick_est: Est) -> None:
    quick_est.rig.change_policy(pc_allowed=False)
    asked = csr(new_key())
    assert "store-forbidden" in refused(quick_est.enroll(asked), 403, "R104")
    assert quick_est.rig.history() == []
    refused(quick_est.enroll(csr(new_key(), NOBODY, policies("1.2.3.4"))), 400, "R134")
    quick_est.rig.change_policy(pc_allowed=True)
    assert quick_est.rig.of(brought(quick_est.enroll(asked))).store is StoreKind.PC


# --- cut short --------------------------------------------------------------------------------------------------------


class Cut(SqlRegistry):
    """The process ends between the certificate and its being active."""

    times: list[int]

    def confirm(self, exchange: Exchange, confirm_digest: bytes, now: Any, retire: bool) -> None:
        if self.times[0]:
            self.times[0] -= 1
            raise ConnectionAbortedError
        super().confirm(exchange, confirm_digest, now, retire)


def test_cut_before_it_is_active(est: Est) -> None:
    rig = est.rig
    registry = Cut(rig.database, TESTER)
    registry.times = [1]
    rig.service = dataclasses.replace(rig.service, registry=registry)
    first, second = csr(new_key()), csr(new_key())
    assert est.enroll(first).status_code == 500
    (waits,) = rig.history()
    assert waits.state is State.PENDING
    peer = brought(est.enroll(first))
    assert (peer, rig.states()) == (waits.certificate, [State.ACTIVE])
    registry.times[0] = 1
    assert est.reenroll(second, peer).status_code == 500
    assert est.states == ["active", "pending"]
    found = brought(est.reenroll(second, peer))
    assert rig.of(found).state is State.ACTIVE
    assert rig.of(peer).state is State.SUPERSEDED


def test_cut_before_it_is_active_it_is_in_no_other_keys_way(est: Est) -> None:
    """Nobody was given it. A minute later it cannot be under way any more."""
    rig, registry = est.rig, Cut(est.rig.database, TESTER)
    registry.times = [0]
    rig.service = dataclasses.replace(rig.service, registry=registry)
    peer = est.enrolled()
    registry.times[0] = 1
    assert est.reenroll(csr(new_key()), peer).status_code == 500
    refused(est.reenroll(csr(new_key()), peer), 409, "R107")
    rig.pass_time(timedelta(minutes=1) + SECOND)
    assert rig.of(brought(est.reenroll(csr(new_key()), peer))).state is State.ACTIVE
    assert est.states == ["active", "revoked", "superseded"]


def test_what_cmp_has_given_out_stays_in_the_way(quick_est: Est) -> None:
    rig, customer = quick_est.rig, quick_est.rig.with_certificate()
    customer.begin_anew()
    granted(customer.request(new_key()))
    rig.pass_time(DAY)
    refused(quick_est.reenroll(csr(new_key()), customer.certificate), 409, "R107")


def test_a_certificate_of_a_rehearsal_renews_nothing(quick_est: Est) -> None:
    customer = quick_est.rig.with_certificate()
    made = granted(rehearse(customer))
    refused(quick_est.reenroll(csr(new_key()), made), 403, "R104")
    customer.confirm(made)
    refused(quick_est.reenroll(csr(new_key()), made), 403, "R104")


def test_a_token_that_does_not_sign(url: str) -> None:
    """4.2.3: recorded, 202, and the same again brings it. Another one does not push it aside meanwhile."""
    trouble = Troubled(2)
    rig = Rig(url, hook=trouble)
    est, first, second = Est(rig), csr(new_key()), csr(new_key())
    for _ in range(2):
        answer = est.enroll(first)
        assert (answer.status_code, answer.headers["retry-after"]) == (202, "5")
        assert rig.states() == [State.RECORDED]
    peer = brought(est.enroll(first))
    trouble.left = 1
    assert est.reenroll(second, peer).status_code == 202
    refused(est.reenroll(csr(new_key()), peer), 409, "R107")
    assert rig.of(brought(est.reenroll(second, peer))).state is State.ACTIVE
    rig.close()


def test_what_was_never_signed_in_time_is_begun_anew_by_the_same_request(tmp_path: Any) -> None:
    rig = Rig(f"sqlite:///{tmp_path / 'registry.db'}", hook=Troubled(1))
    est, asked = Est(rig), csr(new_key())
    assert est.enroll(asked).status_code == 202
    rig.pass_time(8 * DAY)
    rig.registry.expire_unconfirmed(rig.now)
    assert rig.states() == [State.VOID]
    assert rig.of(brought(est.enroll(asked))).state is State.ACTIVE
    rig.close()


def test_several_at_once_get_one(est: Est) -> None:
    first, second = csr(new_key()), csr(new_key())
    with ThreadPoolExecutor(8) as threads:  # a fifth at the same moment would be the try that locks
        found = {brought(one) for one in threads.map(lambda _: est.enroll(first), range(4))}
        (peer,) = found
        found = {brought(one) for one in threads.map(lambda _: est.reenroll(second, peer), range(8))}
    assert len(found) == 1
    assert est.states == ["active", "superseded"]


def test_it_is_counted(quick_est: Est) -> None:
    unproven(quick_est.enroll(csr(new_key()), basic(password="1:1")))
    told = Client(application(quick_est.rig.service), "127.0.0.1").get("/metrics").text
    assert 'tokenmgr_answers_total{route="est-simpleenroll",status="401"} 1.0' in told
    assert 'tokenmgr_refusals_total{code="R102"} 1.0' in told
