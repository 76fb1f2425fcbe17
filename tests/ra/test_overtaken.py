"""R1, R10: what is true when it is decided on need not be when it is done: each verb holds to it, or decides anew."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from tests.actors import TESTER
from tests.api.rig import BANK, CONTRACT, DAY, SECOND, USER, Rig, granted, new_key
from tests.api.test_administrators import administrator, trail
from tests.api.test_checklist_confirming import whole
from tests.ra.preceded import precede
from tests.ra.told import told
from tokenmgr.cmp.messages import Kind, Message
from tokenmgr.cmp.reissuing import reissue_request
from tokenmgr.domain.generation import RevocationReason, State
from tokenmgr.domain.party import Role
from tokenmgr.domain.reissue import Cause
from tokenmgr.errors import NotPermittedNow
from tokenmgr.ra import holding, reissue, revoke
from tokenmgr.ra.ports import Ticket
from tokenmgr.sql.administration import Change
from tokenmgr.sql.registry import SqlRegistry

REASON = RevocationReason.KEY_COMPROMISE

# --- a renewal that is recorded ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["held", "re-issued", "revoked"])
def test_nothing_is_recorded_for_what_is_over_meanwhile(rig: Rig, what: str) -> None:
    customer, plain, who = rig.with_certificate(days_left=10), rig.registry, rig.subscriber.id

    def act() -> None:
        if what == "held":
            holding.hold(plain, who, rig.now)
        elif what == "re-issued":
            reissue.reissue(plain, who, Cause.LOST, rig.now)
        else:
            revoke.withdraw(plain, who, RevocationReason.KEY_COMPROMISE, rig.now)

    overtaken = precede(rig, "record", act)
    assert told(customer.request(new_key()))[0] == "R104"
    assert overtaken
    assert rig.states() == [State.HELD if what == "held" else State.REVOKED]


# --- what an administrator's message does -----------------------------------------------------------------------------

HOLD, RELEASE, REVOKE = 6, 8, 1


@pytest.mark.parametrize("loss", ["revoked", "held", "not an administrator any more"])
@pytest.mark.parametrize("verb", ["hold", "release", "revoke", "reissue"])
def test_nothing_is_done_for_a_signer_that_is_entitled_no_more(rig: Rig, verb: str, loss: str) -> None:
    admin, user, plain = administrator(rig), rig.with_certificate(), rig.registry
    if verb == "release":
        holding.hold(plain, rig.subscriber.id, rig.now)
    before, who = rig.history(), rig.administration.find(BANK, CONTRACT, "admin").id

    def act() -> None:
        if loss == "revoked":
            revoke.withdraw(plain, who, RevocationReason.KEY_COMPROMISE, rig.now)
        elif loss == "held":
            holding.hold(plain, who, rig.now)
        else:
            rig.administration.change_subscriber(who, Change(role=Role.USER))

    overtaken = precede(rig, verb, act)
    rig.now += SECOND
    if verb == "reissue":
        answer = admin.ask(Kind.GENM, reissue_request(USER, Cause.LOST))
    else:
        reason = {"hold": HOLD, "release": RELEASE, "revoke": REVOKE}[verb]
        answer = admin.ask(Kind.RR, whole(rig, user.certificate, reason=reason))
    assert told(answer)[0] == "R111"
    assert overtaken
    assert rig.history() == before


def test_its_own_signature_is_not_enough_when_it_is_over(rig: Rig) -> None:
    """The front sees that the certificate is over, whatever it was when the message was read."""
    user, plain = rig.with_certificate(), rig.registry
    serial = rig.of(user.certificate).serial
    old = rig.of(user.certificate)
    overtaken = precede(rig, "hold", lambda: revoke.revoke_by_staff(plain, rig.subscriber.id, serial, REASON, rig.now))
    assert told(user.ask(Kind.RR, whole(rig, user.certificate, reason=HOLD)))[0] == "R125"
    assert overtaken
    assert rig.of(user.certificate) == dataclasses.replace(old, state=State.REVOKED, reason=REASON, revoked_at=rig.now)


@pytest.mark.parametrize("acquired", [True, False])
def test_a_re_issue_that_another_overtakes_takes_nothing_back(rig: Rig, acquired: bool) -> None:
    admin, _, plain = administrator(rig), rig.with_certificate(), rig.registry

    def act() -> None:
        rig.now += SECOND
        reissue.reissue(plain, rig.subscriber.id, Cause.LOST, rig.now)
        if acquired:
            rig.now += SECOND
            rig.begin().acquire()

    rig.now += SECOND
    overtaken = precede(rig, "reissue", act)
    answer = rig.send(admin.build(Kind.GENM, reissue_request(USER, Cause.LOST)))
    assert told(answer) == ("R127", {"at": rig.now.isoformat()})
    assert overtaken
    assert rig.states() == [State.REVOKED, State.ACTIVE][: 1 + acquired]


def test_a_release_that_a_hold_overtakes_releases_nothing(rig: Rig) -> None:
    """Put on hold anew, after another one's release: that hold was not meant."""
    admin, user, plain = administrator(rig), rig.with_certificate(), rig.registry
    holding.hold(plain, rig.subscriber.id, rig.now)
    rig.now += SECOND

    def act() -> None:
        holding.release(plain, rig.subscriber.id, rig.now)
        rig.now += SECOND
        holding.hold(plain, rig.subscriber.id, rig.now)

    overtaken = precede(rig, "release", act)
    assert told(rig.send(admin.build(Kind.RR, whole(rig, user.certificate, reason=RELEASE))))[0] == "R127"
    assert overtaken
    assert rig.of(user.certificate).state is State.HELD


