"""R10 over the wire: what a contract's administrator does for its users, and nobody else for anybody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.api.rig import BANK, CONTRACT, DAY, OTHER_BANK, SECOND, USER, Customer, Rig, fresh, granted, hashes, new_key
from tests.api.test_checklist_confirming import taken_back, whole
from tests.api.test_checklist_header import refused
from tests.ra.told import told
from tokenmgr.cmp import oids
from tokenmgr.cmp.faults import FailInfo
from tokenmgr.cmp.messages import Info, Kind, Message, Revoked, Status, certificate_request, confirmation
from tokenmgr.cmp.reissuing import reissue_answered, reissue_request
from tokenmgr.domain.generation import RevocationReason, State
from tokenmgr.domain.party import Role
from tokenmgr.domain.reissue import Cause
from tokenmgr.ra import acquire
from tokenmgr.sql.administration import Change
from tokenmgr.sql.parties import Contract, Enrolment
from tokenmgr.sql.schema import audit

ACCEPTED = (Status.ACCEPTED, None)
NOT_THEIRS = (Status.REJECTION, FailInfo.notAuthorized)
HOLD, RELEASE = 6, 8


def administrator(rig: Rig, user: str = "admin") -> Customer:
    rig.enrol(user, Role.ADMINISTRATOR)
    return rig.with_certificate(user)


def told_to(by: Customer, certificate: bytes, reason: int) -> tuple[Status, FailInfo | None]:
    by.begin_anew()
    return taken_back(by.ask(Kind.RR, whole(by.rig, certificate, reason=reason)))


def code(by: Customer) -> tuple[str, dict[str, object]]:
    assert by.last is not None
    return told(by.last)


# --- rr ---------------------------------------------------------------------------------------------------------------


def test_an_administrator_revokes_its_users_certificates(rig: Rig) -> None:
    admin, user = administrator(rig), rig.with_certificate()
    assert told_to(admin, user.certificate, 5) == ACCEPTED
    found = rig.of(user.certificate)
    assert (found.state, found.reason) == (State.REVOKED, RevocationReason.CESSATION)
    assert told_to(admin, user.certificate, 5) == (Status.REJECTION, FailInfo.certRevoked)
    assert code(admin)[0] == "R110"


@pytest.mark.parametrize("reason", [1, HOLD, RELEASE])
@pytest.mark.parametrize("whose", ["administrator", "user by user", "other bank", "other contract", "no longer"])
def test_nobody_elses(rig: Rig, whose: str, reason: int) -> None:
    """R111, and nothing has changed."""
    if whose == "administrator":
        by, target = administrator(rig), administrator(rig, "admin2").certificate
    elif whose == "user by user":
        rig.enrol("user02")
        by, target = rig.with_certificate("user02"), rig.with_certificate().certificate
    elif whose == "no longer":
        by, target = administrator(rig), rig.with_certificate().certificate
        # the front has read its role before
        assert refused(by.ask(Kind.GENM, Info("1.2.3.4"))) is FailInfo.badRequest
        number = rig.administration.find(BANK, CONTRACT, "admin").id
        rig.administration.change_subscriber(number, Change(role=Role.USER))
    else:
        by, target = administrator(rig), elsewhere(rig, whose)
    before = rig.of(target)
    assert told_to(by, target, reason) == NOT_THEIRS
    assert code(by) == ("R111", {})
    assert rig.of(target) == before


def elsewhere(rig: Rig, whose: str) -> bytes:
    """A user's certificate of another contract, or of the same contract number at another bank."""
    code, contract = (OTHER_BANK, CONTRACT) if whose == "other bank" else (BANK, "C-2")
    if contract != CONTRACT:
        rig.administration.add_contract(Contract(code, contract, "つぎ"))
    rig.administration.enrol(Enrolment(code, contract, "far", Role.USER, "", *hashes(), rig.now + DAY))
    bank = rig.administration.bank(code)
    ticket = acquire.begin(rig.registry, bank, rig.claim("far", contract=contract), rig.now)
    other = Customer(rig, "far", ticket=(ticket.reference, ticket.secret))
    certificate = granted(other.ask(Kind.IR, certificate_request(other.key, other.subject), bank=code))
    assert other.ask(Kind.CERTCONF, confirmation(certificate), bank=code).kind is Kind.PKICONF
    return certificate


