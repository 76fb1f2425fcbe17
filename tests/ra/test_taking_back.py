"""R10, R12, S7: what staff take back, hold, release and re-issue, and what every certificate is taken back for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509 import load_der_x509_certificate

from tests.api.rig import BANK, CONTRACT, DAY, SECOND, USER, Rig, granted, new_key
from tests.ra.told import told
from tokenmgr.api import jobs
from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.cmp.messages import Kind, confirmation
from tokenmgr.domain.generation import RevocationReason, State
from tokenmgr.domain.party import Role, Subscriber
from tokenmgr.domain.policy import OldGeneration
from tokenmgr.domain.reissue import Cause
from tokenmgr.errors import (
    AlreadyRevoked,
    CannotHold,
    CannotRelease,
    ClaimLocked,
    ClaimNotAccepted,
    NotPermittedNow,
    NotRegistered,
)
from tokenmgr.ra import holding, reissue, revoke

NO = ProtocolFault(FailInfo.incorrectData, "not what was asked for")
REASON = RevocationReason.PRIVILEGE_WITHDRAWN


def number(rig: Rig, user: str = USER) -> int:
    return rig.administration.find(BANK, CONTRACT, user).id


# --- what for (RFC 5280, 5.3.1): the table in docs/bank.md ------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("rejected by the client", RevocationReason.CESSATION),
        ("never confirmed", RevocationReason.CESSATION),
        ("displaced by a new proof", RevocationReason.SUPERSEDED),
        ("begun, when the one before is put on hold", RevocationReason.SUPERSEDED),
    ],
)
def test_what_was_not_confirmed_is_taken_back_for_a_reason(rig: Rig, what: str, reason: RevocationReason) -> None:
    customer = rig.with_certificate(days_left=10) if what.startswith("begun") else rig.begin()
    certificate = granted(customer.request(new_key()))
    if what.startswith("rejected"):
        assert customer.ask(Kind.CERTCONF, confirmation(certificate, NO)).kind is Kind.PKICONF
    elif what.startswith("never"):
        rig.now += timedelta(hours=168, seconds=1)
        assert rig.registry.expire_unconfirmed(rig.now) == 1
    elif what.startswith("displaced"):
        granted(rig.begin().request())
    else:
        holding.hold(rig.registry, rig.subscriber.id, rig.now)
    found = rig.of(certificate)
    assert (found.state, found.reason, found.revoked_at) == (State.REVOKED, reason, rig.now)


@pytest.mark.parametrize("policy", OldGeneration)
def test_the_one_before_is_retired_by_the_banks_rule(rig: Rig, policy: OldGeneration) -> None:
    """R12: at its confirmation, or later, and then by whoever sees the login."""
    rig.change_policy(old_generation=policy)
    old = rig.with_certificate(days_left=10)
    new = old.renew()
    found = rig.of(old.certificate)
    at_once = policy is OldGeneration.AT_CONFIRMATION
    wanted = (State.REVOKED, RevocationReason.SUPERSEDED, rig.now) if at_once else (State.SUPERSEDED, None, None)
    assert (found.state, found.reason, found.revoked_at) == wanted
    assert rig.active().certificate == new.certificate


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (Cause.LOST, RevocationReason.KEY_COMPROMISE),
        (Cause.BROKEN, RevocationReason.CESSATION),
        (Cause.DELETED, RevocationReason.CESSATION),
        (Cause.EXPIRED, RevocationReason.SUPERSEDED),
        (Cause.OTHER, RevocationReason.SUPERSEDED),
    ],
)
def test_a_re_issue_says_what_for(rig: Rig, cause: Cause, reason: RevocationReason) -> None:
    rig.with_certificate()
    reissue.reissue(rig.registry, rig.subscriber.id, cause, rig.now)
    assert [one.reason for one in rig.history()] == [reason]


# --- revoke -----------------------------------------------------------------------------------------------------------


def test_staff_revoke_one(rig: Rig) -> None:
    old = rig.with_certificate(days_left=10)
    new = old.renew()
    serial = rig.of(old.certificate).serial
    revoke.revoke_by_staff(rig.registry, rig.subscriber.id, serial, REASON, rig.now)
    found = rig.of(old.certificate)
    assert (found.state, found.reason, found.revoked_at) == (State.REVOKED, REASON, rig.now)
    assert rig.active().certificate == new.certificate
    with pytest.raises(AlreadyRevoked):
        revoke.revoke_by_staff(rig.registry, rig.subscriber.id, serial, REASON, rig.now)


def test_staff_revoke_nobody_elses_in_its_name(rig: Rig) -> None:
    """A serial number that was mistyped, or is another ID's, or the CA's own."""
    rig.enrol("user02")
    other = rig.of(rig.with_certificate("user02").certificate).serial
    for serial in (
        other,
        1,
        0,
        -1,
        1 << 160,
        load_der_x509_certificate(rig.service.keys.cmp.certificate).serial_number,
    ):
        with pytest.raises(NotRegistered):
            revoke.revoke_by_staff(rig.registry, rig.subscriber.id, serial, REASON, rig.now)
    assert rig.states("user02") == [State.ACTIVE]


def test_staff_revoke_all_there_is(rig: Rig) -> None:
    old = rig.with_certificate(days_left=10)
    renewing = old.renew()
    rig.now += 340 * DAY
    begun = granted(renewing.request(new_key()))
    assert revoke.withdraw(rig.registry, rig.subscriber.id, REASON, rig.now) == 3
    assert {(one.state, one.reason) for one in rig.history()} == {(State.REVOKED, REASON)}
    assert told(renewing.confirm(begun))[0] == "R108"
    with pytest.raises(AlreadyRevoked):
        revoke.withdraw(rig.registry, rig.subscriber.id, REASON, rig.now)


# --- hold and release -------------------------------------------------------------------------------------------------


def test_on_hold_nothing_works_and_released_everything_does(rig: Rig) -> None:
    customer = rig.with_certificate(days_left=10)
    holding.hold(rig.registry, rig.subscriber.id, rig.now)
    with pytest.raises(NotPermittedNow) as refused:
        rig.begin()
    assert (refused.value.reason, refused.value.way) == ("on-hold", "ask-administrator")
    customer.begin_anew()
    assert told(customer.request(new_key()))[1]["reason"] == "on-hold"
    holding.release(rig.registry, rig.subscriber.id, rig.now)
    found = rig.active()
    assert (found.revoked_at, found.reason) == (None, None)
    customer.renew()


def test_an_administrator_on_hold_is_sent_to_the_branch(rig: Rig) -> None:
    rig.enrol("admin", Role.ADMINISTRATOR)
    customer = rig.with_certificate("admin", days_left=10)
    holding.hold(rig.registry, number(rig, "admin"), rig.now)
    with pytest.raises(NotPermittedNow) as refused:
        rig.begin("admin")
    assert (refused.value.reason, refused.value.way) == ("on-hold", "visit-branch")
    assert told(customer.request(new_key()))[1]["way"] == "visit-branch"


def test_the_list_has_what_is_on_hold_for_as_long(rig: Rig) -> None:
    serial = rig.of(rig.with_certificate().certificate).serial

    def listed() -> x509.ReasonFlags | None:
        jobs.renew_crl(rig.service, rig.now)
        kept = rig.administration.crl()
        assert kept is not None
        found = x509.load_der_x509_crl(kept.der).get_revoked_certificate_by_serial_number(serial)
        return found.extensions.get_extension_for_class(x509.CRLReason).value.reason if found else None

    assert listed() is None
    rig.now += DAY
    holding.hold(rig.registry, rig.subscriber.id, rig.now)
    assert listed() is x509.ReasonFlags.certificate_hold
    rig.now += DAY
    holding.release(rig.registry, rig.subscriber.id, rig.now)
    assert listed() is None


@pytest.mark.parametrize("state", ["none", "pending", "revoked", "held", "expired"])
def test_only_what_is_active_is_put_on_hold(rig: Rig, state: str) -> None:
    customer = rig.begin()
    reasons = {"none": "no-certificate", "pending": "no-certificate", "revoked": "is-revoked", "held": "is-held"}
    if state == "pending":
        customer.request()
    elif state != "none":
        customer.acquire()
    if state == "revoked":
        revoke.withdraw(rig.registry, rig.subscriber.id, REASON, rig.now)
    elif state == "held":
        holding.hold(rig.registry, rig.subscriber.id, rig.now)
    elif state == "expired":
        rig.now = rig.active().not_after + SECOND
    before = rig.history()
    with pytest.raises(CannotHold) as refused:
        holding.hold(rig.registry, rig.subscriber.id, rig.now)
    assert refused.value.reason == reasons.get(state, "expired")
    assert rig.history() == before


def test_what_has_run_out_on_hold_is_not_released(rig: Rig) -> None:
    """To the second (R2); a re-issue takes it back."""
    ends = rig.of(rig.with_certificate().certificate).not_after
    holding.hold(rig.registry, rig.subscriber.id, rig.now)
    rig.now = ends + timedelta(microseconds=999_999)
    holding.release(rig.registry, rig.subscriber.id, rig.now)
    holding.hold(rig.registry, rig.subscriber.id, rig.now)
    rig.now = ends + SECOND
    with pytest.raises(CannotRelease) as refused:
        holding.release(rig.registry, rig.subscriber.id, rig.now)
    assert refused.value.reason == "expired"
    reissue.reissue(rig.registry, rig.subscriber.id, Cause.EXPIRED, rig.now)
    assert rig.states() == [State.REVOKED]


@pytest.mark.parametrize(("state", "reason"), [("none", "no-certificate"), ("active", "is-active")])
def test_only_what_is_on_hold_is_released(rig: Rig, state: str, reason: str) -> None:
    if state == "active":
        rig.with_certificate()
    with pytest.raises(CannotRelease) as refused:
        holding.release(rig.registry, rig.subscriber.id, rig.now)
    assert refused.value.reason == reason


# --- re-issue ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", Role)
def test_staff_re_issue_anybody(rig: Rig, role: Role) -> None:
    who = rig.enrol("who", role)
    rig.change_policy(acquisition_days=7)
    rig.with_certificate("who")
    rig.now += 100 * DAY + timedelta(microseconds=5)
    until = reissue.reissue(rig.registry, who.id, Cause.LOST, rig.now)
    assert until == rig.now.replace(microsecond=0) + 7 * DAY
    rig.now = until + SECOND
    with pytest.raises(NotPermittedNow) as refused:
        rig.begin("who")
    assert refused.value.reason == "deadline-passed"
    until = reissue.reissue(rig.registry, who.id, Cause.EXPIRED, rig.now)  # R10: else again
    rig.now = until
    rig.begin("who").acquire()


def test_a_re_issue_past_the_grace_and_on_hold_and_locked(rig: Rig) -> None:
    """It works whatever there was, and forgives wrong PINs."""
    rig.with_certificate()
    holding.hold(rig.registry, rig.subscriber.id, rig.now)
    rig.now += 600 * DAY
    for _ in range(5):
        with pytest.raises((ClaimLocked, ClaimNotAccepted)):
            rig.begin(login_pin="wrong-1")
    with pytest.raises(ClaimLocked):
        rig.begin()
    reissue.reissue(rig.registry, rig.subscriber.id, Cause.OTHER, rig.now)
    rig.begin().acquire()
    assert rig.states() == [State.REVOKED, State.ACTIVE]


# --- whose (domain/party.py) ------------------------------------------------------------------------------------------


def test_an_administrator_looks_after_its_contracts_users() -> None:
    admin = Subscriber(1, BANK, CONTRACT, "admin", Role.ADMINISTRATOR)
    user = Subscriber(2, BANK, CONTRACT, "user", Role.USER)
    assert admin.administers(user)
    for one, other in (
        (admin, admin),
        (admin, Subscriber(3, BANK, CONTRACT, "admin2", Role.ADMINISTRATOR)),
        (admin, Subscriber(4, BANK, "C-2", "user", Role.USER)),
        (admin, Subscriber(5, "5678", CONTRACT, "user", Role.USER)),
        (user, user),
        (user, admin),
    ):
        assert not one.administers(other)