@pytest.mark.parametrize("verb", ["hold", "release", "reissue"])
def test_the_same_bytes_at_the_same_time_are_carried_out_once(rig: Rig, verb: str) -> None:
    """S6: both were decided on before either was done."""
    admin, user, plain = administrator(rig), rig.with_certificate(), rig.registry
    rig.now += SECOND
    if verb == "release":
        holding.hold(plain, rig.subscriber.id, rig.now)
    if verb == "reissue":
        data = admin.build(Kind.GENM, reissue_request(USER, Cause.LOST))
    else:
        reason = RELEASE if verb == "release" else HOLD
        data = admin.build(Kind.RR, whole(rig, user.certificate, reason=reason))
    answers: list[Message] = []
    overtaken = precede(rig, verb, lambda: answers.append(rig.send(data)))
    answers.append(rig.send(data))
    assert overtaken
    assert len({repr(one.body) for one in answers}) == 1
    actions = {"hold": "certificate.held", "release": "certificate.released", "reissue": "subscriber.reissued"}
    assert trail(rig).count(actions[verb]) == 1


# --- a confirmation ---------------------------------------------------------------------------------------------------


def test_nothing_is_confirmed_for_what_is_taken_back_meanwhile(rig: Rig) -> None:
    customer, plain = rig.with_certificate(days_left=10), rig.registry
    serial = rig.of(customer.certificate).serial
    new = granted(customer.request(new_key()))
    overtaken = precede(
        rig, "confirm", lambda: revoke.revoke_by_staff(plain, rig.subscriber.id, serial, REASON, rig.now)
    )
    answer = customer.confirm(new)
    assert told(answer)[0] == "R110"
    assert overtaken
    assert rig.states() == [State.REVOKED, State.PENDING]


def test_all_that_is_taken_back_and_closed_is_so_at_once(rig: Rig) -> None:
    """A claim that was begun is over, and no other one begins."""
    begun = rig.begin()
    assert revoke.withdraw(rig.registry, rig.subscriber.id, REASON, rig.now) == 1
    assert rig.registry.standing(rig.subscriber.id).open_until is None
    assert told(begun.request())[0] == "R106"
    with pytest.raises(NotPermittedNow):
        rig.begin()


def test_a_hold_ends_what_was_begun_by_ticket(rig: Rig) -> None:
    rig.with_certificate(days_left=10)
    rig.administration.open_acquisition(rig.subscriber.id, rig.now.replace(year=2028), rig.now)
    begun = rig.begin()
    holding.hold(rig.registry, rig.subscriber.id, rig.now)
    assert told(begun.request())[0] in ("R104", "R106")
    holding.release(rig.registry, rig.subscriber.id, rig.now)
    begun.begin_anew()
    assert told(begun.request())[0] == "R106"


def test_what_was_asked_on_hold_is_not_forgotten(rig: Rig) -> None:
    """After thirty days too: once released, the same bytes are answered alike (S6)."""
    customer = rig.begin()
    customer.acquire()
    holding.hold(rig.registry, rig.subscriber.id, rig.now)
    rig.now += 40 * DAY
    rig.registry.tidy(rig.now)
    assert rig.registry.exchange(BANK, customer.transaction) is not None


def test_a_certificate_is_good_to_the_end_of_its_last_second(rig: Rig) -> None:
    """R2."""
    admin, user = administrator(rig), rig.with_certificate()
    rig.now = min(rig.of(one.certificate).not_after for one in (admin, user)) + SECOND - timedelta(microseconds=1)
    assert rig.send(admin.build(Kind.RR, whole(rig, user.certificate, reason=REVOKE))).kind is Kind.RP
    assert rig.of(user.certificate).state is State.REVOKED


def test_a_claim_whose_commit_was_done_twice_is_accepted_once(rig: Rig) -> None:
    """The connection was lost with the answer: the ticket is there when it is opened again."""
    plain = rig.registry
    opened: list[Ticket] = []

    class Twice(SqlRegistry):
        def open_ticket(self, ticket: Ticket, contract: str, user: str) -> None:
            opened.append(ticket)
            plain.open_ticket(ticket, contract, user)
            super().open_ticket(ticket, contract, user)

    rig.registry = Twice(rig.database, TESTER)
    customer = rig.begin()
    assert customer.ticket is not None
    assert customer.ticket[0] == opened[0].reference
    rig.registry = plain
    customer.acquire()