def test_a_user_does_nothing_to_an_administrator(rig: Rig) -> None:
    admin, user = administrator(rig), rig.with_certificate()
    assert told_to(user, admin.certificate, 1) == NOT_THEIRS


@pytest.mark.parametrize("what", ["revoked", "held", "superseded", "expired"])
def test_an_administrators_certificate_that_is_over_does_nothing(rig: Rig, what: str) -> None:
    admin, user = administrator(rig), rig.with_certificate(days_left=10)
    serial = rig.of(admin.certificate).serial
    if what == "revoked":
        rig.registry.revoke(serial, RevocationReason.CESSATION, rig.now)
    elif what == "held":
        rig.registry.hold(serial, rig.now)
    elif what == "superseded":
        admin.renew()
    else:
        rig.now += 10 * DAY + SECOND
    wanted = FailInfo.signerNotTrusted if what == "expired" else FailInfo.certRevoked
    for reason in (1, HOLD):
        assert told_to(admin, user.certificate, reason) == (Status.REJECTION, wanted)
    admin.begin_anew()
    assert refused(admin.ask(Kind.GENM, reissue_request(USER, Cause.LOST))) is wanted
    assert rig.of(user.certificate).state is State.ACTIVE


def test_what_waits_for_its_user_is_revoked_too(rig: Rig) -> None:
    admin = administrator(rig)
    certificate = granted((user := rig.begin()).request())
    assert told_to(admin, certificate, 4) == ACCEPTED
    assert refused(user.confirm(certificate)) is FailInfo.badRequest
    assert rig.states() == [State.REVOKED]


# --- hold and release -------------------------------------------------------------------------------------------------


def test_a_user_holds_its_own_and_its_administrator_releases_it(rig: Rig) -> None:
    admin, user = administrator(rig), rig.with_certificate(days_left=10)
    admin = admin.renew()  # in its own time too
    assert told_to(user, user.certificate, HOLD) == ACCEPTED
    held = rig.of(user.certificate)
    assert (held.state, held.reason, held.revoked_at) == (State.HELD, RevocationReason.HOLD, rig.now)
    # It signs nothing: neither its release, nor a renewal.
    assert told_to(user, user.certificate, RELEASE) == (Status.REJECTION, FailInfo.certRevoked)
    user.begin_anew()
    answer = user.request(new_key())
    assert told(answer) == ("R104", {"reason": "on-hold", "way": "ask-administrator", "until": None})
    assert told_to(admin, user.certificate, HOLD) == (Status.REJECTION, FailInfo.certRevoked)
    assert code(admin) == ("R125", {"reason": "is-held"})
    assert told_to(admin, user.certificate, RELEASE) == ACCEPTED
    assert rig.of(user.certificate).state is State.ACTIVE
    assert told_to(admin, user.certificate, RELEASE) == (Status.REJECTION, FailInfo.badRequest)
    assert code(admin) == ("R126", {"reason": "is-active"})
    user.renew()


def test_a_release_that_was_kept_back_releases_no_later_hold(rig: Rig) -> None:
    admin, user = administrator(rig), rig.with_certificate()
    told_to(admin, user.certificate, HOLD)
    told_to(admin, user.certificate, RELEASE)
    admin.begin_anew()
    kept_back = admin.build(Kind.RR, whole(rig, user.certificate, reason=RELEASE))
    rig.now += SECOND
    told_to(admin, user.certificate, HOLD)
    rig.now += SECOND
    answer = rig.send(kept_back)
    assert taken_back(answer) == (Status.REJECTION, FailInfo.badTime)
    assert told(answer)[0] == "R127"
    assert rig.of(user.certificate).state is State.HELD


def test_nobody_releases_its_own_not_even_an_administrator(rig: Rig) -> None:
    """By its own other certificate neither: a renewal that was begun is taken back by the hold."""
    admin = administrator(rig)
    rig.now += 340 * DAY
    renewing = Customer(rig, "admin", key=admin.key, certificate=admin.certificate)
    begun = granted(renewing.request(new_key()))
    assert told_to(admin, admin.certificate, HOLD) == ACCEPTED
    assert rig.of(begun).state is State.REVOKED
    assert refused(renewing.confirm(begun)) is FailInfo.badRequest
    assert told_to(admin, admin.certificate, RELEASE) == (Status.REJECTION, FailInfo.certRevoked)
    assert rig.of(admin.certificate).state is State.HELD


def test_what_has_run_out_is_neither_held_nor_released(rig: Rig) -> None:
    user = rig.with_certificate()
    rig.enrol("user02")
    second = rig.with_certificate("user02")
    rig.now += 200 * DAY
    rig.registry.hold(rig.of(user.certificate).serial, rig.now)
    admin = administrator(rig)
    rig.now += 166 * DAY
    assert told_to(admin, second.certificate, HOLD) == (Status.REJECTION, FailInfo.certRevoked)
    assert code(admin) == ("R125", {"reason": "expired"})
    assert told_to(admin, user.certificate, RELEASE) == (Status.REJECTION, FailInfo.badRequest)
    assert code(admin) == ("R126", {"reason": "expired"})


def test_an_administrator_revokes_what_is_on_hold(rig: Rig) -> None:
    admin, user = administrator(rig), rig.with_certificate()
    assert told_to(admin, user.certificate, HOLD) == ACCEPTED
    assert told_to(admin, user.certificate, 1) == ACCEPTED
    found = rig.of(user.certificate)
    assert (found.state, found.reason) == (State.REVOKED, RevocationReason.KEY_COMPROMISE)


def test_the_same_bytes_are_carried_out_once(rig: Rig) -> None:
    """S6: by a clock that is ahead too: a release undoes no later hold, and a hold no later release."""
    admin, user = administrator(rig), rig.with_certificate()
    ahead = rig.now + timedelta(minutes=4)
    sent = []
    for reason in (HOLD, RELEASE):
        admin.begin_anew()
        assert (
            taken_back(admin.ask(Kind.RR, whole(rig, user.certificate, reason=reason), message_time=ahead)) == ACCEPTED
        )
        sent.append(admin.sent)
        rig.now += SECOND
    held, released = sent
    assert taken_back(rig.send(held)) == ACCEPTED
    assert rig.of(user.certificate).state is State.ACTIVE
    assert told_to(admin, user.certificate, HOLD) == ACCEPTED
    rig.now += timedelta(hours=1)
    assert taken_back(rig.send(released)) == ACCEPTED
    assert rig.of(user.certificate).state is State.HELD
    assert trail(rig).count("certificate.released") == 1


def test_the_same_bytes_again_of_what_took_back_its_signer(rig: Rig) -> None:
    user = rig.with_certificate()
    for reason in (HOLD, 1):
        assert told_to(user, user.certificate, reason) == (
            ACCEPTED if reason == HOLD else (Status.REJECTION, FailInfo.certRevoked)
        )
        if reason == HOLD:
            assert taken_back(rig.send(user.sent)) == ACCEPTED


# --- re-issue ---------------------------------------------------------------------------------------------------------


def until(answer: Message, user: str = USER) -> object:
    assert answer.kind is Kind.GENP
    assert isinstance(answer.body, Info)
    return reissue_answered(answer.body, user)


def ask(admin: Customer, user: str = USER, cause: Cause = Cause.LOST, **said: Any) -> Message:
    admin.begin_anew()
    return admin.ask(Kind.GENM, reissue_request(user, cause), **said)


@pytest.mark.parametrize("cause", Cause)
def test_a_user_is_re_issued_and_acquires_anew(rig: Rig, cause: Cause) -> None:
    admin, user = administrator(rig), rig.with_certificate()
    rig.now += DAY
    assert until(ask(admin, cause=cause)) == rig.now + 80 * DAY
    assert [(one.state, one.reason) for one in rig.history()] == [(State.REVOKED, cause.reason)]
    standing = rig.registry.standing(rig.subscriber.id)
    assert (standing.open_until, standing.reissued_at) == (rig.now + 80 * DAY, rig.now)
    assert told_to(user, user.certificate, 1) == (Status.REJECTION, FailInfo.certRevoked)
    new = rig.begin().acquire()
    assert rig.active().certificate == new
    assert rig.registry.standing(rig.subscriber.id).reissued_at is None


def test_re_issued_with_nothing_to_take_back(rig: Rig) -> None:
    """Past the grace, and of an ID that never had one."""
    rig.with_certificate()
    rig.now += 500 * DAY
    rig.enrol("user02")
    admin = administrator(rig)
    for user in (USER, "user02"):
        assert until(ask(admin, user, Cause.EXPIRED), user) == rig.now + 80 * DAY
        rig.begin(user).acquire()


@pytest.mark.parametrize("whom", ["admin", "admin2", "nobody", "far"])
def test_nobody_but_its_users_is_re_issued(rig: Rig, whom: str) -> None:
    admin = administrator(rig)
    other = administrator(rig, "admin2")
    rig.enrol("far", bank=OTHER_BANK)
    answer = ask(admin, whom)
    assert refused(answer) is FailInfo.notAuthorized
    assert told(answer) == ("R111", {})
    assert {rig.of(one.certificate).state for one in (admin, other)} == {State.ACTIVE}


def test_a_user_re_issues_nobody(rig: Rig) -> None:
    rig.enrol("user02")
    user = rig.with_certificate()
    for whom in (USER, "user02"):
        assert refused(ask(user, whom)) is FailInfo.notAuthorized
    assert rig.of(user.certificate).state is State.ACTIVE


def test_a_ticket_re_issues_nobody(rig: Rig) -> None:
    rig.enrol("admin", Role.ADMINISTRATOR)
    assert refused(ask(rig.begin("admin"))) is FailInfo.wrongIntegrity


def test_an_unreadable_request_is_refused(rig: Rig) -> None:
    assert refused(administrator(rig).ask(Kind.GENM, Info(oids.REISSUE))) is FailInfo.badDataFormat


def test_the_same_bytes_again_do_nothing(rig: Rig) -> None:
    """S6: however late, and after whatever has been acquired meanwhile."""
    admin = administrator(rig)
    rig.with_certificate()
    rig.now += DAY
    wanted = until(ask(admin))
    sent, entries = admin.sent, trail(rig)
    rig.now += timedelta(hours=1)
    assert until(rig.send(sent)) == wanted
    new = rig.begin().acquire()
    rig.now += timedelta(hours=1)
    assert until(rig.send(sent)) is None
    assert rig.active().certificate == new
    assert trail(rig).count("subscriber.reissued") == entries.count("subscriber.reissued") == 1


def test_an_older_request_is_refused_once_there_is_a_newer(rig: Rig) -> None:
    """Whoever kept it back takes nothing from whom it was meant for: neither after a re-issue, nor an acquisition."""
    admin = administrator(rig)
    rig.with_certificate()
    rig.now += DAY
    kept_back = admin.build(Kind.GENM, reissue_request(USER, Cause.OTHER))
    rig.now += 10 * SECOND
    done = rig.now
    ask(admin)
    admin.begin_anew()
    answer = rig.send(kept_back)
    assert refused(answer) is FailInfo.badTime
    assert told(answer) == ("R127", {"at": done.isoformat()})
    rig.now += 10 * SECOND
    new = rig.begin().acquire()
    assert refused(rig.send(kept_back)) is FailInfo.badTime
    assert rig.active().certificate == new


def test_a_clock_that_is_ahead_lets_nobody_replay(rig: Rig) -> None:
    """Its message is younger than all that came after it: its digest is known all the same."""
    admin = administrator(rig)
    rig.with_certificate()
    rig.now += DAY
    ask(admin, message_time=rig.now + timedelta(minutes=4))
    first = admin.sent
    rig.now += 10 * SECOND
    ask(admin, message_time=rig.now + timedelta(minutes=4))
    rig.now += 10 * SECOND
    new = rig.begin().acquire()
    assert until(rig.send(first)) is None
    assert rig.active().certificate == new


@pytest.mark.parametrize("what", ["re-issued", "acquired", "closed"])
def test_what_was_kept_back_does_nothing_after_a_change(rig: Rig, what: str) -> None:
    """Closed by staff, the re-issue is over: the message neither opens it again nor takes anything back."""
    admin = administrator(rig)
    rig.with_certificate()
    rig.now += DAY
    kept_back = admin.build(Kind.GENM, reissue_request(USER, Cause.OTHER))
    rig.now += 10 * SECOND
    ask(admin)
    if what == "acquired":
        rig.now += 10 * SECOND
        rig.begin().acquire()
    elif what == "closed":
        rig.now += 10 * SECOND
        rig.administration.open_acquisition(rig.subscriber.id, None, rig.now)
    changed, before = rig.now, rig.history()
    rig.now += 10 * SECOND
    answer = rig.send(kept_back)
    assert told(answer) == ("R127", {"at": changed.isoformat()})
    assert rig.history() == before
    assert (rig.registry.standing(rig.subscriber.id).open_until is None) is (what != "re-issued")


def test_what_was_asked_is_forgotten_when_it_is_good_no_more(rig: Rig) -> None:
    admin = administrator(rig)
    rig.with_certificate()
    rig.now += DAY
    ask(admin)
    sent = admin.sent
    rig.now += 30 * DAY
    rig.registry.tidy(rig.now)
    assert until(rig.send(sent)) == rig.registry.standing(rig.subscriber.id).open_until
    rig.now += SECOND
    rig.registry.tidy(rig.now)
    assert refused(rig.send(sent)) is FailInfo.badTime


def test_a_request_is_good_for_its_minutes(rig: Rig) -> None:
    admin = administrator(rig)
    answer = ask(admin, message_time=rig.now - timedelta(minutes=6))
    assert refused(answer) is FailInfo.badTime


def test_what_the_user_has_begun_ends(rig: Rig) -> None:
    """Whoever has the old PINs' ticket, or a certificate that waits, has nothing of it after the re-issue."""
    admin = administrator(rig)
    begun = rig.begin()
    certificate = granted(begun.request())
    ask(admin)
    assert told(begun.confirm(certificate))[0] == "R108"
    begun.begin_anew()
    assert told(begun.request(new_key()))[0] == "R106"
    assert rig.states() == [State.REVOKED]


# --- who did it -------------------------------------------------------------------------------------------------------


def trail(rig: Rig) -> list[str]:
    return [row[0] for row in rig.database.read(select(audit.c.action).order_by(audit.c.number))]


def test_the_trail_names_who_did_each(rig: Rig) -> None:
    admin, user = administrator(rig), rig.with_certificate()
    rig.now += DAY
    bank = rig.registry.bank(BANK)
    assert bank is not None
    for kind, body in (
        (Kind.RR, whole(rig, user.certificate, reason=HOLD)),
        (Kind.RR, whole(rig, user.certificate, reason=RELEASE)),
        (Kind.GENM, reissue_request(USER, Cause.LOST)),
    ):
        admin.begin_anew()
        rig.front.answer(bank, "", admin.build(kind, body, {"sender_nonce": fresh()}), "192.0.2.7")
    columns = [audit.c[name] for name in ("action", "actor_kind", "actor", "origin", "whom")]
    last = rig.database.read(select(*columns).order_by(audit.c.number.desc()).limit(4))
    who = ("subscriber", f"{BANK}/{CONTRACT}/admin", "192.0.2.7", f"{BANK}/{CONTRACT}/{USER}")
    assert [tuple(row) for row in last] == [
        (action, *who)
        for action in ("subscriber.reissued", "certificate.revoked", "certificate.released", "certificate.held")
    ]


def test_a_refusal_is_an_answer_to_rr(rig: Rig) -> None:
    """Item 25: rp, with the code for our own client on the last line."""
    rig.enrol("user02")
    user, other = rig.with_certificate(), rig.with_certificate("user02")
    told_to(user, other.certificate, HOLD)
    assert user.last is not None
    assert user.last.kind is Kind.RP
    assert isinstance(user.last.body, Revoked)
